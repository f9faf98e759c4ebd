import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// How much work comes into a submission, and how many recordings a plan keeps. No time is taken: a made-up clock says it.
@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct VulkanSubmissionTests {
    /// Kernels that add to one buffer's numbers one after another, each said to take so long.
    private final class Bench {
        let calls: VulkanCalls
        let stream: any DeviceStream
        let kernels: [any DeviceKernel]
        let buffers: [any DeviceBuffer]
        /// What the clock says of each kernel.
        let clock = MadeUpClock()

        init(kernels count: Int, buffers: Int = 1) throws {
            let clock = self.clock
            let (device, calls) = try VulkanTesting.open(
                .lavapipe,
                {
                    $0.listener = nil
                    $0.clock = { $0.count * clock.milliseconds * 1_000_000 }
                })
            self.calls = calls
            stream = try device.makeStream()
            kernels = try (0..<count).map { try Scaling(count: 16, salt: $0, name: "k\($0)").kernel(on: device) }
            self.buffers = try (0..<buffers).map { _ in try device.allocate(byteCount: 64) }
            for buffer in self.buffers { try stream.write([Float](repeating: 0, count: 16), to: buffer) }
        }

        /// Runs all kernels on a buffer, and gives the number of submissions.
        func run(on buffer: Int = 0) throws -> Int {
            let before = calls[.submit]
            for kernel in kernels {
                try stream.launch(
                    kernel, [BufferBinding(buffer: buffers[buffer]), BufferBinding(buffer: buffers[buffer])], [1])
            }
            try stream.submit()
            return calls[.submit] - before
        }

        func read(_ buffer: Int = 0) throws -> [Float] { try stream.read(buffers[buffer], count: 16) }
    }

    private final class MadeUpClock: Sendable {
        private let time = Lock(1)
        var milliseconds: Int {
            get { time.withLock { $0 } }
            set { time.withLock { $0 = newValue } }
        }
    }

    @Test func aSubmissionIsCutWhereItWouldTakeTooLong() throws {
        let bench = try Bench(kernels: 7)
        bench.clock.milliseconds = 100
        // How long they take is known once they ran for the second time, and three are 0.3 s.
        for submissions in [1, 1, 3, 3, 3] {
            #expect(try bench.run() == submissions)
            try bench.stream.synchronize()
        }
        #expect(try bench.read() == [Float](repeating: Float(5 * (0..<7).reduce(0, +)), count: 16))
    }

    @Test func oneKernelIsNotCut() throws {
        let bench = try Bench(kernels: 2)
        bench.clock.milliseconds = 5000
        for submissions in [1, 1, 2, 2] {
            #expect(try bench.run() == submissions)
            try bench.stream.synchronize()
        }
    }

    /// It may be that of a compiler.
    @Test func theTimeOfTheFirstRunIsNotTaken() throws {
        let bench = try Bench(kernels: 7)
        for milliseconds in [400, 2, 2, 2] {
            bench.clock.milliseconds = milliseconds
            #expect(try bench.run() == 1)
            try bench.stream.synchronize()
        }
    }

    @Test func whatIsFasterLaterIsPutTogetherAgain() throws {
        let bench = try Bench(kernels: 7)
        for (milliseconds, submissions) in [(400, 1), (400, 1), (2, 7), (2, 1), (2, 1)] {
            bench.clock.milliseconds = milliseconds
            #expect(try bench.run() == submissions)
            try bench.stream.synchronize()
        }
    }

    @Test func shortWorkIsOneSubmission() throws {
        let bench = try Bench(kernels: 40)
        bench.clock.milliseconds = 7
        for _ in 0..<5 {
            #expect(try bench.run() == 1)
            try bench.stream.synchronize()
        }
    }

    /// Addresses that come in turn, as where the loss of the step before is held.
    @Test(arguments: [1, 2, 3, 5, 8]) func aPlanIsRecordedForEachSetOfAddresses(_ buffers: Int) throws {
        let bench = try Bench(kernels: 3, buffers: buffers)
        for turn in 0..<3 * buffers { #expect(try bench.run(on: turn % buffers) == 1) }
        let recorded = bench.stream.recordingCount
        // So that there is one for each that may be in flight.
        #expect(recorded == [1: 3, 2: 4][buffers] ?? buffers)
        for turn in 0..<10 * buffers {
            _ = try bench.run(on: turn % buffers)
            if turn % 7 == 0 { try bench.stream.synchronize() }
        }
        #expect(bench.stream.recordingCount == recorded)
    }

    /// As many as the last ones that are kept, and no more, for however many addresses.
    @Test func aPlanKeepsEightRecordings() throws {
        let bench = try Bench(kernels: 1, buffers: 20)
        for buffer in 0..<20 { _ = try bench.run(on: buffer) }
        #expect(bench.stream.recordingCount == 20)
        // The last eight are there, the ones before are not.
        for buffer in 12..<20 { _ = try bench.run(on: buffer) }
        #expect(bench.stream.recordingCount == 20)
        _ = try bench.run(on: 3)
        #expect(bench.stream.recordingCount == 21)
    }
}
