import NeedletailVision

/// MNIST for the listings: the first `count` images `[count, 1, 28, 28]`, from 0 to 1, and their digits.
enum Digits {
    static func dataset(_ part: MNISTFiles.Part, _ count: Int) throws -> DeviceDataset {
        DeviceDataset(try MNISTFiles.load(part, from: MNISTFiles.directory()).prefix(count))
    }

    /// All of them in one batch.
    static func batch(_ part: MNISTFiles.Part, _ count: Int) throws -> Batch {
        try DataLoader(dataset(part, count), batchSize: count).epoch(0).first { _ in true }!
    }
}
