import Needletail
import TensorGraph
import TensorRuntime

/// Ends training at the first loss or gradient that is no finite number, before the step that would spread it over all weights,
/// and says where it came from: which layer, which operation.
///
/// Each step is looked at on the host, so that training takes longer. Where something is found, the step is computed a
/// second time, operation by operation (as `NEEDLETAIL_CHECK_NAN=1` does for a whole program).
public final class NaNCheck: TrainingCallback {
    public let inspectsGradients = true
    /// Of the generator before the batch, so that the second time has the same masks.
    private var generator: Generator.State?

    /// A check of every step.
    public init() {}

    /// - Throws: `invalidArgument` of a trainer whose closure makes the steps: it shows no gradients.
    public func fitBegin(_ trainer: Trainer) throws {
        guard case .steps = trainer.work else { return }
        throw TensorError(
            .invalidArgument,
            "NaNCheck: this trainer's closure makes its steps itself, so that no gradient is seen; leave NaNCheck out")
    }

    public func stepBegin(_ trainer: Trainer) { generator = trainer.generator.state }

    public func gradientsEnd(_ trainer: Trainer, batch: Batch, loss: Tensor) throws {
        var gradients: [(name: String, value: Tensor)] = []
        for (prefix, module) in Checkpoint.prefixes(of: trainer) {
            for (name, parameter) in module.namedParameters {
                if let gradient = parameter.grad { gradients.append((prefix + name, gradient)) }
            }
        }
        let flags = withNoGrad {
            ([loss] + gradients.map(\.value)).map { $0.isFinite().all().cast(to: .float32) }
        }
        let isGood = try Tensor.stack(flags, axis: 0).scalars(as: Float.self).map { $0 == 1 }
        if isGood.allSatisfy({ $0 }) {
            generator = trainer.generator.state
            return
        }
        let value = try loss.item()
        // The last layers' gradients are computed first.
        let reached = zip(gradients, isGood.dropFirst()).reversed().first { !$1 }?.0.name ?? ""
        let what = isGood[0] ? "the gradient of '\(reached)'" : "the loss (\(value.isNaN ? "nan" : "\(value)"))"
        throw TensorError(
            .deviceFailure,
            "fit: epoch \(trainer.position.epoch + 1), step \(trainer.position.step + 1): \(what) is no finite number; "
                + (try origin(trainer, batch)))
    }

    /// Where the first number that is none comes from.
    private func origin(_ trainer: Trainer, _ batch: Batch) throws -> String {
        for (number, tensor) in batch.tensors.enumerated() where tensor.dtype.isFloat {
            if try !isFinite(tensor) { return "tensor \(number) of the batch has one already: look at the data" }
        }
        for (prefix, module) in Checkpoint.prefixes(of: trainer) {
            for (name, parameter) in module.namedParameters {
                if try !isFinite(parameter.value) {
                    return "parameter '\(prefix)\(name)' has one already: lower the learning rate or clip gradients"
                }
            }
        }
        guard let context = trainer.contexts.first else { return "the model has no parameters" }
        var configuration = context.configuration
        configuration.checksNaN = true
        let checked = try DeviceContext(device: context.device, configuration: configuration)
        let end = trainer.generator.state
        defer { trainer.generator.state = end }
        return try withDeviceContext(checked) { () throws(any Error) in
            try withCopies(of: trainer) { try search(trainer, batch) }
        }
    }

    private func isFinite(_ tensor: Tensor) throws(TensorError) -> Bool {
        try withNoGrad { tensor.detach().isFinite().all() }.item() == 1
    }

    /// Runs `body` with all weights and buffers copied to the current context.
    private func withCopies<Result>(of trainer: Trainer, _ body: () throws -> Result) throws -> Result {
        var restores: [() -> Void] = []
        defer { for restore in restores { restore() } }
        for (_, module) in trainer.models {
            for parameter in module.parameters {
                let (value, gradient) = (parameter.value.detach(), parameter.grad)
                parameter.assign(try copy(value))
                restores.append {
                    parameter.assign(value)
                    parameter.grad = gradient
                }
            }
            for (_, buffer) in module.namedBuffers {
                let value = buffer.value
                buffer.assign(try copy(value))
                restores.append { buffer.assign(value) }
            }
        }
        return try body()
    }

    private func copy(_ tensor: Tensor) throws(TensorError) -> Tensor {
        Tensor(bytes: try tensor.bytes(), shape: tensor.shape, dtype: tensor.dtype)
    }

    /// Computes the step again in a context that fails at the first NaN.
    private func search(_ trainer: Trainer, _ batch: Batch) throws -> String {
        var own = batch
        for index in own.tensors.indices { own.tensors[index] = try copy(batch.tensors[index]) }
        guard case .loss(let function) = trainer.work else { return "it comes from the trainer's closure" }
        if let generator { trainer.generator.state = generator }
        // A closure that gives the loss alone feeds the model with what it likes.
        let isOfFeatures = try withNoGrad { try function(own).outputs != nil }
        if let generator { trainer.generator.state = generator }
        if isOfFeatures, let model = trainer.model as? Sequential {
            var value = own.features
            for (name, layer) in NaNCheck.leaves(of: model, prefix: "") {
                value = withNoGrad { layer(value) }
                let place = "layer '\(name)' (\(type(of: layer)))"
                if let operation = failure(of: value) { return "it comes from \(place): \(operation)" }
                if try !isFinite(value) { return "it comes from \(place), whose output is infinite" }
            }
        }
        if let generator { trainer.generator.state = generator }
        trainer.optimizer.zeroGrad()
        let loss = try function(own).loss
        if let operation = failure(of: loss.detach()) { return "it comes from the loss or the model: \(operation)" }
        loss.backward()
        for (name, parameter) in trainer.model.namedParameters {
            guard let gradient = parameter.grad else { continue }
            if let operation = failure(of: gradient) { return "it comes from the backward pass: \(operation)" }
            if try !isFinite(gradient) {
                return "it comes from the backward pass: the gradient of '\(name)' is infinite"
            }
        }
        return
            "computed operation by operation it does not come again: it overflows in a sum, so lower the learning rate"
    }

    /// The operation at which an evaluation fails; nil of one that does not.
    private func failure(of tensor: Tensor) -> String? {
        do throws(TensorError) {
            try tensor.evaluate()
            return nil
        } catch {
            return error.message
        }
    }

    /// The layers of a Sequential and of those in it, under their names.
    private static func leaves(of model: Sequential, prefix: String) -> [(name: String, layer: any UnaryLayer)] {
        model.layers.enumerated().flatMap { index, layer -> [(name: String, layer: any UnaryLayer)] in
            if let inner = layer as? Sequential { return leaves(of: inner, prefix: "\(prefix)\(index).") }
            return [("\(prefix)\(index)", layer)]
        }
    }
}
