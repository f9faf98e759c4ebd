import Needletail
import TensorRuntime

/// The rows of a table as examples: numbers `[width]`, and a class or a number `[1]` where there is a target.
///
///     let data = try CSVDataset(contentsOf: "flowers.csv", target: "species")
///     let loader = DataLoader(data.onDevice(), batchSize: 16, shuffle: true)
public struct CSVDataset: Dataset {
    /// How columns became numbers.
    public let encoder: TableEncoder
    /// float32 `[count, width]`
    public let features: HostArray
    /// int64 `[count]` of classes, float32 `[count, 1]` of numbers; nil of a table without target.
    public let target: HostArray?

    /// A table as an encoder says.
    ///
    /// - Throws: as ``TableEncoder/encode(_:)``.
    public init(_ table: CSVTable, _ encoder: TableEncoder) throws(TensorError) {
        self.encoder = encoder
        features = try encoder.encode(table)
        target = encoder.target == nil ? nil : try encoder.encodeTarget(table)
    }

    /// A file, with an encoder fitted to it.
    ///
    /// Where some of the rows are held out, fit the encoder to the others alone: `table.rows(...)`.
    ///
    /// - Throws: as ``CSVTable/init(contentsOf:format:limit:)`` and
    ///   ``TableEncoder/init(fitting:target:isClassification:features:standardize:standardizeTarget:categories:missing:)``.
    public init(
        contentsOf path: String, target: String?, format: CSVFormat = CSVFormat(),
        missing: TableEncoder.MissingFields = .refuse
    ) throws(TensorError) {
        let table = try CSVTable(contentsOf: path, format: format)
        try self.init(table, try TableEncoder(fitting: table, target: target, missing: missing))
    }

    public var count: Int { features.shape[0] }

    public func example(at index: Int) throws -> Example {
        guard (0..<count).contains(index) else { throw TensorError.noExample(index, of: count) }
        return Example(([features] + (target.map { [$0] } ?? [])).map { $0.row(index) })
    }

    /// The same examples on a device.
    public func onDevice(_ device: DeviceID? = nil) -> TensorDataset {
        TensorDataset(([features] + (target.map { [$0] } ?? [])).map { Tensor($0, device: device) })
    }
}

extension HostArray {
    /// A row of the first axis, which has it.
    func row(_ index: Int) -> HostArray {
        let rest = shape.removing(axis: 0)
        let size = rest.elementCount * dtype.byteCount
        return HostArray(unchecked: Array(bytes[(index * size)..<((index + 1) * size)]), shape: rest, dtype: dtype)
    }
}
