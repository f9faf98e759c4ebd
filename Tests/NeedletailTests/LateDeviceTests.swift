import CPUBackend
import Foundation
import Needletail
import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

/// Random programs on a device that does nothing before somebody waits for it: everything is traced, planned, placed in
/// memory, released and made anew while all work before is still to be done.
@Suite struct LateDeviceTests {
    /// One in four of the programs that the other devices get (``RandomProgramTests/count``), four at a time.
    private static let rounds = max(RandomProgramTests.count / 16, 1)

    /// What is expected of a kept value.
    private struct Kept {
        var name: String
        var tensor: Tensor
        var expected: [Double]
    }

    /// A number for each choice, the same at each run.
    private struct Choices {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }

    private static func outcome(_ seed: UInt64, isPlain: Bool) throws -> [(
        name: String, isExact: Bool, values: [Double]
    )] {
        let reference = try RandomProgramTests.context(ReferenceDevice()) { $0.eager = true }
        return try withDeviceContext(reference) { () throws(any Error) in
            try checked {
                try RandomProgram(seed: seed, dtype: .float64, isPlain: isPlain, phases: 3).results.map {
                    ($0.name, $0.isExact, try $0.tensor.scalars(as: Double.self))
                }
            }
        }
    }

    /// What differs at the end of a round; nil where nothing does.
    ///
    /// Nothing is read before the end. Of each program's results some are evaluated, some left pending, some released where
    /// they are in flight; kept ones are computed on, which may overwrite them; and the host makes tensors, which must not lie
    /// where work in flight still reads or writes.
    ///
    /// - Parameters:
    ///   - streamCount: how many streams the work is spread over, the first with them.
    ///   - fault: what memory does wrong; then there are no indices that wrong numbers could lead astray.
    private static func complaint(
        round: Int, streamCount: Int = 1, fault: CachingAllocator.Fault? = nil,
        _ change: (inout RuntimeConfiguration) -> Void
    ) throws -> String? {
        let device = DeferredDevice(try deviceContext(.cpu).device)
        var configuration = RuntimeConfiguration()
        change(&configuration)
        let context = try DeviceContext(device: device, configuration: configuration, allocatorFault: fault)
        var choices = Choices(state: UInt64(round))
        return try withDeviceContext(context) { () throws(any Error) in
            try checked {
                var streams = [try Accelerator.Stream.current()]
                while streams.count < streamCount { streams.append(try Accelerator.Stream()) }
                func onSomeStream<Result>(_ body: () throws -> Result) rethrows -> Result {
                    try Accelerator.Stream.with(streams[choices.below(streamCount)], body)
                }
                var kept: [Kept] = []
                for step in 0..<4 {
                    let seed = UInt64(round * 4 + step + 1)
                    let expected = try outcome(seed, isPlain: fault != nil)
                    let results = try RandomProgram(
                        seed: seed, dtype: .float64, isPlain: fault != nil, phases: 3,
                        streams: streamCount > 1 ? streams : []
                    ).results
                    guard results.map(\.name) == expected.map(\.name) else { return "seed \(seed): other results" }
                    for (result, wanted) in zip(results, expected) {
                        if choices.below(3) > 0 { try result.tensor.evaluate() }
                        if choices.below(3) == 0 { continue }
                        kept.append(
                            Kept(name: "seed \(seed): \(result.name)", tensor: result.tensor, expected: wanted.values))
                    }
                    for _ in 0..<3 {
                        let numbers = (0..<(1 + choices.below(600))).map { _ in Double(choices.below(1000)) }
                        let tensor = onSomeStream { Tensor(numbers) }
                        kept.append(Kept(name: "a host's tensor", tensor: tensor, expected: numbers))
                    }
                    for index in kept.indices where choices.below(4) == 0 {
                        let tensor = kept[index].tensor
                        kept[index].tensor = onSomeStream { tensor * 2 - 1 }
                        kept[index].expected = kept[index].expected.map { $0 * 2 - 1 }
                        if choices.below(2) == 0 { try kept[index].tensor.evaluate() }
                    }
                    kept = kept.filter { _ in choices.below(5) > 0 }
                }
                for value in kept {
                    let found = try value.tensor.scalars(as: Double.self)
                    let worst = RandomProgramTests.errors(
                        .init(values: [found]), .init(values: [value.expected]))[0]
                    if !(worst < 1e-9) { return "round \(round), \(value.name) is off by \(worst)" }
                }
                return nil
            }
        }
    }

    @Test func programsBehindWorkInFlightEqualTheDoubleReference() throws {
        for round in 0..<LateDeviceTests.rounds {
            #expect(try LateDeviceTests.complaint(round: round) { _ in } == nil)
        }
    }

    @Test func programsBehindWorkInFlightEqualTheDoubleReferenceOneOperationAtATime() throws {
        for round in 0..<LateDeviceTests.rounds {
            #expect(try LateDeviceTests.complaint(round: round) { $0.eager = true } == nil)
        }
    }

    @Test func programsSpreadOverThreeStreamsEqualTheDoubleReference() throws {
        for round in 0..<LateDeviceTests.rounds {
            #expect(try LateDeviceTests.complaint(round: round, streamCount: 3) { _ in } == nil)
        }
    }

    @Test func programsSpreadOverTwoStreamsEqualTheDoubleReferenceOneOperationAtATime() throws {
        for round in 0..<LateDeviceTests.rounds {
            #expect(try LateDeviceTests.complaint(round: round, streamCount: 2) { $0.eager = true } == nil)
        }
    }

    /// That the above can fail.
    @Test func anAllocatorThatReusesBlocksOfOtherStreamsTooEarlyMakesWrongNumbers() throws {
        let found = try (0..<LateDeviceTests.rounds).contains { round in
            try LateDeviceTests.complaint(
                round: round, streamCount: 3, fault: .reusedBeforeOtherStreamsAreDone
            ) { _ in } != nil
        }
        #expect(found)
    }
}
