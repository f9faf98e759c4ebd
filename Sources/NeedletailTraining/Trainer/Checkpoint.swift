import Needletail
import TensorRuntime

/// All that training needs to go on where it stopped: weights, optimizers, position, random numbers, losses, metrics, history and
/// what callbacks remember.
///
///     try Checkpoint(of: trainer, model: "mlp").write(to: path)
///     ...
///     try Checkpoint(contentsOf: path).restore(trainer)  // made with the same model, optimizer and callbacks
///     try trainer.fit(training, validation: validation, epochs: 20)
///
/// On disk a safetensors file: the model's tensors under PyTorch's names (of several models behind their own names,
/// `critic.0.weight`), the optimizer's behind `optimizer.` (`optimizer.3.exp_avg`, of several `optimizer.critic.3.exp_avg`),
/// those of callbacks behind `callback.`, the rest as strings in its metadata.
public struct Checkpoint: Sendable {
    /// What an optimizer was and had come to.
    public struct OptimizerSnapshot: Sendable {
        /// As the trainer has it.
        public var name: String
        /// The rule of each group, with its hyperparameters.
        public var groups: [Rule]
        /// Steps, and what is kept of each parameter.
        public var state: OptimizerState

        /// A rule and its numbers.
        public struct Rule: Hashable, Sendable {
            /// `adam`, `sgd`, ...
            public var name: String
            /// By PyTorch's names: `lr`, `weight_decay`, ...
            public var hyperparameters: [String: Double]
        }
    }

    /// The model's name, by which it is made again.
    public var model: String
    /// Of all models; of several behind their names.
    public var weights: StateDictionary
    /// In the trainer's order.
    public var optimizers: [OptimizerSnapshot]
    /// What was done.
    public var position: Trainer.Position
    /// Where the random numbers were.
    public var generator: Generator.State
    /// The epochs until then.
    public var history: History
    /// What was trained on.
    var loader: LoaderShape?
    /// Of the running epoch, in order.
    var losses: [(name: String, state: MetricState)] = []
    var metrics: [(name: String, state: MetricState)] = []
    /// By the callbacks' keys.
    var callbacks: [(key: String, state: CallbackState)] = []

    /// The first optimizer's rule.
    public var optimizer: String { optimizers.first?.groups.first?.name ?? "" }
    /// Of the first optimizer's first group.
    public var hyperparameters: [String: Double] { optimizers.first?.groups.first?.hyperparameters ?? [:] }
    /// Examples of a batch; 0 before the first ``Trainer/fit(_:validation:epochs:validationFrequency:)``.
    public var batchSize: Int { loader?.batchSize ?? 0 }
    /// Of the permutations of the epochs.
    public var seed: UInt64 { loader?.seed ?? 0 }
    /// Training examples.
    public var exampleCount: Int { loader?.exampleCount ?? 0 }
    /// The dtype of the weights.
    public var dtype: DType { weights.entries.first { $0.tensor.dtype.isFloat }?.tensor.dtype ?? .float32 }

    /// The state of a trainer between two steps. Waits for the device.
    ///
    /// - Throws: `invalidArgument` where a weight's name begins as one of the optimizer's or a callback's would.
    public init(of trainer: Trainer, model name: String) throws(TensorError) {
        model = name
        weights = StateDictionary()
        for (prefix, module) in Checkpoint.prefixes(of: trainer) {
            for entry in module.stateDictionary().entries { weights[prefix + entry.name] = entry.tensor }
        }
        for weight in weights.names {
            guard let prefix = Checkpoint.reservedPrefixes.first(where: { weight.hasPrefix($0) }) else { continue }
            throw TensorError(
                .invalidArgument,
                "Checkpoint: a weight is named '\(weight)', and names of a checkpoint that begin with '\(prefix)' are not "
                    + "weights; rename the property")
        }
        optimizers = trainer.optimizers.map { name, optimizer in
            OptimizerSnapshot(
                name: name,
                groups: optimizer.groups.map { group in
                    let values = group.rule.hyperparameters.map { ($0.name, $0.value) }
                    return OptimizerSnapshot.Rule(
                        name: group.rule.name, hyperparameters: Dictionary(values) { first, _ in first })
                }, state: optimizer.state)
        }
        position = trainer.position
        generator = trainer.generator.state
        history = trainer.history
        loader = trainer.loader
        if position.step > 0 {
            for loss in trainer.losses { losses.append((loss.name, try loss.state())) }
            for metric in trainer.metrics { metrics.append((metric.name, try metric.state())) }
        }
        for (key, callback) in Checkpoint.keys(of: trainer.callbacks) {
            let state = try callback.state()
            if !state.isEmpty { callbacks.append((key, state)) }
        }
    }

    static let reservedPrefixes = [optimizerPrefix, callbackPrefix]
    static let optimizerPrefix = "optimizer."
    static let callbackPrefix = "callback."

    /// What stands before the names of a model's weights.
    static func prefixes(of trainer: Trainer) -> [(prefix: String, module: any Module)] {
        trainer.models.count == 1
            ? [("", trainer.models[0].module)] : trainer.models.map { ("\($0.name).", $0.module) }
    }

    /// The names of callbacks; the second of a name is `NAME 2`.
    private static func keys(
        of callbacks: [any TrainingCallback]
    ) -> [(key: String, callback: any TrainingCallback)] {
        var counts: [String: Int] = [:]
        return callbacks.map { callback in
            counts[callback.name, default: 0] += 1
            let number = counts[callback.name]!
            return (number == 1 ? callback.name : "\(callback.name) \(number)", callback)
        }
    }

    /// Puts all into a trainer that was made with the same models, optimizers and metrics. A callback that the checkpoint does
    /// not know begins anew.
    ///
    /// - Throws: `data` where names, shapes or rules differ, or the weights are means of ``WeightAveraging`` and the trainer has none;
    ///   `outOfMemory`.
    public func restore(_ trainer: Trainer) throws(TensorError) {
        try checkOptimizers(of: trainer)
        try checkAveraging(of: trainer)
        for (prefix, module) in Checkpoint.prefixes(of: trainer) {
            var own = StateDictionary()
            for entry in weights.entries where entry.name.hasPrefix(prefix) {
                own[String(entry.name.dropFirst(prefix.count))] = entry.tensor
            }
            try module.load(stateDictionary: own)
        }
        for (snapshot, (_, optimizer)) in zip(optimizers, trainer.optimizers) { try optimizer.load(snapshot.state) }
        trainer.position = position
        trainer.generator.state = generator
        trainer.history = history
        trainer.loader = loader
        trainer.losses = []
        trainer.resetScores()
        for (name, state) in losses { try trainer.loss(named: name).restore(state) }
        for (name, state) in metrics {
            guard let metric = trainer.metrics.first(where: { $0.name == name }) else {
                throw TensorError(
                    .data, "the run had a metric '\(name)', and this one has none; give the trainer the same metrics")
            }
            try metric.restore(state)
        }
        let states = Dictionary(callbacks.map { ($0.key, $0.state) }) { first, _ in first }
        for (key, callback) in Checkpoint.keys(of: trainer.callbacks) {
            if let state = states[key] { try callback.restore(state, of: trainer) }
        }
        // Behind the schedules, which begin at their initial rates.
        for (snapshot, (_, optimizer)) in zip(optimizers, trainer.optimizers) {
            for (rule, group) in zip(snapshot.groups, optimizer.groups) {
                if let rate = rule.hyperparameters["lr"] { group.learningRate = rate }
            }
        }
    }

    private func checkAveraging(of trainer: Trainer) throws(TensorError) {
        guard !trainer.callbacks.contains(where: { $0 is WeightAveraging }),
            let state = callbacks.first(where: { $0.key == "\(WeightAveraging.self)" })?.state,
            state.tensors.names.contains(where: { $0.hasPrefix("own.") })
        else { return }
        throw TensorError(
            .data,
            "the checkpoint's weights are the means of WeightAveraging, which keeps what training goes on from; give the trainer such "
                + "a callback, or load the checkpoint's weights into the model to begin from the means")
    }

    private func checkOptimizers(of trainer: Trainer) throws(TensorError) {
        func describe(_ optimizers: [(name: String, rules: [String])]) -> String {
            optimizers.map { "\($0.name) (\($0.rules.joined(separator: ", ")))" }.joined(separator: ", ")
        }
        let saved = optimizers.map { (name: $0.name, rules: $0.groups.map(\.name)) }
        let own = trainer.optimizers.map { (name: $0.name, rules: $0.optimizer.groups.map(\.rule.name)) }
        if saved.elementsEqual(own, by: { $0.name == $1.name && $0.rules == $1.rules }) { return }
        throw TensorError(
            .data,
            "the checkpoint is of the optimizers \(describe(saved)), and the trainer has \(describe(own)); make the same"
        )
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
