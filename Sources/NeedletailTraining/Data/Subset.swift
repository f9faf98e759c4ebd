import Needletail
import TensorRuntime

/// Some examples of a dataset, in an order of their own.
///
/// A subset of a ``ResidentDataset`` stays on its device: ``DataLoader`` gathers its batches there.
public struct Subset: Dataset {
    /// What the examples are of: no subset itself.
    public let base: any Dataset
    /// Numbers of examples of ``base``.
    public let indices: [Int]

    /// - Parameter indices: numbers of examples of `dataset`; one may come more than once.
    public init(
        _ dataset: any Dataset, _ indices: some Sequence<Int>, file: StaticString = #fileID, line: UInt = #line
    ) {
        let numbers = Array(indices)
        let count = dataset.count
        if let outside = numbers.first(where: { !(0..<count).contains($0) }) {
            WrongCall.report(
                "Subset", "example \(outside) of \(count)", remedy: "use numbers of at least 0, below the count",
                at: CallSite(file, line))
            base = dataset
            self.indices = []
            return
        }
        if let subset = dataset as? Subset {
            base = subset.base
            self.indices = numbers.map { subset.indices[$0] }
        } else {
            base = dataset
            self.indices = numbers
        }
    }

    public var count: Int { indices.count }

    public func example(at index: Int) throws -> Example {
        guard indices.indices.contains(index) else { throw TensorError.noExample(index, of: count) }
        return try base.example(at: indices[index])
    }

    /// An order of a dataset's examples as one of what it is a subset of.
    static func resolved(_ dataset: any Dataset, _ order: [Int64]?) -> (any Dataset, [Int64]?) {
        guard let subset = dataset as? Subset else { return (dataset, order) }
        return (
            subset.base, order.map { $0.map { Int64(subset.indices[Int($0)]) } } ?? subset.indices.map { Int64($0) }
        )
    }
}

/// Datasets one after the other.
///
/// Their examples are joined on the host, those on devices read back one by one: tensors are better joined by
/// `Tensor.concatenate(_:axis:file:line:)` before.
public struct ConcatDataset: Dataset {
    /// In their order.
    public let parts: [any Dataset]
    /// Where each part begins, and the end.
    private let starts: [Int]

    /// The examples of the first come first.
    public init(_ parts: any Dataset...) { self.init(parts) }

    /// As above, of an array.
    public init(_ parts: [any Dataset]) {
        self.parts = parts
        starts = parts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    }

    public var count: Int { starts[starts.count - 1] }

    public func example(at index: Int) throws -> Example {
        guard (0..<count).contains(index) else { throw TensorError.noExample(index, of: count) }
        // The last part that begins at or before the example: parts without examples begin where the next does.
        let part = starts.lastIndex { $0 <= index } ?? 0
        return try parts[part].example(at: index - starts[part])
    }
}
