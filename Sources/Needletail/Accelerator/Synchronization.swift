import TensorGraph
import TensorRuntime

/// Evaluates what this task left pending on a device and waits until it is done; nil is the current device.
///
/// - Throws: `deviceFailure`, `outOfMemory`.
public func synchronize(_ device: DeviceID? = nil) throws(TensorError) {
    let context = try deviceContext(device)
    try context.flushAll()
    try context.synchronize()
}

/// Evaluates tensors, each device's together, and all that is pending with them.
///
/// - Throws: `deviceFailure`, `outOfMemory`, and the error of a tensor that failed inside ``checked(_:)``.
public func evaluate(_ tensors: [Tensor]) throws(TensorError) {
    var rest = tensors
    while let first = rest.first {
        let context = first.context
        try context.evaluate(rest.filter { $0.context === context }.map(\.handle))
        rest.removeAll { $0.context === context }
    }
}

/// Evaluates tensors, each device's together.
public func evaluate(_ tensors: Tensor...) throws(TensorError) { try evaluate(tensors) }

/// What the runtime did on a device since it was opened; nil is the current device.
public func executionStatistics(_ device: DeviceID? = nil) -> ExecutionStatistics {
    (try? deviceContext(device).statistics) ?? ExecutionStatistics()
}
