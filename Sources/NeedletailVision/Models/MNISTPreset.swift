import Needletail
import NeedletailTraining

/// Recipes that reach an accuracy on MNIST in little time: one convolution of wide strides, batch normalisation, AdamW and a
/// one-cycle rate.
public enum MNISTPreset: String, Hashable, Sendable, CaseIterable {
    /// 98 % of the test images in one epoch.
    case fast98
    /// 99 % of the test images.
    case fast99

    /// The share of test images that the recipe is for, 0 to 1.
    public var accuracy: Double { self == .fast98 ? 0.98 : 0.99 }
    /// Passes over the training images.
    public var epochs: Int { self == .fast98 ? 1 : 4 }
    /// Images of a step; a last batch that is not full is left out.
    public var batchSize: Int { 128 }
    /// The highest learning rate of the cycle.
    public var learningRate: Double { 1e-2 }

    /// The model with initial weights: images `[N, 1, 28, 28]` to logits `[N, 10]`.
    public func makeModel(generator: Generator? = nil, device: DeviceID? = nil) -> Sequential {
        let (channels, width) = self == .fast98 ? (16, 64) : (32, 128)
        return Sequential {
            Conv2d(1, channels, kernel: 7, stride: 3, generator: generator, device: device)
            BatchNorm2d(channels, device: device)
            ReLU()
            Flatten()
            Linear(64 * channels, width, generator: generator, device: device)
            BatchNorm1d(width, device: device)
            ReLU()
            Linear(width, 10, generator: generator, device: device)
        }
    }

    /// The optimizer, and the schedule of its learning rate: to be moved on after each step of `steps`.
    public func makeOptimizer(
        _ parameters: [Parameter], steps: Int
    ) -> (optimizer: Optimizer, scheduler: LearningRateScheduler) {
        let optimizer = AdamW(parameters, learningRate: learningRate)
        return (optimizer, LearningRateScheduler(optimizer, schedule(steps: steps)))
    }

    /// The learning rate of each of so many steps.
    package func schedule(steps: Int) -> OneCycleSchedule {
        OneCycleSchedule(maximum: learningRate, length: steps, rise: 0.2)
    }
}
