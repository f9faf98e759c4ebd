import TensorGraph

/// Makes `context` the one that new tensors in `body` are made on: a test's or benchmark's own, with its own counters.
package func withDeviceContext<Result, Failure: Error>(
    _ context: DeviceContext, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    var surroundings = ExecutionContext.current
    surroundings.device = context
    return try bind(surroundings, body)
}

/// Runs `body` on an instance of a device of its own, in modes of its own.
package func withDevice<Result>(
    _ id: DeviceID, _ configuration: RuntimeConfiguration, _ body: () throws -> Result
) throws -> Result {
    guard let backend = DeviceInventory.current.registry.backends.first(where: { $0.name == id.backend }) else {
        throw TensorError(.deviceUnavailable, "there is no backend \(id.backend)")
    }
    let device = try backend.open(index: id.index, configuration: configuration)
    return try withDeviceContext(try DeviceContext(device: device, configuration: configuration), body)
}

extension Tensor {
    /// The plan of the pending trace that this tensor belongs to, as text, without running it.
    package func planDump() throws(TensorError) -> String { try context.planDump(of: handle) }
}
