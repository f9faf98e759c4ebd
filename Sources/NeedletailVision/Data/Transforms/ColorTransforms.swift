import Needletail
import NeedletailTraining
import TensorRuntime

/// Pictures in another dtype; bytes are scaled to 0...1 where it is a float.
/// Source: [torchvision.transforms.v2.ToDtype](https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToDtype.html).
public struct ToDType: ImageTransform {
    /// What pictures become.
    public let dtype: DType
    /// Whether uint8 is divided by 255.
    public let scale: Bool

    /// By default what models take: float32 in 0...1.
    public init(_ dtype: DType = .float32, scale: Bool = true) {
        self.dtype = dtype
        self.scale = scale
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        guard scale, images.dtype == .uint8, dtype.isFloat else { return images.to(dtype) }
        return (images.to(dtype == .float64 ? .float64 : .float32) * (1 / 255.0)).to(dtype)
    }
}

/// Pictures with each channel's mean taken away, divided by its standard deviation.
/// Source:
/// [torchvision.transforms.Normalize](https://pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html).
public struct Normalize: ImageTransform {
    /// Of each channel, or one for all.
    public let mean: [Double]
    /// As many, above 0.
    public let std: [Double]

    /// What they are is said at the properties.
    public init(mean: [Double], std: [Double], file: StaticString = #fileID, line: UInt = #line) {
        let isRight = !mean.isEmpty && mean.count == std.count && std.allSatisfy { $0 > 0 }
        if !isRight {
            WrongCall.report(
                "Normalize", "mean \(mean), std \(std)", remedy: "give as many of each, deviations above 0",
                at: CallSite(file, line))
        }
        self.mean = isRight ? mean : [0]
        self.std = isRight ? std : [1]
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("Normalize", floats: true) { return problem }
        if mean.count == 1 { return (images - mean[0]) * (1 / std[0]) }
        guard mean.count == images.shape[1] else {
            return images.invalid(
                "Normalize", "\(mean.count) channels of pictures \(images.shape)",
                remedy: "give a mean and a deviation for each channel, or one for all", [images], at: nil)
        }
        let (means, factors) = withDeviceContext(images.context) {
            func constants(_ numbers: [Double]) -> Tensor {
                Tensor(numbers, shape: [1, numbers.count, 1, 1], dtype: images.dtype)
            }
            return (constants(mean), constants(std.map { 1 / $0 }))
        }
        return (images - means) * factors
    }
}

/// Brightness and contrast of each picture changed by factors that are drawn: first that of the brightness, then that of the
/// contrast. In that order they are changed; pixels stay within 0...1.
/// Source:
/// [torchvision.transforms.ColorJitter](https://pytorch.org/vision/stable/generated/torchvision.transforms.ColorJitter.html).
public struct ColorJitter: ImageTransform {
    /// How far the brightness' factor may be from 1.
    public let brightness: Double
    /// How far the contrast's factor may be from 1.
    public let contrast: Double

    /// - Parameters:
    ///   - brightness: the factor is in `max(0, 1 - brightness)...1 + brightness`; 0 changes nothing.
    ///   - contrast: likewise.
    public init(
        brightness: Double = 0, contrast: Double = 0, file: StaticString = #fileID, line: UInt = #line
    ) {
        let isRight = brightness >= 0 && contrast >= 0 && brightness.isFinite && contrast.isFinite
        if !isRight {
            WrongCall.report(
                "ColorJitter", "brightness \(brightness), contrast \(contrast)", remedy: "use numbers of at least 0",
                at: CallSite(file, line))
        }
        self.brightness = isRight ? brightness : 0
        self.contrast = isRight ? contrast : 0
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("ColorJitter", floats: true) { return problem }
        guard images.shape[1] == 1 || images.shape[1] == 3 else {
            return images.invalid(
                "ColorJitter", "\(images.shape[1]) channels", remedy: "use pictures of 1 or 3", [images], at: nil)
        }
        var result = images
        if brightness > 0 { result = (result * factor(brightness, images, generator)).clamp(min: 0, max: 1) }
        if contrast > 0 {
            let factor = factor(contrast, images, generator)
            let mean = gray(result).mean(axes: [1, 2, 3], keepDims: true)
            result = (result * factor + mean * (1.0 - factor)).clamp(min: 0, max: 1)
        }
        return result
    }

    private func factor(_ strength: Double, _ images: Tensor, _ generator: Generator) -> Tensor {
        let low = max(0, 1 - strength)
        return (images.drawn(generator) * (1 + strength - low) + low).to(images.dtype)
    }

    /// The brightness as torchvision weighs it.
    private func gray(_ images: Tensor) -> Tensor {
        if images.shape[1] == 1 { return images }
        func plane(_ index: Int) -> Tensor { images.slice(axis: 1, from: index, to: index + 1) }
        let warm = plane(0) * 0.2989 + plane(1) * 0.587
        return warm + plane(2) * 0.114
    }
}
