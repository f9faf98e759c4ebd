import Needletail
import TensorGraph
import Testing

/// Faults of a captured sequence, put into a right one, each of which the verifier has to find.
@Suite struct CaptureVerifierTests {
    private func sequence() throws -> CapturedSequence {
        try withOwnDevice { _ in
            try CapturedTraining(
                SmallTraining(features: 20, hidden: 8, batchSize: 16), between: { try $0.loss.evaluate() }
            ).graph.sequence()
        }
    }

    private func expect(
        _ text: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout CapturedSequence) throws -> Void
    ) throws {
        var sequence = try sequence()
        #expect(CaptureVerifier(sequence).problem == nil)
        try change(&sequence)
        let problem = CaptureVerifier(sequence).problem
        #expect(problem?.contains(text) == true, "\(problem ?? "nothing")", sourceLocation: sourceLocation)
    }

    @Test func aBlockThatIsAnothersTooIsFound() throws {
        // The block went back to the pool while the graph still had it, and was handed out again.
        try expect("share bytes") { sequence in
            let block = try #require(sequence.blocks.first { $0.role == .made })
            sequence.blocks.append(block)
        }
        try expect("which are not the graph's") { sequence in
            sequence.blocks.removeAll { $0.role == .made }
        }
    }

    @Test func aSwappedBindingIsFound() throws {
        // The optimizer's launch writes its results where the batch is.
        try expect("writes what was there before the capture") { sequence in
            let given = try #require(sequence.blocks.first { $0.role == .given })
            let launch = sequence.launches.count - 1
            let access = try #require(sequence.launches[launch].accesses.firstIndex { $0.isWritten })
            sequence.launches[launch].accesses[access].buffer = given.buffer
            sequence.launches[launch].accesses[access].bytes = given.bytes.lowerBound..<given.bytes.lowerBound + 4
        }
    }

    @Test func aLaunchTooEarlyIsFound() throws {
        try expect("which no launch before it has written") { $0.launches.swapAt(0, $0.launches.count - 2) }
        // The update before the forward pass that reads the old parameters.
        try expect("which no launch before it has written") { sequence in
            sequence.launches.insert(sequence.launches.removeLast(), at: 0)
        }
    }

    @Test func aResultLeftElsewhereIsFound() throws {
        try expect("is not written whole") { sequence in
            let place = try #require(sequence.renewed.first)
            for launch in sequence.launches.indices {
                sequence.launches[launch].accesses.removeAll {
                    $0.isWritten && $0.buffer == place.buffer && $0.bytes.overlaps(place.bytes)
                }
            }
        }
    }

    @Test func aStaleScalarIsFound() throws {
        try expect("a scalar is not what its source gives") { sequence in
            #expect(!sequence.scalars.isEmpty)
            sequence.scalars[0].given ^= 1
        }
        try expect("no generator that a replay could ask") { $0.constantOperations.append("randomUniform") }
    }
}
