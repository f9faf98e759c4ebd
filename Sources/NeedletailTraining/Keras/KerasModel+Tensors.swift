import Needletail
import TensorRuntime

extension KerasModel {
    /// Trains on tensors whose first axis runs over the examples; a second call goes on.
    ///
    /// - Parameters:
    ///   - x: what the model takes; `y` what is wanted of it.
    ///   - epochs: of this call.
    ///   - batchSize: examples of a step, 1 or more.
    ///   - validationData: evaluated after each epoch.
    ///   - validationSplit: the part of the examples, the last ones, that is not trained on but evaluated after each epoch; at
    ///     least 0, below 1. Where there is `validationData`, nothing is split off.
    ///   - shuffle: whether each epoch has an order of its own.
    ///   - seed: of the orders.
    /// - Returns: the epochs of this call, numbered over all.
    /// - Throws: `invalidArgument` before ``compile(optimizer:loss:metrics:)`` and of sizes that do not fit; `data` where
    ///   there is no example; `TensorError` of the device.
    @discardableResult
    public func fit(
        _ x: Tensor, _ y: Tensor, epochs: Int = 1, batchSize: Int = 32, validationData: (x: Tensor, y: Tensor)? = nil,
        validationSplit: Double = 0, shuffle: Bool = true, seed: UInt64 = 0, callbacks: [any TrainingCallback] = []
    ) throws -> History {
        var (training, validation) = (try KerasModel.checked(x, y, batchSize), validationData)
        if let validationData {
            _ = try KerasModel.checked(validationData.x, validationData.y, batchSize)
        } else if validationSplit != 0 {
            // As Keras rounds: the number that is trained on, down.
            let isShare = validationSplit > 0 && validationSplit < 1
            let kept = isShare ? Int(Double(x.shape[0]) * (1 - validationSplit)) : 0
            guard kept > 0, kept < x.shape[0] else {
                throw TensorError(
                    .invalidArgument,
                    "fit(validationSplit: \(validationSplit)): of \(x.shape[0]) examples it leaves none to train on or to "
                        + "validate with; give a number between 0 and 1")
            }
            validation = (KerasModel.rows(x, kept..<x.shape[0]), KerasModel.rows(y, kept..<x.shape[0]))
            training = (KerasModel.rows(x, 0..<kept), KerasModel.rows(y, 0..<kept))
        }
        let loader = DataLoader(
            TensorDataset(training.x, training.y), batchSize: batchSize, shuffle: shuffle, seed: seed)
        return try fit(
            loader, epochs: epochs,
            validationData: validation.map { DataLoader(TensorDataset($0.x, $0.y), batchSize: batchSize) },
            callbacks: callbacks)
    }

    /// Loss and metrics on other data.
    ///
    /// - Throws: as ``fit(_:_:epochs:batchSize:validationData:validationSplit:shuffle:seed:callbacks:)``.
    @discardableResult
    public func evaluate(_ x: Tensor, _ y: Tensor, batchSize: Int = 32) throws -> Scores {
        let data = try KerasModel.checked(x, y, batchSize)
        return try evaluate(DataLoader(TensorDataset(data.x, data.y), batchSize: batchSize))
    }

    private static func rows(_ tensor: Tensor, _ range: Range<Int>) -> Tensor {
        tensor.slice(axis: 0, from: range.lowerBound, to: range.upperBound)
    }

    private static func checked(
        _ x: Tensor, _ y: Tensor, _ batchSize: Int
    ) throws(TensorError) -> (x: Tensor, y: Tensor) {
        guard batchSize > 0 else {
            throw TensorError(
                .invalidArgument, "KerasModel(batchSize: \(batchSize)): no size of a batch; give 1 or more")
        }
        guard x.rank > 0, y.rank > 0, x.shape[0] == y.shape[0], x.device == y.device else {
            throw TensorError(
                .invalidArgument,
                "KerasModel: inputs \(x.shape) on \(x.device) and targets \(y.shape) on \(y.device); give as many rows of "
                    + "each, on one device")
        }
        return (x, y)
    }
}
