import TensorGraph
import TensorRuntime

extension Tensor {
    /// The pooling node of a kind, over the last two axes. Each kind's adjoint is another kind.
    static func pooling(
        _ kind: PoolingKernel.Kind, _ a: Tensor, _ b: Tensor? = nil, window: Window, countsPadding: Bool = true,
        result: Shape
    ) -> Tensor {
        let operation = NodeOperation.pooling(kind, window, countsPadding: countsPadding)
        if kind == .maximumIndices { return untracked(operation, shape: result, dtype: .int64, a) }
        let source = a.shape
        return traced(operation, shape: result, dtype: a.dtype, a, b) {
            switch kind {
            case .maximum:
                return { p in
                    InputGradients(pooling(.maximumGradient, a.detach(), p.gradient, window: window, result: source))
                }
            // Linear in the second operand; where the maxima stand is flat in the first.
            case .maximumGradient:
                return { p in
                    InputGradients(
                        nil, pooling(.maximumGather, a.detach(), p.gradient, window: window, result: b!.shape))
                }
            case .maximumGather:
                return { p in
                    InputGradients(
                        nil, pooling(.maximumGradient, a.detach(), p.gradient, window: window, result: source))
                }
            case .average:
                return { p in
                    InputGradients(
                        pooling(
                            .averageGradient, p.gradient, window: window, countsPadding: countsPadding, result: source))
                }
            case .averageGradient:
                return { p in
                    InputGradients(
                        pooling(.average, p.gradient, window: window, countsPadding: countsPadding, result: source))
                }
            case .maximumIndices: return { _ in InputGradients(nil) }
            }
        }
    }

    /// The checked window and result shape of a pooling over the last two axes; nil after an error.
    private static func poolingShape(
        _ name: String, _ x: Tensor, _ kernel: SIMD2<Int>, _ stride: SIMD2<Int>?, _ padding: SIMD2<Int>,
        _ dilation: SIMD2<Int>, _ file: StaticString, _ line: UInt
    ) -> Result<(Window, Shape), PoisonedResult> {
        let window = Window(kernel: kernel, stride: stride ?? kernel, padding: padding, dilation: dilation)
        guard x.rank == 3 || x.rank == 4, x.dtype.isFloat else {
            return .failure(
                PoisonedResult(
                    tensor: x.invalid(
                        name, "input \(x.dtype)\(x.shape)", remedy: "use floats of [n, channels, height, width]", [x],
                        file,
                        line)))
        }
        let size: SIMD2<Int> = [x.shape[x.rank - 2], x.shape[x.rank - 1]]
        guard let output = window.checkedOutput(for: size) else {
            return .failure(
                PoisonedResult(
                    tensor: x.invalid(
                        name, window.problem(for: size), remedy: window.remedy, [x], file, line)))
        }
        guard shape(x, output).isValid else {
            return .failure(
                PoisonedResult(
                    tensor: x.invalid(
                        name, "a result of shape \(shape(x, output))", remedy: shapeRemedy, [x], file, line)))
        }
        guard padding[0] * 2 <= kernel[0], padding[1] * 2 <= kernel[1] else {
            return .failure(
                PoisonedResult(
                    tensor: x.invalid(
                        name, "padding \(padding[0])x\(padding[1]) for kernel \(kernel[0])x\(kernel[1])",
                        remedy: "padding is at most half the kernel", [x], file, line)))
        }
        return .success((window, shape(x, output)))
    }

    private static func shape(_ x: Tensor, _ output: SIMD2<Int>) -> Shape {
        var shape = x.shape
        shape[x.rank - 2] = output[0]
        shape[x.rank - 1] = output[1]
        return shape
    }

    /// The pooling of an image `[c, h, w]` or a batch of them.
    private static func pooled(
        _ kind: PoolingKernel.Kind, _ x: Tensor, _ window: Window, countsPadding: Bool = true, result: Shape
    ) -> Tensor {
        if x.rank == 4 { return pooling(kind, x, window: window, countsPadding: countsPadding, result: result) }
        let batch = x.viewed(as: x.shape.inserting(1, at: 0))
        return pooling(
            kind, batch, window: window, countsPadding: countsPadding, result: result.inserting(1, at: 0)
        ).viewed(as: result)
    }

    /// The largest element of each window: `[n, c, h, w]` gives `[n, c, oh, ow]`, and `[c, h, w]` gives `[c, oh, ow]`.
    /// Stride is the kernel unless given; padding never wins. The gradient goes to the first largest element.
    public static func maxPool2d(
        _ x: Tensor, kernel: SIMD2<Int>, stride: SIMD2<Int>? = nil, padding: SIMD2<Int> = [0, 0],
        dilation: SIMD2<Int> = [1, 1], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        switch poolingShape("maxPool2d", x, kernel, stride, padding, dilation, file, line) {
        case .failure(let poisoned): poisoned.tensor
        case .success(let (window, shape)): pooled(.maximum, x, window, result: shape)
        }
    }

    /// The index (int64) within its plane of each window's first largest element.
    public static func maxPool2dIndices(
        _ x: Tensor, kernel: SIMD2<Int>, stride: SIMD2<Int>? = nil, padding: SIMD2<Int> = [0, 0],
        dilation: SIMD2<Int> = [1, 1], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        switch poolingShape("maxPool2dIndices", x, kernel, stride, padding, dilation, file, line) {
        case .failure(let poisoned): poisoned.tensor
        case .success(let (window, shape)): pooled(.maximumIndices, x, window, result: shape)
        }
    }

    /// The mean of each window: `[n, c, h, w]` gives `[n, c, oh, ow]`. Stride is the kernel unless given.
    ///
    /// - Parameter countsPadding: whether windows over the padding divide by the whole kernel.
    public static func avgPool2d(
        _ x: Tensor, kernel: SIMD2<Int>, stride: SIMD2<Int>? = nil, padding: SIMD2<Int> = [0, 0],
        countsPadding: Bool = true, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        switch poolingShape("avgPool2d", x, kernel, stride, padding, [1, 1], file, line) {
        case .failure(let poisoned): poisoned.tensor
        case .success(let (window, shape)):
            pooled(.average, x, window, countsPadding: countsPadding, result: shape)
        }
    }

    /// The largest element of each window along the last axis: `[n, c, w]` gives `[n, c, ow]`.
    public static func maxPool1d(
        _ x: Tensor, kernel: Int, stride: Int? = nil, padding: Int = 0, dilation: Int = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        guard x.rank == 3 else {
            return x.invalid("maxPool1d", "input \(x.shape)", remedy: "use [n, channels, width]", [x], file, line)
        }
        let batch = x.viewed(as: x.shape.inserting(1, at: 2))
        switch poolingShape(
            "maxPool1d", batch, [1, kernel], [1, stride ?? kernel], [0, padding], [1, dilation], file, line)
        {
        case .failure(let poisoned): return poisoned.tensor
        case .success(let (window, shape)):
            return pooled(.maximum, batch, window, result: shape).viewed(as: shape.removing(axis: 2))
        }
    }
}

/// The poisoned result of a call that was wrong.
private struct PoisonedResult: Error { let tensor: Tensor }
