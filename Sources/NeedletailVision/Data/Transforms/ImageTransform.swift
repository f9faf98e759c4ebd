import Needletail
import NeedletailTraining
import TensorRuntime

/// A change of a batch's pictures `[N, C, height, width]` on their device: the first of its tensors.
///
/// Transforms only trace. What is random of a picture is drawn for each by itself, from the generator that
/// `DataLoader` makes of its seed, the epoch and the batch, in the order that a transform's comment says; so a batch is the
/// same on every device and at every run.
public protocol ImageTransform: BatchTransform {
    /// The images `[count, channels, height, width]`, changed by numbers that the generator draws for each.
    func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor
}

extension ImageTransform {
    public func callAsFunction(_ batch: Batch, generator: Generator) -> Batch {
        var batch = batch
        batch.tensors[0] = self(batch.features, generator: generator)
        return batch
    }
}

extension Tensor {
    /// The error of what is no batch of pictures; nil where it is one.
    func imageProblem(_ transform: String, floats: Bool = false) -> Tensor? {
        if rank == 4, !floats || dtype.isFloat { return nil }
        return invalid(
            transform, "features \(dtype)\(shape)",
            remedy: floats
                ? "give floats [N, C, height, width]: ToDType() makes them of bytes" : "give [N, C, height, width]",
            [self], at: nil)
    }

    /// A number in 0..<1 for each picture, `[N, 1, 1, 1]`, float32.
    func drawn(_ generator: Generator) -> Tensor {
        withDeviceContext(context) { Tensor.uniform([shape[0], 1, 1, 1], generator: generator) }
    }

    /// 0, 1, ... along an axis of pictures, of rank 4.
    func places(axis: Int, count: Int, dtype: DType = .int64) -> Tensor {
        var target = Shape(repeating: 1, rank: 4)
        target[axis] = count
        return withDeviceContext(context) { Tensor.arange(count, dtype: dtype) }.reshape(target)
    }

    /// Pictures put together of this one's: `result[n, c, y, x]` is at row `rows[n, 0, y, 0]` and column `columns[n, 0, 0, x]`,
    /// int64; `fill` outside.
    func picked(rows: Tensor, columns: Tensor, fill: Double) -> Tensor {
        let (n, c, height, width) = (shape[0], shape[1], shape[2], shape[3])
        let (h, w) = (rows.shape[2], columns.shape[3])
        guard height > 0, width > 0 else { return filled([n, c, h, w], fill) }
        let rowsInside = (rows .>= 0).logicalAnd(rows .< height)
        let columnsInside = (columns .>= 0).logicalAnd(columns .< width)
        let isInside = rowsInside.logicalAnd(columnsInside)
        let flat = Tensor.where(isInside, rows * width + columns, 0).expand(n, 1, h, w).reshape(n, 1, h * w)
        let values = reshape(n, c, height * width).gathered(axis: 2, flat.expand(n, c, h * w)).reshape(n, c, h, w)
        if dtype.isFloat { return Tensor.where(isInside, values, fill).to(dtype) }
        guard let whole = Int(exactly: fill.rounded(.towardZero)) else {
            return invalid("fill", "\(fill) in pictures of \(dtype)", remedy: "use a finite number", [self], at: nil)
        }
        return Tensor.where(isInside, values, whole).to(dtype)
    }

    private func filled(_ shape: Shape, _ value: Double) -> Tensor {
        withDeviceContext(context) { Tensor.full(shape, value, dtype: dtype) }
    }
}
