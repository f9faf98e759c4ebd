import Needletail

/// Some examples, ready for a model: tensors whose first axis runs over the examples.
public struct Batch: Sendable {
    /// `[count, ...]` each: what a model takes first, what is wanted of it behind.
    public var tensors: [Tensor]
    /// Examples of the batch.
    public let count: Int

    /// - Parameter tensors: one or more, each of `count` examples.
    public init(_ tensors: [Tensor], count: Int) {
        self.tensors = tensors
        self.count = count
    }

    /// What a model takes: the first tensor.
    public var features: Tensor { tensors[0] }
    /// What is wanted of a model: the last tensor. Classes are int64 `[count]`.
    public var labels: Tensor { tensors[tensors.count - 1] }
}
