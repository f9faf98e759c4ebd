import TensorGraph
import TensorRuntime

/// The contexts of the devices in use here, one a device.
enum DeviceContexts {
    /// The context of a device, opened at the first call.
    static func context(for id: DeviceID) throws(TensorError) -> DeviceContext {
        try DeviceInventory.current.context(for: id)
    }

    /// The context of a device that is in use, or nil where nothing has opened it.
    static func openedContext(for id: DeviceID) -> DeviceContext? { DeviceInventory.current.openedContext(for: id) }
}

/// The context of a device, for tests and tools that read counters or plans; nil is the current device.
///
/// - Throws: `deviceUnavailable`.
public func deviceContext(_ id: DeviceID? = nil) throws(TensorError) -> DeviceContext {
    let surroundings = ExecutionContext.current
    let inventory = surroundings.inventory ?? .process
    if let id { return try inventory.context(for: id) }
    if let chosen = surroundings.device { return chosen }
    return try inventory.defaultContext()
}
