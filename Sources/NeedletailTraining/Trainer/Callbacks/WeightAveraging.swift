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
/// within an epoch, the model has the weights of training. Parameters whose `requiresGrad` is false are left alone; one that has a
/// mean and is frozen is averaged on, and one that joins later has the mean of its weights from then on.
///
/// `Trainer.step`, `trainOnBatch` and a `fit` of a `KerasModel` with other callbacks go on from training's own weights too, which the
/// model then has until the end of the next epoch of ``Trainer/fit(_:validation:epochs:validationFrequency:)``. Such steps do not
/// enter the means.
///
/// Where the model's weights are others than at the end of the last ``Trainer/fit(_:validation:epochs:validationFrequency:)``, as by
/// loading some, or are on another device or of another dtype, averaging begins anew with them at the next `fit` or step. After a run
/// that an error ended, or after steps outside of `fit`, that is not noticed.
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
    /// How many weights each mean is of.
    private var counts: [String: Int] = [:]
    /// What training goes on from, while the model has the means.
    private var own = StateDictionary()
    /// What the model had of all that has a mean when the last run ended.
    private var left = StateDictionary()

    /// - Parameters:
    ///   - unit: whether the weights after each step are averaged, or those after each epoch.
    ///   - epoch: the first whose weights are averaged, 1 or more.
    ///   - averagesBuffers: whether float buffers, as BatchNorm's, are averaged too; else the model's own are judged with the means.
    public init(
        _ average: WeightAverage = .exponential(decay: 0.999), by unit: ScheduleCallback.Unit = .step,
        from epoch: Int = 1, averagesBuffers: Bool = false, file: StaticString = #fileID, line: UInt = #line
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

    /// A parameter or buffer.
    private struct Part {
        let name: String
        let value: Tensor
        /// Whether it is averaged where it has no mean yet.
        let joins: Bool
        let assign: (Tensor) -> Void

        /// Of short floats, small steps add up in float32 alone.
        var meanDType: DType { value.dtype.isShortFloat ? .float32 : value.dtype }

        /// A tensor on this part's device.
        func fitted(_ tensor: Tensor, _ dtype: DType) throws(TensorError) -> Tensor {
            // Converted where it is: this device may lack the dtype.
            let same = tensor.dtype == dtype ? tensor : tensor.detach().to(dtype)
            return same.context === value.context ? same : try same.detach().to(device: value.device)
        }

        func equals(_ other: Tensor) throws -> Bool {
            try value.shape == other.shape && value.dtype == other.dtype && value.context === other.context
                && value.bytes() == other.bytes()
        }
    }

    private func parts(of trainer: Trainer) -> [Part] {
        Checkpoint.prefixes(of: trainer).flatMap { prefix, module -> [Part] in
            module.namedParameters.map { name, parameter in
                Part(name: prefix + name, value: parameter.value.detach(), joins: parameter.requiresGrad) {
                    parameter.assign($0)
                }
            }
                + module.namedBuffers.filter { $0.buffer.dtype.isFloat }.map { name, buffer in
                    Part(name: prefix + name, value: buffer.value.detach(), joins: averagesBuffers) {
                        buffer.assign($0)
                    }
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
        try noticeOthers(trainer)
    }

    /// Begins anew where the weights are others than the last run left.
    private func noticeOthers(_ trainer: Trainer) throws {
        guard left.count > 0 else { return }
        let parts = Dictionary(parts(of: trainer).map { ($0.name, $0) }) { first, _ in first }
        let isSame = try left.entries.allSatisfy { try parts[$0.name]?.equals($0.tensor) == true }
        left = StateDictionary()
        if !isSame { begin() }
    }

    private func begin() {
        (count, isSwapped) = (0, false)
        (means, own, left) = (StateDictionary(), StateDictionary(), StateDictionary())
        counts = [:]
    }

    public func epochBegin(_ trainer: Trainer) throws {
        guard isSwapped else { return }
        try assignOwn(trainer)
        own = StateDictionary()
        isSwapped = false
    }

    private func assignOwn(_ trainer: Trainer) throws {
        try withNoGrad {
            for part in parts(of: trainer) {
                if let value = own[part.name] { part.assign(try part.fitted(value, part.value.dtype)) }
            }
        }
    }

    /// Before steps outside of ``Trainer/fit(_:validation:epochs:validationFrequency:)``: the model has training's own weights again.
    func trainingResumes(_ trainer: Trainer) throws {
        try noticeOthers(trainer)
        try epochBegin(trainer)
    }

    /// Gives the model training's own weights for steps after which all is put back to where it was.
    func lendOwn(_ trainer: Trainer) throws {
        let last = left
        try noticeOthers(trainer)
        if means.count > 0 { left = last }
        if isSwapped { try assignOwn(trainer) }
    }

    public func stepEnd(_ trainer: Trainer) {
        guard trainer.position.epoch + 1 >= firstEpoch,
            unit == .step || trainer.position.step == trainer.stepsPerEpoch
        else { return }
        withNoGrad {
            for part in parts(of: trainer) {
                if let mean = means[part.name] {
                    means[part.name] = average.mean(of: mean, and: part.value, count: counts[part.name] ?? count)
                } else if part.joins {
                    means[part.name] = part.value.to(part.meanDType)
                } else {
                    continue
                }
                counts[part.name, default: 0] += 1
            }
        }
        count += 1
    }

    public func validationBegin(_ trainer: Trainer) throws { try swap(trainer) }
    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws { try swap(trainer) }

    public func fitEnd(_ trainer: Trainer) throws {
        // Between two epochs; one may have been begun and stopped before its first step.
        if trainer.position.step == 0 { try swap(trainer) }
        remember(trainer)
    }

    private func remember(_ trainer: Trainer) {
        left = StateDictionary()
        for part in parts(of: trainer) where means[part.name] != nil { left[part.name] = part.value }
    }

    /// Gives the model the means, once there are some.
    private func swap(_ trainer: Trainer) throws {
        guard count > 0, !isSwapped else { return }
        try withNoGrad {
            for part in parts(of: trainer) {
                guard let mean = means[part.name] else { continue }
                own[part.name] = part.value
                part.assign(try part.fitted(mean, part.value.dtype))
            }
        }
        isSwapped = true
    }

    public func state() -> CallbackState {
        var state = CallbackState(numbers: ["updates": [Double(count)], "swapped": [isSwapped ? 1 : 0]])
        for entry in means.entries {
            state.tensors["mean.\(entry.name)"] = entry.tensor
            // Of those that joined later.
            if let own = counts[entry.name], own != count { state.numbers["updates.\(entry.name)"] = [Double(own)] }
        }
        for entry in own.entries { state.tensors["own.\(entry.name)"] = entry.tensor }
        return state
    }

    /// Takes all that the state has, on the device and, but for means in float32, in the dtype of the model's part. A part that it does
    /// not have begins with its own value.
    ///
    /// - Throws: `data` where the state is of another model.
    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        begin()
        let (updates, swapped) = (try state.count("updates", of: name), try state.count("swapped", of: name) > 0)
        let parts = parts(of: trainer)
        func wrong(_ kind: String, _ part: Part) -> TensorError {
            TensorError(
                .data,
                "\(name): the saved state has no '\(kind).\(part.name)' of \(part.value.shape); restore the state of such a run"
            )
        }
        var known = 0
        for part in parts {
            guard let mean = state.tensors["mean.\(part.name)"] else { continue }
            known += swapped ? 2 : 1
            guard mean.shape == part.value.shape else { throw wrong("mean", part) }
            means[part.name] = try part.fitted(mean, part.meanDType)
            let key = "updates.\(part.name)"
            counts[part.name] = state.numbers[key] == nil ? updates : try state.count(key, of: name)
            guard swapped else { continue }
            guard let value = state.tensors["own.\(part.name)"], value.shape == part.value.shape else {
                throw wrong("own", part)
            }
            own[part.name] = try part.fitted(value, part.value.dtype)
        }
        if updates > 0, means.count == 0, let part = parts.first(where: \.joins) { throw wrong("mean", part) }
        if known != state.tensors.count {
            let names = Set(parts.flatMap { ["mean.\($0.name)", "own.\($0.name)"] })
            let stranger = state.tensors.names.first { !names.contains($0) } ?? ""
            throw TensorError(
                .data,
                "\(name): the saved state has '\(stranger)', which the model has not; restore the state of such a run")
        }
        (count, isSwapped) = (updates, swapped)
        remember(trainer)
    }
}
