import Needletail
import Synchronization
import TensorGraph
import TensorRuntime

/// A device that notes the family of every launch and passes all work on to another.
final class ObservedDevice: Device {
    private let inner: any Device
    private let families = Mutex<[KernelFamily]>([])

    init(_ inner: any Device) { self.inner = inner }

    var description: DeviceDescription { inner.description }

    /// Launches since the last call, in order.
    func takeLaunches() -> [KernelFamily] {
        families.withLock { families in
            defer { families = [] }
            return families
        }
    }

    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer { try inner.allocate(byteCount: byteCount) }
    func unsupportedReason(_ spec: KernelSpec) -> String? { inner.unsupportedReason(spec) }
    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel { try inner.makeKernel(spec) }
    func makeStream() throws(TensorError) -> any DeviceStream { ObservedStream(try inner.makeStream(), of: self) }

    fileprivate func note(_ kernel: any DeviceKernel) { families.withLock { $0.append(kernel.spec.family) } }
}

private final class ObservedStream: DeviceStream {
    private let inner: any DeviceStream
    private let device: ObservedDevice

    init(_ inner: any DeviceStream, of device: ObservedDevice) {
        self.inner = inner
        self.device = device
    }

    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        device.note(kernel)
        try inner.encode(kernel, bindings: bindings, scalars: scalars)
    }

    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        try inner.copyIn(source, to: destination, offset: offset)
    }

    func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    {
        try inner.copyOut(from: source, offset: offset, to: destination)
    }

    func submit() throws(TensorError) { try inner.submit() }
    func synchronize() throws(TensorError) { try inner.synchronize() }
    func record() throws(TensorError) -> any DeviceEvent { try inner.record() }
    func wait(for event: any DeviceEvent) throws(TensorError) { try inner.wait(for: event) }
}

/// A CPU device of its own with its own modes, and what was done on it.
struct ObservedContext {
    let device: ObservedDevice
    let context: DeviceContext

    /// Counters since the context was made.
    var statistics: ExecutionStatistics { context.statistics }

    /// Runs `body` on a new context of the CPU.
    ///
    /// - Parameter configuration: the modes; nil shares the CPU device that other tests use.
    static func run<Result>(
        _ configuration: RuntimeConfiguration? = nil, _ body: (ObservedContext) throws -> Result
    ) throws -> Result {
        let shared = try deviceContext(.cpu).device
        var inner = shared
        if let configuration {
            let backend = BackendRegistry.shared.backends.first { $0.name == "cpu" }!
            inner = try backend.open(index: 0, configuration: configuration)
        }
        let device = ObservedDevice(inner)
        let context = try DeviceContext(device: device, configuration: configuration ?? RuntimeConfiguration())
        return try withDeviceContext(context) { () throws(any Error) in
            try body(ObservedContext(device: device, context: context))
        }
    }
}
