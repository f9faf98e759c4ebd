import Needletail

/// What a trainer asks of its data: batches, epoch by epoch, from any of them on.
protocol EpochBatches {
    /// Examples of a batch but the last.
    var batchSize: Int { get }
    /// Examples of an epoch.
    var exampleCount: Int { get }
    /// Batches of an epoch.
    var count: Int { get }
    /// What the order of an epoch is a function of, beside its number.
    var seed: UInt64 { get }
    var shuffle: Bool { get }
    var dropLast: Bool { get }

    func batches(ofEpoch epoch: Int, from first: Int) -> AnyIterator<Batch>
}

extension DataLoader: EpochBatches {
    func batches(ofEpoch epoch: Int, from first: Int) -> AnyIterator<Batch> {
        AnyIterator(self.epoch(epoch, from: first).makeIterator())
    }
}
