import Needletail
import TensorGraph
import Testing

/// Random programs, captured and replayed twice, against their uncaptured run.
@Suite(.serialized) struct CapturedRandomTests {
    private func complaint(_ seed: UInt64, in context: DeviceContext) throws -> String? {
        let expected = try RandomProgramTests.run(seed, .float32, in: context)
        return try withDeviceContext(context) { () throws(any Error) in
            let graph = Accelerator.Graph()
            let results = try graph.capture { try checked { try RandomProgram(seed: seed, dtype: .float32).results } }
            for round in 1...2 {
                try graph.replay()
                let found = try results.map { try $0.tensor.scalars(as: Double.self) }
                for (index, values) in found.enumerated() {
                    let isSame = zip(values, expected.values[index]).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
                    if values.count != expected.values[index].count || !isSame {
                        return "seed \(seed), replay \(round): \(results[index].name) differs"
                    }
                }
            }
            return nil
        }
    }

    @Test(arguments: GraphDevice.wanted)
    func replayedTwiceTheyGiveWhatTheyGaveUncaptured(_ device: GraphDevice) throws {
        try device.run { context in
            let count = device == .cpu ? RandomProgramTests.count / 2 : RandomProgramTests.count / 40
            for seed in RandomProgramTests.first..<RandomProgramTests.first + UInt64(count) {
                let complaint = try complaint(seed, in: context)
                #expect(complaint == nil)
            }
        }
    }
}
