import TensorGraph

/// Makes `context` the one that new tensors in `body` are made on: a test's or benchmark's own, with its own counters.
package func withDeviceContext<Result, Failure: Error>(
    _ context: DeviceContext, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    var surroundings = ExecutionContext.current
    surroundings.device = context
    return try bind(surroundings, body)
}

extension Tensor {
    /// The plan of the pending trace that this tensor belongs to, as text, without running it.
    package func planDump() throws(TensorError) -> String { try context.planDump(of: handle) }
}
