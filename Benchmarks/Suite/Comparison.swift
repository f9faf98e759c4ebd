import Foundation

/// How a row did in two files of several rounds each, taken in turn: round i of one beside round i of the other.
package struct RowComparison {
    package let key: BenchmarkRow.Key
    /// Of the second's medians by the first's, one a round.
    package let ratios: [Double]
    /// The chance that two equal programs differ as much, by the signs of their differences; over all rows together after ``Comparison``.
    package var probability: Double

    /// The median of all means of two rounds' logarithms (Hodges and Lehmann): one disturbed round does not move it.
    package var ratio: Double {
        let logarithms = ratios.map { log($0) }
        var means: [Double] = []
        for (i, a) in logarithms.enumerated() { for b in logarithms[i...] { means.append((a + b) / 2) } }
        return exp(Quantiles(means).median)
    }
}

/// A row that failed in one of two files: nothing of it is compared, and it is not forgotten.
package struct RowFailure: Equatable {
    package let key: BenchmarkRow.Key
    /// Whether it is in the second file.
    package let isSecond: Bool
    /// What was found, the first time.
    package let failure: String

    package init(key: BenchmarkRow.Key, isSecond: Bool, failure: String) {
        self.key = key
        self.isSecond = isSecond
        self.failure = failure
    }
}

/// Two files of rows, compared row by row.
package struct Comparison {
    package var rows: [RowComparison]
    /// Rows that only one file has, or that have no round in common; none of those that failed.
    package var unpaired: [BenchmarkRow.Key]
    /// Rows that failed in some round, once for each file.
    package var failed: [RowFailure]
    /// The chance of a false alarm that is accepted, over all rows together.
    package static let level = 0.05
    /// A change of less is none that anybody wants to hear of.
    package static let smallest = 0.01

    package init(_ first: [BenchmarkRow], _ second: [BenchmarkRow]) {
        // A row that failed was not measured.
        let a = Dictionary(grouping: first.filter { $0.failure == nil }, by: \.key)
        let b = Dictionary(grouping: second.filter { $0.failure == nil }, by: \.key)
        let paired = a.keys.filter { key in
            b[key].map { !Set($0.map(\.round)).isDisjoint(with: a[key]!.map(\.round)) } ?? false
        }
        failed = [(first, false), (second, true)].flatMap { rows, isSecond in
            let failures = Dictionary(rows.compactMap { row in row.failure.map { (row.key, $0) } }) { first, _ in first
            }
            return failures.keys.sorted().map { RowFailure(key: $0, isSecond: isSecond, failure: failures[$0]!) }
        }
        unpaired = Set(a.keys).union(b.keys).subtracting(paired).subtracting(failed.map(\.key)).sorted()
        rows = paired.sorted().map { key in
            let ours = Dictionary(a[key]!.map { ($0.round, $0) }) { first, _ in first }
            let theirs = Dictionary(b[key]!.map { ($0.round, $0) }) { first, _ in first }
            let ratios = ours.keys.sorted().compactMap { round in
                theirs[round].map { $0.median / ours[round]!.median }
            }
            return RowComparison(key: key, ratios: ratios, probability: SignFlips.probability(ratios.map { log($0) }))
        }
        // Holm: the smallest counts as often as there are rows, the next one time less.
        var highest = 0.0
        for (place, index) in rows.indices.sorted(by: { rows[$0].probability < rows[$1].probability }).enumerated() {
            highest = max(highest, min(1, rows[index].probability * Double(rows.count - place)))
            rows[index].probability = highest
        }
    }

    /// Why rows are not to be compared: they were taken on other machines. Nil where they were not, or do not say.
    package static func machines(_ first: [BenchmarkRow], _ second: [BenchmarkRow]) -> String? {
        let all = [first, second].map { Set($0.compactMap(\.machine)).sorted().joined(separator: "; ") }
        guard !all.contains(""), all[0] != all[1] else { return nil }
        return "the one was measured on \(all[0]), the other on \(all[1]); compare rows of one machine, taken in turn"
    }

    /// Why rows of one file are not to be compared, in words: two are of the same round. Nil where none are.
    package static func doubled(_ rows: [BenchmarkRow]) -> String? {
        var rounds: [BenchmarkRow.Key: Set<Int>] = [:]
        for row in rows where !rounds[row.key, default: []].insert(row.round).inserted {
            return "\(row.name) \(row.dtype) on \(row.key.place) is there twice in round \(row.round); "
                + "give each run a --round of its own"
        }
        return nil
    }

    /// The geometric mean of all ratios.
    package var mean: Double {
        rows.isEmpty ? 1 : exp(rows.reduce(0) { $0 + log($1.ratio) } / Double(rows.count))
    }

    package func verdict(_ row: RowComparison) -> Verdict {
        guard row.probability < Comparison.level, abs(log(row.ratio)) > log(1 + Comparison.smallest) else {
            return .equal
        }
        return row.ratio > 1 ? .slower : .faster
    }

    package enum Verdict: String { case equal, slower, faster }

    /// Rounds from which on a row can be told from noise at all, among so many rows.
    package static func roundsNeeded(rows: Int) -> Int {
        var rounds = 1
        while 2 / pow(2, Double(rounds)) * Double(max(rows, 1)) >= level { rounds += 1 }
        return rounds
    }
}

/// A test of differences that are as likely up as down: all signs are tried. Exact.
package enum SignFlips {
    /// Steps that the largest weight is rounded to.
    private static let steps = 1000.0

    /// The chance, of both sides, that signs drawn at random are as uneven as these differences'.
    ///
    /// A difference weighs what it is, and one beyond the median what the median is: a round that a neighbour doubled counts as any
    /// other. Differences of 0 count for neither side.
    package static func probability(_ differences: [Double]) -> Double {
        let nonzero = differences.filter { $0 != 0 && $0.isFinite }
        guard !nonzero.isEmpty else { return 1 }
        let largest = Quantiles(nonzero.map { abs($0) }).median
        let weights = nonzero.map { Int((steps * min(abs($0), largest) / largest).rounded()) }
        let total = weights.reduce(0, +)
        let positive = zip(weights, nonzero).reduce(0) { $0 + ($1.1 > 0 ? $1.0 : 0) }
        // How many choices of signs give each sum.
        var ways = [Double](repeating: 0, count: total + 1)
        ways[0] = 1
        for weight in weights {
            for sum in stride(from: total, through: weight, by: -1) { ways[sum] += ways[sum - weight] }
        }
        let extreme = min(positive, total - positive)
        let tail = ways[...extreme].reduce(0, +) / pow(2, Double(weights.count))
        return min(1, 2 * tail)
    }
}
