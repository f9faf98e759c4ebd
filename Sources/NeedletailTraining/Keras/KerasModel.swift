import Needletail
import TensorGraph
import TensorRuntime

/// A stack of layers with Keras's verbs, as [keras.Sequential](https://keras.io/api/models/sequential/): the same machinery as
/// ``Trainer``'s, said in Keras's words.
///
///     let model = KerasModel {
///         Flatten()
///         Dense(128, activation: .relu)
///         Dropout(0.2)
///         Dense(128, activation: .relu)
///         Dense(10)
///     }
///     model.compile(
///         optimizer: .adam(0.001), loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
///     let history = try model.fit(images, digits, epochs: 6, validationData: (testImages, testDigits))
///     print(history["val_accuracy"])
///
/// Any `UnaryLayer` is a layer; ``Dense`` learns how many inputs it has from the first batch.
public final class KerasModel: UnaryLayer {
    private let stack: Sequential
    private(set) var recipe: (optimizer: KerasOptimizer, loss: KerasLoss, metrics: [KerasMetric])?
    /// What trains the model: its optimizer, history and position. Nil before the first `fit`, `evaluate` or `trainOnBatch`, and
    /// after ``compile(optimizer:loss:metrics:)``; a call of `fit` with other callbacks makes another.
    public private(set) var trainer: Trainer?
    /// Whether the tensors between a batch's first and last are the weights of its examples.
    var isWeighted = false

    /// A stack of these layers.
    public init(_ layers: [any UnaryLayer]) { stack = Sequential(layers) }

    /// A stack of the layers that the closure lists, one a line.
    public convenience init(@SequentialBuilder _ layers: () -> [any UnaryLayer]) { self.init(layers()) }

    /// Calls one layer after another.
    public func callAsFunction(_ input: Tensor) -> Tensor { stack(input) }

    /// The layers by number.
    public var members: [ModuleMember] { stack.members }

    /// The layers in order.
    public var layers: [any UnaryLayer] { stack.layers }

    /// Says how the model is trained. The optimizer and its state begin anew at the next `fit`.
    public func compile(optimizer: KerasOptimizer = .rmsprop(), loss: KerasLoss, metrics: [KerasMetric] = []) {
        recipe = (optimizer, loss, metrics)
        trainer = nil
    }

    /// Trains for some epochs; a second call goes on.
    ///
    /// - Parameters:
    ///   - epochs: of this call.
    ///   - validationData: evaluated after each epoch.
    ///   - validationFrequency: how many epochs lie between two validations, 1 or more; epochs are numbered over all calls.
    /// - Returns: the epochs of this call, numbered over all.
    /// - Throws: `invalidArgument` before ``compile(optimizer:loss:metrics:)``; as ``Trainer/fit(_:validation:epochs:validationFrequency:)``.
    @discardableResult
    public func fit(
        _ data: DataLoader, epochs: Int = 1, validationData: DataLoader? = nil, validationFrequency: Int = 1,
        callbacks: [any TrainingCallback] = []
    ) throws -> History {
        let trainer = try made(for: data, callbacks: callbacks)
        // Each call of Keras's `fit` begins a callback anew; one that goes on within an epoch does not.
        if trainer.position.step == 0 { for case let stopping as EarlyStopping in callbacks { stopping.reset() } }
        let before = trainer.position.epoch
        try trainer.fit(
            data, validation: validationData, epochs: before + epochs, validationFrequency: validationFrequency)
        return History(Array(trainer.history.epochs.filter { $0.number > before }))
    }

    /// Loss and metrics on other data.
    ///
    /// - Throws: `invalidArgument` before ``compile(optimizer:loss:metrics:)``; as ``Trainer/evaluate(_:)``.
    @discardableResult
    public func evaluate(_ data: DataLoader) throws -> Scores {
        try made(for: data, callbacks: trainer?.callbacks ?? []).evaluate(data)
    }

    /// What the model makes of inputs, batch by batch: in evaluation mode, without gradients.
    ///
    /// - Throws: `data` of no inputs; `TensorError` of the device.
    public func predict(
        _ x: Tensor, batchSize: Int = 32, file: StaticString = #fileID, line: UInt = #line
    ) throws -> Tensor {
        guard x.rank > 0, x.shape[0] > 0 else {
            throw TensorError(.data, "predict: inputs \(x.shape); give one example or more along the first axis")
        }
        guard batchSize > 0 else {
            throw TensorError(.invalidArgument, "predict(batchSize: \(batchSize)): no size of a batch; give 1 or more")
        }
        let modes = savedModes()
        eval()
        defer { for (mode, isTraining) in modes { mode.isTraining = isTraining } }
        var parts: [Tensor] = []
        for start in stride(from: 0, to: x.shape[0], by: batchSize) {
            let end = Swift.min(start + batchSize, x.shape[0])
            let part = withNoGrad { self(x.slice(axis: 0, from: start, to: end)) }
            try part.evaluate()
            parts.append(part)
        }
        return parts.count == 1 ? parts[0] : Tensor.concatenate(parts, axis: 0)
    }

    private func made(for data: DataLoader, callbacks: [any TrainingCallback]) throws -> Trainer {
        try made(callbacks) {
            guard let batch = data.epoch(0).first(where: { _ in true }) else {
                throw TensorError(
                    .data, "KerasModel: the data have no batch of \(data.batchSize) examples; give more examples")
            }
            return batch.features
        }
    }

    /// The trainer, which goes on where an earlier one has come to.
    ///
    /// - Parameter inputs: some, from which each layer learns how many it has.
    func made(_ callbacks: [any TrainingCallback], inputs: () throws -> Tensor) throws -> Trainer {
        guard let recipe else {
            throw TensorError(
                .invalidArgument,
                "KerasModel: it was not compiled; call compile(optimizer:loss:metrics:) before fit and evaluate")
        }
        if let trainer, trainer.callbacks.elementsEqual(callbacks, by: { $0 === $1 }) { return trainer }
        try trainer?.resumeTraining()
        try build(with: inputs())
        let loss = recipe.loss
        let made = Trainer(
            model: self, optimizer: trainer?.optimizer ?? recipe.optimizer.make(parameters),
            metrics: trainer?.metrics ?? recipe.metrics.map { $0.make(for: loss) }, callbacks: callbacks,
            generator: trainer?.generator
        ) { [unowned self] batch in
            let outputs = self(batch.features)
            let isWeighted = isWeighted && batch.tensors.count > 2
            return (
                isWeighted
                    ? loss.value(outputs, batch.labels, weights: batch.tensors[1])
                    : loss.value(outputs, batch.labels), outputs
            )
        }
        if let trainer {
            made.position = trainer.position
            made.history = trainer.history
            made.losses = trainer.losses
            made.loader = trainer.loader
        }
        trainer = made
        return made
    }

    /// Calls the model once, so that each layer knows its inputs.
    private func build(with inputs: Tensor) throws {
        let modes = savedModes()
        eval()
        defer { for (mode, isTraining) in modes { mode.isTraining = isTraining } }
        try withNoGrad { self(inputs) }.evaluate()
    }
}
