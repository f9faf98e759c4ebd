import Foundation
import TensorRuntime

/// Adds sines and cosines of the places to a sequence `[batch, time, size]` or `[time, size]`
/// ([Vaswani et al.](https://arxiv.org/abs/1706.03762), 3.5): feature `2i` gets `sin(t / base^(2i / size))`, feature
/// `2i + 1` the cosine.
public final class SinusoidalPositions: UnaryLayer, Sendable {
    private let size: Int
    private let base: Double

    /// - Parameters:
    ///   - size: the features of a time step.
    ///   - base: sets the longest wave, of `2 pi base` time steps nearly.
    public init(_ size: Int, base: Double = 10_000) {
        self.size = size
        self.base = base
    }

    public var configuration: String { "\(size), base=\(Printed.number(base))" }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank >= 2, input.shape[input.rank - 1] == size, input.dtype.isFloat else {
            return input.invalid(
                "SinusoidalPositions(\(size))", "input \(input.dtype)\(input.shape)",
                remedy: "use floats of [..., time, \(size)]", [input], at: nil)
        }
        let time = input.shape[input.rank - 2]
        let feature = input.indices([1, size])
        let pair = (feature - feature % 2).cast(to: .float32)
        let rate = (pair * (-Foundation.log(base) / Double(max(size, 1)))).exp()
        let angle = input.indices([time, 1]).cast(to: .float32) * rate
        let isOdd = (feature % 2) .== 1
        return input + Tensor.where(isOdd, angle.cos(), angle.sin()).cast(to: input.dtype)
    }
}

/// Turns pairs of features by angles that grow with the place
/// ([Su et al.](https://arxiv.org/abs/2104.09864)): queries and keys `[..., time, size]` before their product.
///
/// Pair `i` at place `t` is turned by `t / base^(2i / size)`.
public struct RotaryPositions: Sendable {
    /// Which features are a pair.
    public enum Pairing: Sendable {
        /// Feature `i` and `i + size / 2`.
        case halves
        /// Feature `2i` and `2i + 1`.
        case neighbours
    }

    /// The larger, the slower the last pairs turn: the wave of pair `i` is `2 pi base^(2i / size)` time steps long.
    public var base: Double
    /// Which two features are turned together. Weights of other programs were trained with one of the two ways.
    public var pairing: Pairing

    /// Both arguments are settings of the same name; the defaults are those of most language models.
    public init(base: Double = 10_000, pairing: Pairing = .halves) {
        self.base = base
        self.pairing = pairing
    }

    /// - Parameter start: the place of the first time step.
    public func callAsFunction(
        _ x: Tensor, from start: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard x.rank >= 2, x.shape[x.rank - 1] % 2 == 0, x.dtype.isFloat else {
            return x.invalid(
                "RotaryPositions", "input \(x.dtype)\(x.shape)", remedy: "use floats of [..., time, an even size]", [x],
                file, line)
        }
        let (time, size) = (x.shape[x.rank - 2], x.shape[x.rank - 1])
        let half = size / 2
        let pair = x.indices([1, half]).cast(to: .float32)
        let rate = (pair * (-2 * Foundation.log(base) / Double(max(size, 1)))).exp()
        let angle = (x.indices([time, 1]) + start).cast(to: .float32) * rate
        let (cosine, sine) = (angle.cos().cast(to: x.dtype), angle.sin().cast(to: x.dtype))
        let lead = Array(x.shape.dropLast())
        let axis = x.rank - 1
        switch pairing {
        case .halves:
            let (a, b) = (
                x.narrowed(axis: axis, start: 0, count: half), x.narrowed(axis: axis, start: half, count: half)
            )
            return Tensor.concatenate([a * cosine - b * sine, b * cosine + a * sine], axis: axis)
        case .neighbours:
            guard x.rank < Shape.maximumRank else {
                return x.invalid(
                    "RotaryPositions", "input \(x.shape)", remedy: "use a rank below \(Shape.maximumRank)", [x], file,
                    line)
            }
            let pairs = x.viewed(as: Shape(lead + [half, 2]))
            func part(_ number: Int) -> Tensor {
                pairs.narrowed(axis: axis + 1, start: number, count: 1).viewed(as: Shape(lead + [half]))
            }
            let (a, b) = (part(0), part(1))
            return Tensor.stack([a * cosine - b * sine, b * cosine + a * sine], axis: -1).viewed(as: x.shape)
        }
    }
}
