import Needletail
import TensorGraph
import TensorRuntime

/// The batches of an epoch, or what is left of them.
public struct DataLoaderBatches: Sequence, IteratorProtocol {
    private let source: any BatchSource
    private let transform: (any BatchTransform)?
    private let seeds: [UInt64]
    private let count: Int
    private var position: Int

    init(
        _ source: any BatchSource, from first: Int, count: Int, transform: (any BatchTransform)?, seeds: [UInt64]
    ) {
        self.source = source
        self.transform = transform
        self.seeds = seeds
        self.count = count
        position = Swift.max(first, 0)
    }

    /// Batches that are left.
    public var underestimatedCount: Int { Swift.max(count - position, 0) }

    /// The next batch; nil after the epoch's last.
    public mutating func next() -> Batch? {
        guard position < count else { return nil }
        defer { position += 1 }
        let batch = source.batch(position)
        guard let transform else { return batch }
        let generator = Needletail.Generator(seed: SeededRandom.mixed(seeds + [UInt64(position), 1]))
        return withNoGrad { transform(batch, generator: generator) }
    }

    /// Batches that lie ready on the host, for tests.
    package var preparedCount: Int { (source as? HostEpoch)?.preparedCount ?? 0 }
}

/// Where the batches of an epoch come from.
protocol BatchSource: Sendable {
    func batch(_ index: Int) -> Batch
}

/// Batches gathered on the device of a dataset.
struct ResidentEpoch: BatchSource {
    private let batches: DatasetBatches
    private let counters: LoaderCounters

    init(_ dataset: any ResidentDataset, order: [Int64]?, size: Int, counters: LoaderCounters, site: CallSite) {
        let places = order.map { order in
            withDeviceContext(dataset.stored[0].context) { Tensor(order, shape: [order.count]) }
        }
        batches = DatasetBatches(dataset: dataset, size: size, dropsLast: false, order: places, at: site)
        self.counters = counters
    }

    func batch(_ index: Int) -> Batch {
        counters.count(waited: nil)
        return batches[index]
    }
}

/// An epoch that cannot be: each batch carries the error.
struct FailedEpoch: BatchSource {
    let error: TensorError
    let context: DeviceContext

    func batch(_ index: Int) -> Batch { Batch(failedBy: error, count: 0, in: context, like: nil) }
}

extension Batch {
    /// A batch whose tensors carry an error.
    ///
    /// - Parameter earlier: a batch whose shapes these may have; they say nothing.
    init(failedBy error: TensorError, count: Int, in context: DeviceContext, like earlier: [(Shape, DType)]?) {
        let kinds = earlier ?? [([count], .float32), ([count], .int64)]
        self.init(
            kinds.map { shape, dtype in
                var shape = shape
                if shape.rank > 0 { shape[0] = count }
                return Tensor(context.failed(error, shape: shape, dtype: dtype))
            }, count: count)
    }
}
