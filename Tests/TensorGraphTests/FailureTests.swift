import Synchronization
import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

/// The reference device with a small memory, or with launches that fail from some number on.
private final class FragileDevice: Device {
    let inner = ReferenceDevice()
    let description: DeviceDescription
    let launchesLeft: Mutex<Int>

    init(
        _ description: DeviceDescription = ReferenceDevice().description, largestAllocation: Int = 1 << 30,
        launchesLeft: Int = .max
    ) {
        var description = description
        description.maximumAllocation = largestAllocation
        self.description = description
        self.launchesLeft = Mutex(launchesLeft)
    }

    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer { try inner.allocate(byteCount: byteCount) }
    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel { try inner.makeKernel(spec) }
    func makeStream() throws(TensorError) -> any DeviceStream {
        FragileStream(device: self, inner: try inner.makeStream())
    }
}

private final class FragileStream: DeviceStream {
    let device: FragileDevice
    let inner: any DeviceStream

    init(device: FragileDevice, inner: any DeviceStream) {
        self.device = device
        self.inner = inner
    }

    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        let isLost = device.launchesLeft.withLock { left in
            if left != .max { left -= 1 }
            return left < 0
        }
        if isLost { throw TensorError(.deviceFailure, "the device was lost") }
        try inner.encode(kernel, bindings: bindings, scalars: scalars)
    }

    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        try inner.copyIn(source, to: destination, offset: offset)
    }

    func copyOut(
        from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer
    ) throws(TensorError) {
        try inner.copyOut(from: source, offset: offset, to: destination)
    }

    func synchronize() throws(TensorError) { try inner.synchronize() }
    func record() throws(TensorError) -> any DeviceEvent { try inner.record() }
    func wait(for event: any DeviceEvent) throws(TensorError) { try inner.wait(for: event) }
}

@Suite struct FailureTests {
    @Test func runningOutOfMemoryLeavesEveryValueAsItWas() throws {
        let context = try DeviceContext(
            device: FragileDevice(largestAllocation: 4096), configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2], [2, 1], in: context)
        let big = x.expand([2, 4096]).binary(.add, 1.0)
        #expect(throws: TensorError.self) { try context.evaluate([big.handle]) }
        do { _ = try big.floats() } catch let error as TensorError {
            #expect(error.kind == .outOfMemory)
            #expect(error.message.contains("requested") && error.message.contains("4096"))
        }
        #expect(try x.floats() == [1, 2])
        #expect(big.slice(axis: 1, start: 0, count: 2).handle.failure == nil)
    }

    @Test func aDeviceFailurePoisonsWhatDependsOnItAndNothingElse() throws {
        let device = FragileDevice(launchesLeft: 1)
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2], [2], in: context)
        let good = x.binary(.add, 1.0)
        #expect(try good.floats() == [2, 3])
        let lost = x.binary(.add, 2.0)
        #expect(throws: TensorError.self) { try context.evaluate([lost.handle]) }
        let later = lost.binary(.multiply, 3.0)
        do {
            _ = try later.floats()
            Issue.record("a value computed from a lost one was read")
        } catch let error as TensorError {
            #expect(error.kind == .deviceFailure)
            #expect(error.message.contains("lost"))
        }
        #expect(try good.floats() == [2, 3])
        #expect(try x.floats() == [1, 2])
    }

    @Test func aMissingFamilyIsNamedBeforeAnyWork() throws {
        var description = ReferenceDevice().description
        description.families = [.fused, .matmul, .scatterAdd]
        let context = try DeviceContext(device: FragileDevice(description), configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2, 3, 4], [1, 1, 2, 2], in: context)
        let handle = context.trace(
            .pooling(.maximum, Window(kernel: [2, 2], stride: [2, 2]), countsPadding: true), shape: [1, 1, 1, 1],
            dtype: .float32, x.handle)
        do {
            try context.evaluate([handle])
            Issue.record("pooling ran on a device without it")
        } catch {
            #expect(error.kind == .unsupported)
            #expect(error.message.contains("pooling"))
        }
        #expect(context.statistics.launches == 0)
    }

    @Test func scalarsNeverChangeThePlan() throws {
        func step(_ context: DeviceContext, _ p: Value, _ s: Double) -> Value {
            let decayed = p.binary(.multiply, s).binary(.add, s * s)
            return decayed.reduce(.sum, axes: [0]).expand([3]).binary(.multiply, decayed).binary(.power, s)
        }
        let context = try makeContext()
        let p = try Value.make([1, 2, 3], [3], in: context)
        for s in [0, 1, -1, 0.5, 2, .infinity, 1e-30] {
            let fresh = try makeContext()
            let q = try Value.make([1, 2, 3], [3], in: fresh)
            let got = try step(context, p, s).floats()
            let expected = try step(fresh, q, s).floats()
            #expect(difference(got, expected) == 0)
        }
        #expect(context.statistics.plansBuilt == 1)
    }

    @Test func aNaNIsTracedToTheOperationThatMadeIt() throws {
        let context = try makeContext { $0.checksNaN = true }
        let x = try Value.make([1, -1], [2], in: context)
        let y = x.binary(.add, 1.0).unary(.log).binary(.multiply, 0.0)
        do {
            _ = try y.floats()
            Issue.record("the NaN was not found")
        } catch let error as TensorError {
            #expect(error.message.hasPrefix("multiply"))
        }
        #expect(try x.binary(.add, 3.0).floats() == [4, 2])
    }

    @Test func everyModeComputesTheSame() throws {
        var results: [[Float]] = []
        for change in [{ _ in }, { $0.eager = true }, { $0.fusion = false }, { $0.checksNaN = true }]
            as [(inout RuntimeConfiguration) -> Void]
        {
            let context = try makeContext(change)
            let x = try Value.make([0.5, -1, 2, 3], [2, 2], in: context)
            let y = x.matmul(x).unary(.relu).binary(.add, x).reduce(.sum, axes: [1])
            results.append(try y.floats())
        }
        for result in results { #expect(difference(result, results[0]) < 1e-6) }
    }
}
