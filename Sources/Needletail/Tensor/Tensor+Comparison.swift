import TensorGraph
import TensorRuntime

extension Tensor {
    /// Whether elements are equal, or no farther apart than `absolute + relative * |other|`; bool. The two broadcast. NaN is
    /// close to NaN only with `equalNaN`.
    ///
    /// Source: [torch.isclose](https://pytorch.org/docs/stable/generated/torch.isclose.html).
    public func isClose(
        _ other: Tensor, relative: Double = 1e-5, absolute: Double = 1e-8, equalNaN: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard relative >= 0, absolute >= 0 else {
            return invalid(
                "isClose", "tolerances \(relative) and \(absolute)", remedy: "use numbers of at least 0",
                [self, other], file, line)
        }
        let isSame = Tensor.binary(.equal, self, other, symbol: "isClose", at: CallSite(file, line))
        if dtype == .bool && other.dtype == .bool { return isSame }
        let promoted = promotedDType(with: other)
        let type: DType = promoted.isFloat ? promoted : .float32
        // Differences of narrow integers would wrap.
        let wide: DType = promoted.isFloat ? promoted : .int64
        let (a, b) = (cast(to: wide), other.cast(to: wide))
        guard isSame.shape == a.shape.broadcast(with: b.shape) else { return isSame }
        let distance = (a - b).abs().cast(to: type)
        let allowed = b.cast(to: type).abs() * relative + absolute
        var result = isSame.logicalOr((distance .<= allowed).logicalAnd(distance .< Double.infinity))
        if equalNaN { result = result.logicalOr(a.isNaN().logicalAnd(b.isNaN())) }
        return result
    }

    /// Whether all elements are close, as ``isClose(_:relative:absolute:equalNaN:file:line:)``. The result is read.
    ///
    /// - Throws: as ``evaluate()``.
    public func allClose(
        _ other: Tensor, relative: Double = 1e-5, absolute: Double = 1e-8, equalNaN: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Bool {
        let close = isClose(
            other, relative: relative, absolute: absolute, equalNaN: equalNaN, file: file, line: line)
        return try close.all().item() != 0
    }

    /// Whether two tensors have one shape and equal elements. The result is read.
    ///
    /// Source: [torch.equal](https://pytorch.org/docs/stable/generated/torch.equal.html).
    ///
    /// - Throws: as ``evaluate()``.
    public func equal(
        _ other: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Bool {
        guard shares(other) else {
            _ = try deviceMismatch("equal", other, at: CallSite(file, line)).bytes()
            return false
        }
        if shape != other.shape { return false }
        return try (self .== other).all().item() != 0
    }
}
