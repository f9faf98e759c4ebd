import Needletail
import TensorRuntime

/// All that training needs to go on where it stopped: weights, optimizer, position, random numbers.
///
/// On disk a safetensors file: the model's tensors under PyTorch's names, the optimizer's behind `optimizer.`
/// (`optimizer.3.exp_avg`), the rest as strings in its metadata.
public struct Checkpoint: Sendable {
    /// The sums that the running epoch's loss and accuracy are made of.
    public struct Meters: Hashable, Sendable {
        public var loss = 0.0
        public var correct = 0.0
        public var count = 0

        public init() {}
    }

    /// The model's name, by which it is made again.
    public var model: String
    public var weights: StateDictionary
    /// The rule's name and hyperparameters.
    public var optimizer: String
    public var hyperparameters: [String: Double]
    public var optimizerState: OptimizerState
    public var position: Trainer.Position
    public var batchSize: Int
    /// Of the permutations of the epochs.
    public var seed: UInt64
    /// Training examples.
    public var exampleCount: Int
    public var generator: Generator.State
    public var meters: Meters

    /// The dtype of the weights.
    public var dtype: DType { weights.entries.first { $0.tensor.dtype.isFloat }?.tensor.dtype ?? .float32 }

    /// The state of a trainer between two steps. Waits for the device.
    public init(of trainer: Trainer, model name: String, exampleCount: Int) throws(TensorError) {
        model = name
        weights = trainer.model.stateDictionary()
        let rule = trainer.optimizer.groups[0].rule
        optimizer = rule.name
        hyperparameters = Dictionary(rule.hyperparameters.map { ($0.name, $0.value) }) { first, _ in first }
        optimizerState = trainer.optimizer.state
        position = trainer.position
        batchSize = trainer.options.batchSize
        seed = trainer.options.seed
        self.exampleCount = exampleCount
        generator = trainer.generator.state
        meters = Meters()
        if position.step > 0 {
            let loss = try trainer.loss.state()
            meters.loss = loss.sum
            meters.correct = try trainer.accuracy.state().sum
            meters.count = loss.count
        }
    }

    /// Puts weights, optimizer, position and generator into a trainer that was made with the same model, optimizer and
    /// options.
    ///
    /// - Throws: `data` where names or shapes differ; `outOfMemory`.
    public func restore(_ trainer: Trainer) throws(TensorError) {
        try trainer.model.load(stateDictionary: weights)
        try trainer.optimizer.load(optimizerState)
        trainer.position = position
        trainer.generator.state = generator
        guard position.step > 0, let first = trainer.optimizer.parameters.first?.value else { return }
        trainer.loss.restore(sum: meters.loss, count: meters.count, like: first)
        trainer.accuracy.restore(sum: meters.correct, count: meters.count, like: first)
    }

    /// Whether the rule would go on as the checkpoint's did.
    ///
    /// - Throws: `data` where a hyperparameter is missing or another.
    package func checkHyperparameters(of rule: any UpdateRule) throws(TensorError) {
        for (name, value) in rule.hyperparameters where hyperparameters[name] != value {
            let found = hyperparameters[name].map { "is \($0)" } ?? "is missing"
            throw TensorError(
                .data, "hyperparameter '\(name)' of \(optimizer) \(found), and \(value) is wanted; name another file")
        }
    }
}
