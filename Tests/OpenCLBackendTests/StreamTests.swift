import Dispatch
import OpenCLBackend
import TensorRuntime
import TestSupport
import Testing

@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct StreamTests {
    private static let numbers = (0..<64).map(Float.init)

    /// A device with a stream, a kernel, and its input and output.
    private struct Bench {
        let device: OpenCLDevice
        let calls: OpenCLCalls
        let stream: any DeviceStream
        let kernel: any DeviceKernel
        let input: any DeviceBuffer
        let output: any DeviceBuffer

        init(_ configure: (inout RuntimeConfiguration) -> Void = { _ in }) throws {
            (device, calls) = try OpenCLTesting.open(configure)
            stream = try device.makeStream()
            kernel = try Scaling(count: 16).kernel(on: device)
            input = try device.allocate(byteCount: 256)
            output = try device.allocate(byteCount: 256)
            try stream.write(StreamTests.numbers, to: input)
        }

        func launch(factor: Double = 2, from: Int = 0, to: Int = 0) throws {
            try stream.launch(
                kernel, [BufferBinding(buffer: input, offset: from), BufferBinding(buffer: output, offset: to)],
                [factor])
        }
    }

    @Test func aLaunchReadsAndWritesFromItsOffsetsOn() throws {
        let bench = try Bench()
        try bench.stream.write([Float](repeating: -7, count: 64), to: bench.output)
        try bench.launch(factor: 3, from: 5, to: 20)
        let found = try bench.stream.read(bench.output, count: 64)
        let scaled = (5..<21).map { 3 * Float($0) }
        #expect(found == [Float](repeating: -7, count: 20) + scaled + [Float](repeating: -7, count: 28))
    }

    @Test func onlyArgumentsThatChangedAreSet() throws {
        let bench = try Bench()
        func settings(_ body: () throws -> Void) rethrows -> Int {
            let before = bench.calls[.setKernelArgument]
            try body()
            return bench.calls[.setKernelArgument] - before
        }
        // Two buffers with their offsets, and the factor; the count was set when the kernel was made.
        #expect(try settings { try bench.launch() } == 5)
        #expect(try settings { try bench.launch() } == 0)
        #expect(try settings { try bench.launch(factor: 4) } == 1)
        #expect(try settings { try bench.launch(factor: 4, to: 8) } == 1)
        #expect(try settings { try bench.launch(factor: 2) } == 2)
        try bench.stream.synchronize()
    }

    /// A list that comes again is a row of launches, with the arguments set that changed since.
    @Test func argumentsOfAListAreSetOnce() throws {
        let bench = try Bench()
        let second = try Scaling(count: 16, salt: 1, name: "other").kernel(on: bench.device)
        let list = LaunchList()
        let (input, output) = (BufferBinding(buffer: bench.input), BufferBinding(buffer: bench.output))
        let behind = BufferBinding(buffer: bench.output, offset: 16)
        list.append(bench.kernel, bindings: [input, output], scalars: [Double(2).bitPattern])
        list.append(second, bindings: [output, behind], scalars: [Double(3).bitPattern])
        func settings() throws -> Int {
            let before = (bench.calls[.setKernelArgument], bench.calls[.launch])
            try bench.stream.encode(list)
            try bench.stream.submit()
            #expect(bench.calls[.launch] == before.1 + 2)
            return bench.calls[.setKernelArgument] - before.0
        }
        #expect(try settings() == 10)
        for _ in 0..<5 { #expect(try settings() == 0) }
        list.set(1, to: Double(4).bitPattern)
        list.bind(0, to: BufferBinding(buffer: bench.input, offset: 5))
        #expect(try settings() == 2)
        #expect(try bench.stream.read(bench.output, count: 16, from: 16) == (5..<21).map { 8 * Float($0) + 1 })
        // Others' launches of a kernel leave it with their arguments.
        try bench.launch(factor: 7, from: 1, to: 3)
        #expect(try settings() == 3)
        #expect(try bench.stream.read(bench.output, count: 16, from: 16) == (5..<21).map { 8 * Float($0) + 1 })
    }

    @Test func atMostThreeSubmissionsAreInFlight() throws {
        let bench = try Bench()
        for count in 1...6 {
            try bench.launch()
            try bench.stream.submit()
            #expect(bench.calls[.waitForEvents] == max(0, count - 3), "\(count) submissions")
        }
        #expect(bench.calls[.launch] == 6)
        #expect(bench.calls[.marker] == 6)
        #expect(bench.calls[.flush] == 6)
        // What was not encoded is not submitted.
        try bench.stream.submit()
        #expect(bench.calls[.flush] == 6)
        try bench.stream.synchronize()
        #expect(bench.calls[.finish] == 1)
        try bench.launch()
        try bench.stream.submit()
        #expect(bench.calls[.waitForEvents] == 3)
    }

    @Test func aCopyToABusyDeviceLeavesTheSourceFreeAndWaitsForNothing() throws {
        let bench = try Bench()
        // The first of them maps the ring.
        try bench.launch()
        try bench.stream.write([4], to: bench.output, at: 40)
        try bench.launch()
        let maps = bench.calls[.map]
        var source = [Float](repeating: 5, count: 16)
        try bench.stream.write(source, to: bench.input)
        source = [Float](repeating: 9, count: 16)
        try bench.launch(to: 16)
        #expect(bench.calls[.write] == 2)
        #expect(bench.calls[.map] == maps && bench.calls[.finish] == 0 && bench.calls[.waitForEvents] == 0)
        let found = try bench.stream.read(bench.output, count: 32)
        #expect(found == (0..<16).map { 2 * Float($0) } + [Float](repeating: 10, count: 16))
        withExtendedLifetime(source) {}
    }

    @Test func copiesTouchTheirBytesOnly() throws {
        let bench = try Bench()
        try bench.stream.write([100, 101, 102], to: bench.input, at: 7)
        let found = try bench.stream.read(bench.input, count: 6, from: 5)
        #expect(found == [5, 6, 100, 101, 102, 10])
        let large = (0..<(1 << 19)).map(Float.init)
        let buffer = try bench.device.allocate(byteCount: 4 * large.count)
        try bench.launch()
        try bench.stream.write(large, to: buffer)
        #expect(try bench.stream.read(buffer, count: large.count) == large)
    }

    @Test func oneStreamWaitsForAnothersEvent() throws {
        let bench = try Bench()
        let other = try bench.device.makeStream()
        try bench.launch(factor: 3)
        let event = try bench.stream.record()
        try other.wait(for: event)
        try other.launch(
            bench.kernel, [BufferBinding(buffer: bench.output), BufferBinding(buffer: bench.input)], [2])
        let found = try other.read(bench.input, count: 16)
        #expect(found == (0..<16).map { 6 * Float($0) })
        #expect(event.isComplete)
        try event.synchronize()
    }

    @Test func streamsOnTwoThreadsShareAKernel() throws {
        let bench = try Bench()
        let streams = try (0..<4).map { _ in try bench.device.makeStream() }
        let outputs = try (0..<4).map { _ in try bench.device.allocate(byteCount: 64) }
        try bench.stream.synchronize()
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            for turn in 0..<50 {
                let bindings = [BufferBinding(buffer: bench.input), BufferBinding(buffer: outputs[worker])]
                try! streams[worker].launch(bench.kernel, bindings, [Double(100 * worker + turn)])
                let found = try! streams[worker].read(outputs[worker], count: 16)
                #expect(found == (0..<16).map { Float($0) * Float(100 * worker + turn) })
            }
        }
    }

    @Test func dispatchesAreTimedWhereThatIsAskedFor() throws {
        let bench = try Bench { $0.profiles = true }
        try bench.launch()
        try bench.launch()
        let times = bench.device.takeKernelTimes()
        #expect(times.map(\.kernel) == ["scale", "scale"])
        #expect(times.allSatisfy { $0.nanoseconds > 0 })
        #expect(bench.device.takeKernelTimes().isEmpty)
        let silent = try Bench()
        try silent.launch()
        #expect(silent.device.takeKernelTimes().isEmpty)
    }
}
