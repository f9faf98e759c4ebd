import OpenCLBackend
import TensorRuntime
import TestSupport
import Testing

/// What the driver does with the parts that it shares with others.
@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct DriverTests {
    @Test func pocLHasOneQueueAtWorkUnlessThatIsForcedOff() throws {
        #expect(try OpenCLTesting.open().device.quirks == ["opencl.one-queue"])
        #expect(try OpenCLTesting.open { $0.quirks = ["opencl.one-queue": false] }.device.quirks == [])
        let error = tensorError { _ = try OpenCLTesting.open { $0.quirks = ["opencl.no-queue": true] } }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains("'opencl.no-queue'; NEEDLETAIL_QUIRKS may name opencl.one-queue") == true)
    }

    /// What the core asks of a device for a new plan.
    @Test func aKernelIsPlannedOnceFromItsAnnouncementToItsMaking() throws {
        let (device, _) = try OpenCLTesting.open()
        let spec = Scaling(count: 16).spec
        device.prepareKernels([spec])
        #expect(device.unsupportedReason(spec) == nil)
        _ = try device.makeKernel(spec)
        #expect(device.planCount == 1)
        // A further kernel of the same plan.
        _ = try device.makeKernel(spec)
        #expect(device.planCount == 1)
    }

    @Test func memoryThatNoDeviceHasIsOutOfMemory() throws {
        let (device, _) = try OpenCLTesting.open()
        for byteCount in [device.description.maximumAllocation + 1, 1 << 60] {
            let error = tensorError { _ = try device.allocate(byteCount: byteCount) }
            #expect(error?.kind == .outOfMemory, "\(byteCount): \(String(describing: error))")
        }
    }

    @Test(arguments: 0..<3) func anArgumentThatWasRefusedIsSetAtTheNextLaunch(_ successes: Int) throws {
        let (device, calls) = try OpenCLTesting.open()
        let kernel = try Scaling(count: 16).kernel(on: device)
        let stream = try device.makeStream()
        let input = try device.allocate(byteCount: 256)
        let output = try device.allocate(byteCount: 256)
        try stream.write((0..<64).map(Float.init), to: input)
        try stream.write([Float](repeating: -7, count: 64), to: output)
        func launch(from: Int, to: Int, factor: Double) throws {
            let bindings = [BufferBinding(buffer: input, offset: from), BufferBinding(buffer: output, offset: to)]
            try stream.launch(kernel, bindings, [factor])
        }
        try launch(from: 1, to: 2, factor: 3)
        // Both offsets change, and the factor.
        calls.fail(.setKernelArgument, with: -6, after: successes)
        #expect(tensorError { try launch(from: 4, to: 24, factor: 5) }?.kind == .outOfMemory)
        try launch(from: 4, to: 24, factor: 5)
        #expect(try stream.read(output, count: 16, from: 24) == (4..<20).map { 5 * Float($0) })
    }
}
