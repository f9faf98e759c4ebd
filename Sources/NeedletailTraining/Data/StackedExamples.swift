import Needletail
import TensorRuntime

/// Examples joined along a new first axis, array by array: what ``DataLoader`` makes of a batch unless it is told otherwise.
struct StackedExamples {
    private var first: (number: Int, arrays: [HostArray])?
    private var bytes: [[UInt8]] = []
    private var count = 0
    private let expected: Int

    /// - Parameter expected: how many examples there will be, for the memory.
    init(expecting expected: Int = 0) { self.expected = expected }

    /// All examples of a dataset.
    init(loading dataset: any Dataset) throws(TensorError) {
        self.init(expecting: dataset.count)
        for index in 0..<dataset.count {
            do {
                try append(try dataset.example(at: index), number: index)
            } catch {
                throw TensorError(error, atExample: index)
            }
        }
    }

    /// Adds an example, which must have the arrays of the first: as many, of its shapes and dtypes.
    mutating func append(_ example: Example, number: Int) throws(TensorError) {
        if let first {
            guard
                first.arrays.count == example.arrays.count,
                zip(first.arrays, example.arrays).allSatisfy({ $0.shape == $1.shape && $0.dtype == $1.dtype })
            else {
                func text(_ arrays: [HostArray]) -> String {
                    arrays.map { "\($0.dtype)\($0.shape)" }.joined(separator: ", ")
                }
                throw TensorError(
                    .data,
                    "batch: example \(first.number) has \(text(first.arrays)), example \(number) \(text(example.arrays)); "
                        + "make them the same, or give DataLoader a collate function that does")
            }
        } else {
            if let array = example.arrays.first(where: { $0.shape.rank == Shape.maximumRank }) {
                throw TensorError(
                    .data,
                    "batch: example \(number) has shape \(array.shape), to which no axis can be added; "
                        + "give arrays of \(Shape.maximumRank - 1) axes at most")
            }
            first = (number, example.arrays)
            bytes = example.arrays.map { array in
                var joined: [UInt8] = []
                joined.reserveCapacity(array.bytes.count * expected)
                return joined
            }
        }
        for (place, array) in example.arrays.enumerated() { bytes[place].append(contentsOf: array.bytes) }
        count += 1
    }

    /// The joined arrays, `[count, ...]` each; none of no examples.
    func arrays() throws(TensorError) -> [HostArray] {
        guard let first else {
            throw TensorError(.data, "batch: no example; give a dataset with some")
        }
        return zip(first.arrays, bytes).map {
            HostArray(unchecked: $1, shape: $0.shape.inserting(count, at: 0), dtype: $0.dtype)
        }
    }
}
