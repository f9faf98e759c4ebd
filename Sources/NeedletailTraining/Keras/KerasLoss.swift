import Needletail

/// A loss by Keras's name.
public struct KerasLoss: Sendable {
    private let function: @Sendable (Tensor, Tensor) -> Tensor
    /// What accuracy is of.
    let answer: Answer

    /// How outputs and labels say a class.
    enum Answer: Sendable {
        /// A score for each class, and its number.
        case classes
        /// A score for each class, and a 1 in its place.
        case oneHot
        /// A number above which it is class 1.
        case binary(threshold: Double)
        case none
    }

    /// - Parameter function: of outputs and labels: the mean over the batch, of rank 0.
    public init(_ function: @escaping @Sendable (_ outputs: Tensor, _ labels: Tensor) -> Tensor) {
        self.init(function, .none)
    }

    private init(_ function: @escaping @Sendable (Tensor, Tensor) -> Tensor, _ answer: Answer) {
        self.function = function
        self.answer = answer
    }

    /// The mean loss of outputs and labels, of rank 0.
    public func value(_ outputs: Tensor, _ labels: Tensor) -> Tensor { function(outputs, labels) }

    /// What Keras keeps probabilities away from 0 and 1 by.
    private static let epsilon = 1e-7

    private static func logarithm(_ probabilities: Tensor) -> Tensor {
        probabilities.clamp(min: epsilon, max: 1 - epsilon).log()
    }

    /// Of outputs `[N, C]` and the numbers of classes `[N]`, as
    /// [keras.losses.SparseCategoricalCrossentropy](https://keras.io/api/losses/probabilistic_losses/).
    ///
    /// - Parameter fromLogits: whether outputs are scores; else they are probabilities.
    public static func sparseCategoricalCrossentropy(fromLogits: Bool = false) -> KerasLoss {
        KerasLoss(
            { outputs, labels in
                fromLogits ? crossEntropy(outputs, labels) : nllLoss(logarithm(outputs), labels)
            }, .classes)
    }

    /// Of outputs and targets `[N, C]`, a target's row sums to 1, as
    /// [keras.losses.CategoricalCrossentropy](https://keras.io/api/losses/probabilistic_losses/).
    ///
    /// - Parameter fromLogits: whether outputs are scores; else they are probabilities.
    public static func categoricalCrossentropy(fromLogits: Bool = false) -> KerasLoss {
        KerasLoss(
            { outputs, labels in
                let target = labels.to(outputs.dtype)
                return fromLogits
                    ? crossEntropy(outputs, target) : -(target * logarithm(outputs)).sum(axes: -1).mean()
            }, .oneHot)
    }

    /// Of outputs and targets of one shape, each 0 to 1, as
    /// [keras.losses.BinaryCrossentropy](https://keras.io/api/losses/probabilistic_losses/). Targets `[N]` go with outputs
    /// `[N, 1]`.
    ///
    /// - Parameter fromLogits: whether outputs are scores; else they are probabilities.
    public static func binaryCrossentropy(fromLogits: Bool = false) -> KerasLoss {
        KerasLoss(
            { outputs, labels in
                let target = shaped(labels, as: outputs).to(outputs.dtype)
                if fromLogits { return binaryCrossEntropyWithLogits(outputs, target) }
                return binaryCrossEntropy(outputs.clamp(min: epsilon, max: 1 - epsilon), target)
            }, .binary(threshold: fromLogits ? 0 : 0.5))
    }

    /// As [keras.losses.MeanSquaredError](https://keras.io/api/losses/regression_losses/). Targets `[N]` go with outputs `[N, 1]`.
    public static var meanSquaredError: KerasLoss {
        KerasLoss { mseLoss($0, shaped($1, as: $0).to($0.dtype)) }
    }

    /// As [keras.losses.MeanAbsoluteError](https://keras.io/api/losses/regression_losses/). Targets `[N]` go with outputs `[N, 1]`.
    public static var meanAbsoluteError: KerasLoss {
        KerasLoss { l1Loss($0, shaped($1, as: $0).to($0.dtype)) }
    }

    /// Labels `[N]` as `[N, 1]` where the outputs are.
    static func shaped(_ labels: Tensor, as outputs: Tensor) -> Tensor {
        let hasColumn = outputs.rank == labels.rank + 1 && outputs.shape[outputs.rank - 1] == 1
        return hasColumn ? labels.reshape(outputs.shape) : labels
    }
}
