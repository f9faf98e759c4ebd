import TensorGraph
import TensorRuntime

// What linear algebra on the host's memory has in common.

extension Tensor {
    /// What a function makes of each matrix of a batch (and of the matrix at its place in `other`), one after another in a
    /// vector for each: `size` numbers, in a shape `[batch..., size]`.
    func onHost(
        _ name: String, _ other: Tensor? = nil, size: Int,
        _ body: (HostMatrix, HostMatrix?) throws(TensorError) -> [Double]
    ) -> Tensor {
        let batch = shape.leading(rank - 2)
        let target = Shape(Array(batch) + [size])
        do throws(TensorError) {
            let own = try detach().hostMatrices()
            let others = try other?.detach().hostMatrices()
            var numbers: [Double] = []
            numbers.reserveCapacity(target.elementCount)
            for (place, matrix) in own.enumerated() { numbers += try body(matrix, others?[place]) }
            return Tensor.table(numbers, shape: target, dtype: dtype, in: context)
        } catch {
            return Tensor(context.failed(error, shape: target, dtype: dtype))
        }
    }

    private func hostMatrices() throws(TensorError) -> [HostMatrix] {
        let (rows, columns) = (shape[rank - 2], shape[rank - 1])
        let numbers =
            dtype == .float64 ? try scalars(as: Double.self) : try scalars(as: Float.self).map(Double.init)
        let count = rows * columns
        let library = (context.device as? any FactorizingDevice)?.factorizations
        return (0..<shape.leading(rank - 2).elementCount).map {
            var matrix = HostMatrix(rows, columns, Array(numbers[($0 * count)..<(($0 + 1) * count)]))
            matrix.library = library
            return matrix
        }
    }

    /// Whether these are matrices that the function can work on; else the error.
    func wrongMatrices(_ name: String, isSquare: Bool, _ site: CallSite) -> Tensor? {
        guard device == .cpu else {
            return invalid(
                name, "the tensor is on \(device), and small linear algebra works on the CPU",
                remedy: "move it with to(device: .cpu), and the result back", [self], at: site)
        }
        guard rank >= 2, dtype == .float32 || dtype == .float64, !isSquare || shape[rank - 1] == shape[rank - 2] else {
            return invalid(
                name, "\(dtype)\(shape)",
                remedy: "use \(isSquare ? "square matrices" : "matrices") of float32 or float64, or batches of them",
                [self],
                at: site)
        }
        return nil
    }

    static func isSingular(_ name: String) -> TensorError {
        TensorError.wrongCall(name, "a matrix is singular", remedy: "use pinv() or lstsq()")
    }

    /// A matrix whose elements are all finite; iterations on others do not end at its singular values.
    static func finite(_ x: HostMatrix, _ name: String) throws(TensorError) -> HostMatrix {
        if x.isFinite { return x }
        throw TensorError.wrongCall(
            name, "a matrix has elements that are NaN or infinite", remedy: "look for them with isFinite()")
    }

    /// A part of a packed result: matrices of a shape, from a place on.
    func unpacked(from start: Int, _ rows: Int, _ columns: Int) -> Tensor {
        let part = narrowed(axis: rank - 1, start: start, count: rows * columns)
        return part.viewed(as: Shape(shape.dropLast() + [rows, columns]))
    }

}
