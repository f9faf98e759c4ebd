import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// The batch's classes as numbers, 1 of the class and 0 of the others: `[N]` becomes float32 `[N, classes]`.
public struct OneHot: BatchTransform {
    /// How many classes there are.
    public let classes: Int

    /// - Parameter classes: how many there are.
    public init(_ classes: Int) { self.classes = classes }

    public func callAsFunction(_ batch: Batch, generator: Generator) -> Batch {
        var batch = batch
        batch.tensors[batch.tensors.count - 1] = batch.labels.oneHot(classes: classes)
        return batch
    }
}

/// Each example mixed with the one before it, features and classes: `share * x + (1 - share) * other`. One share is drawn for a
/// batch, from Beta(alpha, alpha). Classes `[N]` become shares `[N, classes]`, which `crossEntropy(_:_:weight:reduction:labelSmoothing:ignoredIndex:file:line:)`
/// takes.
/// Source: [torchvision.transforms.v2.MixUp](https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.MixUp.html),
/// [Zhang et al.](https://arxiv.org/abs/1710.09412).
public struct MixUp: BatchTransform {
    /// Of the Beta distribution of shares; small numbers mix little.
    public let alpha: Double
    /// How many classes there are.
    public let classes: Int

    /// What they are is said at the properties.
    public init(classes: Int, alpha: Double = 1, file: StaticString = #fileID, line: UInt = #line) {
        self.classes = classes
        self.alpha = checkedAlpha(alpha, "MixUp", CallSite(file, line))
    }

    public func callAsFunction(_ batch: Batch, generator: Generator) -> Batch {
        guard batch.features.dtype.isFloat, batch.features.rank > 0 else {
            return batch.replacingFeatures(
                batch.features.invalid(
                    "MixUp", "features \(batch.features.dtype)\(batch.features.shape)",
                    remedy: "give floats: ToDType() makes them of bytes", [batch.features], at: nil))
        }
        var random = hostRandom(generator)
        let share = random.beta(alpha)
        var batch = batch
        batch.tensors[0] = batch.features * share + batch.features.roll(1, axis: 0) * (1 - share)
        batch.tensors[batch.tensors.count - 1] = batch.mixedLabels(classes, share)
        return batch
    }
}

/// A rectangle of each picture replaced by that of the one before it, and the classes mixed by its share of the picture. One
/// rectangle is drawn for a batch: its share from Beta(alpha, alpha), its middle anywhere. Classes `[N]` become shares
/// `[N, classes]`.
/// Source: [torchvision.transforms.v2.CutMix](https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.CutMix.html),
/// [Yun et al.](https://arxiv.org/abs/1905.04899).
public struct CutMix: BatchTransform {
    /// Of the Beta distribution of shares; small numbers mix little.
    public let alpha: Double
    /// How many classes there are.
    public let classes: Int

    /// What they are is said at the properties.
    public init(classes: Int, alpha: Double = 1, file: StaticString = #fileID, line: UInt = #line) {
        self.classes = classes
        self.alpha = checkedAlpha(alpha, "CutMix", CallSite(file, line))
    }

    public func callAsFunction(_ batch: Batch, generator: Generator) -> Batch {
        let images = batch.features
        if let problem = images.imageProblem("CutMix") { return batch.replacingFeatures(problem) }
        var random = hostRandom(generator)
        let (height, width) = (Double(images.shape[2]), Double(images.shape[3]))
        let half = 0.5 * (1 - random.beta(alpha)).squareRoot()
        let (x, y) = ((random.uniform() * width).rounded(.down), (random.uniform() * height).rounded(.down))
        func edge(_ place: Double, _ extent: Double) -> Int { Int(min(max(place.rounded(.down), 0), extent)) }
        let (left, right) = (edge(x - half * width, width), edge(x + half * width, width))
        let (top, bottom) = (edge(y - half * height, height), edge(y + half * height, height))
        let row = images.places(axis: 2, count: images.shape[2])
        let column = images.places(axis: 3, count: images.shape[3])
        let rowsInside = (row .>= top).logicalAnd(row .< bottom)
        let columnsInside = (column .>= left).logicalAnd(column .< right)
        let inside = rowsInside.logicalAnd(columnsInside)
        var batch = batch
        batch.tensors[0] = Tensor.where(inside, images.roll(1, axis: 0), images)
        let area = max(height * width, 1)
        batch.tensors[batch.tensors.count - 1] = batch.mixedLabels(
            classes, 1 - Double((right - left) * (bottom - top)) / area)
        return batch
    }
}

extension Batch {
    fileprivate func replacingFeatures(_ features: Tensor) -> Batch {
        var batch = self
        batch.tensors[0] = features
        return batch
    }

    /// The classes, mixed with those of the example before.
    fileprivate func mixedLabels(_ classes: Int, _ share: Double) -> Tensor {
        // Shares of an earlier mix are mixed again.
        let shares = labels.dtype.isFloat ? labels : labels.oneHot(classes: classes)
        return shares * share + shares.roll(1, axis: 0) * (1 - share)
    }
}

private func checkedAlpha(_ alpha: Double, _ name: String, _ site: CallSite) -> Double {
    if alpha > 0, alpha.isFinite { return alpha }
    WrongCall.report(name, "alpha \(alpha)", remedy: "use a number above 0", at: site)
    return 1
}

/// Numbers on the host, of a generator's place, which moves on.
private func hostRandom(_ generator: Generator) -> SeededRandom {
    let start = generator.reserve(4)
    return SeededRandom(start.key, start.offset)
}

extension SeededRandom {
    /// A number from Beta(alpha, alpha): of two from Gamma(alpha), the first's share.
    package mutating func beta(_ alpha: Double) -> Double {
        let (one, other) = (gamma(alpha), gamma(alpha))
        // Both may be too small for a Double.
        if one + other == 0 { return uniform() < 0.5 ? 0 : 1 }
        return one / (one + other)
    }

    /// A number from Gamma(alpha, 1), by [Marsaglia and Tsang](https://doi.org/10.1145/358407.358414).
    private mutating func gamma(_ alpha: Double) -> Double {
        if alpha < 1 { return gamma(alpha + 1) * pow(1 - uniform(), 1 / alpha) }
        let d = alpha - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            // Box and Muller.
            let radius = (-2 * log(1 - uniform())).squareRoot()
            let x = radius * cos(2 * Double.pi * uniform())
            let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
            guard v > 0 else { continue }
            if log(1 - uniform()) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
        }
    }
}
