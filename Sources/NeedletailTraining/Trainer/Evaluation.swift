import Needletail

/// How a classifier does on a dataset.
public struct Evaluation: Hashable, Sendable {
    /// The mean cross entropy.
    public let loss: Double
    /// 0 to 1.
    public let accuracy: Double
    /// The number of examples.
    public let count: Int
}

extension UnaryLayer {
    /// Loss and accuracy on a dataset: in evaluation mode, without gradients, in batches. Afterwards each layer has the mode
    /// that it had.
    ///
    /// - Throws: `data` of an empty dataset; `outOfMemory`, `deviceFailure`.
    public func evaluate(on dataset: DeviceDataset, batchSize: Int = 500) throws(TensorError) -> Evaluation {
        let modes = savedModes()
        eval()
        defer { for (mode, isTraining) in modes { mode.isTraining = isTraining } }
        let loss = MeanMetric()
        let accuracy = Accuracy()
        for batch in dataset.batches(of: batchSize) {
            withNoGrad {
                let logits = self(batch.features)
                loss.update(crossEntropy(logits, batch.labels), count: batch.count)
                accuracy.update(logits, batch.labels)
            }
            try dataset.features.context.flushAll()
        }
        guard let meanLoss = try loss.value(), let share = try accuracy.value() else {
            throw TensorError(.data, "evaluate: the dataset has no example; give one with some")
        }
        return Evaluation(loss: meanLoss, accuracy: share, count: accuracy.count)
    }
}
