import TensorRuntime

/// What is read outside of a picture.
public enum GridPadding: String, Sendable { case zeros, border, reflection }

/// How ``gridSample(_:grid:mode:padding:alignCorners:file:line:)`` makes values between places.
public enum GridMode: String, Sendable { case bilinear, nearest, bicubic }

/// Values of pictures `[N, C, H, W]` at the places of a grid `[N, h, w, 2]`, whose last axis is x and y from -1 to 1; the
/// result is `[N, C, h, w]`. Gradients flow to both.
/// Source: [torch.nn.functional.grid_sample](https://pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html).
///
/// - Parameter alignCorners: whether -1 and 1 are the middles of the corners' elements, or their edges.
public func gridSample(
    _ input: Tensor, grid: Tensor, mode: GridMode = .bilinear, padding: GridPadding = .zeros,
    alignCorners: Bool = false, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    guard input.rank == 4, grid.rank == 4, grid.shape[3] == 2, grid.shape[0] == input.shape[0], input.shares(grid),
        input.dtype.isFloat, grid.dtype == input.dtype, input.shape[2] > 0, input.shape[3] > 0
    else {
        return input.invalid(
            "gridSample", "input \(input.dtype)\(input.shape), grid \(grid.dtype)\(grid.shape)",
            remedy:
                "use floats [N, C, height, width], none empty, and [N, height, width, 2] of the same dtype and device",
            [input, grid], file, line)
    }
    return GridSampler(input: input, grid: grid, mode: mode, padding: padding, alignCorners: alignCorners)
        .sampled()
}

/// A grid for ``gridSample(_:grid:mode:padding:alignCorners:file:line:)`` of affine maps `[N, 2, 3]` of the places of pictures
/// of a size `[N, C, H, W]`: `[N, H, W, 2]`.
/// Source: [torch.nn.functional.affine_grid](https://pytorch.org/docs/stable/generated/torch.nn.functional.affine_grid.html).
public func affineGrid(
    _ theta: Tensor, size: [Int], alignCorners: Bool = false, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    guard theta.rank == 3, theta.shape[1] == 2, theta.shape[2] == 3, theta.dtype.isFloat, size.count == 4,
        size[0] == theta.shape[0], size.allSatisfy({ $0 > 0 }), Shape(size).isValid
    else {
        return theta.invalid(
            "affineGrid", "maps \(theta.dtype)\(theta.shape) for pictures \(size)",
            remedy: "use floats [N, 2, 3] and [N, channels, height, width]", [theta], file, line)
    }
    let (height, width) = (size[2], size[3])
    func places(_ count: Int, _ shape: Shape) -> Tensor {
        let index = theta.indices([count]).cast(to: theta.dtype)
        let scaled: Tensor
        if alignCorners {
            scaled = count > 1 ? index * (2 / Double(count - 1)) - 1.0 : index
        } else {
            scaled = index * (2 / Double(count)) - (1 - 1 / Double(count))
        }
        return scaled.viewed(as: shape).expanded(to: [height, width])
    }
    let ones = theta.filled([height, width], .float(1), dtype: theta.dtype)
    let base = Tensor.stack([places(width, [1, width]), places(height, [height, 1]), ones], axis: -1)
    return base.viewed(as: [1, height * width, 3]).matmul(theta.T).viewed(as: [size[0], height, width, 2])
}

/// One sampling, of checked operands.
private struct GridSampler {
    let input: Tensor
    let grid: Tensor
    let mode: GridMode
    let padding: GridPadding
    let alignCorners: Bool

    private var height: Int { input.shape[2] }
    private var width: Int { input.shape[3] }

    func sampled() -> Tensor {
        let x = place(grid.narrowed(axis: 3, start: 0, count: 1), width)
        let y = place(grid.narrowed(axis: 3, start: 1, count: 1), height)
        switch mode {
        case .nearest: return read(bounded(x, width).detach().round(), bounded(y, height).detach().round())
        case .bilinear:
            let (bx, by) = (bounded(x, width), bounded(y, height))
            let (x0, y0) = (bx.detach().floor(), by.detach().floor())
            let (wx, wy) = (bx - x0, by - y0)
            let (x1, y1) = (x0 + 1.0, y0 + 1.0)
            func line(_ y: Tensor) -> Tensor {
                let left = read(x0, y)
                return left + (read(x1, y) - left) * wx
            }
            let top = line(y0)
            return top + (line(y1) - top) * wy
        case .bicubic:
            let (x0, y0) = (x.detach().floor(), y.detach().floor())
            let (wx, wy) = (weights(x - x0), weights(y - y0))
            var sum: Tensor?
            for row in 0..<4 {
                let line = bounded(y0 + Double(row - 1), height)
                var part: Tensor?
                for column in 0..<4 {
                    let value = read(bounded(x0 + Double(column - 1), width), line) * wx[column]
                    part = part.map { $0 + value } ?? value
                }
                let weighted = part! * wy[row]
                sum = sum.map { $0 + weighted } ?? weighted
            }
            return sum!
        }
    }

    /// Places `[N, 1, h, w]` in elements, of numbers from -1 to 1.
    private func place(_ numbers: Tensor, _ size: Int) -> Tensor {
        let row = numbers.viewed(as: [grid.shape[0], 1, grid.shape[1], grid.shape[2]])
        if alignCorners { return (row + 1.0) * (Double(size - 1) / 2) }
        let edges: Tensor = (row + 1.0) * Double(size)
        return (edges - 1.0) / 2.0
    }

    /// Places moved inside as the padding says.
    private func bounded(_ place: Tensor, _ size: Int) -> Tensor {
        switch padding {
        case .zeros: return place
        case .border: return clamped(place, size)
        case .reflection:
            let (low, span) = alignCorners ? (0.0, Double(size - 1)) : (-0.5, Double(size))
            if span == 0 { return place * 0 }
            // A triangle wave: back and forth between the bounds.
            let distance = (place - low).abs()
            let turns = (distance.detach() / span).floor()
            let rest = distance - turns * span
            let isBack = (turns % 2.0) .== 1.0
            return clamped(Tensor.where(isBack, span - rest, rest) + low, size)
        }
    }

    /// Moved inside; the gradient passes inside alone.
    private func clamped(_ place: Tensor, _ size: Int) -> Tensor {
        let top = Double(size - 1)
        let moved = Tensor.where(place .<= 0.0, 0.0, place)
        return Tensor.where(moved .>= top, top, moved)
    }

    /// Keys' cubic at the four neighbours, for the share of the way to the next element.
    private func weights(_ t: Tensor) -> [Tensor] {
        // (a + 2) x^3 - (a + 3) x^2 + 1 and a x^3 - 5 a x^2 + 8 a x - 4 a with a = -0.75.
        func inner(_ x: Tensor) -> Tensor {
            let line: Tensor = x * 1.25 - 2.25
            return line * x.square() + 1.0
        }
        func outer(_ x: Tensor) -> Tensor {
            let line: Tensor = x * -0.75 + 3.75
            let square: Tensor = line * x - 6.0
            return square * x + 3.0
        }
        return [outer(t + 1.0), inner(t), inner(1.0 - t), outer(2.0 - t)]
    }

    /// The elements at whole places `[N, 1, h, w]`; 0 outside.
    private func read(_ x: Tensor, _ y: Tensor) -> Tensor {
        let isInside = (x .>= 0.0).logicalAnd(x .<= Double(width - 1)).logicalAnd(y .>= 0.0)
            .logicalAnd(y .<= Double(height - 1))
        let column = Tensor.where(isInside, x, 0.0).cast(to: .int64)
        let row = Tensor.where(isInside, y, 0.0).cast(to: .int64)
        let (n, c) = (input.shape[0], input.shape[1])
        let count = grid.shape[1] * grid.shape[2]
        let flat = (row * width + column).viewed(as: [n, 1, count]).expanded(to: [n, c, count])
        let values = input.viewed(as: [n, c, height * width]).gathered(axis: 2, flat)
            .viewed(as: [n, c, grid.shape[1], grid.shape[2]])
        return Tensor.where(isInside, values, 0.0)
    }
}
