import KernelIR
import TensorRuntime
import Testing

/// Runs `kernel` on buffers that all hold 4-byte or 8-byte numbers, and gives what they hold then.
func run<Element: BitwiseCopyable>(
    _ kernel: Kernel, workgroups: Int = 1, arguments: [UInt64] = [], _ contents: [[Element]]
) throws -> [[Element]] {
    try kernel.validate()
    return try runUnvalidated(kernel, workgroups: workgroups, arguments: arguments, contents)
}

/// The same without the rules about flow, which the interpreter checks itself.
func runUnvalidated<Element: BitwiseCopyable>(
    _ kernel: Kernel, workgroups: Int = 1, arguments: [UInt64] = [], _ contents: [[Element]]
) throws -> [[Element]] {
    let interpreter = try KernelInterpreter(kernel)
    let regions = contents.map { elements in
        let region = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = region.initialize(from: elements)
        return region
    }
    defer { for region in regions { region.deallocate() } }
    try interpreter.launch(
        workgroups: [workgroups, 1, 1], arguments: arguments,
        buffers: regions.map { InterpreterBuffer(region: UnsafeMutableRawBufferPointer($0)) })
    return regions.map(Array.init)
}

/// Expects that `body` throws a kernel error of this kind, and gives it.
@discardableResult
func expectError(
    _ kind: KernelError.Kind, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> KernelError? {
    do {
        try body()
        Issue.record("no error where \(kind.rawValue) is wrong", sourceLocation: sourceLocation)
    } catch let error as KernelError {
        #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
    return nil
}
