import Needletail
import TensorRuntime

/// Examples with classes that lie on a device as bytes: a batch is gathered, cast and scaled there, in the trace of the
/// step that uses it.
public final class DeviceDataset: Sendable {
    /// uint8 `[count, features...]`
    public let features: Tensor
    /// uint8 `[count]`
    public let labels: Tensor
    /// What a feature's byte is multiplied by.
    public let scale: Double
    /// The dtype of a batch's features: a model's.
    public let dtype: DType

    public let count: Int

    /// Copies examples to a device.
    ///
    /// - Parameters:
    ///   - features: uint8, row-major, example by example.
    ///   - shape: of one example; `features` holds a multiple of its elements.
    ///   - labels: the class of each example.
    ///   - dtype: of a batch's features, which are scaled in float32 and rounded to it.
    public init(
        features: [UInt8], shape: Shape, labels: [UInt8], scale: Double = 1 / 255, device: DeviceID? = nil,
        dtype: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        let whole = shape.inserting(labels.count, at: 0)
        self.scale = scale
        self.dtype = dtype
        guard whole.isValid, features.count == whole.elementCount else {
            self.features = Tensor.invalidCreation(
                "DeviceDataset", "\(features.count) bytes are not \(labels.count) examples of \(shape)",
                remedy: "give as many of each", shape: [0], dtype: .uint8, device: device, at: site)
            self.labels = self.features
            count = 0
            return
        }
        let context = Tensor.creationContext(device, at: site)
        count = labels.count
        self.features = features.withUnsafeBytes {
            Tensor.host($0, shape: whole, dtype: .uint8, in: context, mayIndex: false)
        }
        self.labels = Tensor.host(labels, shape: [labels.count], in: context)
    }

    /// The examples in batches, in their own order.
    public func batches(
        of size: Int, dropsLast: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> DatasetBatches {
        DatasetBatches(dataset: self, size: size, dropsLast: dropsLast, order: nil, at: CallSite(file, line))
    }

    /// The examples in batches, shuffled: the same on every device for a state of the generator.
    ///
    /// The permutation is drawn on the host and copied to the device once.
    public func batches(
        of size: Int, dropsLast: Bool = false, shuffledBy generator: Generator, file: StaticString = #fileID,
        line: UInt = #line
    ) -> DatasetBatches {
        let order = withDeviceContext(features.context) { Tensor(generator.permutation(count), shape: [count]) }
        return DatasetBatches(
            dataset: self, size: size, dropsLast: dropsLast, order: order, at: CallSite(file, line))
    }
}

/// A dataset's examples in an order, cut into batches.
///
/// Batches are traced when they are asked for. Where one begins is a run-time number, so that all batches of a size
/// share a plan.
public struct DatasetBatches: RandomAccessCollection, Sendable {
    fileprivate let dataset: DeviceDataset
    public let size: Int
    /// Whether a last batch that is not full is left out.
    public let dropsLast: Bool
    /// int64 `[count]`; nil is the dataset's own order.
    fileprivate let order: Tensor?

    fileprivate init(dataset: DeviceDataset, size: Int, dropsLast: Bool, order: Tensor?, at site: CallSite) {
        if size <= 0 {
            WrongCall.report("batches(of: \(size))", "no size of a batch", remedy: "give 1 or more", at: site)
        }
        self.dataset = dataset
        self.size = Swift.max(size, 1)
        self.dropsLast = dropsLast
        self.order = order
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { dataset.count / size + (dropsLast || dataset.count % size == 0 ? 0 : 1) }

    public subscript(index: Int) -> Batch {
        guard indices.contains(index) else {
            let none = dataset.features.invalid(
                "batches", "batch \(index) is outside 0..<\(count)", remedy: "use an index of indices", [], at: nil)
            return Batch([none, none], count: 0)
        }
        let start = index * size
        let end = start + Swift.min(size, dataset.count - start)
        let features: Tensor
        let labels: Tensor
        if let order {
            let places = order.slice(axis: 0, from: start, to: end)
            features = dataset.features.indexSelect(axis: 0, index: places)
            labels = dataset.labels.indexSelect(axis: 0, index: places)
        } else {
            features = dataset.features.slice(axis: 0, from: start, to: end)
            labels = dataset.labels.slice(axis: 0, from: start, to: end)
        }
        let scaled = (features.to(.float32) * dataset.scale).to(dataset.dtype)
        return Batch([scaled, labels.to(.int64)], count: end - start)
    }
}
