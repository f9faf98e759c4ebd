import Needletail

/// A loss by Keras's name.
public struct KerasLoss: Sendable {
    private let function: @Sendable (Tensor, Tensor) -> Tensor
    /// The losses `[N, ...]`; nil of one that gives a mean alone.
    private let each: (@Sendable (Tensor, Tensor) -> Tensor)?
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
        self.function = function
        each = nil
        answer = .none
    }

    /// - Parameter losses: of outputs, labels and what is done with the losses of a batch.
    private init(_ answer: Answer, _ losses: @escaping @Sendable (Tensor, Tensor, Reduction) -> Tensor) {
        function = { losses($0, $1, .mean) }
        each = { losses($0, $1, .none) }
        self.answer = answer
    }

    /// Whether its examples can be weighted.
    var takesWeights: Bool { each != nil }

    /// The mean of the examples' losses, each times its weight `[N]`, over all examples, as in Keras: not by the sum of the
    /// weights. Without ``takesWeights`` the mean without weights.
    func value(_ outputs: Tensor, _ labels: Tensor, weights: Tensor) -> Tensor {
        guard let each else { return function(outputs, labels) }
        let losses = each(outputs, labels)
        let perExample = losses.rank > 1 ? losses.reshape([losses.shape[0], -1]).mean(axes: 1) : losses
        return (perExample * weights.to(perExample.dtype)).mean()
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
        KerasLoss(.classes) { outputs, labels, reduction in
            fromLogits
                ? crossEntropy(outputs, labels, reduction: reduction)
                : nllLoss(logarithm(outputs), labels, reduction: reduction)
        }
    }

    /// Of outputs and targets `[N, C]`, a target's row sums to 1, as
    /// [keras.losses.CategoricalCrossentropy](https://keras.io/api/losses/probabilistic_losses/).
    ///
    /// - Parameter fromLogits: whether outputs are scores; else they are probabilities.
    public static func categoricalCrossentropy(fromLogits: Bool = false) -> KerasLoss {
        KerasLoss(.oneHot) { outputs, labels, reduction in
            let target = labels.to(outputs.dtype)
            if fromLogits { return crossEntropy(outputs, target, reduction: reduction) }
            let losses = -(target * logarithm(outputs)).sum(axes: -1)
            return reduction == .none ? losses : losses.mean()
        }
    }

    /// Of outputs and targets of one shape, each 0 to 1, as
    /// [keras.losses.BinaryCrossentropy](https://keras.io/api/losses/probabilistic_losses/). Targets `[N]` go with outputs
    /// `[N, 1]`.
    ///
    /// - Parameter fromLogits: whether outputs are scores; else they are probabilities.
    public static func binaryCrossentropy(fromLogits: Bool = false) -> KerasLoss {
        KerasLoss(.binary(threshold: fromLogits ? 0 : 0.5)) { outputs, labels, reduction in
            let target = shaped(labels, as: outputs).to(outputs.dtype)
            if fromLogits { return binaryCrossEntropyWithLogits(outputs, target, reduction: reduction) }
            return binaryCrossEntropy(outputs.clamp(min: epsilon, max: 1 - epsilon), target, reduction: reduction)
        }
    }

    /// As [keras.losses.MeanSquaredError](https://keras.io/api/losses/regression_losses/). Targets `[N]` go with outputs `[N, 1]`.
    public static var meanSquaredError: KerasLoss {
        KerasLoss(.none) { mseLoss($0, shaped($1, as: $0).to($0.dtype), reduction: $2) }
    }

    /// As [keras.losses.MeanAbsoluteError](https://keras.io/api/losses/regression_losses/). Targets `[N]` go with outputs `[N, 1]`.
    public static var meanAbsoluteError: KerasLoss {
        KerasLoss(.none) { l1Loss($0, shaped($1, as: $0).to($0.dtype), reduction: $2) }
    }

    /// Labels `[N]` as `[N, 1]` where the outputs are.
    static func shaped(_ labels: Tensor, as outputs: Tensor) -> Tensor {
        let hasColumn = outputs.rank == labels.rank + 1 && outputs.shape[outputs.rank - 1] == 1
        return hasColumn ? labels.reshape(outputs.shape) : labels
    }
}
