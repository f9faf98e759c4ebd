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
        guard !a.dtype.isMixed(with: b.dtype) else {
            return a.invalid(
                "matmul", "\(a.dtype)\(a.shape) by \(b.dtype)\(b.shape)", remedy: mixedRemedy, [a, b], at: site)
        }
        let x = a.rank == 1 ? a.viewed(as: [1, a.elementCount]) : a
        let y = b.rank == 1 ? b.viewed(as: [b.elementCount, 1]) : b
        let (left, right) = (x.shape, y.shape)
        let (m, k, n) = (left[left.rank - 2], left[left.rank - 1], right[right.rank - 1])
        let aBatch = left.leading(left.rank - 2)
        let bBatch = right.leading(right.rank - 2)
        guard right[right.rank - 2] == k, let batch = aBatch.broadcast(with: bBatch) else {
            return a.invalid(
                "matmul", "shapes \(a.shape) and \(b.shape)",
                remedy: "the left one's columns must be the right one's rows, and batches must broadcast", [a, b],
                at: site)
        }
        guard batch.with(m, n).isValid else {
            return a.invalid(
                "matmul", "shapes \(a.shape) and \(b.shape) make a result of shape \(batch.with(m, n))",
                remedy: shapeRemedy, [a, b], at: site)
        }
        let result: Tensor
        if bBatch.rank == 0 && batch.rank > 0 {
            // One matrix for all of the batch: its rows are rows of one product.
            let rows = x.cast(to: type).viewed(as: [aBatch.elementCount * m, k])
            result = rows.multiplied(by: y.cast(to: type)).viewed(as: batch.with(m, n))
        } else {
            result = x.cast(to: type).expanded(to: batch.with(m, k))
                .multiplied(by: y.cast(to: type).expanded(to: batch.with(k, n)))
        }
        if a.rank > 1 && b.rank > 1 { return result }
        var target = batch
        if a.rank > 1 { target.append(m) }
        if b.rank > 1 { target.append(n) }
        return result.viewed(as: target)
    }

    /// The node: `[batch..., m, k] x [batch..., k, n]`. Gradients: `g y^T` and `x^T g`.
    func multiplied(by y: Tensor) -> Tensor {
        let x = self
        var target = shape
        let other = y.shape
        target[target.rank - 1] = other[other.rank - 1]
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
        let (input, matrix) = (x.shape, weight.shape)
        guard matrix.rank == 2, input.rank > 0, input[input.rank - 1] == matrix[1],
            bias == nil || bias!.shape == [matrix[0]]
        else {
            return x.invalid(
                "linear", "input \(x.shape), weight \(weight.shape)" + (bias.map { ", bias \($0.shape)" } ?? ""),
                remedy: "weight is [out, in], the input's last extent in, bias [out]",
                [x, weight] + (bias.map { [$0] } ?? []), file, line)
        }
        guard x.shares(weight) else { return x.deviceMismatch("linear", weight, at: CallSite(file, line)) }
        if let bias, !x.shares(bias) { return x.deviceMismatch("linear", bias, at: CallSite(file, line)) }
        let target = input.leading(input.rank - 1).with(matrix[0])
        guard target.isValid else {
            return x.invalid("linear", "a result of shape \(target)", remedy: shapeRemedy, [x, weight], file, line)
        }
        var type = x.dtype.promoted(with: weight.dtype)
        if let bias { type = type.promoted(with: bias.dtype) }
        guard type != .bool else {
            return x.invalid(
                "linear", "all operands are bool", remedy: "use numbers", [x, weight], file, line)
        }
        guard !x.dtype.isMixed(with: weight.dtype), bias == nil || !x.dtype.isMixed(with: bias!.dtype) else {
            return x.invalid(
                "linear",
                "input \(x.dtype)\(x.shape), weight \(weight.dtype)\(weight.shape)"
                    + (bias.map { ", bias \($0.dtype)\($0.shape)" } ?? ""),
                remedy: mixedRemedy, [x, weight] + (bias.map { [$0] } ?? []), file, line)
        }
        return affine(x.cast(to: type), weight.cast(to: type), bias?.cast(to: type))
    }

    /// ``linear(_:_:bias:file:line:)`` of operands whose shapes and dtypes fit, with gradients of its own.
    private static func affine(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) -> Tensor {
        let function = recorded(x, weight, bias) {
            let left = weight.requiresGrad ? x : nil
            let right = x.requiresGrad ? weight : nil
            return { [shape = x.shape] p in
                let gradient = p.gradient.flattenedRows
                return InputGradients(
                    right.map { gradient.multiplied(by: $0).viewed(as: shape) },
                    left.map { gradient.T.multiplied(by: $0.flattenedRows) },
                    p.needs(2) ? gradient.sum(axes: [0]) : nil)
            }
        }
        let input = x.shape
        let matrix = weight.shape
        var rows = x.handle
        let shape: Shape = [input.leading(input.rank - 1).elementCount, matrix[0]]
        let context = x.context
        if input.rank != 2 { rows = context.trace(.reshape, shape: [shape[0], matrix[1]], dtype: x.dtype, rows) }
        let columns = context.trace(
            .permute(axes: [1, 0]), shape: [matrix[1], matrix[0]], dtype: x.dtype, weight.handle)
        var result = context.trace(
            .matmul, shape: shape, dtype: x.dtype, rows, columns, tag: input.rank == 2 && bias == nil ? function : nil)
        if let bias {
            let repeated = context.trace(.expand, shape: shape, dtype: x.dtype, bias.handle)
            result = context.trace(
                .pointwise(.add), shape: shape, dtype: x.dtype, result, repeated,
                tag: input.rank == 2 ? function : nil)
        }
        if input.rank != 2 {
            result = context.trace(
                .reshape, shape: input.leading(input.rank - 1).with(matrix[0]), dtype: x.dtype, result, tag: function)
        }
        return Tensor(result)
    }

    /// All dimensions but the last as one.
    private var flattenedRows: Tensor {
        let shape = shape
        if shape.rank == 2 { return self }
        return viewed(as: [shape.leading(shape.rank - 1).elementCount, shape[shape.rank - 1]])
    }
}

extension Shape {
    /// This shape with more dimensions behind it. The rank stays within the limit.
    fileprivate func with(_ extents: Int...) -> Shape {
        var result = self
        for extent in extents { result.append(extent) }
        return result
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
