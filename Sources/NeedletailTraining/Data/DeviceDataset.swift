import Needletail
import TensorRuntime

/// Examples that lie on a device in the dtype that they came in: a batch is gathered, cast and scaled there, in the trace
/// of the step that uses it.
///
/// What is put in are bytes of pictures with classes, or any arrays: integers as features are cast and scaled, floats as
/// targets are a regression's.
public final class DeviceDataset: ResidentDataset {
    /// `[count, ...]` each: inputs first, the target behind.
    public let stored: [Tensor]
    /// What the inputs are multiplied by.
    public let scale: Double
    /// The dtype of a batch's inputs, and of its target where that is a float: a model's.
    public let dtype: DType
    /// Examples.
    public let count: Int

    /// The first input, `[count, features...]`.
    public var features: Tensor { stored[0] }
    /// The target, `[count, ...]`.
    public var labels: Tensor { stored[stored.count - 1] }

    /// Copies bytes with classes to a device.
    ///
    /// - Parameters:
    ///   - features: uint8, row-major, example by example.
    ///   - shape: of one example; `features` holds a multiple of its elements.
    ///   - labels: the class of each example.
    ///   - dtype: of a batch's features, which are scaled in float32 and rounded to it.
    public convenience init(
        features: [UInt8], shape: Shape, labels: [UInt8], scale: Double = 1 / 255, device: DeviceID? = nil,
        dtype: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) {
        let whole = shape.inserting(labels.count, at: 0)
        guard whole.isValid, features.count == whole.elementCount else {
            self.init(
                poisonedBy: "\(features.count) bytes are not \(labels.count) examples of \(shape)",
                remedy: "give as many of each", scale, dtype, device, CallSite(file, line))
            return
        }
        self.init(
            inputs: [HostArray(unchecked: features, shape: whole, dtype: .uint8)], target: HostArray(labels),
            scale: scale, device: device, dtype: dtype, file: file, line: line)
    }

    /// Copies arrays to a device.
    ///
    /// - Parameters:
    ///   - inputs: one or more, `[count, ...]` each, of any dtype.
    ///   - target: `[count, ...]`. A batch has integers as int64, the classes of `crossEntropy(_:_:)`, and floats as
    ///     `dtype`.
    ///   - scale: what inputs are multiplied by, in float32 (float64 where `dtype` is).
    ///   - dtype: of a batch's inputs, a float type.
    public init(
        inputs: [HostArray], target: HostArray, scale: Double = 1, device: DeviceID? = nil, dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        self.scale = scale
        self.dtype = dtype
        let arrays = inputs + [target]
        guard !inputs.isEmpty, dtype.isFloat, target.shape.rank > 0,
            arrays.allSatisfy({ $0.shape.rank > 0 && $0.shape[0] == target.shape[0] })
        else {
            let found = arrays.map { "\($0.dtype)\($0.shape)" }.joined(separator: ", ")
            stored = [
                Tensor.invalidCreation(
                    "DeviceDataset", "inputs and target \(found) as \(dtype)",
                    remedy: "give an input or more and a target, each of as many rows, and a float dtype",
                    shape: [0], dtype: .uint8, device: device, at: site)
            ]
            count = 0
            return
        }
        let context = Tensor.creationContext(device, at: site)
        count = target.shape[0]
        stored = arrays.enumerated().map { place, array in
            array.bytes.withUnsafeBytes {
                // Only the target's integers may be classes, which are looked through.
                Tensor.host(
                    $0, shape: array.shape, dtype: array.dtype, in: context, mayIndex: place == inputs.count)
            }
        }
    }

    /// Reads a whole dataset and copies it to a device: the last array of its examples is the target, as above.
    ///
    /// - Throws: what the dataset throws, and `data` where its examples have different shapes or dtypes.
    public convenience init(
        loading dataset: any Dataset, scale: Double = 1, device: DeviceID? = nil, dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) {
        let arrays = try StackedExamples(loading: dataset).arrays()
        guard arrays.count >= 2 else {
            throw TensorError(
                .data, "DeviceDataset: examples of \(arrays.count) arrays; give some of an input or more and a target")
        }
        self.init(
            inputs: Array(arrays.dropLast()), target: arrays[arrays.count - 1], scale: scale, device: device,
            dtype: dtype, file: file, line: line)
    }

    private init(
        poisonedBy problem: String, remedy: String, _ scale: Double, _ dtype: DType, _ device: DeviceID?,
        _ site: CallSite
    ) {
        self.scale = scale
        self.dtype = dtype
        stored = [
            Tensor.invalidCreation(
                "DeviceDataset", problem, remedy: remedy, shape: [0], dtype: .uint8, device: device, at: site)
        ]
        count = 0
    }

    public func tensors(of rows: [Tensor]) -> [Tensor] {
        guard rows.count > 1 else { return [rows[0], rows[0]] }
        return rows.enumerated().map { place, row in
            if place == rows.count - 1 { return row.to(row.dtype.isFloat ? dtype : .int64) }
            if scale == 1 { return row.to(dtype) }
            return (row.to(dtype == .float64 ? .float64 : .float32) * scale).to(dtype)
        }
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
