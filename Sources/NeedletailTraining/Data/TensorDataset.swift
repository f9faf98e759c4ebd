import Needletail
import TensorRuntime

/// Tensors of one device, whose first axis runs over the examples.
///
///     let data = TensorDataset(x, y)
///     for batch in DataLoader(data, batchSize: 16, shuffle: true).epoch(0) { ... }
public struct TensorDataset: ResidentDataset {
    /// `[count, ...]` each: what a model takes first, what is wanted of it behind.
    public let stored: [Tensor]
    public let count: Int

    /// - Parameter tensors: one or more, of the same device, each with as many rows. Gradients do not flow to them.
    public init(_ tensors: Tensor..., file: StaticString = #fileID, line: UInt = #line) {
        self.init(tensors, file: file, line: line)
    }

    /// As above, of an array.
    public init(_ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line) {
        guard let first = tensors.first, first.rank > 0,
            tensors.allSatisfy({ $0.rank > 0 && $0.shape[0] == first.shape[0] && $0.context === first.context })
        else {
            let found = tensors.map { "\($0.shape) on \($0.device)" }.joined(separator: ", ")
            let problem = tensors.isEmpty ? "no tensors" : "tensors \(found)"
            let remedy = "give one or more, each of as many rows, on one device"
            let poisoned =
                tensors.first.map { $0.invalid("TensorDataset", problem, remedy: remedy, tensors, file, line) }
                ?? Tensor.invalidCreation(
                    "TensorDataset", problem, remedy: remedy, shape: [0], dtype: .float32, device: nil,
                    at: CallSite(file, line))
            stored = [poisoned]
            count = 0
            return
        }
        stored = tensors.map { $0.detach() }
        count = first.shape[0]
    }

    /// Reads a whole dataset and copies its arrays to a device as they are.
    ///
    /// - Throws: what the dataset throws, and `data` where it has no example, or examples of different shapes or dtypes.
    public init(loading dataset: any Dataset, device: DeviceID? = nil) throws(TensorError) {
        self.init(try StackedExamples(loading: dataset).arrays().map { Tensor($0, device: device) })
    }

    public func tensors(of rows: [Tensor]) -> [Tensor] { rows }
}
