import TensorGraph
import TensorRuntime

/// What an operation needs to know of its surroundings, in one task-local value, so that one read gets all of it.
struct ExecutionContext: Sendable {
    /// Where new tensors are made; nil means the process's default device.
    var device: DeviceContext?
    /// Which devices there are; nil means the process's.
    var inventory: DeviceInventory?
    /// Whether operations on tensors that require gradients are recorded.
    var recordsGradients = true
    /// Where random numbers come from; nil means the process's generator.
    var generator: Generator?

    @TaskLocal static var current = ExecutionContext()
}

/// Runs `body`, in which a wrong call (shapes, dtypes, devices or numbers that do not fit) throws instead of ending the
/// process.
///
/// The tensor that such a call returns, and everything computed from it, is poisoned: reading it throws the same error.
/// The scope runs on to its end and then throws the first error.
///
///     let scores = try checked { model(input) }
///
/// - Throws: the first error of a call in `body`, else what `body` throws.
public func checked<Result>(_ body: () throws -> Result) throws -> Result {
    let box = ErrorBox()
    do {
        let result = try WrongCall.$errors.withValue(box, operation: body)
        if let error = box.error { throw error }
        return result
    } catch {
        throw box.error ?? error
    }
}

/// Runs `body`, in which a wrong call throws instead of ending the process, as the synchronous form.
///
/// - Throws: the first error of a call in `body`, else what `body` throws.
public func checked<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
) async throws -> Result {
    let box = ErrorBox()
    do {
        let result = try await WrongCall.$errors.withValue(box, operation: body)
        if let error = box.error { throw error }
        return result
    } catch {
        throw box.error ?? error
    }
}

/// Runs `body` without recording gradients: its results do not require any.
public func withNoGrad<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    try withRecording(false, body)
}

/// Runs `body` with gradients recorded, within an outer ``withNoGrad(_:)`` too.
public func withGrad<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    try withRecording(true, body)
}

/// Runs `body` with recording on or off.
func withRecording<Result, Failure: Error>(
    _ records: Bool, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    var context = ExecutionContext.current
    if context.recordsGradients == records { return try body() }
    context.recordsGradients = records
    return try bind(context, body)
}

/// Runs `body` with `context` in place. (The task-local's own function forgets the type of what is thrown.)
func bind<Result, Failure: Error>(
    _ context: ExecutionContext, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    let outcome: Swift.Result<Result, Failure> = ExecutionContext.$current.withValue(context) {
        do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
    }
    return try outcome.get()
}
