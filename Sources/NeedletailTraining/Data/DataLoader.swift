import Needletail
import TensorGraph
import TensorRuntime

/// The batches of a dataset, epoch by epoch. The order of an epoch is a function of the seed and the epoch's number alone,
/// so that training can go on in the middle of one.
///
///     let loader = DataLoader(digits, batchSize: 64, shuffle: true, seed: 1)
///     for epoch in 0..<10 {
///         for batch in loader.epoch(epoch) { ... }
///     }
public struct DataLoader: Sendable {
    public let batchSize: Int
    /// Whether each epoch has an order of its own.
    public let shuffle: Bool
    /// Whether a last batch that is not full is left out.
    public let dropLast: Bool
    public let seed: UInt64

    private let dataset: DeviceDataset

    /// - Parameters:
    ///   - batchSize: examples of a batch, 1 or more.
    ///   - shuffle: whether each epoch has an order of its own.
    ///   - dropLast: whether a last batch that is not full is left out.
    ///   - seed: of the orders.
    public init(
        _ dataset: DeviceDataset, batchSize: Int, shuffle: Bool = false, dropLast: Bool = false, seed: UInt64 = 0,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        if batchSize <= 0 {
            WrongCall.report(
                "DataLoader(batchSize: \(batchSize))", "no size of a batch", remedy: "give 1 or more",
                at: CallSite(file, line))
        }
        self.dataset = dataset
        self.batchSize = Swift.max(batchSize, 1)
        self.shuffle = shuffle
        self.dropLast = dropLast
        self.seed = seed
    }

    /// Examples of the dataset.
    public var exampleCount: Int { dataset.count }
    /// Batches of an epoch.
    public var count: Int { exampleCount / batchSize + (dropLast || exampleCount % batchSize == 0 ? 0 : 1) }

    /// The batches of an epoch in their order, from one of them on.
    public func epoch(_ epoch: Int, from first: Int = 0) -> DataLoaderBatches {
        let batches =
            shuffle
            ? dataset.batches(of: batchSize, dropsLast: dropLast, shuffledBy: orderGenerator(of: epoch))
            : dataset.batches(of: batchSize, dropsLast: dropLast)
        return DataLoaderBatches(batches, from: first)
    }

    /// The generator that shuffles an epoch: of the seed and the epoch alone.
    private func orderGenerator(of epoch: Int) -> Generator {
        // SplitMix64's increment keeps the epochs' keys apart.
        Generator(seed: seed &+ UInt64(epoch + 1) &* 0x9E37_79B9_7F4A_7C15)
    }
}

/// The batches of an epoch, or what is left of them.
public struct DataLoaderBatches: Sequence, IteratorProtocol {
    private let batches: DatasetBatches
    private var position: Int

    fileprivate init(_ batches: DatasetBatches, from first: Int) {
        self.batches = batches
        position = Swift.max(first, 0)
    }

    public mutating func next() -> Batch? {
        guard position < batches.count else { return nil }
        defer { position += 1 }
        return batches[position]
    }
}
