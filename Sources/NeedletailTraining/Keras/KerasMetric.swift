import Needletail

/// A metric by Keras's name.
public struct KerasMetric: Sendable {
    private let made: @Sendable (KerasLoss.Answer) -> any Metric

    /// - Parameter make: gives a new metric.
    public init(_ make: @escaping @Sendable () -> any Metric) { made = { _ in make() } }

    private init(of make: @escaping @Sendable (KerasLoss.Answer) -> any Metric) { made = make }

    /// A new metric, of answers as a loss has them.
    public func make(for loss: KerasLoss) -> any Metric { made(loss.answer) }

    /// The share of right answers, as the loss has them: the largest of the classes' scores, or a side of the threshold.
    public static var accuracy: KerasMetric {
        KerasMetric(of: { answer in
            switch answer {
            case .classes, .none: return Accuracy()
            case .oneHot:
                return MeanMetric("accuracy") { outputs, labels in
                    (outputs.argmax(-1) .== labels.argmax(-1)).to(.float32).mean()
                }
            case .binary(let threshold):
                return MeanMetric("accuracy") { outputs, labels in
                    let target = KerasLoss.shaped(labels, as: outputs)
                    return ((outputs .> threshold) .== (target .> 0.5)).to(.float32).mean()
                }
            }
        })
    }

    /// The mean absolute error.
    public static var meanAbsoluteError: KerasMetric {
        KerasMetric {
            MeanMetric("mean_absolute_error") { l1Loss($0, KerasLoss.shaped($1, as: $0).to($0.dtype)) }
        }
    }

    /// The mean squared error.
    public static var meanSquaredError: KerasMetric {
        KerasMetric {
            MeanMetric("mean_squared_error") { mseLoss($0, KerasLoss.shaped($1, as: $0).to($0.dtype)) }
        }
    }
}
