import TensorRuntime

/// A weight divided by its largest singular value, which a power iteration follows.
private final class SpectralNorm: Parametrization {
    let original: Parameter
    /// The singular vectors on the left and on the right; nil of a vector, whose norm is its singular value.
    private let vectors: (left: Buffer, right: Buffer)?
    private let mode: TrainingMode
    private let axis: Int
    private let iterations: Int
    private let epsilon: Double

    init(
        _ parameter: Parameter, axis: Int, iterations: Int, epsilon: Double, generator: Generator?, isTraining: Bool
    ) {
        mode = TrainingMode(isTraining: isTraining)
        let value = withNoGrad { parameter.value.detach() }
        original = Parameter(value, requiresGrad: parameter.requiresGrad)
        self.axis = axis
        self.iterations = iterations
        self.epsilon = epsilon
        guard value.rank > 1 else {
            vectors = nil
            return
        }
        let matrix = SpectralNorm.matrix(value, axis)
        func drawn(_ count: Int) -> Buffer {
            let line = matrix.filled([count], .float(0), dtype: matrix.dtype)
            return Buffer(Tensor.normalLike(line, generator: generator).normalize(axis: 0, epsilon: epsilon))
        }
        vectors = (drawn(matrix.shape[0]), drawn(matrix.shape[1]))
        iterate(matrix, 15)
    }

    /// The weight as a matrix, whose rows are the slices along the axis.
    private static func matrix(_ weight: Tensor, _ axis: Int) -> Tensor {
        let order = [axis] + (0..<weight.rank).filter { $0 != axis }
        let count = weight.shape[axis]
        let rest = weight.shape.removing(axis: axis).elementCount
        return weight.permuted(Shape(order)).viewed(as: [count, rest])
    }

    private func iterate(_ matrix: Tensor, _ count: Int) {
        guard let vectors else { return }
        var (u, v) = (vectors.left.value, vectors.right.value)
        for _ in 0..<count {
            u = matrix.mv(v).normalize(axis: 0, epsilon: epsilon)
            v = matrix.T.mv(u).normalize(axis: 0, epsilon: epsilon)
        }
        vectors.left.assign(u)
        vectors.right.assign(v)
    }

    var originals: [Parameter] { [original] }
    var members: [ModuleMember] {
        var result = [ModuleMember("original", .parameter(original)), ModuleMember("0", .mode(mode))]
        if let vectors {
            result += [ModuleMember("0._u", .buffer(vectors.left)), ModuleMember("0._v", .buffer(vectors.right))]
        }
        return result
    }

    func value() -> Tensor {
        let weight = original.value
        guard let vectors else { return weight.normalize(axis: 0, epsilon: epsilon) }
        let matrix = SpectralNorm.matrix(weight, axis)
        if mode.isTraining { withNoGrad { iterate(matrix.detach(), iterations) } }
        let norm = (vectors.left.value * matrix.mv(vectors.right.value)).sum()
        return weight / norm
    }

    func assign(_ tensor: Tensor) { original.replace(tensor) }
}

/// Divides a module's parameter by its largest singular value, as a matrix whose rows are the slices along an axis; a vector by
/// its norm. In training each read of the parameter improves the estimate by steps of the power iteration.
///
/// The state dictionary has `parametrizations.weight.original`, and the vectors `parametrizations.weight.0._u` and `_v`, then, as
/// PyTorch's. Optimizers are made after it. ``Module/removeParametrizations(name:file:line:)`` ends it.
/// Source: [torch.nn.utils.parametrizations.spectral_norm](https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.spectral_norm.html).
///
/// - Parameters:
///   - name: the parameter's, in the module itself.
///   - iterations: steps at each read.
///   - epsilon: what lengths are at least where they are divided by.
///   - axis: nil is 1 of transposed convolutions, else 0.
///   - generator: draws the vectors that 15 steps begin with; nil is the current one.
/// - Returns: the module.
@discardableResult
public func spectralNorm<Layer: Module>(
    _ module: Layer, name: String = "weight", iterations: Int = 1, epsilon: Double = 1e-12, axis: Int? = nil,
    generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line
) -> Layer {
    let site = CallSite(file, line)
    guard let parameter = module.parametrizable(name, for: "spectralNorm", at: site) else { return module }
    let shape = parameter.shape
    let chosen = axis ?? (module is TransposedConvolution ? 1 : 0)
    guard shape.rank > 0, let place = shape.normalizedAxis(chosen), iterations > 0, shape.elementCount > 0 else {
        WrongCall.report(
            "spectralNorm", "axis \(chosen) of '\(name)', which is \(shape), and \(iterations) iterations",
            remedy: "use an axis of a parameter with elements, and 1 iteration at least", at: site)
        return module
    }
    parameter.parametrize(
        SpectralNorm(
            parameter, axis: place, iterations: iterations, epsilon: epsilon, generator: generator,
            isTraining: module.isTraining))
    return module
}
