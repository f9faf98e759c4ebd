import TensorRuntime
import Testing

@Suite struct ForwardingDeviceTests {
    private static func copy(from source: DType, to destination: DType) -> KernelSpec {
        let access = FusedKernel.Access(strides: Shape([4]).contiguousStrides)
        return KernelSpec(
            FusedKernel(
                program: .copy(from: source, to: destination), extents: [4], outerRank: 1, inputs: [access],
                outputs: [access]))
    }

    /// A value of float64 between operands of float32.
    private static var roundTrip: KernelSpec {
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                .init(.load(input: 0), dtype: .float32), .init(.pointwise(.cast), [.value(0)], dtype: .float64),
                .init(.pointwise(.cast), [.value(1)], dtype: .float32),
            ], outputs: [.init(value: 2)])
        let access = FusedKernel.Access(strides: Shape([4]).contiguousStrides)
        return KernelSpec(
            FusedKernel(program: program, extents: [4], outerRank: 1, inputs: [access], outputs: [access]))
    }

    @Test func aDeviceIsAskedForFamilyAndTypesByItsDescription() {
        let device = FakeDevice()
        #expect(device.unsupportedReason(Self.copy(from: .float32, to: .float32)) == nil)
        #expect(device.unsupportedReason(Self.copy(from: .float64, to: .float32)) == "fake:0 has no float64")
        #expect(device.unsupportedReason(Self.copy(from: .float32, to: .int32)) == "fake:0 has no int32")
        #expect(device.unsupportedReason(Self.roundTrip) == "fake:0 has no float64")
        let scatter = ScatterAddKernel(
            dtype: .float32, sourceShape: [4], sourceStrides: Shape([4]).contiguousStrides,
            indexStrides: Shape([4]).contiguousStrides, axis: 0, count: 2)
        #expect(device.unsupportedReason(KernelSpec(scatter)) == "fake:0 has no scatterAdd kernels")
    }

    @Test func whatNoDeviceCanRunIsRefusedByDefault() {
        let device = FakeDevice()
        func reason(_ step: FusedProgram.Step) -> String? {
            let program = FusedProgram(
                inputs: [.float32], steps: [.init(.load(input: 0), dtype: .float32), step], outputs: [.init(value: 1)])
            let access = FusedKernel.Access(strides: Shape([4]).contiguousStrides)
            return device.unsupportedReason(
                KernelSpec(
                    FusedKernel(program: program, extents: [4], outerRank: 1, inputs: [access], outputs: [access])))
        }
        #expect(reason(.init(.pointwise(.negate), [.value(0)], dtype: .float32)) == nil)
        #expect(
            reason(.init(.pointwise(.logicalAnd), [.value(0), .value(0)], dtype: .float32))
                == "fused: step 1, logicalAnd of float32, does not exist; cast the operands first")
        #expect(
            reason(.init(.gather(input: 0), [.value(0)], dtype: .float32))
                == "fused: step 1, gather by float32, needs an index of int32 or int64; cast it first")
    }

    @Test func everythingIsPassedOn() throws {
        let noted = Noted()
        let inner = NotingDevice(noted)
        let device = ForwardingDevice(inner)
        let spec = Self.copy(from: .float32, to: .float32)
        #expect(device.description == inner.description && device.quirks == ["noting.quirk"])
        let buffer = try device.allocate(byteCount: 4)
        #expect(device.unsupportedReason(spec) == "noting")
        device.prepareKernels([spec])
        let kernel = ForwardingKernel(try device.makeKernel(spec))
        #expect(kernel.spec == spec && kernel.workspaceByteCount == 5)
        #expect(kernel.dispatchCount == 6 && kernel.listing == "listing")
        let stream = ForwardingStream(try device.makeStream())
        try stream.encode(kernel, bindings: .init(start: nil, count: 0), scalars: .init(start: nil, count: 0))
        try stream.copyIn(UnsafeRawBufferPointer(start: nil, count: 0), to: buffer, offset: 0)
        try stream.copyOut(from: buffer, offset: 0, to: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        try stream.submit()
        try stream.synchronize()
        try stream.wait(for: stream.record())
        let event = try stream.recordTimed()
        #expect(event.nanoseconds == 7)
        #expect(
            noted.all == [
                "allocate", "unsupportedReason", "prepareKernels", "makeKernel", "makeStream", "encode", "copyIn",
                "copyOut", "submit", "synchronize", "record", "wait",
                "recordTimed",
            ])
    }

    @Test func aNarrowedDescriptionRefusesWhatItLacks() throws {
        let noted = Noted()
        let inner = NotingDevice(noted)
        var description = inner.description
        description.dtypes = [.float32]
        let device = ForwardingDevice(inner, description: description)
        let spec = Self.copy(from: .float32, to: .float64)
        #expect(device.unsupportedReason(spec) == "noting:0 has no float64")
        let error = #expect(throws: TensorError.self) { try device.makeKernel(spec) }
        #expect(error == TensorError(.unsupported, "noting:0 has no float64"))
        #expect(noted.all.isEmpty)
        _ = try device.makeKernel(Self.copy(from: .float32, to: .float32))
        #expect(noted.all == ["makeKernel"])
    }
}

/// What was called, in order.
private final class Noted: Sendable {
    private let names = Lock<[String]>([])
    var all: [String] { names.withLock { $0 } }
    func note(_ name: String) { names.withLock { $0.append(name) } }
}

/// Notes every call, and answers none as a default would.
private final class NotingDevice: Device {
    let description = DeviceDescription(
        id: DeviceID(backend: "noting"), name: "noting", kind: .cpu, driver: "none", memory: 1 << 20,
        dtypes: [.float32, .float64], families: [.fused])
    let quirks = ["noting.quirk"]
    private let noted: Noted

    init(_ noted: Noted) { self.noted = noted }

    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        noted.note("allocate")
        return NotingBuffer(byteCount: byteCount)
    }
    func unsupportedReason(_ spec: KernelSpec) -> String? {
        noted.note("unsupportedReason")
        return "noting"
    }
    func prepareKernels(_ specs: [KernelSpec]) { noted.note("prepareKernels") }
    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        noted.note("makeKernel")
        return NotingKernel(spec: spec)
    }
    func makeStream() throws(TensorError) -> any DeviceStream {
        noted.note("makeStream")
        return NotingStream(noted)
    }
}

private final class NotingBuffer: DeviceBuffer {
    let byteCount: Int
    init(byteCount: Int) { self.byteCount = byteCount }
}

private final class NotingKernel: DeviceKernel {
    let spec: KernelSpec
    init(spec: KernelSpec) { self.spec = spec }
    var workspaceByteCount: Int { 5 }
    var dispatchCount: Int { 6 }
    var listing: String { "listing" }
}

private final class NotingStream: DeviceStream {
    private let noted: Noted
    init(_ noted: Noted) { self.noted = noted }

    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) { noted.note("encode") }
    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        noted.note("copyIn")
    }
    func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    { noted.note("copyOut") }
    func submit() throws(TensorError) { noted.note("submit") }
    func synchronize() throws(TensorError) { noted.note("synchronize") }
    func record() throws(TensorError) -> any DeviceEvent {
        noted.note("record")
        return NotingEvent()
    }
    func recordTimed() throws(TensorError) -> any DeviceEvent {
        noted.note("recordTimed")
        return NotingEvent()
    }
    func wait(for event: any DeviceEvent) throws(TensorError) { noted.note("wait") }
}

private final class NotingEvent: DeviceEvent {
    var nanoseconds: UInt64? { 7 }
    var isComplete: Bool { true }
    func synchronize() throws(TensorError) {}
}
