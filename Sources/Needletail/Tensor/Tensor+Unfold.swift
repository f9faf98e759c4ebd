import TensorGraph
import TensorRuntime

// Windows of an axis or of pictures as elements of their own, and their sum.

extension Tensor {
    /// All windows of `size` elements along an axis, `step` apart: the axis counts windows, and a new last axis the
    /// elements of each. Shape `[n, d]` along axis 0 gives `[(n - size) / step + 1, d, size]`.
    ///
    /// Windows that lie side by side are a view, others a gather.
    /// Source: [torch.Tensor.unfold](https://pytorch.org/docs/stable/generated/torch.Tensor.unfold.html).
    public func unfold(
        axis: Int, size: Int, step: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        if rank == 0, shape.normalizedAxis(axis) != nil, size == 0 || size == 1, step > 0 {
            return size == 1 ? viewed(as: [1]) : filled([0], .int(0), dtype: dtype)
        }
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return axisOutside("unfold", axis, at: CallSite(file, line))
        }
        guard size >= 0, size <= shape[index], step > 0, rank < Shape.maximumRank else {
            return invalid(
                "unfold", "windows of \(size) elements, \(step) apart, of axis \(axis) of shape \(shape)",
                remedy: "use a size of 0...\(shape[index]), a step of at least 1, and a rank below "
                    + "\(Shape.maximumRank)", [self], file, line)
        }
        let count = (shape[index] - size) / step + 1
        let windows: Tensor
        if step == size {
            windows = narrowed(axis: index, start: 0, count: count * size)
        } else {
            let places = indices([count, 1]) * step + indices([1, size])
            var target = shape
            target[index] = count * size
            windows = gathered(axis: index, places.viewed(as: [count * size]).along(index, of: target))
        }
        let split = windows.viewed(as: Shape(shape[..<index] + [count, size] + shape[(index + 1)...]))
        var order = Array(0...rank)
        order.append(order.remove(at: index + 1))
        return split.permuted(Shape(order))
    }

    /// The windows of pictures as columns: shape `[n, c, h, w]` (or `[c, h, w]`) gives `[n, c * kh * kw, windows]`, the
    /// places of a window row-major within its channel, the windows row by row. Beyond the padded border is 0.
    ///
    /// Source: [torch.nn.Unfold](https://pytorch.org/docs/stable/generated/torch.nn.Unfold.html), im2col.
    public func unfold2d(
        kernel: SIMD2<Int>, stride: SIMD2<Int> = [1, 1], padding: SIMD2<Int> = [0, 0], dilation: SIMD2<Int> = [1, 1],
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let isBatch = rank == 4
        guard
            isBatch || rank == 3,
            let windows = PictureWindows(
                [shape[rank - 2], shape[rank - 1]], kernel, stride: stride, padding: padding, dilation: dilation)
        else {
            return invalid(
                "unfold2d",
                "kernel \(kernel.text), stride \(stride.text), padding \(padding.text), dilation \(dilation.text) for "
                    + "shape \(shape)",
                remedy: "use pictures [n, c, h, w] or [c, h, w] no smaller than the kernel", [self], file, line)
        }
        let (n, c) = (isBatch ? shape[0] : 1, shape[rank - 3])
        let zero: Scalar = dtype.isFloat ? .float(0) : .int(0)
        let wide = viewed(as: [n, c, shape[rank - 2], shape[rank - 1]])
            .padded(axis: 2, before: padding.x, after: padding.x, value: zero)
            .padded(axis: 3, before: padding.y, after: padding.y, value: zero)
            .viewed(as: [n, c, windows.size.x * windows.size.y])
        let places = windows.places(beside: self)
        let columns = wide.gathered(axis: 2, places.along(2, of: [n, c, places.elementCount]))
        let target: Shape = [n, c * kernel.x * kernel.y, windows.count.x * windows.count.y]
        return columns.viewed(as: isBatch ? target : target.removing(axis: 0))
    }

    /// The adjoint of ``unfold2d(kernel:stride:padding:dilation:file:line:)``: columns, shape `[n, c * kh * kw, windows]` (or
    /// without n), summed at their places in pictures of `[n, c, h, w]`.
    ///
    /// Source: [torch.nn.Fold](https://pytorch.org/docs/stable/generated/torch.nn.Fold.html), col2im.
    public func fold(
        outputSize: SIMD2<Int>, kernel: SIMD2<Int>, stride: SIMD2<Int> = [1, 1], padding: SIMD2<Int> = [0, 0],
        dilation: SIMD2<Int> = [1, 1], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let isBatch = rank == 3
        guard
            isBatch || rank == 2,
            let windows = PictureWindows(outputSize, kernel, stride: stride, padding: padding, dilation: dilation),
            shape[rank - 2] % (kernel.x * kernel.y) == 0, shape[rank - 1] == windows.count.x * windows.count.y,
            dtype != .bool
        else {
            return invalid(
                "fold",
                "kernel \(kernel.text), stride \(stride.text), padding \(padding.text), dilation \(dilation.text) and "
                    + "pictures of \(outputSize.text) for \(dtype)\(shape)",
                remedy: "use columns [n, c * kh * kw, windows], as many windows as the pictures have", [self], file,
                line)
        }
        let (n, c) = (isBatch ? shape[0] : 1, shape[rank - 2] / (kernel.x * kernel.y))
        let places = windows.places(beside: self)
        let columns = viewed(as: [n, c, places.elementCount])
        let pictures = columns.scattered(
            axis: 2, places.along(2, of: columns.shape), count: windows.size.x * windows.size.y
        )
        .viewed(as: [n, c, windows.size.x, windows.size.y])
        .narrowed(axis: 2, start: padding.x, count: outputSize.x)
        .narrowed(axis: 3, start: padding.y, count: outputSize.y)
        return isBatch ? pictures : pictures.viewed(as: [c, outputSize.x, outputSize.y])
    }
}

/// The windows of a padded picture.
private struct PictureWindows {
    /// Of the padded picture.
    let size: SIMD2<Int>
    let count: SIMD2<Int>
    let kernel: SIMD2<Int>
    let stride: SIMD2<Int>
    let dilation: SIMD2<Int>

    /// Nil where there is no window.
    init?(
        _ picture: SIMD2<Int>, _ kernel: SIMD2<Int>, stride: SIMD2<Int>, padding: SIMD2<Int>, dilation: SIMD2<Int>
    ) {
        var size = SIMD2<Int>()
        var count = SIMD2<Int>()
        let limit = 1 << 30
        for axis in 0..<2 {
            guard (0...limit).contains(picture[axis]), (1...limit).contains(kernel[axis]),
                (1...limit).contains(stride[axis]), (0...limit).contains(padding[axis]),
                (1...limit).contains(dilation[axis])
            else { return nil }
            size[axis] = picture[axis] + 2 * padding[axis]
            let reach = dilation[axis] * (kernel[axis] - 1) + 1
            guard size[axis] >= reach else { return nil }
            count[axis] = (size[axis] - reach) / stride[axis] + 1
        }
        guard ([kernel.x, kernel.y, count.x, count.y] as Shape).isValid else { return nil }
        self.size = size
        self.count = count
        self.kernel = kernel
        self.stride = stride
        self.dilation = dilation
    }

    /// The place in the padded picture, row-major, of each place of the kernel in each window; int64.
    func places(beside tensor: Tensor) -> Tensor {
        let rows = tensor.indices([kernel.x, 1, 1, 1]) * dilation.x + tensor.indices([1, 1, count.x, 1]) * stride.x
        let columns = tensor.indices([1, kernel.y, 1, 1]) * dilation.y + tensor.indices([1, 1, 1, count.y]) * stride.y
        let places = rows * size.y + columns
        return places.viewed(as: [places.elementCount])
    }
}

extension SIMD2<Int> {
    /// `3x2`
    fileprivate var text: String { "\(x)x\(y)" }
}
