import Foundation
import NeedletailBench
import TensorRuntime
import Testing

/// What `needletail-bench compare` calls a change.
@Suite struct ComparisonTests {
    /// By hand: the weights are 286, 571, 857 and three times 1000, and three of 2^6 choices of signs weigh at most 571.
    @Test func signFlipsAreExact() {
        #expect(SignFlips.probability([1, -2, 3, 4, 5, 6]) == 2 * 3.0 / 64)
        #expect(SignFlips.probability((1...10).map(Double.init)) == 2.0 / 1024)
        #expect(SignFlips.probability([-1, 1]) == 1)
        #expect(SignFlips.probability([0, 0]) == 1)
        #expect(SignFlips.probability([]) == 1)
    }

    /// Two of the eight choices of signs of 1, 1, 1 are as uneven.
    @Test func equalDifferencesWeighTheSame() {
        #expect(SignFlips.probability([1, 1, -1]) == 1)
        #expect(SignFlips.probability([1, 1, 1]) == 0.25)
    }

    private func rows(_ count: Int, rounds: Int, seed: UInt64, slow: Int? = nil) -> [BenchmarkRow] {
        var generator = SplitMix(state: seed)
        return (0..<rounds).flatMap { round in
            (0..<count).map { index in
                // What a shared machine does to a round's median: 3 % either way, and one round in twenty twice as slow.
                let noise = 1 + 0.03 * (2 * generator.uniform() - 1) + (generator.uniform() < 0.05 ? 1 : 0)
                let time = Double(100 * (index + 1)) * noise * (index == slow ? 1.05 : 1)
                return BenchmarkRow(
                    suite: "op", name: "row \(index)", dtype: "float32", device: "cpu", driver: "", threads: 1,
                    round: round, firstMicroseconds: 0, samples: [time], hostMicroseconds: 0, launches: 1)
            }
        }
    }

    /// Two of twenty rounds in which a neighbour doubled the other side's time.
    @Test func aDisturbedRoundIsOneOfMany() {
        let differences = [Double](repeating: 0.05, count: 18) + [-0.7, -0.7]
        // None, one or two of twenty.
        let wanted = 2.0 * 211 / 1_048_576
        #expect(SignFlips.probability(differences) == wanted)
    }

    @Test func aRowThatIsFivePercentSlowerIsFoundAndNoOther() {
        var found = 0
        var wrong = 0
        for seed in 0..<20 {
            let comparison = Comparison(
                rows(10, rounds: 20, seed: UInt64(2 * seed)), rows(10, rounds: 20, seed: UInt64(2 * seed + 1), slow: 4))
            for (index, row) in comparison.rows.enumerated() where comparison.verdict(row) != .equal {
                if index == 4, comparison.verdict(row) == .slower { found += 1 } else { wrong += 1 }
            }
        }
        #expect(found >= 18)
        #expect(wrong <= 2)
    }

    @Test func twoRunsOfOneProgramAreEqual() {
        let alarms = (0..<20).count { seed in
            let comparison = Comparison(
                rows(25, rounds: 10, seed: UInt64(1000 + 2 * seed)), rows(25, rounds: 10, seed: UInt64(1001 + 2 * seed))
            )
            return comparison.rows.contains { comparison.verdict($0) != .equal }
        }
        #expect(alarms <= 2)
    }

    /// Round 2 of one is beside round 2 of the other, where round 1 is missing.
    @Test func roundsArePairedByTheirNumbers() {
        let all = rows(1, rounds: 3, seed: 1)
        let comparison = Comparison(all, [all[0], all[2]])
        #expect(comparison.rows.map(\.ratios) == [[1, 1]])
        #expect(Comparison([all[0]], [all[1]]).rows.isEmpty && Comparison([all[0]], [all[1]]).unpaired.count == 1)
    }

    @Test func tooFewRoundsTellNothing() {
        #expect(Comparison.roundsNeeded(rows: 1) == 6)
        #expect(Comparison.roundsNeeded(rows: 25) == 10)
    }

    @Test func aRowReadsBackAsItWasWritten() throws {
        var row = rows(1, rounds: 1, seed: 0)[0]
        row.error = 1e-6
        row.warnings = ["a neighbour"]
        let text = try row.json()
        #expect(try JSONDecoder().decode(BenchmarkRow.self, from: Data(text.utf8)) == row)
        #expect(text.contains(#""min_us":"#) && text.contains(#""op":"row 0""#))
    }

    private struct SplitMix {
        var state: UInt64

        mutating func uniform() -> Double {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return Double((z ^ (z >> 31)) >> 11) / 9_007_199_254_740_992
        }
    }
}
