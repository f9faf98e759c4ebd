import Needletail
import TensorGraph
import TensorRuntime

/// A device that notes the family of every launch and passes all work on to another.
final class ObservedDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: the lists are locked.

    private let families = Lock<[KernelFamily]>([])
    private let reads = Lock(0)

    /// Launches since the last call, in order.
    func takeLaunches() -> [KernelFamily] {
        families.withLock { families in
            defer { families = [] }
            return families
        }
    }

    /// Copies to the host since the last call.
    func takeReads() -> Int {
        reads.withLock { reads in
            defer { reads = 0 }
            return reads
        }
    }

    override func makeStream() throws(TensorError) -> any DeviceStream {
        ObservedStream(try inner.makeStream(), of: self)
    }

    fileprivate func noteRead() { reads.withLock { $0 += 1 } }
    fileprivate func note(_ kernel: any DeviceKernel) { families.withLock { $0.append(kernel.spec.family) } }
}

private final class ObservedStream: ForwardingStream, @unchecked Sendable {
    // Safety: as of a forwarding stream.

    private let device: ObservedDevice

    init(_ inner: any DeviceStream, of device: ObservedDevice) {
        self.device = device
        super.init(inner)
    }

    override func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        device.note(kernel)
        try inner.encode(kernel, bindings: bindings, scalars: scalars)
    }

    override func copyOut(
        from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer
    ) throws(TensorError) {
        device.noteRead()
        try inner.copyOut(from: source, offset: offset, to: destination)
    }
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
