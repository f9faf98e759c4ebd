import Needletail
import TensorRuntime

/// Averages the weights over training, and lets the model have the means where it is judged: in validation, at the end of each
/// epoch, and when training is done. Training itself goes on with its own weights, as if they were not averaged.
///
///     WeightAveraging(.exponential(decay: 0.999))              // EMA, of each step
///     WeightAveraging(.equal, by: .epoch, from: 15)            // SWA, of the epochs from the 15th on
///
/// It is called before all other callbacks: what they see at the end of an epoch are the means, and checkpoints written there hold
/// them as weights. What training goes on from is kept beside them, so that a resumed run goes on bit for bit. Stopped
/// within an epoch, the model has the weights of training. Parameters whose `requiresGrad` is false are left alone.
///
/// Where the model's weights are changed between two runs of `fit`, as by loading others, averaging begins anew with them.
///
/// Sources: [Polyak and Juditsky 1992](https://doi.org/10.1137/0330046) of the mean; Izmailov et al.,
/// [Averaging weights leads to wider optima and better generalization](https://arxiv.org/abs/1803.05407), 2018, of SWA.
public final class WeightAveraging: TrainingCallback {
    private let average: WeightAverage
    private let unit: ScheduleCallback.Unit
    private let firstEpoch: Int
    private let averagesBuffers: Bool

    /// How many weights the means are of.
    public private(set) var count = 0
    /// Whether the model has the means.
    public private(set) var isSwapped = false
    /// By ``Part/name``.
    private var means = StateDictionary()
    /// What training goes on from, while the model has the means.
    private var own = StateDictionary()

    /// - Parameters:
    ///   - unit: whether the weights after each step are averaged, or those after each epoch.
    ///   - epoch: the first whose weights are averaged, 1 or more.
    ///   - averagesBuffers: whether float buffers, as BatchNorm's, are averaged too; else the model's own are judged with the means.
    public init(
        _ average: WeightAverage = .exponential(decay: 0.999), by unit: ScheduleCallback.Unit = .step,
        from epoch: Int = 1, averagesBuffers: Bool = true, file: StaticString = #fileID, line: UInt = #line
    ) {
        checkCallback(
            average.wrongDecay == nil, "WeightAveraging(.exponential(decay: \(average.wrongDecay ?? 0)))", "no decay",
            "use a number from 0 to 1", file, line)
        checkCallback(
            epoch > 0, "WeightAveraging(from: \(epoch))", "no number of an epoch", "give 1 or more", file, line)
        self.average = average
        self.unit = unit
        firstEpoch = epoch
        self.averagesBuffers = averagesBuffers
    }

    /// A parameter or buffer that is averaged.
    private struct Part {
        let name: String
        let value: Tensor
        let assign: (Tensor) -> Void
    }

    private func parts(of trainer: Trainer) -> [Part] {
        Checkpoint.prefixes(of: trainer).flatMap { prefix, module -> [Part] in
            let parameters = module.namedParameters.filter { $0.parameter.requiresGrad }.map { name, parameter in
                Part(name: prefix + name, value: parameter.value.detach()) { parameter.assign($0) }
            }
            if !averagesBuffers { return parameters }
            return parameters
                + module.namedBuffers.filter { $0.buffer.dtype.isFloat }.map { name, buffer in
                    Part(name: prefix + name, value: buffer.value.detach()) { buffer.assign($0) }
                }
        }
    }

    /// - Throws: `invalidArgument` of a trainer with two of them.
    public func fitBegin(_ trainer: Trainer) throws {
        guard trainer.callbacks.count(where: { $0 is WeightAveraging }) == 1 else {
            throw TensorError(
                .invalidArgument,
                "WeightAveraging: a trainer has one, since a model has one set of weights; leave out the others"
            )
        }
        guard isSwapped else { return }
        for part in parts(of: trainer) {
            guard let mean = means[part.name], mean.shape == part.value.shape,
                try part.value.bytes() == withNoGrad({ mean.to(part.value.dtype) }).bytes()
            else { return begin() }
        }
    }

    private func begin() {
        (count, isSwapped) = (0, false)
        (means, own) = (StateDictionary(), StateDictionary())
    }

    public func epochBegin(_ trainer: Trainer) {
        guard isSwapped else { return }
        for part in parts(of: trainer) { if let value = own[part.name] { part.assign(value) } }
        own = StateDictionary()
        isSwapped = false
    }

    public func stepEnd(_ trainer: Trainer) {
        guard trainer.position.epoch + 1 >= firstEpoch,
            unit == .step || trainer.position.step == trainer.stepsPerEpoch
        else { return }
        withNoGrad {
            for part in parts(of: trainer) {
                // Of short floats, small steps add up in float32 alone.
                let first = part.value.dtype.isShortFloat ? part.value.to(.float32) : part.value
                means[part.name] =
                    means[part.name].map { average.mean(of: $0, and: part.value, count: count) } ?? first
            }
        }
        count += 1
    }

    public func validationBegin(_ trainer: Trainer) { swap(trainer) }
    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) { swap(trainer) }

    /// Gives the model the means, once there are some.
    private func swap(_ trainer: Trainer) {
        guard count > 0, !isSwapped else { return }
        withNoGrad {
            for part in parts(of: trainer) {
                guard let mean = means[part.name] else { continue }
                own[part.name] = part.value
                part.assign(mean.to(part.value.dtype))
            }
        }
        isSwapped = true
    }

    public func state() -> CallbackState {
        var state = CallbackState(numbers: ["updates": [Double(count)], "swapped": [isSwapped ? 1 : 0]])
        for entry in means.entries { state.tensors["mean.\(entry.name)"] = entry.tensor }
        for entry in own.entries { state.tensors["own.\(entry.name)"] = entry.tensor }
        return state
    }

    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        begin()
        count = try state.count("updates", of: name)
        isSwapped = try state.count("swapped", of: name) > 0
        for part in parts(of: trainer) {
            for (kind, isThere) in [("mean", count > 0), ("own", isSwapped)] where isThere {
                guard let tensor = state.tensors["\(kind).\(part.name)"], tensor.shape == part.value.shape else {
                    throw TensorError(
                        .data,
                        "\(name): the saved state has no '\(kind).\(part.name)' of \(part.value.shape); restore the state "
                            + "of such a run")
                }
                if kind == "mean" { means[part.name] = tensor } else { own[part.name] = tensor }
            }
        }
    }
}
