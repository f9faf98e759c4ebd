import Needletail

/// An optimizer that is made when the parameters are known.
public struct KerasOptimizer: Sendable {
    let make: @Sendable ([Parameter]) -> Optimizer

    /// - Parameter make: gives the optimizer of a model's parameters.
    public init(_ make: @escaping @Sendable ([Parameter]) -> Optimizer) { self.make = make }

    /// As [keras.optimizers.Adam](https://keras.io/api/optimizers/adam/), whose epsilon is 1e-7.
    public static func adam(_ learningRate: Double = 0.001) -> KerasOptimizer {
        KerasOptimizer { Adam($0, learningRate: learningRate, epsilon: 1e-7) }
    }

    /// As [keras.optimizers.AdamW](https://keras.io/api/optimizers/adamw/).
    public static func adamW(_ learningRate: Double = 0.001, weightDecay: Double = 0.004) -> KerasOptimizer {
        KerasOptimizer { AdamW($0, learningRate: learningRate, epsilon: 1e-7, weightDecay: weightDecay) }
    }

    /// As [keras.optimizers.SGD](https://keras.io/api/optimizers/sgd/). The momentum's velocity has no learning rate in it,
    /// as in PyTorch, which is the same while the rate does not change.
    public static func sgd(_ learningRate: Double = 0.01, momentum: Double = 0, nesterov: Bool = false)
        -> KerasOptimizer
    {
        KerasOptimizer { SGD($0, learningRate: learningRate, momentum: momentum, nesterov: nesterov) }
    }

    /// As [keras.optimizers.RMSprop](https://keras.io/api/optimizers/rmsprop/), whose rho is `alpha` here. Epsilon
    /// is added to the root, as in PyTorch, not under it: steps of very small gradients are larger than Keras's.
    public static func rmsprop(_ learningRate: Double = 0.001, rho: Double = 0.9) -> KerasOptimizer {
        KerasOptimizer { RMSprop($0, learningRate: learningRate, alpha: rho, epsilon: 1e-7) }
    }
}
