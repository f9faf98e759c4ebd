import Needletail
import TensorGraph

/// Trains a classifier on a dataset that lies on its device: epochs of shuffled batches, a running loss and accuracy that
/// stay on the device, and a position from which training can go on.
///
/// Everything random is a function of the seed: the order of an epoch of the seed and the epoch's number, dropout of
/// ``generator``, whose state is part of a checkpoint. So a resumed run does bit for bit what an uninterrupted one does.
public final class Trainer {
    public struct Options: Hashable, Sendable {
        /// All epochs, those of an earlier run included.
        public var epochs = 1
        public var batchSize = 64
        /// Whether a last batch that is not full is left out.
        public var dropsLast = false
        /// Orders the examples of each epoch.
        public var seed: UInt64 = 0

        public init(epochs: Int = 1, batchSize: Int = 64, dropsLast: Bool = false, seed: UInt64 = 0) {
            self.epochs = epochs
            self.batchSize = batchSize
            self.dropsLast = dropsLast
            self.seed = seed
        }
    }

    /// What is done.
    public struct Position: Hashable, Sendable {
        /// Whole epochs.
        public var epoch = 0
        /// Steps of the next one.
        public var step = 0

        public init(epoch: Int = 0, step: Int = 0) {
            self.epoch = epoch
            self.step = step
        }
    }

    public enum Outcome: Hashable, Sendable {
        case finished
        /// ``isInterrupted`` said so; the running step was finished.
        case interrupted
    }

    public let model: any UnaryLayer
    public let optimizer: Optimizer
    /// Where dropout's masks come from.
    public let generator: Generator
    public let options: Options
    public internal(set) var position = Position()
    /// The loss of the running epoch.
    public let loss = MeanMetric()
    /// The accuracy of the running epoch, on training examples.
    public let accuracy = Accuracy()
    /// Times of steps, all epochs.
    public private(set) var timer = StepTimer()

    /// Asked after each step, and after ``onEpoch``.
    public var isInterrupted: () -> Bool = { false }
    /// Called after each step with the steps that an epoch has. Reading a metric waits for the device.
    public var onStep: (Trainer, Int) throws -> Void = { _, _ in }
    /// Called after each epoch, before the metrics start anew; the model may be evaluated here.
    public var onEpoch: (Trainer) throws -> Void = { _ in }

    private let lossFunction: (Tensor, Tensor) -> Tensor

    /// - Parameter lossFunction: of logits and classes; rank 0.
    public init(
        model: any UnaryLayer, optimizer: Optimizer, generator: Generator, options: Options,
        lossFunction: @escaping (Tensor, Tensor) -> Tensor = { crossEntropy($0, $1) }
    ) {
        self.model = model
        self.optimizer = optimizer
        self.generator = generator
        self.options = options
        self.lossFunction = lossFunction
    }

    /// Trains from ``position`` to the end of the last epoch.
    ///
    /// Each layer begins every epoch in the mode that it has when this is called: one that was frozen by ``Module/eval()``
    /// stays frozen. A new model trains; one that was set to evaluation as a whole wants ``Module/train(_:)`` first.
    ///
    /// - Throws: `TensorError` of the device, and what hooks throw.
    public func train(on dataset: DeviceDataset) throws -> Outcome {
        let modes = model.savedModes()
        return try withGenerator(generator) {
            while position.epoch < options.epochs {
                for (mode, isTraining) in modes { mode.isTraining = isTraining }
                if try trainEpoch(on: dataset) == .interrupted { return .interrupted }
                try onEpoch(self)
                loss.reset()
                accuracy.reset()
                // After the last epoch there is nothing to interrupt.
                if position.epoch < options.epochs, isInterrupted() { return .interrupted }
            }
            return .finished
        }
    }

    private func trainEpoch(on dataset: DeviceDataset) throws -> Outcome {
        let batches = dataset.batches(
            of: options.batchSize, dropsLast: options.dropsLast, shuffledBy: orderGenerator(of: position.epoch))
        let context = dataset.features.context
        try context.synchronize()
        timer.start(context.statistics)
        for index in min(position.step, batches.count)..<batches.count {
            try timer.step {
                trace(batches[index])
                try optimizer.step()
            }
            position.step += 1
            try timer.count(context)
            try onStep(self, batches.count)
            // At an epoch's end its evaluation comes first.
            if position.step < batches.count, isInterrupted() {
                try timer.stop(context)
                return .interrupted
            }
        }
        try timer.stop(context)
        position = Position(epoch: position.epoch + 1)
        return .finished
    }

    /// Forward, backward and metrics of a step. Its tensors are gone when it returns, so that none has to be kept.
    private func trace(_ batch: Batch) {
        optimizer.zeroGrad()
        let logits = model(batch.features)
        let batchLoss = lossFunction(logits, batch.labels)
        batchLoss.backward()
        loss.update(batchLoss, count: batch.count)
        accuracy.update(logits, batch.labels)
    }

    /// The generator that shuffles an epoch: of the seed and the epoch alone.
    private func orderGenerator(of epoch: Int) -> Generator {
        // SplitMix64's increment keeps the epochs' keys apart.
        Generator(seed: options.seed &+ UInt64(epoch + 1) &* 0x9E37_79B9_7F4A_7C15)
    }
}
