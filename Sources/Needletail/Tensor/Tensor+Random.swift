import TensorGraph
import TensorRuntime

// Random tensors take key and offset from a generator when they are traced: evaluating later, or elsewhere, changes
// nothing. Each call uses up a multiple of 4 numbers.

extension Tensor {
    /// Evenly distributed in `low..<high`, which is not reached. The bits are the same on every device.
    ///
    /// Numbers in 0..<1 have as many bits as the dtype's fraction: 24 of float32, 11 of float16, 8 of bfloat16, and 53 of
    /// float64, which uses up two numbers an element.
    public static func uniform(
        _ shape: Shape, low: Double = 0, high: Double = 1, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard low <= high, (high - low).isFinite else {
            return invalidCreation(
                "uniform", "from \(low) to \(high)", remedy: "use finite bounds in order", shape: [], dtype: dtype,
                device: device, at: site)
        }
        return made(.index, shape, .int64, .int(0), device, for: "uniform", at: site)
            .uniform(low, high, dtype, generator ?? .current)
    }

    /// ``uniform(_:low:high:dtype:generator:device:file:line:)`` for each number of this int64 tensor.
    func uniform(_ low: Double, _ high: Double, _ dtype: DType, _ generator: Generator) -> Tensor {
        var result = uniforms(generator, dtype)
        guard low != 0 || high != 1 else { return result.cast(to: dtype) }
        if high - low != 1 { result = result * (high - low) }
        if low != 0 { result = result + low }
        // Rounding may have reached the bound.
        if dtype.isFloat, low < high { result = Tensor.minimum(result, dtype.largest(below: high)) }
        return result.cast(to: dtype)
    }

    /// Normally distributed, by [Box and Muller](https://doi.org/10.1214/aoms/1177706645): each number is made of two
    /// uniform ones, so a call uses up two numbers an element, of float64 four. Devices agree within tolerance.
    public static func normal(
        _ shape: Shape, mean: Double = 0, std: Double = 1, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard std >= 0 else {
            return invalidCreation(
                "normal", "a standard deviation of \(std)", remedy: "use one of at least 0", shape: [], dtype: dtype,
                device: device, at: site)
        }
        return made(.index, shape, .int64, .int(0), device, for: "normal", at: site)
            .normal(mean, std, dtype, generator ?? .current)
    }

    /// ``normal(_:mean:std:dtype:generator:device:file:line:)`` for each number of this int64 tensor.
    func normal(_ mean: Double, _ std: Double, _ dtype: DType, _ generator: Generator) -> Tensor {
        let type: DType = dtype == .float64 ? .float64 : .float32
        // 1 - u is in 0 (excluded) ... 1, where the logarithm is finite.
        let radius = ((1.0 - uniforms(generator, type)).log() * (-2 * std * std)).sqrt()
        let result = radius * (uniforms(generator, type) * (2 * Double.pi)).cos()
        return (mean == 0 ? result : result + mean).cast(to: dtype)
    }

    /// 1 (or true) with a probability, else 0.
    public static func bernoulli(
        _ shape: Shape, probability: Double, dtype: DType = .float32, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard (0...1).contains(probability) else {
            return invalidCreation(
                "bernoulli", "a probability of \(probability)", remedy: "use a number from 0 to 1", shape: [],
                dtype: dtype, device: device, at: site)
        }
        let index = made(.index, shape, .int64, .int(0), device, for: "bernoulli", at: site)
        return (index.uniforms(generator ?? .current, .float32) .< probability).cast(to: dtype)
    }

    /// A random order of `0..<count`, int64, drawn on the host: the same on every device.
    public static func permutation(
        _ count: Int, generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        guard count >= 0 else {
            return invalidCreation(
                "permutation", "of \(count) numbers", remedy: "use a count of at least 0", shape: [0], dtype: .int64,
                device: device, at: CallSite(file, line))
        }
        return Tensor((generator ?? .current).permutation(count), device: device, file: file, line: line)
    }

    /// For each number of this int64 tensor, one in 0..<1 with the bits of `type`: a float64 for float64, else a float32.
    func uniforms(_ generator: Generator, _ type: DType) -> Tensor {
        func draw(_ operation: PointwiseOperation, _ result: DType) -> Tensor {
            drawn(operation, result, generator)
        }
        switch type {
        case .float64:
            // 32 bits of one word and 21 of another.
            let high = draw(.randomBits, .int32).cast(to: .float64) % 0x1p32
            let low = ((draw(.randomBits, .int32).cast(to: .float64) % 0x1p32) * 0x1p-11).floor()
            return (high * 0x1p21 + low) * 0x1p-53
        // Of 24 bits, some would round up to 1.
        case .float16: return (draw(.randomUniform, .float32) * 0x1p11).floor() * 0x1p-11
        case .bfloat16: return (draw(.randomUniform, .float32) * 0x1p8).floor() * 0x1p-8
        case .float32, .bool, .uint8, .int32, .int64: return draw(.randomUniform, .float32)
        }
    }

    /// For each number of this int64 tensor, what a random operation makes of a generator's next words.
    func drawn(_ operation: PointwiseOperation, _ result: DType, _ generator: Generator) -> Tensor {
        let start = generator.reserve(elementCount)
        let drawn = Tensor.untracked(
            .pointwise(operation), shape: shape, dtype: result, self,
            scalar0: .int(Int64(bitPattern: start.key)), scalar1: .int(Int64(bitPattern: start.offset)))
        if let capture = Capture.current { capture.attach(start, of: generator, to: drawn.handle) }
        return drawn
    }
}

extension DType {
    /// The largest value of a float type below `bound`.
    fileprivate func largest(below bound: Double) -> Double {
        // The bits of a fraction, with the leading one, and the exponent of the smallest step.
        let (digits, least) =
            switch self {
            case .float16: (11, -24)
            case .bfloat16: (8, -133)
            case .float32: (24, -149)
            case .float64, .bool, .uint8, .int32, .int64: (53, -1074)
            }
        // A bound at a power of two has finer steps below.
        let exponent = bound == 0 ? least : Int(bound.nextDown.exponent)
        let step = Double(sign: .plus, exponent: Swift.max(exponent - digits + 1, least), significand: 1)
        let below = (bound / step).rounded(.up) * step - step
        return self == .float64 ? bound.nextDown : below
    }
}
