import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

// Pictures moved by whole pixels.

/// A part of each picture, at a place that is drawn: first of the rows, then of the columns.
/// Source:
/// [torchvision.transforms.RandomCrop](https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomCrop.html).
public struct RandomCrop: ImageTransform {
    /// Rows of the result.
    public let height: Int
    /// Columns of the result.
    public let width: Int
    /// Pixels put around a picture before.
    public let padding: Int
    /// Their value.
    public let fill: Double

    /// A part of any size.
    public init(
        height: Int, width: Int, padding: Int = 0, fill: Double = 0, file: StaticString = #fileID, line: UInt = #line
    ) {
        if height < 1 || width < 1 || padding < 0 {
            WrongCall.report(
                "RandomCrop", "\(height) x \(width), padding \(padding)",
                remedy: "use a size of 1 or more and a padding of at least 0", at: CallSite(file, line))
        }
        self.height = max(height, 1)
        self.width = max(width, 1)
        self.padding = max(padding, 0)
        self.fill = fill
    }

    /// A square part.
    public init(
        _ size: Int, padding: Int = 0, fill: Double = 0, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(height: size, width: size, padding: padding, fill: fill, file: file, line: line)
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("RandomCrop") { return problem }
        let (rows, columns) = (images.shape[2] + 2 * padding - height, images.shape[3] + 2 * padding - width)
        guard rows >= 0, columns >= 0 else {
            return images.invalid(
                "RandomCrop", "\(height) x \(width) of pictures \(images.shape[2]) x \(images.shape[3])",
                remedy: "use a smaller size, or padding", [images], at: nil)
        }
        let top = (images.drawn(generator) * Double(rows + 1)).floor().to(.int64) - padding
        let left = (images.drawn(generator) * Double(columns + 1)).floor().to(.int64) - padding
        return images.picked(
            rows: images.places(axis: 2, count: height) + top, columns: images.places(axis: 3, count: width) + left,
            fill: fill)
    }
}

/// Each picture moved by up to a number of pixels along both axes: first the rows are drawn, then the columns.
public struct RandomShift: ImageTransform {
    /// At most as many along each axis.
    public let pixels: Int
    /// The value of what comes in.
    public let fill: Double

    /// - Parameter pixels: each of `-pixels...pixels` is drawn as often.
    public init(_ pixels: Int, fill: Double = 0, file: StaticString = #fileID, line: UInt = #line) {
        if pixels < 0 {
            WrongCall.report(
                "RandomShift", "by \(pixels) pixels", remedy: "use at least 0", at: CallSite(file, line))
        }
        self.pixels = max(pixels, 0)
        self.fill = fill
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("RandomShift") { return problem }
        let down = (images.drawn(generator) * Double(2 * pixels + 1)).floor().to(.int64) - pixels
        let right = (images.drawn(generator) * Double(2 * pixels + 1)).floor().to(.int64) - pixels
        return images.picked(
            rows: images.places(axis: 2, count: images.shape[2]) - down,
            columns: images.places(axis: 3, count: images.shape[3]) - right, fill: fill)
    }
}

/// Each picture with left and right exchanged, with a probability.
/// Source: [torchvision.transforms.RandomHorizontalFlip](https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomHorizontalFlip.html).
public struct RandomHorizontalFlip: ImageTransform {
    /// Of each picture.
    public let probability: Double

    /// - Parameter probability: of each picture.
    public init(probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        self.probability = checkedProbability(probability, "RandomHorizontalFlip", CallSite(file, line))
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("RandomHorizontalFlip") { return problem }
        return Tensor.where(images.drawn(generator) .< probability, images.flip(3), images)
    }
}

/// Each picture with top and bottom exchanged, with a probability.
/// Source: [torchvision.transforms.RandomVerticalFlip](https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomVerticalFlip.html).
public struct RandomVerticalFlip: ImageTransform {
    /// Of each picture.
    public let probability: Double

    /// - Parameter probability: of each picture.
    public init(probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        self.probability = checkedProbability(probability, "RandomVerticalFlip", CallSite(file, line))
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("RandomVerticalFlip") { return problem }
        return Tensor.where(images.drawn(generator) .< probability, images.flip(2), images)
    }
}

/// A rectangle of each picture overwritten, with a probability.
///
/// Drawn are, in this order: whether, the rectangle's share of the picture, the logarithm of its height over its width, its
/// top, its left. One that is higher or wider than the picture is cut to it, where torchvision draws anew.
/// Source:
/// [torchvision.transforms.RandomErasing](https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomErasing.html),
/// [Zhong et al.](https://arxiv.org/abs/1708.04896).
public struct RandomErasing: ImageTransform {
    /// Of each picture.
    public let probability: Double
    /// The rectangle's share of the picture.
    public let scale: ClosedRange<Double>
    /// Its height over its width.
    public let ratio: ClosedRange<Double>
    /// What is written.
    public let value: Double

    /// The defaults are torchvision's.
    public init(
        probability: Double = 0.5, scale: ClosedRange<Double> = 0.02...0.33, ratio: ClosedRange<Double> = 0.3...3.3,
        value: Double = 0, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        self.probability = checkedProbability(probability, "RandomErasing", site)
        let isRight =
            scale.lowerBound >= 0 && scale.upperBound <= 1 && ratio.lowerBound > 0 && ratio.upperBound.isFinite
        if !isRight {
            WrongCall.report(
                "RandomErasing", "a share of \(scale), a ratio of \(ratio)",
                remedy: "use a share in 0...1 and a ratio above 0", at: site)
        }
        self.scale = isRight ? scale : 0...0
        self.ratio = isRight ? ratio : 1...1
        self.value = value
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("RandomErasing") { return problem }
        let (rows, columns) = (Double(images.shape[2]), Double(images.shape[3]))
        let isErased = images.drawn(generator) .< probability
        let share = images.drawn(generator) * (scale.upperBound - scale.lowerBound) + scale.lowerBound
        let (low, high) = (log(ratio.lowerBound), log(ratio.upperBound))
        let aspect = (images.drawn(generator) * (high - low) + low).exp()
        let area = share * (rows * columns)
        let height = Tensor.minimum((area * aspect).sqrt().round(), rows)
        let width = Tensor.minimum((area / aspect).sqrt().round(), columns)
        let top = (images.drawn(generator) * (rows - height + 1.0)).floor()
        let left = (images.drawn(generator) * (columns - width + 1.0)).floor()
        let y = images.places(axis: 2, count: images.shape[2], dtype: .float32)
        let x = images.places(axis: 3, count: images.shape[3], dtype: .float32)
        let rowsInside = (y .>= top).logicalAnd(y .< top + height)
        let columnsInside = (x .>= left).logicalAnd(x .< left + width)
        let inside = rowsInside.logicalAnd(columnsInside).logicalAnd(isErased)
        if images.dtype.isFloat { return Tensor.where(inside, value, images) }
        guard let whole = Int(exactly: value.rounded(.towardZero)) else {
            return images.invalid(
                "RandomErasing", "the value \(value) in pictures of \(images.dtype)", remedy: "use a finite number",
                [images],
                at: nil)
        }
        return Tensor.where(inside, whole, images)
    }
}

func checkedProbability(_ probability: Double, _ name: String, _ site: CallSite) -> Double {
    if (0...1).contains(probability) { return probability }
    WrongCall.report(
        name, "a probability of \(probability)", remedy: "use a number from 0 to 1", at: site)
    return 0
}
