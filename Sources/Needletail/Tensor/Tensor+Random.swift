import TensorGraph
import TensorRuntime

// Random tensors take key and offset from a generator when they are traced: evaluating later, or elsewhere, changes
// nothing. Each call uses up a multiple of 4 numbers.

extension Tensor {
    /// Evenly distributed in `low..<high`. The bits are the same on every device.
    public static func uniform(
        _ shape: Shape, low: Double = 0, high: Double = 1, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let index = made(.index, shape, .int64, .int(0), device, at: CallSite(file, line))
        var result = index.uniforms((generator ?? .current).reserve(index.elementCount))
        if high - low != 1 { result = result * (high - low) }
        if low != 0 { result = result + low }
        return result.cast(to: dtype)
    }

    /// Normally distributed, by [Box and Muller](https://doi.org/10.1214/aoms/1177706645): each number is made of two
    /// uniform ones, so a call uses up two numbers an element. Devices agree within tolerance.
    public static func normal(
        _ shape: Shape, mean: Double = 0, std: Double = 1, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let index = made(.index, shape, .int64, .int(0), device, at: CallSite(file, line))
        let count = (index.elementCount + 3) & ~3
        let start = (generator ?? .current).reserve(2 * count)
        let second = Generator.State(key: start.key, offset: start.offset &+ UInt64(count))
        // 1 - u is in 0 (excluded) ... 1, where the logarithm is finite.
        let radius = ((1.0 - index.uniforms(start)).log() * (-2 * std * std)).sqrt()
        let result = radius * (index.uniforms(second) * (2 * Double.pi)).cos()
        return (mean == 0 ? result : result + mean).cast(to: dtype)
    }

    /// 1 (or true) with a probability, else 0.
    public static func bernoulli(
        _ shape: Shape, probability: Double, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let index = made(.index, shape, .int64, .int(0), device, at: CallSite(file, line))
        let start = (generator ?? .current).reserve(index.elementCount)
        return (index.uniforms(start) .< probability).cast(to: dtype)
    }

    /// A random order of `0..<count`, int64, drawn on the host: the same on every device.
    public static func permutation(
        _ count: Int, generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        Tensor((generator ?? .current).permutation(count), device: device, file: file, line: line)
    }

    /// For each number of this int64 tensor, a float32 in 0..<1 of the stream that starts at `start`.
    private func uniforms(_ start: Generator.State) -> Tensor {
        Tensor.untracked(
            .pointwise(.randomUniform), shape: shape, dtype: .float32, self,
            scalar0: .int(Int64(bitPattern: start.key)), scalar1: .int(Int64(bitPattern: start.offset)))
    }
}
