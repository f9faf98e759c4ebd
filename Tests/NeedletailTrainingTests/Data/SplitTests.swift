import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

@Suite("Splits")
struct SplitTests {
    /// Classes 0, 1 and 5 of 61, 30 and 7 examples, mixed.
    private let labels = Generator(seed: 3).permutation(98).map { $0 < 61 ? 0 : $0 < 91 ? 1 : 5 }

    @Test("a random split has each example once, in parts of PyTorch's sizes")
    func splitsAtRandom() {
        let data = CountedDataset(10)
        // torch.utils.data.random_split(range(10), [0.3, 0.3, 0.4]) and of 11: the rest goes round from the first.
        #expect(randomSplit(data, fractions: [0.3, 0.3, 0.4]).map(\.count) == [3, 3, 4])
        #expect(randomSplit(CountedDataset(11), fractions: [0.3, 0.3, 0.4]).map(\.count) == [4, 3, 4])
        #expect(randomSplit(CountedDataset(1_000_000), fractions: [0.29, 0.71]).map(\.count) == [290_000, 710_000])
        let parts = randomSplit(data, lengths: [7, 0, 3], seed: 4)
        #expect(parts.map(\.count) == [7, 0, 3])
        #expect(parts.flatMap(\.indices).sorted() == Array(0..<10))
        #expect(randomSplit(data, lengths: [7, 0, 3], seed: 4).map(\.indices) == parts.map(\.indices))
        #expect(randomSplit(data, lengths: [7, 0, 3], seed: 5).map(\.indices) != parts.map(\.indices))
    }

    @Test("a split of a seed is the same on every machine")
    func staysTheSame() {
        #expect(randomSplit(CountedDataset(8), lengths: [5, 3], seed: 7).map(\.indices) == SplitTests.known)
    }

    /// By Fisher and Yates from Philox 4x32-10's words under key 7, computed in Python from the paper's rounds.
    private static let known = [[1, 3, 5, 4, 6], [2, 0, 7]]

    @Test("in a stratified split every class has its share within one example, and so has each part")
    func stratifies() {
        let fractions = [0.7, 0.2, 0.1]
        for seed in 0..<5 {
            let parts = stratifiedSplit(CountedDataset(98), labels: labels, fractions: fractions, seed: UInt64(seed))
            #expect(parts.flatMap(\.indices).sorted() == Array(0..<98))
            for (part, fraction) in zip(parts, fractions) {
                #expect(abs(Double(part.count) - 98 * fraction) <= 1)
                for (label, count) in [(0, 61.0), (1, 30), (5, 7)] {
                    let found = part.indices.count { labels[$0] == label }
                    #expect(
                        abs(Double(found) - count * fraction) < 1, "class \(label): \(found) of \(count) * \(fraction)")
                }
            }
        }
        let halves = stratifiedSplit(CountedDataset(4), labels: [0, 1, 0, 1], fractions: [0.5, 0.5])
        #expect(halves.map { $0.indices.map { $0 % 2 }.sorted() } == [[0, 1], [0, 1]])
    }

    @Test("folds are held out once each and are of equal size")
    func folds() {
        let folds = kFold(CountedDataset(11), folds: 4)
        #expect(folds.map(\.validation.count) == [3, 3, 3, 2])
        #expect(folds.flatMap(\.validation.indices).sorted() == Array(0..<11))
        for fold in folds {
            #expect((fold.training.indices + fold.validation.indices).sorted() == Array(0..<11))
        }
        let inOrder = kFold(CountedDataset(5), folds: 2, shuffle: false)
        #expect(inOrder.map(\.validation.indices) == [[0, 1, 2], [3, 4]])
        let stratified = stratifiedKFold(CountedDataset(98), labels: labels, folds: 5, seed: 2)
        #expect(stratified.map(\.validation.count).allSatisfy { (19...20).contains($0) })
        #expect(stratified.flatMap(\.validation.indices).sorted() == Array(0..<98))
        for fold in stratified {
            #expect((12...13).contains(fold.validation.indices.count { labels[$0] == 0 }))
            #expect(fold.validation.indices.count { labels[$0] == 1 } == 6)
            #expect((1...2).contains(fold.validation.indices.count { labels[$0] == 5 }))
        }
    }

    @Test("class weights are scikit-learn's balanced ones, and classes are read off any dataset")
    func weighsClasses() throws {
        #expect(classWeights([0, 0, 0, 1, 3]) == [5.0 / 12, 1.25, 0, 1.25])
        #expect(classWeights([1, 1], classes: 3) == [0, 1.0 / 3, 0] && classWeights([]).isEmpty)
        #expect(try CountedDataset(4).classes() == [0, 1, 2, 0])
        #expect(try Subset(CountedDataset(4), [2, 1]).classes() == [2, 1])
        let resident = TensorDataset(Tensor.zeros([3, 2]), Tensor([UInt8(4), 5, 6], shape: [3]))
        #expect(try resident.classes() == [4, 5, 6])
        #expect(try Subset(resident, [2, 0]).classes() == [6, 4])
        expectDataError(.data, "the last tensor is float32[2]") { _ = try TensorDataset(Tensor.zeros([2])).classes() }
    }

    @Test("wrong calls are said")
    func wrongCalls() {
        let data = CountedDataset(4)
        expectDataError(.invalidArgument, "lengths [3, 2] of 4 examples") { _ = randomSplit(data, lengths: [3, 2]) }
        expectDataError(.invalidArgument, "lengths [5, -1]") { _ = randomSplit(data, lengths: [5, -1]) }
        expectDataError(.invalidArgument, "fractions [0.5, 0.6]") { _ = randomSplit(data, fractions: [0.5, 0.6]) }
        expectDataError(.invalidArgument, "2 labels of 4 examples") {
            _ = stratifiedSplit(data, labels: [0, 1], fractions: [0.5, 0.5])
        }
        expectDataError(.invalidArgument, "kFold(folds: 1)") { _ = kFold(data, folds: 1) }
        expectDataError(.invalidArgument, "kFold(folds: 5)") { _ = kFold(data, folds: 5) }
        expectDataError(.invalidArgument, "labels -1...2 of 3 classes") { _ = classWeights([-1, 2], classes: 3) }
    }
}
