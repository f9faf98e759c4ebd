import Foundation
import TensorRuntime

// Values that are chosen together.

extension Initialization {
    /// Normally distributed, those outside of `low...high` left out, as
    /// [trunc_normal_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.trunc_normal_): the inverse of the
    /// distribution function, at uniform numbers.
    public static func truncatedNormal(
        _ shape: Shape, mean: Double = 0, std: Double = 1, low: Double = -2, high: Double = 2,
        generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard std > 0, std.isFinite, low < high else {
            return Tensor.invalidCreation(
                "Initialization.truncatedNormal", "a standard deviation of \(std), from \(low) to \(high)",
                remedy: "use one above 0, and bounds in order", shape: [], dtype: .float32, device: device,
                at: CallSite(file, line))
        }
        let root = 2.0.squareRoot()
        let (first, last) = (erf((low - mean) / std / root), erf((high - mean) / std / root))
        let drawn = Tensor.uniform(
            shape, low: first, high: last, generator: generator, device: device, file: file, line: line)
        let normal = inverseErrorFunction(drawn) * (std * root) + mean
        return normal.clamp(min: low, max: high)
    }

    /// The inverse of `erf` by [Giles](https://doi.org/10.1016/B978-0-12-385963-1.00010-1)'s polynomials in
    /// `-log(1 - x^2)`, to a few parts in ten million.
    private static func inverseErrorFunction(_ x: Tensor) -> Tensor {
        func polynomial(_ w: Tensor, _ coefficients: [Double]) -> Tensor {
            coefficients.dropFirst().reduce(Tensor.fullLike(w, coefficients[0])) { $0 * w + $1 }
        }
        // At the ends, where it is infinite, the number before them.
        let inside = x.clamp(min: -0.99999994, max: 0.99999994)
        let w = -((1 - inside) * (1 + inside)).log()
        let central = polynomial(
            w - 2.5,
            [
                2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
                -0.00417768164, 0.246640727, 1.50140941,
            ])
        let tail = polynomial(
            w.sqrt() - 3,
            [
                -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
                0.00943887047, 1.00167406, 2.83297682,
            ])
        return Tensor.where(w .< 5, central, tail) * inside
    }

    /// A matrix whose rows, or columns where there are fewer, are orthogonal and of length `gain`, after Saxe et al., as
    /// [orthogonal_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.orthogonal_). Dimensions after the first are
    /// one. Every such matrix is equally likely: it is the orthogonal factor of a normal one's polar decomposition, by
    /// Newton and Schulz's iteration in products on the device.
    public static func orthogonal(
        _ shape: Shape, gain: Double = 1, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard fans(of: shape) != nil else {
            return Tensor.invalidCreation(
                "Initialization.orthogonal", "shape \(shape) is no matrix", remedy: "give a shape of rank 2 or more",
                shape: [], dtype: .float32, device: device, at: CallSite(file, line))
        }
        let (rows, count) = (shape[0], shape.elementCount)
        guard count > 0 else { return Tensor.zeros(shape, device: device) }
        let columns = count / rows
        var x = normal(
            [Swift.min(rows, columns), Swift.max(rows, columns)], generator: generator, device: device, file: file,
            line: line)
        x = x / x.square().sum().sqrt()
        // First steep at 0, where the least singular values are; then towards 1.
        for round in 0..<24 {
            let gram = matmul(x, transposed: false, x, transposed: true)
            if round < 14 {
                let change = gram * -4.7750 + gram.matmul(gram) * 2.0315
                x = x * 3.4445 + change.matmul(x)
            } else {
                x = x * 1.5 - gram.matmul(x) * 0.5
            }
        }
        return ((rows > columns ? x.T : x) * gain).reshape(shape)
    }

    /// `[rows, columns]` of normal numbers, of which a part in each column, rounded up, is 0, as
    /// [sparse_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.sparse_). It needs a device that sorts.
    ///
    /// - Parameter sparsity: that part, 0...1.
    public static func sparse(
        _ shape: Shape, sparsity: Double, std: Double = 0.01, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard shape.rank == 2, (0...1).contains(sparsity) else {
            return Tensor.invalidCreation(
                "Initialization.sparse", "shape \(shape) with a sparsity of \(sparsity)",
                remedy: "give a matrix and a number from 0 to 1", shape: [], dtype: .float32, device: device,
                at: CallSite(file, line))
        }
        let values = normal(shape, std: std, generator: generator, device: device, file: file, line: line)
        let zeros = Int((sparsity * Double(shape[0])).rounded(.up))
        guard zeros > 0, shape.elementCount > 0 else { return values }
        // The place of each number among those of its column.
        let keys = Tensor.uniform(shape, generator: generator, device: device, file: file, line: line)
        let places = keys.argsort(axis: 0).argsort(axis: 0)
        return Tensor.where(places .< zeros, 0, values)
    }

    /// Ones on the diagonal of `[rows, columns]`, which keep what flows through a linear layer, as
    /// [eye_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.eye_).
    public static func eye(
        _ shape: Shape, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard shape.rank == 2 else {
            return Tensor.invalidCreation(
                "Initialization.eye", "shape \(shape)", remedy: "give a shape of rank 2", shape: [], dtype: .float32,
                device: device, at: CallSite(file, line))
        }
        return Tensor.eye(shape[0], shape[1], device: device, file: file, line: line)
    }

    /// Kernels `[outputs, inputs, kernel...]` with a 1 at the middle of that of each input, which keep what flows through a
    /// convolution, as [dirac_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.dirac_).
    public static func dirac(
        _ shape: Shape, groups: Int = 1, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard 3...5 ~= shape.rank, shape.isValid, groups > 0, shape[0] % groups == 0 else {
            return Tensor.invalidCreation(
                "Initialization.dirac", "shape \(shape) in \(groups) groups",
                remedy: "give [outputs, inputs, kernel...] of rank 3 to 5, and groups that divide the outputs",
                shape: [],
                dtype: .float32, device: device, at: CallSite(file, line))
        }
        guard shape.elementCount > 0 else { return Tensor.zeros(shape, device: device) }
        let outputs = shape[0] / groups
        var row = Shape(repeating: 1, rank: shape.rank)
        row[0] = outputs
        row[1] = shape[1]
        let one = Tensor.eye(outputs, shape[1], device: device, file: file, line: line).reshape(row)
        let around = shape.dropFirst(2).map { (before: $0 / 2, after: Swift.max($0 - 1 - $0 / 2, 0)) }
        let kernel = one.pad([(0, 0), (0, 0)] + around)
        return groups == 1 ? kernel : Tensor.concatenate(Array(repeating: kernel, count: groups), axis: 0)
    }
}
