import Foundation
import TensorRuntime

// Distributions that are functions of uniform and normal numbers, drawn on the device. Devices agree within tolerance.

extension Tensor {
    /// Cauchy distributed about a median: `median + scale tan(pi (u - 1/2))`.
    ///
    /// Source: [torch.Tensor.cauchy_](https://pytorch.org/docs/stable/generated/torch.Tensor.cauchy_.html).
    public static func cauchy(
        _ shape: Shape, median: Double = 0, scale: Double = 1, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard scale > 0, scale.isFinite, median.isFinite, dtype.isFloat else {
            return invalidCreation(
                "cauchy", "a median of \(median) and a scale of \(scale) as \(dtype)",
                remedy: "use finite numbers, a scale above 0, and floats", shape: [], dtype: dtype, device: device,
                at: CallSite(file, line))
        }
        let u = even(shape, dtype, generator, device, file, line)
        return (((u - 0.5) * Double.pi).tan() * scale + median).cast(to: dtype)
    }

    /// Whose logarithm is normally distributed.
    ///
    /// Source: [torch.Tensor.log_normal_](https://pytorch.org/docs/stable/generated/torch.Tensor.log_normal_.html).
    public static func logNormal(
        _ shape: Shape, mean: Double = 1, std: Double = 2, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard std > 0, std.isFinite, mean.isFinite, dtype.isFloat else {
            return invalidCreation(
                "logNormal", "a mean of \(mean) and a standard deviation of \(std) as \(dtype)",
                remedy: "use finite numbers, a deviation above 0, and floats", shape: [], dtype: dtype, device: device,
                at: CallSite(file, line))
        }
        let type: DType = dtype == .float64 ? .float64 : .float32
        return normal(
            shape, mean: mean, std: std, dtype: type, generator: generator, device: device, file: file, line: line
        ).exp().cast(to: dtype)
    }

    /// How often one tries until what has a probability happens, from 1 on.
    ///
    /// Source: [torch.Tensor.geometric_](https://pytorch.org/docs/stable/generated/torch.Tensor.geometric_.html).
    public static func geometric(
        _ shape: Shape, probability: Double, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard probability > 0, probability < 1, dtype != .bool else {
            return invalidCreation(
                "geometric", "a probability of \(probability) as \(dtype)",
                remedy: "use one between 0 and 1, and numbers", shape: [], dtype: dtype, device: device,
                at: CallSite(file, line))
        }
        let u = even(shape, dtype, generator, device, file, line)
        let tries = ((1.0 - u).log() * (1 / Foundation.log1p(-probability))).ceil()
        return Tensor.maximum(tries, 1.0).cast(to: dtype)
    }

    /// Evenly distributed in 0..<1, in float64 for that, else in float32.
    private static func even(
        _ shape: Shape, _ dtype: DType, _ generator: Generator?, _ device: DeviceID?, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        uniform(
            shape, dtype: dtype == .float64 ? .float64 : .float32, generator: generator, device: device, file: file,
            line: line)
    }
}
