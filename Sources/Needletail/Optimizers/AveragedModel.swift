import TensorGraph
import TensorRuntime

/// How weights enter a mean over training.
public enum WeightAverage: Hashable, Sendable {
    /// All alike (SWA): `mean + (weight - mean) / (count + 1)`.
    case equal
    /// `decay mean + (1 - decay) weight` (EMA).
    case exponential(decay: Double)

    /// The mean of `count` weights with one more, of the mean's dtype; of float16 and bfloat16 in float32, rounded once.
    package func mean(of old: Tensor, and new: Tensor, count: Int) -> Tensor {
        if old.dtype.isShortFloat { return mean(of: old.to(.float32), and: new, count: count).to(old.dtype) }
        let new = new.to(old.dtype)
        return switch self {
        case .equal: old + (new - old) * (1 / Double(count + 1))
        case .exponential(let decay): old * decay + new * (1 - decay)
        }
    }

    /// Whether a decay is none.
    package var wrongDecay: Double? {
        if case .exponential(let decay) = self, !(0...1).contains(decay) { decay } else { nil }
    }
}

/// A mean of a model's weights over training, in a second model that is not trained, as
/// [torch.optim.swa_utils.AveragedModel](https://pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html):
///
///     let averaged = AveragedModel(Classifier(), of: model, .exponential(decay: 0.999))
///     for batch in batches {
///         ...
///         try optimizer.step()
///         averaged.update()
///     }
///     averaged.module.eval()
///     averaged.module(x)
public final class AveragedModel<Model: Module> {
    /// How weights enter the mean.
    public typealias Average = WeightAverage

    /// The model with the means as its weights.
    public let module: Model
    /// How many times ``update()`` was called; to be restored when training is resumed.
    public var count = 0
    private let source: Model
    private let average: Average
    private let averagesBuffers: Bool

    /// - Parameters:
    ///   - copy: another model of the same kind, whose weights are replaced by those of `model`. Its dtype is that of the means:
    ///     a float32 copy of a bfloat16 model keeps what small steps add up to.
    ///   - averagesBuffers: whether float buffers are averaged too; else the copy has the model's.
    public init(
        _ copy: Model, of model: Model, _ average: Average = .equal, averagesBuffers: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        module = copy
        source = model
        self.average = average
        self.averagesBuffers = averagesBuffers
        let site = CallSite(file, line)
        if let decay = average.wrongDecay {
            WrongCall.report("AveragedModel", "a decay of \(decay)", remedy: "use a number from 0 to 1", at: site)
        }
        let (own, other) = (copy.namedParameters, model.namedParameters)
        let fits =
            own.map(\.name) == other.map(\.name) && own.map(\.parameter.shape) == other.map(\.parameter.shape)
            && copy.namedBuffers.map(\.name) == model.namedBuffers.map(\.name)
        let isShared = zip(own, other).contains { $0.parameter === $1.parameter }
        if !fits || isShared {
            WrongCall.report(
                "AveragedModel",
                isShared ? "the copy shares parameters with the model" : "the copy has other parameters than the model",
                remedy: "make a second model as the first was made", at: site)
            return
        }
        for (_, parameter) in own { parameter.requiresGrad = false }
        copyAll()
    }

    private func copyAll() {
        withNoGrad {
            for (own, other) in zip(module.parameters, source.parameters) {
                own.assign(other.value.detach().to(own.dtype))
            }
            copyBuffers()
        }
    }

    private func copyBuffers() {
        for (own, other) in zip(module.namedBuffers, source.namedBuffers) {
            own.buffer.assign(other.buffer.value.to(own.buffer.dtype))
        }
    }

    /// Takes the model's weights into the mean. The first time they are the mean.
    public func update() {
        if let capture = Capture.current {
            guard case .exponential = average, count > 0 else {
                capture.refuse(
                    "the first update of averaged weights, and all of equal ones, have numbers of their own; update between "
                        + "replays")
                return
            }
            let before = count
            capture.atEnd { [self] in count = before }
            capture.append(HostStep { [self] in count += 1 })
        }
        defer { count += 1 }
        guard count > 0 else { return copyAll() }
        withNoGrad {
            for (own, other) in zip(module.parameters, source.parameters) {
                own.assign(mean(own.value.detach(), other.value.detach()))
            }
            guard averagesBuffers else { return copyBuffers() }
            for (own, other) in zip(module.namedBuffers, source.namedBuffers) {
                let (old, new) = (own.buffer.value, other.buffer.value)
                own.buffer.assign(old.dtype.isFloat ? mean(old, new) : new.to(old.dtype))
            }
        }
    }

    private func mean(_ old: Tensor, _ new: Tensor) -> Tensor { average.mean(of: old, and: new, count: count) }
}
