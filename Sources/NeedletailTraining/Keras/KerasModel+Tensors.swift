import Needletail
import TensorRuntime

extension KerasModel {
    /// Trains on tensors whose first axis runs over the examples; a second call goes on.
    ///
    /// - Parameters:
    ///   - x: what the model takes.
    ///   - y: what is wanted of it.
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
        let all = try TensorBatches(x, y, batchSize: batchSize, shuffle: shuffle, seed: seed)
        if let validationData {
            let validation = try TensorBatches(validationData.x, validationData.y, batchSize: batchSize)
            return try fit(batches: all, epochs: epochs, validation: validation, callbacks: callbacks)
        }
        guard validationSplit != 0 else {
            return try fit(batches: all, epochs: epochs, validation: nil, callbacks: callbacks)
        }
        // As Keras rounds: what is trained on, down.
        let count = all.exampleCount
        let kept = (0..<1).contains(validationSplit) ? Int(Double(count) * (1 - validationSplit)) : 0
        guard kept > 0, kept < count else {
            throw TensorError(
                .invalidArgument,
                "fit(validationSplit: \(validationSplit)): of \(count) examples none is left to train on or to validate "
                    + "with; give a number between 0 and 1")
        }
        let validation = try TensorBatches(x, y, batchSize: batchSize).rows(kept..<count)
        return try fit(batches: try all.rows(0..<kept), epochs: epochs, validation: validation, callbacks: callbacks)
    }

    /// Loss and metrics on other data.
    ///
    /// - Throws: as ``fit(_:_:epochs:batchSize:validationData:validationSplit:shuffle:seed:callbacks:)``.
    @discardableResult
    public func evaluate(_ x: Tensor, _ y: Tensor, batchSize: Int = 32) throws -> Scores {
        try evaluate(batches: try TensorBatches(x, y, batchSize: batchSize))
    }
}
