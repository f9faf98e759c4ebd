import Needletail
import TensorRuntime

/// A change of a batch on its device, as augmentation is. It should only trace, so that it fuses into the step.
public protocol BatchTransform: Sendable {
    /// - Parameter generator: of the loader's seed, the epoch and the batch: where all that is random comes from.
    func callAsFunction(_ batch: Batch, generator: Generator) -> Batch
}

/// Transforms one after the other.
///
///     let augment = Compose(RandomCrop(28, padding: 2), RandomHorizontalFlip(), Normalize(mean: [0.13], std: [0.31]))
///     let loader = DataLoader(digits, batchSize: 64, shuffle: true, batchTransform: augment)
public struct Compose: BatchTransform {
    /// In the order in which they are applied.
    public let transforms: [any BatchTransform]

    /// The transforms in their order.
    public init(_ transforms: any BatchTransform...) { self.transforms = transforms }
    /// As above, of an array.
    public init(_ transforms: [any BatchTransform]) { self.transforms = transforms }

    public func callAsFunction(_ batch: Batch, generator: Generator) -> Batch {
        transforms.reduce(batch) { $1($0, generator: generator) }
    }
}
