import Needletail
import TensorGraph
import TensorRuntime

/// Trains a model: epochs of batches, losses and metrics that stay on the device, callbacks, and a position from which training
/// can go on.
///
///     let model = Sequential { Flatten(); Linear(784, 128); ReLU(); Linear(128, 10) }
///     let trainer = Trainer(
///         model: model, optimizer: Adam(model.parameters), loss: { crossEntropy($0, $1) }, metrics: [Accuracy()],
///         callbacks: [EarlyStopping(patience: 3)])
///     let history = try trainer.fit(training, validation: validation, epochs: 20)
///     try trainer.evaluate(test)["accuracy"]
///
/// A model that is no function of one tensor, or a loss that needs more than outputs and labels, has a closure that gives the
/// loss of a batch. Several models with an optimizer each, as those of a GAN, have one that makes the steps itself.
///
/// Everything random is a function of seeds: the order of an epoch of the loader's seed and the epoch's number, dropout and
/// noise of ``generator``, whose state is part of a checkpoint. So a resumed run does bit for bit what an uninterrupted one
/// does.
public final class Trainer {
    /// What is done.
    public struct Position: Hashable, Sendable {
        /// Whole epochs.
        public var epoch = 0
        /// Steps of the next one.
        public var step = 0

        /// So many whole epochs, and steps of the next one.
        public init(epoch: Int = 0, step: Int = 0) {
            self.epoch = epoch
            self.step = step
        }
    }

    /// How a run ended.
    public enum Outcome: Hashable, Sendable {
        case finished
        /// By ``Trainer/stop()``, before the last epoch's end.
        case stopped
    }

    /// A model and its name, by which a checkpoint knows its weights where there are several.
    public typealias NamedModel = (name: String, module: any Module)
    /// An optimizer and its name.
    public typealias NamedOptimizer = (name: String, optimizer: Optimizer)

    /// What is trained.
    public let models: [NamedModel]
    /// What changes the models' parameters.
    public let optimizers: [NamedOptimizer]
    /// Read and reset after each epoch.
    public let metrics: [any Metric]
    /// In the order in which they are called.
    public let callbacks: [any TrainingCallback]
    /// Where dropout's masks come from, and all that the closures draw.
    public let generator: Generator
    /// Batches of a step: their gradients are added up, each batch weighted by its share of the examples, so that a step
    /// is that of one large batch whose loss is a mean.
    public let accumulation: Int
    /// What the norm of all gradients is limited to before a step; nil is nothing.
    public let clipNorm: Double?
    /// What each element of a gradient is limited to before a step, and before ``clipNorm``; nil is nothing.
    public let clipValue: Double?

    /// What is done.
    public internal(set) var position = Position()
    /// The epochs so far, those of a resumed run included.
    public internal(set) var history = History()
    /// All epochs of the running ``fit(_:validation:epochs:validationFrequency:)``, those of earlier runs included.
    public internal(set) var epochs = 0
    /// Steps of an epoch of the running ``fit(_:validation:epochs:validationFrequency:)``.
    public internal(set) var stepsPerEpoch = 0
    /// How the last run ended.
    public internal(set) var outcome = Outcome.finished
    /// Times of steps, all epochs of this trainer.
    public internal(set) var timer = StepTimer()

    let work: Work
    /// The means of the losses of the running epoch, by name.
    var losses: [MeanMetric] = []
    var isStopping = false
    /// Who sees what a step makes.
    var audience = Audience.all
    /// The learning rate of the last step.
    var lastRate: Double?
    /// What is trained on.
    var loader: LoaderShape?
    /// The callbacks that see gradients.
    let inspectors: [any TrainingCallback]

    /// Who sees what a step makes: callbacks and metrics, metrics alone, or neither.
    enum Audience: Int {
        case none, metrics, all
    }

    /// How often an epoch is followed by validation: nil is never.
    var validationFrequency: Int?

    /// What a batch is made into.
    enum Work {
        /// A loss for the trainer to follow, and what metrics are of, where they are the trainer's to update.
        case loss((Batch) throws -> (loss: Tensor, outputs: Tensor?))
        /// Steps that the closure has made itself, and what an evaluation makes of a batch.
        case steps(
            (Batch) throws -> KeyValuePairs<String, Tensor>,
            evaluation: ((Batch) throws -> KeyValuePairs<String, Tensor>)?)
    }

    /// A trainer of a model that makes outputs of a batch's first tensor, which are compared with its last.
    ///
    /// - Parameters:
    ///   - optimizer: of the model's parameters. One whose `requiresGrad` is false stays as it is.
    ///   - loss: of outputs and labels: the mean over the batch, of rank 0.
    ///   - metrics: of outputs and labels; one that is a sum costs no launch of its own, those that count in tables (confusion, F1,
    ///     calibration) one together, on OpenCL in small batches two.
    ///   - generator: of dropout; by default the current one.
    ///   - accumulation: batches of a step, 1 or more.
    ///   - clipNorm: what the norm of all gradients is limited to (`Optimizer.clipGradientNorm(_:)`).
    ///   - clipValue: what each element is limited to (`Optimizer.clipGradientValue(_:)`).
    public convenience init(
        model: any UnaryLayer, optimizer: Optimizer, loss: @escaping (Tensor, Tensor) -> Tensor,
        metrics: [any Metric] = [], callbacks: [any TrainingCallback] = [], generator: Generator? = nil,
        accumulation: Int = 1, clipNorm: Double? = nil, clipValue: Double? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.init(
            models: [("model", model)], optimizers: [("optimizer", optimizer)], metrics: metrics, callbacks: callbacks,
            generator: generator, accumulation: accumulation, clip: (clipNorm, clipValue),
            work: .loss { batch in
                let outputs = model(batch.features)
                return (loss(outputs, batch.labels), outputs)
            }, at: CallSite(file, line))
    }

    /// A trainer of any model: `batchLoss` calls it and gives the mean loss of a batch, of rank 0.
    ///
    ///     Trainer(model: translator, optimizer: optimizer, metrics: [perplexity]) { batch in
    ///         let outputs = translator(batch.tensors[0], batch.tensors[1])
    ///         perplexity.update(outputs, batch.tensors[2])
    ///         return crossEntropy(outputs, batch.tensors[2])
    ///     }
    ///
    /// - Parameter metrics: which the closure updates; the trainer reads, saves and resets them.
    public convenience init(
        model: any Module, optimizer: Optimizer, metrics: [any Metric] = [], callbacks: [any TrainingCallback] = [],
        generator: Generator? = nil, accumulation: Int = 1, clipNorm: Double? = nil, clipValue: Double? = nil,
        file: StaticString = #fileID, line: UInt = #line, batchLoss: @escaping (Batch) throws -> Tensor
    ) {
        self.init(
            models: [("model", model)], optimizers: [("optimizer", optimizer)], metrics: metrics, callbacks: callbacks,
            generator: generator, accumulation: accumulation, clip: (clipNorm, clipValue),
            work: .loss { batch in (try batchLoss(batch), nil) }, at: CallSite(file, line))
    }

    /// A trainer of several models with several optimizers: `step` does with a batch all that there is to do, backward passes
    /// and optimizers' steps, and gives the losses by name.
    ///
    ///     Trainer(
    ///         models: ["generator": generator, "critic": critic], optimizers: ["generator": g, "critic": c]
    ///     ) { batch in
    ///         ...
    ///         return ["critic_loss": criticLoss, "generator_loss": generatorLoss]
    ///     }
    ///
    /// - Parameters:
    ///   - metrics: which the closures update; the trainer reads, saves and resets them.
    ///   - evaluation: the losses of a batch of ``evaluate(_:)`` and of validation, which are refused without it.
    ///   - step: the losses, means of the batch, of rank 0.
    public convenience init(
        models: KeyValuePairs<String, any Module>, optimizers: KeyValuePairs<String, Optimizer>,
        metrics: [any Metric] = [], callbacks: [any TrainingCallback] = [], generator: Generator? = nil,
        evaluation: ((Batch) throws -> KeyValuePairs<String, Tensor>)? = nil, file: StaticString = #fileID,
        line: UInt = #line, step: @escaping (Batch) throws -> KeyValuePairs<String, Tensor>
    ) {
        self.init(
            models: models.map { ($0.key, $0.value) }, optimizers: optimizers.map { ($0.key, $0.value) },
            metrics: metrics, callbacks: callbacks, generator: generator, accumulation: 1, clip: (nil, nil),
            work: .steps(step, evaluation: evaluation), at: CallSite(file, line))
    }

    /// A trainer whose closure gives the loss of a batch, and the outputs that metrics are of.
    convenience init(
        model: any UnaryLayer, optimizer: Optimizer, metrics: [any Metric], callbacks: [any TrainingCallback],
        generator: Generator?, losses: @escaping (Batch) throws -> (loss: Tensor, outputs: Tensor?)
    ) {
        self.init(
            models: [("model", model)], optimizers: [("optimizer", optimizer)], metrics: metrics, callbacks: callbacks,
            generator: generator, accumulation: 1, clip: (nil, nil), work: .loss(losses), at: CallSite(#fileID, #line))
    }

    private init(
        models: [NamedModel], optimizers: [NamedOptimizer], metrics: [any Metric], callbacks: [any TrainingCallback],
        generator: Generator?, accumulation: Int, clip: (norm: Double?, value: Double?), work: Work, at site: CallSite
    ) {
        func check(_ holds: Bool, _ argument: String, _ problem: String, remedy: String) {
            if !holds { WrongCall.report("Trainer(\(argument))", problem, remedy: remedy, at: site) }
        }
        check(accumulation > 0, "accumulation: \(accumulation)", "no number of batches", remedy: "give 1 or more")
        for (name, limit) in [("clipNorm", clip.norm), ("clipValue", clip.value)] {
            guard let limit else { continue }
            check(limit > 0, "\(name): \(limit)", "no limit", remedy: "give a number above 0, or nil")
        }
        for (argument, names) in [
            ("models", models.map(\.name)), ("optimizers", optimizers.map(\.name)), ("metrics", metrics.map(\.name)),
        ] {
            let twice = names.indices.first { names[..<$0].contains(names[$0]) }.map { names[$0] }
            check(
                twice == nil, "\(argument):", "two are named '\(twice ?? "")'", remedy: "give each a name of its own")
            check(!names.isEmpty || argument == "metrics", "\(argument):", "there are none", remedy: "give one or more")
        }
        self.models = models
        self.optimizers = optimizers
        self.metrics = metrics
        func rank(_ callback: any TrainingCallback) -> Int {
            switch callback {
            case is WeightAveraging: 0
            case is RunReport: 2
            case is ModelCheckpoint: 3
            default: 1
            }
        }
        self.callbacks = (0...3).flatMap { place in callbacks.filter { rank($0) == place } }
        self.generator = generator ?? .current
        self.accumulation = Swift.max(accumulation, 1)
        clipNorm = clip.norm
        clipValue = clip.value
        self.work = work
        inspectors = callbacks.filter(\.inspectsGradients)
    }

    /// The model; the first, where there are several.
    public var model: any Module { models[0].module }
    /// The optimizer; the first, where there are several.
    public var optimizer: Optimizer { optimizers[0].optimizer }

    /// Ends the run after the running step; after the epoch's last step, after its validation. From callbacks and closures.
    public func stop() { isStopping = true }

    /// Losses and metrics of the running epoch so far. Waits for the device.
    public func scores() throws(TensorError) -> Scores {
        var result = Scores()
        // Of NaN there is one, without a sign that texts would show.
        for metric in losses as [any Metric] + metrics {
            if let value = try metric.value() { result[metric.name] = value.isNaN ? .nan : value }
        }
        return result
    }

    /// The mean of the losses of that name, made when it is first asked for.
    func loss(named name: String) -> MeanMetric {
        if let known = losses.first(where: { $0.name == name }) { return known }
        let made = MeanMetric(name)
        losses.append(made)
        return made
    }

    /// Where the models are.
    var contexts: [DeviceContext] {
        var result: [DeviceContext] = []
        for (_, module) in models {
            for parameter in module.parameters {
                let context = parameter.value.context
                if !result.contains(where: { $0 === context }) { result.append(context) }
            }
        }
        return result
    }
}

/// What a position within an epoch is worth: the loader that it is of.
struct LoaderShape: Hashable, Sendable {
    var batchSize: Int
    var exampleCount: Int
    var seed: UInt64
    var shuffle: Bool
    var dropLast: Bool
    /// Batches of a step.
    var accumulation: Int

    init(_ loader: DataLoader, accumulation: Int) {
        batchSize = loader.batchSize
        exampleCount = loader.exampleCount
        seed = loader.seed
        shuffle = loader.shuffle
        dropLast = loader.dropLast
        self.accumulation = accumulation
    }

    init(
        batchSize: Int, exampleCount: Int, seed: UInt64, shuffle: Bool, dropLast: Bool, accumulation: Int
    ) {
        self.batchSize = batchSize
        self.exampleCount = exampleCount
        self.seed = seed
        self.shuffle = shuffle
        self.dropLast = dropLast
        self.accumulation = accumulation
    }

    /// `400 examples in batches of 20, shuffled with seed 3`
    var text: String {
        "\(exampleCount) examples in batches of \(batchSize)" + (dropLast ? ", full ones only" : "")
            + (shuffle ? ", shuffled" : "") + " with seed \(seed)"
            + (accumulation > 1 ? ", \(accumulation) batches a step" : "")
    }
}
