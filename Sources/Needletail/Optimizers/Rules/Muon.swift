import TensorRuntime

/// [torch.optim.Muon](https://pytorch.org/docs/stable/generated/torch.optim.Muon.html), by
/// [Jordan](https://kellerjordan.github.io/posts/muon/): the momentum of each matrix, made nearly orthogonal by Newton and
/// Schulz's iteration. It runs in the matrix's dtype, short floats in float32, where PyTorch takes bfloat16.
///
/// Of matrices alone: other parameters go to a group with another rule.
public struct MuonRule: MomentumRule {
    /// What the learning rate is multiplied by for a matrix of `rows` and `columns`.
    public enum Adjustment: String, Hashable, Sendable, CaseIterable {
        /// `sqrt(max(1, rows / columns))`
        case original
        /// `0.2 sqrt(max(rows, columns))`: changes as large as AdamW's, so that its rates serve.
        case matchRMSAdamW
        /// `sqrt(rows / columns)`
        case spectralUnclamped

        func factor(_ rows: Int, _ columns: Int) -> Double {
            let (rows, columns) = (Double(rows), Double(columns))
            return switch self {
            case .original: max(1, rows / columns).squareRoot()
            case .matchRMSAdamW: 0.2 * max(rows, columns).squareRoot()
            case .spectralUnclamped: (rows / columns).squareRoot()
            }
        }
    }

    public var learningRate: Double
    /// Shrinks the parameters directly.
    public var weightDecay: Double
    /// The share of the past in the mean of gradients.
    public var momentum: Double
    /// Whether the gradient and the mean are mixed once more before they are made orthogonal.
    public var isNesterov: Bool
    /// Of an iteration's `a x + b (x x^T) x + c (x x^T)^2 x`.
    public var coefficients: (Double, Double, Double)
    /// The least norm that a matrix is divided by.
    public var epsilon: Double
    /// How often the iteration runs.
    public var iterations: Int
    /// How the rate depends on a matrix's extents.
    public var adjustment: Adjustment

    /// Defaults are PyTorch's. A number that is negative or not finite, or 100 iterations and more, is a wrong call.
    public init(
        learningRate: Double = 1e-3, weightDecay: Double = 0.1, momentum: Double = 0.95, isNesterov: Bool = true,
        coefficients: (Double, Double, Double) = (3.4445, -4.7750, 2.0315), epsilon: Double = 1e-7,
        iterations: Int = 5, adjustment: Adjustment = .original, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "Muon",
            [
                ("learning rate", learningRate), ("momentum", momentum), ("weight decay", weightDecay),
                ("epsilon", epsilon),
            ], site)
        if !(0..<100).contains(iterations) {
            WrongCall.report("Muon", "\(iterations) iterations", remedy: "use a number in 0..<100", at: site)
        }
        self.learningRate = learningRate
        self.weightDecay = weightDecay
        self.momentum = momentum
        self.isNesterov = isNesterov
        self.coefficients = coefficients
        self.epsilon = epsilon
        self.iterations = iterations
        self.adjustment = adjustment
    }

    public let name = "muon"
    public var cycledMomentum: Double {
        get { momentum }
        set { momentum = newValue }
    }
    public let stateNames = ["momentum_buffer"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("weight_decay", weightDecay), ("momentum", momentum),
            ("nesterov", isNesterov ? 1 : 0), ("ns_coefficient_a", coefficients.0),
            ("ns_coefficient_b", coefficients.1), ("ns_coefficient_c", coefficients.2), ("eps", epsilon),
            ("ns_steps", Double(iterations)),
            ("adjust_lr_fn", Double(Adjustment.allCases.firstIndex(of: adjustment)!)),
        ]
    }

    public func complaint(about shape: Shape) -> String? {
        shape.rank == 2 ? nil : "Muon changes matrices only; give it those, and the others to a group of AdamW"
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let buffer = state[0] + (gradient - state[0]) * (1 - momentum)
        state[0] = buffer
        let followed = isNesterov ? gradient + (buffer - gradient) * momentum : buffer
        let changes = zip(layout.segments, layout.parts(of: followed)).map { segment, matrix in
            let factor = adjustment.factor(segment.shape[0], segment.shape[1])
            return orthogonal(matrix) * (learningRate * factor)
        }
        return value * (1 - learningRate * weightDecay) - layout.joined(changes)
    }

    /// A matrix with the singular vectors of `matrix`, and values near 1.
    private func orthogonal(_ matrix: Tensor) -> Tensor {
        if matrix.elementCount == 0 { return matrix }
        let isTall = matrix.shape[0] > matrix.shape[1]
        var x = matrix.dtype.isShortFloat ? matrix.cast(to: .float32) : matrix
        if isTall { x = x.T }
        x = x / Tensor.maximum(x.square().sum().sqrt(), epsilon)
        let (a, b, c) = coefficients
        for _ in 0..<iterations {
            let gram = matmul(x, transposed: false, x, transposed: true)
            let change = gram * b + gram.matmul(gram) * c
            x = x * a + change.matmul(x)
        }
        return (isTall ? x.T : x).cast(to: matrix.dtype)
    }
}

/// Muon, as [torch.optim.Muon](https://pytorch.org/docs/stable/generated/torch.optim.Muon.html), of matrices alone; see
/// ``MuonRule``.
public final class Muon: Optimizer {
    /// One group of these matrices under a ``MuonRule`` with these settings; a parameter of another rank is a wrong
    /// call.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-3, weightDecay: Double = 0.1, momentum: Double = 0.95,
        nesterov: Bool = true, coefficients: (Double, Double, Double) = (3.4445, -4.7750, 2.0315),
        epsilon: Double = 1e-7, iterations: Int = 5, adjustment: MuonRule.Adjustment = .original,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: MuonRule(
                learningRate: learningRate, weightDecay: weightDecay, momentum: momentum, isNesterov: nesterov,
                coefficients: coefficients, epsilon: epsilon, iterations: iterations, adjustment: adjustment,
                file: file, line: line), file: file, line: line)
    }
}
