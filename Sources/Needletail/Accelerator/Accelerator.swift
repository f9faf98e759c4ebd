import TensorGraph
import TensorRuntime

/// The accelerator of this process, after [torch.accelerator](https://pytorch.org/docs/stable/accelerator.html), which
/// `Documentation/Accelerator.md` maps function by function.
///
///     let device = Accelerator.current ?? .cpu
///
/// An accelerator is a GPU or the like that can be opened, each physical device once. Software devices (lavapipe, PoCL)
/// count only while one is named: by `NEEDLETAIL_DEVICE`, ``set(_:)`` or ``withDevice(_:_:)``.
///
/// Where there is no accelerator, queries answer false, 0, nil or nothing and clean-up does nothing, so that code which only
/// reports or cleans up needs no test for one. What needs a device throws `deviceUnavailable`.
public enum Accelerator {
    /// Whether there is an accelerator.
    public static var isAvailable: Bool { deviceCount > 0 }

    /// The number of accelerators.
    public static var deviceCount: Int { devices.count }

    /// The accelerators, best first. An accelerator's *index* is its place here, whichever backend it belongs to.
    public static var devices: [DeviceDescription] { DeviceInventory.current.accelerators() }

    /// The accelerator in use here: the one that ``withDevice(_:_:)``, ``set(_:)`` or `NEEDLETAIL_DEVICE` names, else the
    /// best; nil where there is none.
    public static var current: DeviceID? { DeviceInventory.current.currentAccelerator()?.id }

    /// The index of ``current``; nil where there is none.
    public static var currentIndex: Int? {
        guard let current else { return nil }
        return devices.firstIndex { $0.id == current }
    }

    // MARK: Choosing

    /// Makes a device the accelerator in use, and the one that new tensors are made on, in the whole process. Within
    /// ``withDevice(_:_:)`` and ``withIndex(_:_:)`` theirs stays in use until they end.
    ///
    /// A software device may be named.
    ///
    /// - Throws: `deviceUnavailable` where the device is not there or cannot be opened; `invalidArgument` for a processor.
    public static func set(_ device: DeviceID) throws(TensorError) { try DeviceInventory.current.set(device) }

    /// Makes the accelerator of an index the one in use. A negative index does nothing.
    ///
    /// - Throws: `deviceUnavailable` where there is no accelerator of this index, or none at all.
    public static func setIndex(_ index: Int) throws(TensorError) {
        if index >= 0 { try set(device(at: index)) }
    }

    private static func device(at index: Int) throws(TensorError) -> DeviceID {
        let devices = devices
        if devices.indices.contains(index) { return devices[index].id }
        if devices.isEmpty { throw noneError }
        let known = devices.enumerated().map { "\($0.offset) is \($0.element.id)" }.joined(separator: ", ")
        throw TensorError(.deviceUnavailable, "there is no accelerator \(index); \(known)")
    }

    static let noneError = TensorError(
        .deviceUnavailable, "Cannot access accelerator device when none is available.")

    /// Runs `body` with the accelerator of an index in use. A nil or negative index changes nothing.
    ///
    /// - Throws: `deviceUnavailable` where there is no accelerator of this index, and what `body` throws.
    public static func withIndex<Result>(_ index: Int?, _ body: () throws -> Result) throws -> Result {
        guard let index, index >= 0 else { return try body() }
        return try withDevice(device(at: index), body)
    }

    /// Runs `body` with the accelerator of an index in use, as the synchronous form.
    public static func withIndex<Result>(
        _ index: Int?, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async throws -> Result {
        guard let index, index >= 0 else { return try await body() }
        return try await withDevice(device(at: index), body)
    }

    // MARK: Asking

    /// What a device can do, as far as types go.
    public struct Capability: Hashable, Sendable {
        /// The types of element that it can allocate, and convert between.
        public let supportedDTypes: Set<DType>
    }

    /// What a device can do; nil is the accelerator in use, and no type where there is none.
    ///
    /// - Throws: `deviceUnavailable` where a device that is named is not there.
    public static func capability(of device: DeviceID? = nil) throws(TensorError) -> Capability {
        Capability(supportedDTypes: try description(of: device)?.dtypes ?? [])
    }

    /// A device's name as its driver gives it; nil is the accelerator in use, and gives nil where there is none.
    ///
    /// - Throws: `deviceUnavailable` where a device that is named is not there.
    public static func name(of device: DeviceID? = nil) throws(TensorError) -> String? {
        try description(of: device)?.name
    }

    private static func description(of device: DeviceID?) throws(TensorError) -> DeviceDescription? {
        guard let device else { return DeviceInventory.current.currentAccelerator() }
        if let found = DeviceInventory.current.description(of: device) { return found }
        // Says what there is.
        return try deviceContext(device).device.description
    }

    /// Evaluates what is pending on a device and waits until it is done; nil is the accelerator in use. Does nothing where
    /// there is none, or where nothing has opened the device.
    ///
    /// - Throws: `deviceFailure`, `outOfMemory`.
    public static func synchronize(_ device: DeviceID? = nil) throws(TensorError) {
        try openedContext(device)?.synchronize()
    }

    /// The context of a device, or of the accelerator in use, where something has opened it.
    static func openedContext(_ device: DeviceID?) -> DeviceContext? {
        guard let id = device ?? current else { return nil }
        if let here = ExecutionContext.current.device, here.deviceID == id { return here }
        return DeviceContexts.openedContext(for: id)
    }
}
