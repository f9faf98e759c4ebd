import Needletail
import Synchronization
import TensorGraph
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// Lists of launches that come again: what is recorded, looked for and submitted. Calls are counted, no time is taken.
@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct VulkanReplayTests {
    /// How often the loader was asked to record, and a recording was looked for.
    private struct Asked: Equatable {
        let recorded: Int
        let lookedFor: Int
    }

    /// A list of two launches: `middle = input * a + 1`, then `output = middle * b + 2`, of 16 elements.
    private final class Bench {
        let device: VulkanDevice
        let calls: VulkanCalls
        let stream: any DeviceStream
        let input: any DeviceBuffer
        let memory: any DeviceBuffer
        let list = LaunchList()
        static let output = 128

        init(secondReadsFrom offset: Int = 64) throws {
            // Without validation, so that whole buffers are bound.
            (device, calls) = try VulkanTesting.open(.lavapipe, { $0.listener = nil })
            stream = try device.makeStream()
            input = try device.allocate(byteCount: 512)
            memory = try device.allocate(byteCount: 1024)
            try stream.write((0..<128).map(Float.init), to: input)
            try stream.write([Float](repeating: 0, count: 256), to: memory)
            let first = try Scaling(count: 16, salt: 1, name: "a").kernel(on: device)
            let second = try Scaling(count: 16, salt: 2, name: "b").kernel(on: device)
            let middle = BufferBinding(buffer: memory, offset: 64)
            list.append(first, bindings: [BufferBinding(buffer: input), middle], scalars: [Double(2).bitPattern])
            list.append(
                second,
                bindings: [
                    BufferBinding(buffer: memory, offset: offset), BufferBinding(buffer: memory, offset: Bench.output),
                ],
                scalars: [Double(3).bitPattern])
        }

        var output: [Float] { get throws { try stream.read(memory, count: 16, from: Bench.output) } }

        /// Gives the stream the list.
        func encode() throws -> Asked {
            let (recorded, lookedFor) = (calls[.beginCommands], device.recordingLookUps.load(ordering: .relaxed))
            let submitted = calls[.submit]
            try stream.encode(list)
            #expect(calls[.submit] == submitted + 1)
            return Asked(
                recorded: calls[.beginCommands] - recorded,
                lookedFor: device.recordingLookUps.load(ordering: .relaxed) - lookedFor)
        }
    }

    private static func expected(_ first: Int, _ a: Float = 2, _ b: Float = 3) -> [Float] {
        (first..<first + 16).map { (Float($0) * a + 1) * b + 2 }
    }

    @Test func whatComesAgainIsOneSubmissionThatNobodyLooksFor() throws {
        let bench = try Bench()
        #expect(try bench.encode() == Asked(recorded: 1, lookedFor: 1))
        // One for each that may be in flight.
        #expect(try bench.encode() == Asked(recorded: 2, lookedFor: 1))
        for _ in 0..<20 { #expect(try bench.encode() == Asked(recorded: 0, lookedFor: 0)) }
        #expect(bench.stream.recordingCount == 3)
        #expect(try bench.output == Self.expected(0))
        #expect(bench.calls[.dispatch] == 6)
    }

    @Test func scalarsAndPlacesOfWhatIsReadAreParameters() throws {
        let bench = try Bench()
        for _ in 0..<2 { _ = try bench.encode() }
        for turn in 1..<10 {
            bench.list.set(0, to: Double(turn).bitPattern)
            bench.list.set(1, to: Double(turn + 1).bitPattern)
            bench.list.bind(0, to: BufferBinding(buffer: bench.input, offset: 3 * turn))
            #expect(try bench.encode() == Asked(recorded: 0, lookedFor: 0))
            if turn % 3 == 0 { #expect(try bench.output == Self.expected(3 * turn, Float(turn), Float(turn + 1))) }
        }
    }

    /// What is read at another place of the same buffer may be what a launch writes: then it has to wait for that.
    @Test func whatIsReadWhereTheListWritesIsRecordedWithItsBarrier() throws {
        let bench = try Bench(secondReadsFrom: 0)
        for _ in 0..<3 { _ = try bench.encode() }
        #expect(try bench.output == [Float](repeating: 2, count: 16))
        // Elsewhere, where nobody writes, it is the same; half of it where the first launch writes, it waits for that.
        bench.list.bind(2, to: BufferBinding(buffer: bench.memory, offset: 8))
        #expect(try bench.encode() == Asked(recorded: 0, lookedFor: 0))
        let barriers = bench.calls[.barrier]
        bench.list.bind(2, to: BufferBinding(buffer: bench.memory, offset: 70))
        #expect(try bench.encode() == Asked(recorded: 1, lookedFor: 1))
        // Two stand at a recording's ends.
        #expect(bench.calls[.barrier] == barriers + 3)
        #expect(try bench.output[0..<10] == Self.expected(6)[0..<10])
    }

    @Test func anotherBufferIsRecordedAnew() throws {
        let bench = try Bench()
        for _ in 0..<3 { _ = try bench.encode() }
        let other = try bench.device.allocate(byteCount: 512)
        try bench.stream.write((0..<128).map { Float(100 + $0) }, to: other)
        bench.list.bind(0, to: BufferBinding(buffer: other))
        #expect(try bench.encode().recorded == 1)
        #expect(try bench.output == Self.expected(100))
        // The first is known still.
        bench.list.bind(0, to: BufferBinding(buffer: bench.input))
        #expect(try bench.encode() == Asked(recorded: 0, lookedFor: 1))
        #expect(try bench.output == Self.expected(0))
    }

    @Test func anotherStreamKeepsItsOwn() throws {
        let bench = try Bench()
        for _ in 0..<3 { _ = try bench.encode() }
        try bench.stream.synchronize()
        let other = try bench.device.makeStream()
        try other.encode(bench.list)
        try other.synchronize()
        #expect(other.recordingCount == 1)
        #expect(try bench.encode().lookedFor == 1)
        #expect(try bench.output == Self.expected(0))
    }

    @Test func aSubmissionThatFailsLeavesTheListAsItWas() throws {
        let bench = try Bench()
        for _ in 0..<3 { _ = try bench.encode() }
        bench.calls.fail(.submit, with: -2)
        #expect(tensorError { try bench.stream.encode(bench.list) }?.kind == .outOfMemory)
        for _ in 0..<6 { #expect(try bench.encode() == Asked(recorded: 0, lookedFor: 0)) }
        #expect(try bench.output == Self.expected(0))
    }

    /// Six lists of one plan hold 18 recordings of the 8 that a plan keeps otherwise.
    @Test func whatListsHoldIsCountedAndStays() throws {
        let (device, calls) = try VulkanTesting.open(.lavapipe, { $0.listener = nil })
        let stream = try device.makeStream()
        let kernel = try Scaling(count: 16).kernel(on: device)
        let x = BufferBinding(buffer: try device.allocate(byteCount: 64))
        func output() throws -> BufferBinding { BufferBinding(buffer: try device.allocate(byteCount: 64)) }
        var lists: [LaunchList] = []
        for _ in 0..<6 {
            let list = LaunchList()
            list.append(kernel, bindings: [x, try output()], scalars: [Double(2).bitPattern])
            for _ in 0..<3 { try stream.encode(list) }
            lists.append(list)
        }
        #expect(stream.recordingCount == 18)
        try stream.synchronize()
        // They are known still, though nothing is kept beside the lists any more.
        for list in lists {
            list.kept = nil
            try stream.encode(list)
        }
        #expect(stream.recordingCount == 18)
        try stream.synchronize()
        // Once no list holds them, they make room.
        let dropped = calls[.dropCommands]
        lists = []
        try stream.launch(kernel, [x, try output()], [2])
        try stream.submit()
        #expect(calls[.dropCommands] == dropped + 11)
        try stream.synchronize()
    }

    @Test func aListThatTakesTooLongIsCut() throws {
        let (device, calls) = try VulkanTesting.open(
            .lavapipe,
            {
                $0.listener = nil
                $0.clock = { $0.count * 100_000_000 }
            })
        let stream = try device.makeStream()
        let buffer = try device.allocate(byteCount: 64)
        try stream.write([Float](repeating: 0, count: 16), to: buffer)
        let list = LaunchList()
        for salt in 0..<7 {
            let kernel = try Scaling(count: 16, salt: salt, name: "k\(salt)").kernel(on: device)
            let binding = BufferBinding(buffer: buffer)
            list.append(kernel, bindings: [binding, binding], scalars: [Double(1).bitPattern])
        }
        // How long they take is known once they ran for the second time, and three are 0.3 s.
        for submissions in [1, 1, 3, 3] {
            let before = calls[.submit]
            try stream.encode(list)
            try stream.submit()
            #expect(calls[.submit] == before + submissions)
            try stream.synchronize()
        }
        #expect(try stream.read(buffer, count: 16) == [Float](repeating: 4 * 21, count: 16))
    }

    /// A captured step, whose input moves through a buffer.
    @Test func aReplayedGraphLooksForNothing() throws {
        let (device, calls) = try VulkanTesting.open(.lavapipe, { $0.listener = nil })
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        try withDeviceContext(context) { () throws(any Error) in
            let numbers = Tensor((0..<640).map(Float.init), shape: [640])
            let graph = Accelerator.Graph()
            let input = try graph.input(like: numbers[0..<64])
            let sum = try graph.capture { (input.value * 2).sum() }
            for turn in 0..<10 {
                if turn == 3 { #expect(context.statistics.recordings > 0) }
                let before = (
                    calls[.submit], calls[.beginCommands], device.recordingLookUps.load(ordering: .relaxed)
                )
                try input.set(numbers[64 * turn..<64 * turn + 64])
                try graph.replay()
                #expect(calls[.submit] == before.0 + 1)
                if turn > 1 {
                    #expect(calls[.beginCommands] == before.1)
                    #expect(device.recordingLookUps.load(ordering: .relaxed) == before.2)
                }
                let first = Double(64 * turn)
                #expect(try sum.item() == 2 * (64 * first + 2016))
            }
        }
    }
}
