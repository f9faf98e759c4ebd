import Foundation
import TensorGraph
import TensorRuntime

// Random numbers of other distributions, and those shaped like a tensor. Seeded by the generator, on every device alike.

// MARK: - Integers

extension Tensor {
    /// Integers evenly distributed in `low..<high`, made of 63 random bits: the same on every device. Each number uses up two.
    ///
    /// Source: [torch.randint](https://pytorch.org/docs/stable/generated/torch.randint.html).
    public static func randint(
        _ shape: Shape, low: Int = 0, high: Int, dtype: DType = .int64, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        let (range, overflows) = high.subtractingReportingOverflow(low)
        guard range > 0, !overflows, Scalar.int(Int64(low)).fits(dtype), Scalar.int(Int64(high - 1)).fits(dtype) else {
            return invalidCreation(
                "randint", "from \(low) to before \(high) as \(dtype)",
                remedy: "use bounds in order, which the dtype holds, fewer than 2^63 apart", shape: [], dtype: dtype,
                device: device, at: site)
        }
        return made(.index, shape, .int64, .int(0), device, for: "randint", at: site)
            .integers(low, range, generator ?? .current).cast(to: dtype)
    }

    /// For each number of this int64 tensor one of `range` integers from `low` on.
    private func integers(_ low: Int, _ range: Int, _ generator: Generator) -> Tensor {
        randomWords(generator) % range + low
    }

    /// For each number of this int64 tensor 63 random bits.
    private func randomWords(_ generator: Generator) -> Tensor {
        let high = drawn(.randomBits, .int32, generator).cast(to: .int64) % (1 << 31)
        let low = drawn(.randomBits, .int32, generator).cast(to: .int64) % (1 << 32)
        return high * (1 << 32) + low
    }

    /// A random order of `0..<count`, drawn on the device: the order of as many random numbers of 63 bits. The same on every
    /// device. ``permutation(_:generator:device:file:line:)`` draws on the host.
    ///
    /// Source: [torch.randperm](https://pytorch.org/docs/stable/generated/torch.randperm.html).
    public static func randperm(
        _ count: Int, dtype: DType = .int64, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard count >= 0 else {
            return invalidCreation(
                "randperm", "of \(count) numbers", remedy: "use a count of at least 0", shape: [0], dtype: dtype,
                device: device, at: site)
        }
        return made(.index, [count], .int64, .int(0), device, for: "randperm", at: site)
            .randomWords(generator ?? .current).argsort().cast(to: dtype)
    }
}

// MARK: - Of a shape and device that are there

extension Tensor {
    /// ``uniform(_:low:high:dtype:generator:device:file:line:)`` of a tensor's shape, dtype and device.
    public static func uniformLike(
        _ other: Tensor, low: Double = 0, high: Double = 1, dtype: DType? = nil, generator: Generator? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let type = dtype ?? other.dtype
        guard low <= high, (high - low).isFinite, type.isFloat else {
            return other.invalid(
                "uniformLike", "from \(low) to \(high) as \(type)",
                remedy: "use finite bounds in order, and dtype: .float32 for a tensor of integers", [other], file, line)
        }
        return other.indices(other.shape).uniform(low, high, type, generator ?? .current)
    }

    /// ``normal(_:mean:std:dtype:generator:device:file:line:)`` of a tensor's shape, dtype and device.
    public static func normalLike(
        _ other: Tensor, mean: Double = 0, std: Double = 1, dtype: DType? = nil, generator: Generator? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let type = dtype ?? other.dtype
        guard std >= 0, type.isFloat else {
            return other.invalid(
                "normalLike", "a standard deviation of \(std) as \(type)",
                remedy: "use one of at least 0, and dtype: .float32 for a tensor of integers", [other], file, line)
        }
        return other.indices(other.shape).normal(mean, std, type, generator ?? .current)
    }

    /// ``randint(_:low:high:dtype:generator:device:file:line:)`` of a tensor's shape, dtype and device.
    public static func randintLike(
        _ other: Tensor, low: Int = 0, high: Int, dtype: DType? = nil, generator: Generator? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let type = dtype ?? other.dtype
        let (range, overflows) = high.subtractingReportingOverflow(low)
        guard range > 0, !overflows, Scalar.int(Int64(low)).fits(type), Scalar.int(Int64(high - 1)).fits(type) else {
            return other.invalid(
                "randintLike", "from \(low) to before \(high) as \(type)",
                remedy: "use bounds in order, which the dtype holds, fewer than 2^63 apart", [other], file, line)
        }
        return other.indices(other.shape).integers(low, range, generator ?? .current).cast(to: type)
    }

    /// 1 with the probability at each place, else 0; of the probabilities' shape and dtype. A read throws where one is outside
    /// of 0...1.
    ///
    /// Source: [torch.bernoulli](https://pytorch.org/docs/stable/generated/torch.bernoulli.html).
    public static func bernoulli(
        _ probabilities: Tensor, generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard probabilities.dtype.isFloat else {
            return probabilities.invalid(
                "bernoulli", "probabilities of \(probabilities.dtype)", remedy: "use floats", [probabilities], file,
                line)
        }
        let x = probabilities.detach()
        let wrong = (x .>= 0.0).logicalAnd(x .<= 1.0).logicalNot()
        let type: DType = x.dtype == .float64 ? .float64 : .float32
        let result = (x.indices(x.shape).uniforms(generator ?? .current, type) .< x).cast(to: x.dtype)
        return result.refusing(
            wrong, "bernoulli", "a probability is outside of 0...1", remedy: "use numbers from 0 to 1")
    }

    /// This tensor, whose reading throws where an element of `wrong` is true.
    private func refusing(_ wrong: Tensor, _ name: String, _ problem: String, remedy: String) -> Tensor {
        if wrong.elementCount == 0 { return self }
        let count = wrong.cast(to: .int64).sum()
        return guarded(by: count.guarded(in: 0..<1, name, problem, remedy: remedy))
    }
}

// MARK: - Distributions drawn on the device

extension Tensor {
    /// Exponentially distributed with a rate: above 0, `1 / rate` in the mean. Devices agree within tolerance.
    ///
    /// Source: [torch.Tensor.exponential_](https://pytorch.org/docs/stable/generated/torch.Tensor.exponential_.html).
    public static func exponential(
        _ shape: Shape, rate: Double = 1, dtype: DType = .float32, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard rate > 0, rate.isFinite, dtype.isFloat else {
            return invalidCreation(
                "exponential", "a rate of \(rate) as \(dtype)", remedy: "use a rate above 0, and floats", shape: [],
                dtype: dtype, device: device, at: site)
        }
        let index = made(.index, shape, .int64, .int(0), device, for: "exponential", at: site)
        return (index.exponentials(generator ?? .current, dtype) * (1 / rate)).cast(to: dtype)
    }

    /// For each number of this int64 tensor one of the exponential distribution of rate 1, above 0; float64 for float64, else
    /// float32. Near 0 two draws give all bits of a float32, so that few of many are equal.
    private func exponentials(_ generator: Generator, _ type: DType) -> Tensor {
        if type == .float64 {
            return Tensor.maximum((uniforms(generator, .float64) * -1).log1p() * -1, 0x1p-1022)
        }
        let fine = uniforms(generator, .float32) + uniforms(generator, .float32) * 0x1p-24
        let below = Tensor.minimum(fine, 1 - 0x1p-24)
        return Tensor.maximum((below * -1).log1p() * -1, 0x1p-126)
    }

    /// Numbers of places drawn with the probabilities that these weights are in proportion to, int64: a vector gives `[count]`,
    /// a matrix `[n, count]`, row by row. Without replacement each place is drawn once at most. A read throws where a weight is
    /// negative or not finite, or too few are above 0.
    ///
    /// The place whose exponential number, divided by its weight, is the smallest is drawn; devices, which agree within
    /// tolerance on these, may draw another where two are that close.
    /// Source: [torch.multinomial](https://pytorch.org/docs/stable/generated/torch.multinomial.html).
    public func multinomial(
        _ count: Int, replacement: Bool = false, generator: Generator? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        let places = rank > 0 ? shape[rank - 1] : 0
        guard dtype.isFloat, rank == 1 || rank == 2, places > 0, count > 0, replacement || count <= places else {
            return invalid(
                "multinomial", "\(count) of \(dtype)\(shape)\(replacement ? "" : ", without replacement")",
                remedy: "use weights as a vector or rows of floats, and draw from 1 to as many as there are", [self],
                file, line)
        }
        let type: DType = dtype == .float64 ? .float64 : .float32
        let weights = detach().cast(to: type)
        let generator = generator ?? .current
        let drawn: Tensor
        if replacement {
            let races = Shape(shape.dropLast() + [count, places])
            let times = indices(races).exponentials(generator, type)
            drawn = (times / weights.viewed(as: shape.inserting(1, at: rank - 1))).argmin(-1)
        } else {
            drawn = (indices(shape).exponentials(generator, type) / weights).topk(count, largest: false).indices
        }
        let isWrong = (weights .>= 0.0).logicalAnd(weights .< Double.infinity).logicalNot().any(axes: [-1])
        let positive = (weights .> 0.0).cast(to: .int64).sum(axes: [-1])
        return drawn.refusing(
            isWrong.logicalOr(positive .< (replacement ? 1 : count)), "multinomial",
            "a weight is negative or not finite, or fewer than \(replacement ? 1 : count) are above 0",
            remedy: "use weights of at least 0")
    }
}

// MARK: - Distributions drawn on the host

/// Numbers in 0..<1 of 53 bits, from Philox under a key of their own.
private struct HostStream {
    private let key: UInt64
    private var counter: UInt64 = 0
    private var words = SIMD4<UInt32>()
    private var used = 4

    init(_ start: Generator.State) {
        let words = Philox.block(counter: start.offset, key: ~start.key)
        key = UInt64(words[0]) << 32 | UInt64(words[1])
    }

    private mutating func word() -> UInt64 {
        if used == 4 {
            words = Philox.block(counter: counter, key: key)
            counter += 1
            used = 0
        }
        defer { used += 1 }
        return UInt64(words[used])
    }

    mutating func uniform() -> Double {
        let high = word() << 21
        return Double(high | word() >> 11) * 0x1p-53
    }

    mutating func normal() -> Double {
        let radius = Foundation.sqrt(-2 * Foundation.log(1 - uniform()))
        return radius * Foundation.cos(2 * Double.pi * uniform())
    }

    /// By multiplication of uniform numbers for small rates (Knuth), else by Hörmann's
    /// [PTRS](https://doi.org/10.1016/0167-6687(93)90997-4).
    mutating func poisson(_ rate: Double) -> Double {
        if rate < 10 {
            let limit = Foundation.exp(-rate)
            var count = 0.0
            var product = uniform()
            while product > limit {
                count += 1
                product *= uniform()
            }
            return count
        }
        let logRate = Foundation.log(rate)
        let b = 0.931 + 2.53 * rate.squareRoot()
        let a = -0.059 + 0.02483 * b
        let inverse = 1.1239 + 1.1328 / (b - 3.4)
        let limit = 0.9277 - 3.6224 / (b - 2)
        while true {
            let u = uniform() - 0.5
            let v = 1 - uniform()
            let us = 0.5 - Swift.abs(u)
            let k = ((2 * a / us + b) * u + rate + 0.43).rounded(.down)
            if us >= 0.07 && v <= limit { return k }
            if k < 0 || (us < 0.013 && v > us) { continue }
            let left = Foundation.log(v) + Foundation.log(inverse) - Foundation.log(a / (us * us) + b)
            if left <= k * logRate - rate - lgamma(k + 1) { return k }
        }
    }

    /// By [Marsaglia and Tsang](https://doi.org/10.1145/358407.358414).
    mutating func gamma(_ concentration: Double) -> Double {
        if concentration < 1 {
            return gamma(concentration + 1) * Foundation.pow(1 - uniform(), 1 / concentration)
        }
        let d = concentration - 1 / 3.0
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let t = 1 + c * x
            if t <= 0 { continue }
            let v = t * t * t
            let u = 1 - uniform()
            if Foundation.log(u) < 0.5 * x * x + d - d * v + d * Foundation.log(v) { return d * v }
        }
    }
}

extension Tensor {
    /// Poisson distributed numbers with the rate at each place, of the rates' shape and dtype. Rates are read and numbers drawn
    /// on the host: the same on every device. No gradient flows.
    ///
    /// Source: [torch.poisson](https://pytorch.org/docs/stable/generated/torch.poisson.html).
    public static func poisson(
        _ rates: Tensor, generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        rates.drawnOnHost("poisson", "rate", generator, CallSite(file, line), { $0 >= 0 }, { $0.poisson($1) })
    }

    /// Gamma distributed numbers with the concentration at each place and rate 1, as ``poisson(_:generator:file:line:)``.
    public static func gamma(
        _ concentrations: Tensor, generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        concentrations.drawnOnHost(
            "gamma", "concentration", generator, CallSite(file, line), { $0 > 0 }, { $0.gamma($1) })
    }

    private func drawnOnHost(
        _ name: String, _ parameter: String, _ generator: Generator?, _ site: CallSite, _ isAllowed: (Double) -> Bool,
        _ draw: (inout HostStream, Double) -> Double
    ) -> Tensor {
        guard dtype.isFloat else {
            return invalid(name, "a \(parameter) of \(dtype)", remedy: "use floats", [self], at: site)
        }
        do throws(TensorError) {
            let isWide = dtype == .float64
            let given =
                isWide
                ? try scalars(as: Double.self) : try detach().to(.float32).scalars(as: Float.self).map(Double.init)
            if let wrong = given.first(where: { !isAllowed($0) || !$0.isFinite }) {
                return invalid(
                    name, "a \(parameter) of \(wrong)", remedy: "use finite numbers, none too small", [self], at: site)
            }
            var stream = HostStream((generator ?? .current).reserve(4))
            let numbers = given.map { draw(&stream, $0) }
            return Tensor.table(numbers, shape: shape, dtype: dtype, in: context)
        } catch {
            return Tensor(context.failed(error, shape: shape, dtype: dtype))
        }
    }
}
