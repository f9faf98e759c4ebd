import TensorGraph
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// Recordings, barriers, submissions, memory.
@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct VulkanStreamTests {
    /// A device with a stream, a kernel of 16 elements, and buffers of 64.
    private struct Bench {
        let device: VulkanDevice
        let calls: VulkanCalls
        let stream: any DeviceStream
        let kernel: any DeviceKernel
        let input: any DeviceBuffer
        let output: any DeviceBuffer

        init(
            _ change: (inout VulkanBackend.Options) -> Void = { _ in },
            configure: (inout RuntimeConfiguration) -> Void = { _ in }
        ) throws {
            (device, calls) = try VulkanTesting.open(.lavapipe, change, configure: configure)
            stream = try device.makeStream()
            kernel = try Scaling(count: 16).kernel(on: device)
            input = try device.allocate(byteCount: 256)
            output = try device.allocate(byteCount: 256)
            try stream.write((0..<64).map(Float.init), to: input)
            try stream.write([Float](repeating: -7, count: 64), to: output)
        }

        func launch(factor: Double = 2, from: Int = 0, to: Int = 0) throws {
            try stream.launch(
                kernel, [BufferBinding(buffer: input, offset: from), BufferBinding(buffer: output, offset: to)],
                [factor])
        }
    }

    /// Without validation, so that whole buffers are bound.
    private static func whole(_ options: inout VulkanBackend.Options) { options.listener = nil }

    @Test func aLaunchReadsAndWritesFromItsOffsetsOn() throws {
        for change in [{ _ in }, Self.whole] as [(inout VulkanBackend.Options) -> Void] {
            let bench = try Bench(change)
            try bench.launch(factor: 3, from: 5, to: 20)
            let found = try bench.stream.read(bench.output, count: 64)
            let scaled = (5..<21).map { 3 * Float($0) }
            #expect(found == [Float](repeating: -7, count: 20) + scaled + [Float](repeating: -7, count: 28))
        }
    }

    @Test func whatComesAgainIsRecordedOnceForEachInFlight() throws {
        let bench = try Bench(Self.whole)
        for turn in 0..<20 {
            try bench.launch(factor: Double(turn), from: turn, to: 20 + turn)
            try bench.launch(factor: Double(turn), from: turn, to: 2)
            let before = bench.calls[.submit]
            try bench.stream.submit()
            #expect(bench.calls[.submit] == before + 1)
        }
        // Offsets and scalars are parameters; at most three run at a time.
        #expect((1...3).contains(bench.stream.recordingCount))
        let recorded = bench.stream.recordingCount
        let found = try bench.stream.read(bench.output, count: 64)
        #expect(found[2..<18] == ArraySlice((19..<35).map { 19 * Float($0) }))
        #expect(found[39..<55] == ArraySlice((19..<35).map { 19 * Float($0) }))
        #expect(found[38] == 18 * 18)
        try bench.launch()
        try bench.stream.synchronize()
        #expect(bench.stream.recordingCount == recorded + 1)
    }

    /// The first of two recordings was made, the second was not: the work comes again without either having been used.
    @Test func whatCouldNotBeRecordedIsAskedForAgain() throws {
        let bench = try Bench(Self.whole)
        try bench.launch()
        try bench.stream.submit()
        bench.calls.fail(.beginCommands, with: -1, after: 1)
        try bench.launch()
        #expect(throws: TensorError.self) { try bench.stream.submit() }
        try bench.launch(factor: 5)
        try bench.stream.submit()
        #expect(try bench.stream.read(bench.output, count: 3) == [0, 5, 10])
    }

    /// Nothing of this stream's own stands behind the other's work: what the host reads has to wait for it all the same.
    @Test func aHostsReadWaitsForAnotherStreamsWork() throws {
        let (device, _) = try VulkanTesting.open(.swiftShader)
        let count = 60_000
        let kernel = try Scaling(count: count).kernel(on: device)
        let buffer = try device.allocate(byteCount: 4 * count)
        let (first, second) = (try device.makeStream(), try device.makeStream())
        for turn in 0..<10 {
            try first.write([Float](repeating: 1, count: count), to: buffer)
            for _ in 0..<8 {
                try first.launch(kernel, [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)], [2])
            }
            try second.wait(for: first.record())
            #expect(try second.read(buffer, count: 1, from: count - 1) == [256], "turn \(turn)")
        }
    }

    @Test func onlyWhatDependsWaits() throws {
        let bench = try Bench(Self.whole)
        func barriers(_ body: () throws -> Void) throws -> Int {
            let before = bench.calls[.barrier]
            try body()
            try bench.stream.synchronize()
            // Two stand at a recording's ends.
            return bench.calls[.barrier] - before - 2
        }
        #expect(
            try barriers {
                try bench.launch(to: 0)
                try bench.launch(to: 16)
                try bench.launch(from: 3, to: 32)
            } == 0)
        // The last element of the one is the first of the other.
        #expect(
            try barriers {
                try bench.launch(to: 0)
                try bench.launch(to: 15)
            } == 1)
        let back = [BufferBinding(buffer: bench.output), BufferBinding(buffer: bench.input, offset: 40)]
        #expect(
            try barriers {
                try bench.launch(to: 0)
                try bench.stream.launch(bench.kernel, back, [1])
                try bench.launch(from: 0, to: 16)
                try bench.launch(from: 30, to: 32)
            } == 2)
    }

    @Test func atMostThreeSubmissionsAreInFlight() throws {
        let bench = try Bench()
        for count in 1...6 {
            try bench.launch()
            try bench.stream.submit()
            #expect(bench.calls[.wait] <= max(0, count - 3))
        }
        #expect(bench.calls[.submit] == 6)
        // One recording for each that may be in flight.
        #expect((1...3).contains(bench.calls[.dispatch]) && bench.stream.recordingCount == bench.calls[.dispatch])
        // What was not encoded is not submitted.
        try bench.stream.submit()
        try bench.stream.synchronize()
        #expect(bench.calls[.submit] == 6)
    }

    @Test func aGridLargerThanTheDevicesRunsInPieces() throws {
        let (device, calls) = try VulkanTesting.open()
        let count = 140_000
        let (input, output) = (try device.allocate(byteCount: 4 * count), try device.allocate(byteCount: 4 * count))
        let stream = try device.makeStream()
        let values = (0..<count).map { Float($0 % 4093) }
        try stream.write(values, to: input)
        let kernel = try Scaling(count: count).kernel(on: device)
        #expect(kernel.dispatchCount == 3)
        try stream.launch(kernel, [BufferBinding(buffer: input), BufferBinding(buffer: output)], [3])
        #expect(try stream.read(output, count: count) == values.map { 3 * $0 })
        #expect(calls[.dispatch] == 3)
    }

    @Test func aBufferLargerThanABindingIsBoundInParts() throws {
        let limit = 1 << 16
        let (device, _) = try VulkanTesting.open(.lavapipe, { $0.rangeLimit = limit })
        let count = 100_000
        let buffer = try device.allocate(byteCount: 4 * count)
        let stream = try device.makeStream()
        try stream.write((0..<count).map(Float.init), to: buffer)
        let kernel = try Scaling(count: 8000).kernel(on: device)
        for (from, to) in [(0, 90_000), (8190, 40_001), (16_383, 70_000)] {
            try stream.launch(
                kernel, [BufferBinding(buffer: buffer, offset: from), BufferBinding(buffer: buffer, offset: to)], [2])
            let found = try stream.read(buffer, count: 8002, from: to - 1)
            #expect(found[1..<8001] == ArraySlice((from..<from + 8000).map { 2 * Float($0) }), "\(from)")
            #expect(found[0] == Float(to - 1) && found[8001] == Float(to + 8000))
        }
    }

    @Test func memoryEndsWhereTheDevicesDoes() throws {
        let (device, _) = try VulkanTesting.open(.lavapipe, { $0.memoryLimit = 1 << 20 })
        let first = try device.allocate(byteCount: 600_000)
        let error = tensorError { _ = try device.allocate(byteCount: 600_000) }
        #expect(error?.kind == .outOfMemory)
        #expect(error?.message.contains("600000 of 1048576 are in use") == true, "\(String(describing: error))")
        withExtendedLifetime(first) {}
        #expect(try device.allocate(byteCount: 400_000).byteCount == 400_000)
    }

    @Test func releasedBuffersGiveTheirMemoryBack() throws {
        let (device, _) = try VulkanTesting.open(.lavapipe, { $0.memoryLimit = 1 << 20 })
        for _ in 0..<5 { _ = try device.allocate(byteCount: 600_000) }
    }

    @Test func dispatchesAreTimedWhereThatIsAskedFor() throws {
        let bench = try Bench(configure: { $0.profiles = true })
        try bench.launch()
        try bench.launch()
        try bench.stream.submit()
        let times = bench.device.takeKernelTimes()
        #expect(times.map(\.kernel) == ["scale", "scale"])
        #expect(times.allSatisfy { $0.nanoseconds > 0 })
        #expect(bench.device.takeKernelTimes().isEmpty)
    }

    /// The core's counters against the calls that reach the loader.
    @Test func recordingsAndSubmissionsAreCountedAsTheLoaderSeesThem() throws {
        let (device, calls) = try VulkanTesting.open()
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let values = (0..<30).map(Float.init)
        let x = try values.withUnsafeBytes { try context.makeValue(shape: [6, 5], dtype: .float32, bytes: $0) }
        for _ in 1...8 {
            let square = context.trace(.pointwise(.multiply), shape: [6, 5], dtype: .float32, x, x)
            var result = [Float](repeating: 0, count: 30)
            try result.withUnsafeMutableBytes { try context.read(square, into: $0) }
            #expect(result == values.map { $0 * $0 })
        }
        #expect(context.statistics.launches == 8 && calls[.dispatch] == context.statistics.recordings)
        #expect((1...6).contains(context.statistics.recordings))
        #expect(calls[.submit] == 8)
    }
}
