import Needletail
import TensorRuntime

/// Batches of tensors whose first axis runs over the examples, gathered on their device in the trace of the step.
struct TensorBatches: EpochBatches {
    let x: Tensor
    let y: Tensor
    let batchSize: Int
    let seed: UInt64
    let shuffle: Bool
    let dropLast = false

    /// - Throws: `invalidArgument` where the tensors do not fit together, or there is no size of a batch.
    init(_ x: Tensor, _ y: Tensor, batchSize: Int, shuffle: Bool = false, seed: UInt64 = 0) throws(TensorError) {
        guard batchSize > 0 else {
            throw TensorError(
                .invalidArgument, "KerasModel(batchSize: \(batchSize)): no size of a batch; give 1 or more")
        }
        guard x.rank > 0, y.rank > 0, x.shape[0] == y.shape[0], x.context === y.context else {
            throw TensorError(
                .invalidArgument,
                "KerasModel: inputs \(x.shape) on \(x.device) and targets \(y.shape) on \(y.device); give as many rows of "
                    + "each, on one device")
        }
        self.x = x.detach()
        self.y = y.detach()
        self.batchSize = batchSize
        self.seed = seed
        self.shuffle = shuffle
    }

    var exampleCount: Int { x.shape[0] }
    var count: Int { exampleCount / batchSize + (exampleCount % batchSize == 0 ? 0 : 1) }

    func batches(ofEpoch epoch: Int, from first: Int) -> AnyIterator<Batch> {
        // SplitMix64's increment keeps the epochs' keys apart, as DataLoader has it.
        let generator = Generator(seed: seed &+ UInt64(epoch + 1) &* 0x9E37_79B9_7F4A_7C15)
        let order =
            shuffle
            ? withDeviceContext(x.context) { Tensor(generator.permutation(exampleCount), shape: [exampleCount]) } : nil
        var next = first
        return AnyIterator {
            guard next < count else { return nil }
            let start = next * batchSize
            let end = Swift.min(start + batchSize, exampleCount)
            next += 1
            let tensors = [x, y].map { tensor in
                order.map { tensor.indexSelect(axis: 0, index: $0.slice(axis: 0, from: start, to: end)) }
                    ?? tensor.slice(axis: 0, from: start, to: end)
            }
            return Batch(tensors, count: end - start)
        }
    }

    /// The rows of a range.
    func rows(_ range: Range<Int>) throws(TensorError) -> TensorBatches {
        try TensorBatches(
            x.slice(axis: 0, from: range.lowerBound, to: range.upperBound),
            y.slice(axis: 0, from: range.lowerBound, to: range.upperBound), batchSize: batchSize, shuffle: shuffle,
            seed: seed)
    }
}
