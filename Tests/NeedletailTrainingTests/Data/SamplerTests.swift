import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

@Suite("Samplers")
struct SamplerTests {
    private func draw(_ sampler: any Sampler, of count: Int, seed: UInt64 = 1) -> [Int] {
        let drawn = sampler.indices(of: count, generator: Generator(seed: seed))
        #expect(drawn.count == sampler.count(of: count))
        return drawn
    }

    @Test("all samplers are functions of the seed")
    func followTheSeed() {
        let samplers: [any Sampler] = [
            RandomSampler(), RandomSampler(replacement: true, count: 50), SubsetRandomSampler(Array(3..<40)),
            WeightedRandomSampler((0..<40).map { Double($0) }),
            WeightedRandomSampler((0..<40).map { Double($0) }, count: 30, replacement: false),
        ]
        for sampler in samplers {
            #expect(draw(sampler, of: 40) == draw(sampler, of: 40))
            #expect(draw(sampler, of: 40) != draw(sampler, of: 40, seed: 2))
        }
        #expect(draw(SequentialSampler(), of: 4) == [0, 1, 2, 3])
    }

    @Test("without replacement every example comes once, and more than there are come as whole orders")
    func drawsAllOnce() {
        #expect(draw(RandomSampler(), of: 9).sorted() == Array(0..<9))
        let more = draw(RandomSampler(count: 21), of: 9)
        #expect(more[..<9].sorted() == Array(0..<9) && more[9..<18].sorted() == Array(0..<9))
        #expect(Set(more[18...]).count == 3)
        #expect(draw(RandomSampler(count: 5), of: 0).isEmpty)
        #expect(draw(SubsetRandomSampler([4, 6, 8]), of: 9).sorted() == [4, 6, 8])
        #expect(Set(draw(RandomSampler(replacement: true, count: 1000), of: 9)) == Set(0..<9))
    }

    @Test("weights are the frequencies, and 0 is never drawn")
    func followsWeights() {
        // 3 sigma of 40,000 draws are 0.0075 at most.
        let weights = [1.0, 0, 3, 4]
        let drawn = draw(WeightedRandomSampler(weights, count: 40_000), of: 4)
        for (index, weight) in weights.enumerated() {
            let share = Double(drawn.count { $0 == index }) / 40_000
            #expect(abs(share - weight / 8) < 0.0075, "\(index): \(share)")
        }
        #expect(!drawn.contains(1))
    }

    @Test("without replacement the first draw follows the weights, and the next what is left of them")
    func followsWeightsWithoutReplacement() {
        let weights = [1.0, 0, 3, 4]
        var pairs: [[Int]: Int] = [:]
        for seed in 0..<20_000 {
            let sampler = WeightedRandomSampler(weights, count: 2, replacement: false)
            pairs[draw(sampler, of: 4, seed: UInt64(seed)), default: 0] += 1
        }
        for (first, second) in [(0, 2), (0, 3), (2, 0), (2, 3), (3, 0), (3, 2)] {
            let expected = weights[first] / 8 * weights[second] / (8 - weights[first])
            let share = Double(pairs[[first, second]] ?? 0) / 20_000
            #expect(abs(share - expected) < 0.0106, "\(first), \(second): \(share), not \(expected)")
        }
        #expect(pairs.values.reduce(0, +) == 20_000 && pairs.count == 6)
        let all = draw(WeightedRandomSampler([1e-300, 1e300, 0.5], replacement: false), of: 3)
        #expect(all.sorted() == [0, 1, 2])
    }

    @Test("a loader has as many batches as its sampler draws")
    func countsBatches() throws {
        let sampler = WeightedRandomSampler([0, 0, 1, 1, 0], count: 7)
        let loader = DataLoader(CountedDataset(5), batchSize: 3, sampler: sampler)
        #expect(loader.count == 3 && loader.exampleCount == 7)
        let numbers = try exampleNumbers(loader.epoch(0)).flatMap { $0 }
        #expect(numbers.count == 7 && Set(numbers).isSubset(of: [2, 3]))
    }

    @Test("wrong weights are said")
    func wrongWeights() {
        expectDataError(.invalidArgument, "weight -1.0 of example 1") { _ = WeightedRandomSampler([1, -1]) }
        expectDataError(.invalidArgument, "weight nan of example 0") { _ = WeightedRandomSampler([.nan]) }
        expectDataError(.invalidArgument, "no weight above 0") { _ = WeightedRandomSampler([0, 0]) }
        expectDataError(.invalidArgument, "2 examples of 1 with a weight") {
            _ = WeightedRandomSampler([0, 1], replacement: false)
        }
        expectDataError(.invalidArgument, "RandomSampler(count: -1)") { _ = RandomSampler(count: -1) }
    }
}
