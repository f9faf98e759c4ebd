import Needletail
import TensorRuntime

// Every split is a function of the seed alone: the same on every machine.

/// Splits a dataset at random into parts of given lengths, which sum to its count.
/// Source:
/// [torch.utils.data.random_split](https://pytorch.org/docs/stable/data.html#torch.utils.data.random_split).
public func randomSplit(
    _ dataset: any Dataset, lengths: [Int], seed: UInt64 = 0, file: StaticString = #fileID, line: UInt = #line
) -> [Subset] {
    guard lengths.allSatisfy({ $0 >= 0 }), sum(lengths) == dataset.count else {
        WrongCall.report(
            "randomSplit", "lengths \(lengths) of \(dataset.count) examples",
            remedy: "give lengths of at least 0 that sum to the count", at: CallSite(file, line))
        return lengths.map { _ in Subset(dataset, []) }
    }
    let order = Generator(seed: seed).permutation(dataset.count)
    var start = 0
    return lengths.map { length in
        defer { start += length }
        return Subset(dataset, order[start..<(start + length)].map { Int($0) })
    }
}

/// Splits a dataset at random into shares of it, which sum to 1. What is left where shares are cut to whole examples goes to the
/// parts in turn, from the first on, as in PyTorch.
public func randomSplit(
    _ dataset: any Dataset, fractions: [Double], seed: UInt64 = 0, file: StaticString = #fileID, line: UInt = #line
) -> [Subset] {
    guard areFractions(fractions) else {
        reportFractions("randomSplit", fractions, CallSite(file, line))
        return fractions.map { _ in Subset(dataset, []) }
    }
    var lengths = normalized(fractions).map { wholeShare(dataset.count, $0) }
    for place in 0..<(dataset.count - lengths.reduce(0, +)) { lengths[place % lengths.count] += 1 }
    return randomSplit(dataset, lengths: lengths, seed: seed, file: file, line: line)
}

/// Splits a dataset at random into shares of it in each of which every class has its share, to the nearest example above or
/// below.
///
/// - Parameters:
///   - labels: the class of each example (``Dataset/classes()``).
///   - fractions: of the parts; they sum to 1.
public func stratifiedSplit(
    _ dataset: any Dataset, labels: [Int], fractions: [Double], seed: UInt64 = 0, file: StaticString = #fileID,
    line: UInt = #line
) -> [Subset] {
    let site = CallSite(file, line)
    let isRight = areFractions(fractions)
    if !isRight { reportFractions("stratifiedSplit", fractions, site) }
    guard haveOne(labels, dataset, "stratifiedSplit", site), isRight else {
        return fractions.map { _ in Subset(dataset, []) }
    }
    return stratifiedParts(labels, normalized(fractions), seed: seed).map { Subset(dataset, $0) }
}

/// What is trained on and what is held out, of one of several ways to split a dataset.
public struct Fold: Sendable {
    /// What is trained on.
    public let training: Subset
    /// What is held out.
    public let validation: Subset
}

/// Splits a dataset into folds of equal size, to the nearest example: each is held out once.
/// Source: [sklearn.model_selection.KFold](https://scikit-learn.org/stable/modules/generated/sklearn.model_selection.KFold.html).
///
/// - Parameter shuffle: whether examples are put into folds at random, or in the dataset's order.
public func kFold(
    _ dataset: any Dataset, folds: Int, shuffle: Bool = true, seed: UInt64 = 0, file: StaticString = #fileID,
    line: UInt = #line
) -> [Fold] {
    guard checkFolds(folds, dataset, "kFold", CallSite(file, line)) else { return [] }
    let order =
        shuffle ? Generator(seed: seed).permutation(dataset.count).map { Int($0) } : Array(0..<dataset.count)
    var start = 0
    return heldOut(
        (0..<folds).map { fold in
            let size = dataset.count / folds + (fold < dataset.count % folds ? 1 : 0)
            defer { start += size }
            return Array(order[start..<(start + size)])
        }, of: dataset)
}

/// Splits a dataset at random into folds in each of which every class has its share, to the nearest example: each is held
/// out once.
///
/// - Parameter labels: the class of each example (``Dataset/classes()``).
public func stratifiedKFold(
    _ dataset: any Dataset, labels: [Int], folds: Int, seed: UInt64 = 0, file: StaticString = #fileID,
    line: UInt = #line
) -> [Fold] {
    let site = CallSite(file, line)
    guard haveOne(labels, dataset, "stratifiedKFold", site), checkFolds(folds, dataset, "stratifiedKFold", site) else {
        return []
    }
    let fractions = Array(repeating: 1 / Double(folds), count: folds)
    return heldOut(stratifiedParts(labels, fractions, seed: seed), of: dataset)
}

/// Weights of classes by how rare they are, `count / (classes * count of the class)`: what `crossEntropy` takes as `weight`.
/// A class without examples has weight 0.
/// Source: ["balanced" of
/// scikit-learn](https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html).
///
/// - Parameters:
///   - labels: the class of each example.
///   - classes: how many there are; nil is the largest label and one.
public func classWeights(
    _ labels: [Int], classes: Int? = nil, file: StaticString = #fileID, line: UInt = #line
) -> [Double] {
    let count = max(classes ?? (labels.max() ?? -1).addingReportingOverflow(1).partialValue, 0)
    guard classes ?? 0 >= 0, labels.allSatisfy({ (0..<count).contains($0) }) else {
        WrongCall.report(
            "classWeights", "labels \(labels.min() ?? 0)...\(labels.max() ?? 0) of \(count) classes",
            remedy: "use labels of at least 0, below the number of classes", at: CallSite(file, line))
        return Array(repeating: 0, count: max(count, 0))
    }
    var counts = Array(repeating: 0, count: count)
    for label in labels { counts[label] += 1 }
    return counts.map { $0 == 0 ? 0 : Double(labels.count) / Double(count * $0) }
}

extension Dataset {
    /// The class of each example: the last of its arrays, an integer. Those of a ``ResidentDataset`` are read at once.
    ///
    /// - Throws: `data` where the last array is not one integer, and what ``example(at:)`` throws.
    public func classes() throws(TensorError) -> [Int] {
        if let subset = self as? Subset, subset.base is any ResidentDataset {
            let all = try subset.base.classes()
            return subset.indices.map { all[$0] }
        }
        if let resident = self as? any ResidentDataset {
            let last = resident.stored[resident.stored.count - 1]
            guard last.rank == 1, last.dtype.kind == .integer else {
                throw TensorError(
                    .data, "classes: the last tensor is \(last.dtype)\(last.shape); it must be integers [count]")
            }
            return try last.scalars(as: Int.self)
        }
        var labels: [Int] = []
        labels.reserveCapacity(count)
        for index in 0..<count {
            let last: HostArray?
            do { last = try example(at: index).arrays.last } catch { throw TensorError(error, atExample: index) }
            guard let last, last.elementCount == 1, last.dtype.kind == .integer else {
                let found = last.map { "\($0.dtype)\($0.shape)" } ?? "missing"
                throw TensorError(
                    .data, "example \(index): its last array is \(found); a class is one integer")
            }
            labels.append(last.scalars(as: Int.self)[0])
        }
        return labels
    }
}

// MARK: - The parts

/// The numbers of the examples of each part, in random order.
///
/// In a class, a part has its share cut to a whole number; what is left goes, one each, to parts whose share is no whole
/// number, first to those that have had the least of what they should have in the classes so far. So the parts' sizes are right
/// too.
private func stratifiedParts(_ labels: [Int], _ fractions: [Double], seed: UInt64) -> [[Int]] {
    var counts: [Int: Int] = [:]
    for label in labels { counts[label, default: 0] += 1 }
    var owed = Array(repeating: 0.0, count: fractions.count)
    var rests: [Int: [Int]] = [:]
    for label in counts.keys.sorted() {
        let count = counts[label]!
        var sizes = fractions.map { wholeShare(count, $0) }
        for part in sizes.indices { owed[part] += Double(count) * fractions[part] - Double(sizes[part]) }
        let left = count - sizes.reduce(0, +)
        let cut = sizes.indices.filter { Double(count) * fractions[$0] - Double(sizes[$0]) > 1e-9 }
        // Sorted by number where they are owed the same, so that nothing depends on the sort.
        let first = cut.sorted { (owed[$1], $0) < (owed[$0], $1) }.prefix(left)
        for part in first {
            sizes[part] += 1
            owed[part] -= 1
        }
        rests[label] = sizes
    }
    var parts = fractions.map { _ in [Int]() }
    for number in Generator(seed: seed).permutation(labels.count) {
        let label = labels[Int(number)]
        let part = rests[label]!.firstIndex { $0 > 0 }!
        rests[label]![part] -= 1
        parts[part].append(Int(number))
    }
    return parts
}

/// A share of a count, cut to a whole number; not to one below where it is whole but for rounding.
private func wholeShare(_ count: Int, _ fraction: Double) -> Int {
    Int((Double(count) * fraction + 1e-9 * max(1, Double(count) * 1e-3)).rounded(.down))
}

private func heldOut(_ parts: [[Int]], of dataset: any Dataset) -> [Fold] {
    parts.map { part in
        let held = Set(part)
        return Fold(
            training: Subset(dataset, (0..<dataset.count).filter { !held.contains($0) }),
            validation: Subset(dataset, part))
    }
}

// MARK: - Checks

private func sum(_ lengths: [Int]) -> Int? {
    lengths.reduce(0) { (total: Int?, length) in
        guard let (value, overflows) = total?.addingReportingOverflow(length), !overflows else { return nil }
        return value
    }
}

/// Fractions whose sum is 1 but for rounding.
private func normalized(_ fractions: [Double]) -> [Double] {
    let total = fractions.reduce(0, +)
    return fractions.map { $0 / total }
}

private func areFractions(_ fractions: [Double]) -> Bool {
    fractions.allSatisfy { (0...1).contains($0) } && abs(fractions.reduce(0, +) - 1) < 1e-6
}

private func reportFractions(_ name: String, _ fractions: [Double], _ site: CallSite) {
    WrongCall.report(
        name, "fractions \(fractions)", remedy: "give numbers of 0 to 1 that sum to 1", at: site)
}

private func haveOne(_ labels: [Int], _ dataset: any Dataset, _ name: String, _ site: CallSite) -> Bool {
    if labels.count == dataset.count { return true }
    WrongCall.report(
        name, "\(labels.count) labels of \(dataset.count) examples", remedy: "give the class of each example", at: site)
    return false
}

private func checkFolds(_ folds: Int, _ dataset: any Dataset, _ name: String, _ site: CallSite) -> Bool {
    if (2...max(dataset.count, 2)).contains(folds), folds <= dataset.count { return true }
    WrongCall.report(
        "\(name)(folds: \(folds))", "of \(dataset.count) examples",
        remedy: "give 2 or more, and no more than there are examples", at: site)
    return false
}
