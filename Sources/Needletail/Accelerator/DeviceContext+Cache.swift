import Synchronization
import TensorGraph
import TensorRuntime

/// The contexts that this process has opened, one a device.
enum DeviceContexts {
    private static let opened = Mutex<[DeviceID: DeviceContext]>([:])

    /// The context of a device, opened at the first call.
    static func context(for id: DeviceID) throws(TensorError) -> DeviceContext {
        if let known = opened.withLock({ $0[id] }) { return known }
        DefaultBackends.registered
        let device = try BackendRegistry.shared.open(id)
        let made = try DeviceContext(device: device)
        return opened.withLock { contexts in
            if let known = contexts[id] { return known }
            contexts[id] = made
            return made
        }
    }

    /// The context of a device that is in use, or nil where nothing has opened it.
    static func openedContext(for id: DeviceID) -> DeviceContext? { opened.withLock { $0[id] } }

    /// The context of the default device (``DeviceSelection/current``), opened at the first use.
    ///
    /// Where it fails, ``deviceContext(_:)`` looks again: the backend that is named may be registered later.
    static let automatic: Result<DeviceContext, TensorError> = {
        do throws(TensorError) {
            return .success(try context(for: DeviceSelection.choice.get().device))
        } catch {
            return .failure(error)
        }
    }()
}

/// The context of a device, for tests and tools that read counters or plans; nil is the current device.
///
/// - Throws: `deviceUnavailable`.
public func deviceContext(_ id: DeviceID? = nil) throws(TensorError) -> DeviceContext {
    if let id { return try DeviceContexts.context(for: id) }
    if let chosen = ExecutionContext.current.device { return chosen }
    if case .success(let context) = DeviceContexts.automatic { return context }
    return try DeviceContexts.context(for: DeviceSelection.choice.get().device)
}
