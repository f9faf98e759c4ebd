import Shaders
import TensorRuntime

/// A device whose kernels come from the kernel library: their schedules and plans, and whether it is lost. A driver adds
/// programs, memory and streams.
open class ShaderDevice: @unchecked Sendable {
    // Safety: what is here is immutable or locks by itself; a subclass says why its own properties are safe.

    public let description: DeviceDescription
    /// The names of the quirks in force.
    public let quirks: [String]
    package let shaders: TunedShaders
    private let interface: String
    private let loss = DeviceLoss()

    /// - Parameter interface: what the drivers are of, for messages.
    package init(_ description: DeviceDescription, quirks: [String], shaders: TunedShaders, interface: String) {
        self.description = description
        self.quirks = quirks
        self.shaders = shaders
        self.interface = interface
    }

    /// What the kernel library knows of this device.
    public var target: ShaderTarget { shaders.target }

    /// How many plans the kernel library has made, for tests.
    package var planCount: Int { shaders.planCount }

    // MARK: Kernels

    open func unsupportedReason(_ spec: KernelSpec) -> String? {
        description.reasonAgainst(spec) ?? shaders.unsupportedReason(spec)
    }

    /// The kernel of a plan, which need not come from the library.
    open func makeKernel(_ spec: KernelSpec, _ plan: ShaderPlan) throws(TensorError) -> any DeviceKernel {
        preconditionFailure("\(description.id): a driver makes its kernels")
    }

    public func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        if let reason = description.reasonAgainst(spec) { throw TensorError(.unsupported, reason) }
        return try shaders.make(spec) { (plan) throws(TensorError) in try makeKernel(spec, plan) }
    }

    public func schedules(for spec: KernelSpec) -> [String] { shaders.schedules(for: spec) }

    public func makeKernel(_ spec: KernelSpec, schedule: String) throws(TensorError) -> any DeviceKernel {
        try makeKernel(spec, shaders.plan(spec, schedule: schedule))
    }

    public func adopt(_ choices: [(spec: KernelSpec, schedule: String)]) throws(TensorError) -> String {
        try shaders.adopt(choices, on: description.id)
    }

    /// Of a stream that was given a kernel that is not of this device.
    package func strange(_ kernel: any DeviceKernel) -> TensorError {
        TensorError(
            .invalidArgument, "\(description.id): cannot run a \(kernel.spec.family) kernel of another device")
    }

    /// Of a stream that was to wait for an event that is not of this device.
    package var strangeEvent: TensorError {
        TensorError(.invalidArgument, "\(description.id): cannot wait for an event of another device")
    }

    // MARK: Failure

    /// Fails with the first cause where the device was lost, and in a child of the process that opened it.
    package func checkAlive() throws(TensorError) {
        try ForkWatch.check(description.id, interface)
        try loss.check()
    }

    /// Marks the device as lost, by a command that failed with the driver's status.
    ///
    /// - Returns: the first cause, which may be this one.
    package func lose(_ command: String, _ status: String) -> TensorError {
        loss.lose("\(description.id): \(command): \(status)")
    }

    /// Of a command that failed with the driver's status and leaves the device as it was.
    package func failure(_ command: String, _ status: String, isOutOfMemory: Bool) -> TensorError {
        TensorError(isOutOfMemory ? .outOfMemory : .deviceFailure, "\(description.id): \(command): \(status)")
    }
}
