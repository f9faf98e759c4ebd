import Needletail
import TensorGraph
import TensorRuntime

/// The examples of a dataset on a device in an order, cut into batches.
///
/// Batches are traced when they are asked for. Where one begins is a run-time number, so that all batches of a size
/// share a plan.
public struct DatasetBatches: RandomAccessCollection, Sendable {
    private let dataset: any ResidentDataset
    /// Examples of a batch.
    public let size: Int
    /// Whether a last batch that is not full is left out.
    public let dropsLast: Bool
    /// int64; nil is the dataset's own order.
    private let order: Tensor?
    /// Examples, all batches together.
    private let exampleCount: Int

    init(dataset: any ResidentDataset, size: Int, dropsLast: Bool, order: Tensor?, at site: CallSite) {
        if size <= 0 {
            WrongCall.report("batches(of: \(size))", "no size of a batch", remedy: "give 1 or more", at: site)
        }
        self.dataset = dataset
        self.size = Swift.max(size, 1)
        self.dropsLast = dropsLast
        self.order = order
        exampleCount = order?.shape[0] ?? dataset.count
    }

    /// 0
    public var startIndex: Int { 0 }
    /// The number of batches.
    public var endIndex: Int { exampleCount / size + (dropsLast || exampleCount % size == 0 ? 0 : 1) }

    /// A batch, traced anew each time.
    public subscript(index: Int) -> Batch {
        guard indices.contains(index) else {
            let none = dataset.stored[0].invalid(
                "batches", "batch \(index) is outside 0..<\(count)", remedy: "use an index of indices", [], at: nil)
            return Batch([none, none], count: 0)
        }
        let start = index * size
        let end = start + Swift.min(size, exampleCount - start)
        let rows: [Tensor]
        if let order {
            let places = order.slice(axis: 0, from: start, to: end)
            rows = dataset.stored.map { $0.indexSelect(axis: 0, index: places) }
        } else {
            rows = dataset.stored.map { $0.slice(axis: 0, from: start, to: end) }
        }
        return Batch(dataset.tensors(of: rows), count: end - start)
    }
}
