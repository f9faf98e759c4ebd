import Needletail
import TensorRuntime

/// Which examples an epoch has, in their order.
public protocol Sampler: Sendable {
    /// How many numbers ``indices(of:generator:)`` gives for a dataset of `exampleCount` examples.
    func count(of exampleCount: Int) -> Int

    /// The numbers of the examples of an epoch, a function of `generator` alone.
    ///
    /// - Parameter generator: of the loader's seed and the epoch.
    func indices(of exampleCount: Int, generator: Generator) -> [Int]
}

/// All examples, in the dataset's order.
public struct SequentialSampler: Sampler {
    /// A sampler without settings.
    public init() {}
    public func count(of exampleCount: Int) -> Int { exampleCount }
    public func indices(of exampleCount: Int, generator: Generator) -> [Int] { Array(0..<exampleCount) }
}

/// Examples at random: all of them in a new order, or any with replacement.
/// Source: [torch.utils.data.RandomSampler](https://pytorch.org/docs/stable/data.html#torch.utils.data.RandomSampler).
public struct RandomSampler: Sampler {
    /// Whether an example may come more than once.
    public let replacement: Bool
    /// Examples of an epoch; nil is as many as there are. Without replacement, more than there are are drawn as whole orders
    /// one after the other.
    public let sampleCount: Int?

    /// What they are is said at the properties.
    public init(
        replacement: Bool = false, count: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.replacement = replacement
        sampleCount = count.map { checkedCount($0, "RandomSampler", CallSite(file, line)) }
    }

    public func count(of exampleCount: Int) -> Int { exampleCount == 0 ? 0 : sampleCount ?? exampleCount }

    public func indices(of exampleCount: Int, generator: Generator) -> [Int] {
        let wanted = count(of: exampleCount)
        if replacement {
            var random = SeededRandom(generator.state.key, generator.state.offset)
            return (0..<wanted).map { _ in random.index(below: exampleCount) }
        }
        var result: [Int] = []
        result.reserveCapacity(wanted)
        while result.count < wanted {
            let order = generator.permutation(exampleCount)
            // No memory for it, which is reported already.
            if order.isEmpty { break }
            result.append(contentsOf: order.prefix(wanted - result.count).map { Int($0) })
        }
        return result
    }
}

/// Some examples, in a new order each epoch.
/// Source:
/// [torch.utils.data.SubsetRandomSampler](https://pytorch.org/docs/stable/data.html#torch.utils.data.SubsetRandomSampler).
public struct SubsetRandomSampler: Sampler {
    /// Numbers of examples.
    public let subset: [Int]

    /// - Parameter subset: numbers of examples of the dataset.
    public init(_ subset: [Int]) { self.subset = subset }

    public func count(of exampleCount: Int) -> Int { subset.count }

    public func indices(of exampleCount: Int, generator: Generator) -> [Int] {
        generator.permutation(subset.count).map { subset[Int($0)] }
    }
}

/// Examples with probabilities of their own, as rare classes are given to a model more often.
/// Source:
/// [torch.utils.data.WeightedRandomSampler](https://pytorch.org/docs/stable/data.html#torch.utils.data.WeightedRandomSampler).
public struct WeightedRandomSampler: Sampler {
    /// Of each example; they need not sum to 1.
    public let weights: [Double]
    /// Examples of an epoch.
    public let sampleCount: Int
    /// Whether an example may come more than once.
    public let replacement: Bool

    /// - Parameters:
    ///   - weights: of each example, 0 or more, finite, one at least above 0.
    ///   - count: examples of an epoch; nil is as many as there are weights. Without replacement, at most as many as weights
    ///     are above 0.
    public init(
        _ weights: [Double], count: Int? = nil, replacement: Bool = true, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let site = CallSite(file, line)
        let wanted = checkedCount(count ?? weights.count, "WeightedRandomSampler", site)
        let possible = weights.count { $0 > 0 }
        let problem: (String, remedy: String)? =
            if let wrong = weights.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
                ("weight \(weights[wrong]) of example \(wrong)", "use finite weights of at least 0")
            } else if !weights.reduce(0, +).isFinite {
                ("weights whose sum is no finite number", "use smaller ones")
            } else if wanted > 0, possible == 0 {
                ("no weight above 0", "give an example a weight")
            } else if !replacement, wanted > possible {
                (
                    "\(wanted) examples of \(possible) with a weight above 0",
                    "take fewer, or replacement: true"
                )
            } else {
                nil
            }
        if let problem {
            WrongCall.report("WeightedRandomSampler", problem.0, remedy: problem.remedy, at: site)
        }
        self.weights = problem == nil ? weights : []
        sampleCount = problem == nil ? wanted : 0
        self.replacement = replacement
    }

    public func count(of exampleCount: Int) -> Int { sampleCount }

    public func indices(of exampleCount: Int, generator: Generator) -> [Int] {
        var random = SeededRandom(generator.state.key, generator.state.offset)
        var sums = SumTree(weights)
        return (0..<sampleCount).map { _ in
            let drawn = sums.leaf(at: random.uniform())
            if !replacement { sums.clear(drawn) }
            return drawn
        }
    }
}

/// Weights in a binary tree of sums. A sum is always that of its two parts, so nothing drifts while weights are taken out.
private struct SumTree {
    private var sums: [Double]
    private let width: Int

    init(_ weights: [Double]) {
        var width = 1
        while width < weights.count { width *= 2 }
        self.width = width
        sums = Array(repeating: 0, count: 2 * width)
        for (index, weight) in weights.enumerated() { sums[width + index] = weight }
        for node in stride(from: width - 1, to: 0, by: -1) { sums[node] = sums[2 * node] + sums[2 * node + 1] }
    }

    /// The leaf in which a share of the whole, 0..<1, lies: one whose weight is above 0, if there is any.
    func leaf(at share: Double) -> Int {
        var rest = share * sums[1]
        var node = 1
        while node < width {
            let (left, right) = (sums[2 * node], sums[2 * node + 1])
            // Rounding may have reached the end of the right part's neighbour.
            if right == 0 || (rest < left && left > 0) {
                node = 2 * node
            } else {
                rest -= left
                node = 2 * node + 1
            }
        }
        return node - width
    }

    mutating func clear(_ leaf: Int) {
        var node = width + leaf
        sums[node] = 0
        while node > 1 {
            node /= 2
            sums[node] = sums[2 * node] + sums[2 * node + 1]
        }
    }
}

private func checkedCount(_ count: Int, _ name: String, _ site: CallSite) -> Int {
    if count < 0 {
        WrongCall.report("\(name)(count: \(count))", "no number of examples", remedy: "give at least 0", at: site)
    }
    return max(count, 0)
}
