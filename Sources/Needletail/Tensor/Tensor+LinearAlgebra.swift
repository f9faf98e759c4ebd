import TensorGraph
import TensorRuntime

extension Tensor {
    /// The matrix product, as ``matmul(_:_:file:line:)``.
    public func matmul(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.product(self, other, at: CallSite(file, line))
    }

    /// The matrix product of vectors, matrices and batches, checked and broadcast.
    static func product(_ a: Tensor, _ b: Tensor, at site: CallSite) -> Tensor {
        guard a.shares(b) else { return a.deviceMismatch("matmul", b, at: site) }
        let type = a.dtype.promoted(with: b.dtype)
        guard a.rank > 0, b.rank > 0, type != .bool else {
            return a.invalid(
                "matmul", "\(a.dtype)\(a.shape) by \(b.dtype)\(b.shape)", remedy: "use numbers of rank 1 at least",
                [a, b], at: site)
        }
        let x = a.rank == 1 ? a.viewed(as: [1, a.shape[0]]) : a
        let y = b.rank == 1 ? b.viewed(as: [b.shape[0], 1]) : b
        let m = x.shape[x.rank - 2]
        let k = x.shape[x.rank - 1]
        let n = y.shape[y.rank - 1]
        let aBatch = Shape(x.shape.dropLast(2))
        let bBatch = Shape(y.shape.dropLast(2))
        guard y.shape[y.rank - 2] == k, let batch = aBatch.broadcast(with: bBatch) else {
            return a.invalid(
                "matmul", "shapes \(a.shape) and \(b.shape)",
                remedy: "the left one's columns must be the right one's rows, and batches must broadcast", [a, b],
                at: site)
        }
        var result: Tensor
        if bBatch.rank == 0 && batch.rank > 0 {
            // One matrix for all of the batch: its rows are rows of one product.
            let rows = x.cast(to: type).viewed(as: [aBatch.elementCount * m, k])
            result = rows.multiplied(by: y.cast(to: type)).viewed(as: Shape(Array(batch) + [m, n]))
        } else {
            let left = x.cast(to: type).expanded(to: Shape(Array(batch) + [m, k]))
            let right = y.cast(to: type).expanded(to: Shape(Array(batch) + [k, n]))
            result = left.multiplied(by: right)
        }
        if a.rank > 1 && b.rank > 1 { return result }
        var target = batch
        if a.rank > 1 { target.append(m) }
        if b.rank > 1 { target.append(n) }
        result = result.viewed(as: target)
        return result
    }

    /// The node: `[batch..., m, k] x [batch..., k, n]`. Gradients: `g y^T` and `x^T g`.
    func multiplied(by y: Tensor) -> Tensor {
        let x = self
        var target = shape
        target[rank - 1] = y.shape[y.rank - 1]
        return Tensor.traced(.matmul, shape: target, dtype: dtype, x, y) {
            let left = y.requiresGrad ? x : nil
            let right = x.requiresGrad ? y : nil
            return { p in
                InputGradients(
                    right.map { p.gradient.multiplied(by: $0.T) }, left.map { $0.T.multiplied(by: p.gradient) })
            }
        }
    }

    /// `x w^T + b`: shape `[..., in]` by weight `[out, in]` and bias `[out]` gives `[..., out]`.
    ///
    /// The gradient by the weight is computed as `g^T x`, row-major as the weight is, so that it is written into its place
    /// among an optimizer's flat gradients.
    public static func linear(
        _ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let operands = [x, weight] + (bias.map { [$0] } ?? [])
        guard weight.rank == 2, x.rank > 0, x.shape[x.rank - 1] == weight.shape[1],
            bias == nil || bias!.shape == [weight.shape[0]]
        else {
            return x.invalid(
                "linear", "input \(x.shape), weight \(weight.shape)" + (bias.map { ", bias \($0.shape)" } ?? ""),
                remedy: "weight is [out, in], the input's last extent in, bias [out]", operands, file, line)
        }
        let type = operands.dropFirst().reduce(x.dtype) { $0.promoted(with: $1.dtype) }
        return affine(x.cast(to: type), weight.cast(to: type), bias?.cast(to: type), at: CallSite(file, line))
    }

    /// ``linear(_:_:bias:file:line:)`` of operands whose shapes and dtypes fit, with gradients of its own.
    private static func affine(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, at site: CallSite) -> Tensor {
        composite(x, weight, bias) {
            let result = product(x, weight.T, at: site)
            return bias.map { binary(.add, result, $0, symbol: "linear", at: site) } ?? result
        } pullback: {
            let left = weight.requiresGrad ? x : nil
            let right = x.requiresGrad ? weight : nil
            return { p in
                /// All dimensions but the last as one.
                func rows(_ tensor: Tensor) -> Tensor {
                    tensor.viewed(as: [Shape(tensor.shape.dropLast()).elementCount, tensor.shape[tensor.rank - 1]])
                }
                let gradient = p.gradient
                return InputGradients(
                    p.needs(0) ? right.map { product(gradient, $0, at: site) } : nil,
                    p.needs(1) ? left.map { product(rows(gradient).T, rows($0), at: site) } : nil,
                    p.needs(2) ? rows(gradient).sum(axes: [0]) : nil)
            }
        }
    }
}

/// The matrix product.
///
/// Shapes: `[k] x [k]` gives `[]`; `[m, k] x [k, n]` gives `[m, n]`; a vector is a row on the left and a column on the
/// right; leading dimensions are a batch and broadcast. Sums over `k` of 0 are 0.
public func matmul(_ a: Tensor, _ b: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
    Tensor.product(a, b, at: CallSite(file, line))
}

/// The matrix product with the last two axes of either operand exchanged, which costs no copy.
public func matmul(
    _ a: Tensor, transposed transposesA: Bool, _ b: Tensor, transposed transposesB: Bool = false,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    Tensor.product(transposesA ? a.T : a, transposesB ? b.T : b, at: CallSite(file, line))
}
