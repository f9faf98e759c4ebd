import Needletail
import TensorRuntime

/// Examples by number. ``DataLoader`` makes batches of them.
///
///     struct Squares: Dataset {
///         let count = 1000
///         func example(at index: Int) -> Example {
///             let x = Float(index) / 1000
///             return Example(HostArray([x]), HostArray([x * x]))
///         }
///     }
public protocol Dataset: Sendable {
    /// The number of examples.
    var count: Int { get }

    /// An example, 0 to `count - 1`. It is asked for from several threads at once, and has to be the same each time.
    ///
    /// What it throws ends the training loop: the batch's tensors carry the error to what reads them.
    func example(at index: Int) throws -> Example
}

/// One example: arrays in the host's memory.
public struct Example: Hashable, Sendable {
    /// What a model takes first, what is wanted of it behind.
    public var arrays: [HostArray]

    /// An example of any arrays.
    public init(_ arrays: [HostArray]) { self.arrays = arrays }

    /// What a model takes, and what is wanted of it; a class is an integer of rank 0.
    public init(_ features: HostArray, _ label: HostArray) { arrays = [features, label] }
}

/// A dataset that lies on a device: its batches are gathered there, in the trace of the step that uses them.
public protocol ResidentDataset: Dataset {
    /// What lies on the device: one or more tensors `[count, ...]`.
    var stored: [Tensor] { get }

    /// What a batch holds, given its rows of each of ``stored``. It should only trace.
    func tensors(of rows: [Tensor]) -> [Tensor]
}

extension ResidentDataset {
    /// The example, read back from the device.
    ///
    /// - Throws: `invalidArgument` outside of the dataset, and as `Tensor.bytes()`.
    public func example(at index: Int) throws -> Example {
        guard (0..<count).contains(index) else { throw TensorError.noExample(index, of: count) }
        let rows = stored.map { $0.slice(axis: 0, from: index, to: index + 1) }
        return Example(
            try withNoGrad { tensors(of: rows) }.map { (tensor) throws(TensorError) in
                try HostArray(tensor.squeeze(0))
            })
    }
}

extension TensorError {
    static func noExample(_ index: Int, of count: Int) -> TensorError {
        TensorError(
            .invalidArgument, "example \(index): the dataset has \(count); use a number of at least 0, below \(count)")
    }

    /// What was thrown while an example was made.
    init(_ error: any Error, atExample index: Int) {
        if let error = error as? TensorError {
            self.init(error.kind, "example \(index): \(error.message)")
        } else {
            self.init(.data, "example \(index): \(error); correct the data, or what reads it")
        }
    }
}
