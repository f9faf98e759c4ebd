import TensorRuntime

/// A bilinear map of two inputs, `y = x W z + b` for each output, as
/// [torch.nn.Bilinear](https://pytorch.org/docs/stable/generated/torch.nn.Bilinear.html).
///
/// Inputs `[..., first]` and `[..., second]` with equal leading axes, output `[..., outputs]`.
public final class Bilinear: Module, Sendable {
    /// `[outputs, first, second]`
    public let weight: Parameter
    /// `[outputs]`
    public let bias: Parameter?

    private let first: Int
    private let second: Int
    private let outputs: Int

    /// Weight and bias are uniform in `±1 / sqrt(first)`, as in PyTorch.
    public init(
        _ first: Int, _ second: Int, _ outputs: Int, bias: Bool = true, generator: Generator? = nil,
        device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.first = first
        self.second = second
        self.outputs = outputs
        let name = "Bilinear(\(first), \(second), \(outputs))"
        let site = CallSite(file, line)
        let bound = first > 0 ? 1 / Double(first).squareRoot() : 0
        let shape: Shape = [outputs, first, second]
        func drawn(_ shape: Shape) -> Parameter {
            Parameter(
                Initialization.uniform(
                    shape, bound: bound, generator: generator, device: device, dtype: dtype, for: name, at: site))
        }
        weight = drawn(shape)
        self.bias = bias ? drawn(shape.isValid ? [outputs] : shape) : nil
    }

    public var configuration: String {
        "in1_features=\(first), in2_features=\(second), out_features=\(outputs), bias=\(Printed.bool(bias != nil))"
    }

    /// Of inputs `[..., first]` and `[..., second]`, `[..., outputs]`; leading axes do not broadcast.
    public func callAsFunction(_ x: Tensor, _ z: Tensor) -> Tensor {
        guard x.rank > 0, x.rank == z.rank, x.shape[x.rank - 1] == first, z.shape[z.rank - 1] == second,
            x.shape.removing(axis: x.rank - 1) == z.shape.removing(axis: z.rank - 1), x.shares(z)
        else {
            return x.invalid(
                "Bilinear(\(first), \(second), \(outputs))", "inputs \(x.shape) and \(z.shape)",
                remedy: "use [..., \(first)] and [..., \(second)] with equal leading axes", [x, z], at: nil)
        }
        let lead = Array(x.shape.dropLast())
        let rows = lead.reduce(1, *)
        let matrix = weight.value.permuted([1, 0, 2]).viewed(as: [first, outputs * second])
        let left = matmul(x.viewed(as: [rows, first]), matrix).viewed(as: [rows, outputs, second])
        let result = (left * z.viewed(as: [rows, 1, second])).sum(axes: 2)
        let biased = bias.map { result + $0.value } ?? result
        return biased.viewed(as: Shape(lead + [outputs]))
    }
}

/// Divides an axis into several, as
/// [torch.nn.Unflatten](https://pytorch.org/docs/stable/generated/torch.nn.Unflatten.html): `[N, 50]` with axis 1 into
/// `[2, 5, 5]` gives `[N, 2, 5, 5]`. One extent may be -1: it is what remains.
public final class Unflatten: UnaryLayer, Sendable {
    private let axis: Int
    private let sizes: [Int]

    /// - Parameters:
    ///   - axis: the one that is divided; a negative one counts from the end.
    ///   - sizes: the extents that take its place. Their product is its extent, or divides it where one is -1.
    public init(axis: Int = 1, _ sizes: [Int]) {
        self.axis = axis
        self.sizes = sizes
    }

    public var configuration: String { "dim=\(axis), unflattened_size=\(Printed.tuple(sizes))" }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let known = Shape(sizes.filter { $0 != -1 }).elementCount
        guard input.rank > 0, let index = input.shape.normalizedAxis(axis), !sizes.isEmpty,
            sizes.count <= Shape.maximumRank, input.rank + sizes.count - 1 <= Shape.maximumRank,
            sizes.allSatisfy({ $0 >= -1 }),
            sizes.contains(-1)
                ? sizes.count(where: { $0 == -1 }) == 1 && known > 0 && input.shape[index] % known == 0
                : known == input.shape[index]
        else {
            return input.invalid(
                "Unflatten(axis: \(axis), \(sizes))", "input \(input.shape)",
                remedy: "the sizes' product must be the axis' extent", [input], at: nil)
        }
        let extents = sizes.map { $0 == -1 ? input.shape[index] / known : $0 }
        let axes = Array(input.shape)
        return input.viewed(as: Shape(axes[..<index] + extents + axes[(index + 1)...]))
    }
}
