import Needletail
import TensorRuntime
import Testing

private typealias Check = GradientCheck

private func x(_ shape: Shape = [3, 4], low: Double = -1.5, high: Double = 1.5, seed: UInt64 = 1) -> Tensor {
    GradientCheck.sample(shape, low: low, high: high, seed: seed)
}

@Suite("Gradients against finite differences")
struct GradientTests {
    static let unary: [GradientCheck] = [
        Check(name: "negate", inputs: [x()]) { -$0[0] },
        Check(name: "abs", inputs: [x()]) { $0[0].abs() },
        Check(name: "square", inputs: [x()]) { $0[0].square() },
        Check(name: "reciprocal", inputs: [x(low: 0.5)]) { $0[0].reciprocal() },
        Check(name: "sqrt", inputs: [x(low: 0.5)]) { $0[0].sqrt() },
        Check(name: "rsqrt", inputs: [x(low: 0.5)]) { $0[0].rsqrt() },
        Check(name: "exp", inputs: [x()]) { $0[0].exp() },
        Check(name: "exp2", inputs: [x()]) { $0[0].exp2() },
        Check(name: "expm1", inputs: [x()]) { $0[0].expm1() },
        Check(name: "log", inputs: [x(low: 0.5)]) { $0[0].log() },
        Check(name: "log2", inputs: [x(low: 0.5)]) { $0[0].log2() },
        Check(name: "log10", inputs: [x(low: 0.5)]) { $0[0].log10() },
        Check(name: "log1p", inputs: [x(low: -0.5)]) { $0[0].log1p() },
        Check(name: "sin", inputs: [x()]) { $0[0].sin() },
        Check(name: "cos", inputs: [x()]) { $0[0].cos() },
        Check(name: "tan", inputs: [x(low: -1, high: 1)]) { $0[0].tan() },
        Check(name: "asin", inputs: [x(low: -0.8, high: 0.8)]) { $0[0].asin() },
        Check(name: "acos", inputs: [x(low: -0.8, high: 0.8)]) { $0[0].acos() },
        Check(name: "atan", inputs: [x()]) { $0[0].atan() },
        Check(name: "sinh", inputs: [x()]) { $0[0].sinh() },
        Check(name: "cosh", inputs: [x()]) { $0[0].cosh() },
        Check(name: "asinh", inputs: [x()]) { $0[0].asinh() },
        Check(name: "acosh", inputs: [x(low: 1.3, high: 3)]) { $0[0].acosh() },
        Check(name: "atanh", inputs: [x(low: -0.8, high: 0.8)]) { $0[0].atanh() },
        Check(name: "tanh", inputs: [x()]) { $0[0].tanh() },
        Check(name: "sigmoid", inputs: [x()]) { $0[0].sigmoid() },
        Check(name: "erf", inputs: [x()]) { $0[0].erf() },
        Check(name: "erfc", inputs: [x()]) { $0[0].erfc() },
        Check(name: "erfinv", inputs: [x(low: -0.8, high: 0.8)]) { $0[0].erfinv() },
        Check(name: "lgamma", inputs: [x(low: 0.5, high: 4)]) { $0[0].lgamma() },
        Check(name: "lgamma of negative numbers", inputs: [x(low: -1.8, high: -1.2)]) { $0[0].lgamma() },
        Check(name: "digamma", inputs: [x(low: 0.5, high: 4)]) { $0[0].digamma() },
        Check(
            name: "digamma of negative numbers", inputs: [x(low: -1.8, high: -1.2)], function: { $0[0].digamma() },
            tolerance: 1e-5),
        Check(name: "sinc", inputs: [x(low: 0.3)]) { $0[0].sinc() },
        Check(name: "logit", inputs: [x(low: 0.2, high: 0.8)]) { $0[0].logit() },
        Check(name: "softsign", inputs: [x()]) { $0[0].softsign() },
        Check(name: "frac", inputs: [x()]) { $0[0].frac() },
        Check(name: "relu", inputs: [x()]) { $0[0].relu() },
        Check(name: "gelu", inputs: [x()]) { $0[0].gelu() },
        Check(name: "gelu tanh", inputs: [x()]) { $0[0].gelu(approximate: true) },
        Check(name: "silu", inputs: [x()]) { $0[0].silu() },
        Check(name: "softplus", inputs: [x()]) { $0[0].softplus() },
        Check(name: "logSigmoid", inputs: [x()]) { $0[0].logSigmoid() },
        Check(name: "leakyRelu", inputs: [x()]) { $0[0].leakyRelu(slope: 0.2) },
        Check(name: "elu", inputs: [x()]) { $0[0].elu(alpha: 0.7) },
        Check(name: "softmax", inputs: [x()]) { $0[0].softmax(axis: 0) },
        Check(name: "logSoftmax", inputs: [x()]) { $0[0].logSoftmax() },
        Check(name: "pow 3", inputs: [x()]) { $0[0].pow(3) },
        Check(name: "pow 2.5", inputs: [x(low: 0.5)]) { $0[0].pow(2.5) },
        Check(name: "clamp", inputs: [x()]) { $0[0].clamp(min: -0.8, max: 0.9) },
        Check(name: "2 - x", inputs: [x()]) { 2 - $0[0] },
        Check(name: "2 / x", inputs: [x(low: 0.5)]) { 2 / $0[0] },
        Check(name: "x / 2", inputs: [x()]) { $0[0] / 2 },
        Check(name: "x % 0.7", inputs: [x()]) { $0[0] % 0.7 },
        Check(name: "x * 3 + 1", inputs: [x()]) { $0[0] * 3 + 1 },
    ]

    @Test("of functions of one tensor", arguments: unary)
    func ofOne(_ check: GradientCheck) throws { try check.run() }

    static let binary: [GradientCheck] = [
        Check(name: "add", inputs: [x(), x([4], seed: 2)]) { $0[0] + $0[1] },
        Check(name: "subtract", inputs: [x([3, 1]), x([4], seed: 2)]) { $0[0] - $0[1] },
        Check(name: "multiply", inputs: [x(), x([3, 1], seed: 2)]) { $0[0] * $0[1] },
        Check(name: "divide", inputs: [x(), x([4], low: 0.5, seed: 2)]) { $0[0] / $0[1] },
        Check(name: "pow", inputs: [x(low: 0.5), x([4], seed: 2)]) { $0[0].pow($0[1]) },
        Check(name: "fmod", inputs: [x(), x([4], low: 0.5, seed: 2)]) { $0[0].fmod($0[1]) },
        Check(name: "atan2", inputs: [x(), x([4], seed: 2)]) { $0[0].atan2($0[1]) },
        Check(name: "hypot", inputs: [x(), x([4], low: 0.5, seed: 2)]) { $0[0].hypot($0[1]) },
        Check(name: "xlogy", inputs: [x(), x([4], low: 0.5, seed: 2)]) { $0[0].xlogy($0[1]) },
        Check(name: "logAddExp", inputs: [x(), x([4], seed: 2)]) { $0[0].logAddExp($0[1]) },
        Check(name: "logAddExp2", inputs: [x(), x([4], seed: 2)]) { $0[0].logAddExp2($0[1]) },
        Check(name: "lerp", inputs: [x(), x([4], seed: 2), x([3, 1], seed: 3)]) { $0[0].lerp($0[1], weight: $0[2]) },
        Check(name: "clamp by tensors", inputs: [x(), x([4], low: -1, high: -0.2, seed: 2), x(low: 0.1, seed: 3)]) {
            $0[0].clamp(min: $0[1], max: $0[2]).square()
        },
        Check(name: "addcmul", inputs: [x(), x([4], seed: 2), x(seed: 3)]) { $0[0].addcmul($0[1], $0[2], value: 0.7) },
        Check(name: "addcdiv", inputs: [x(), x([4], seed: 2), x(low: 0.5, seed: 3)]) {
            $0[0].addcdiv($0[1], $0[2], value: 0.7)
        },
        Check(name: "copysign", inputs: [x(), x([4], seed: 2)]) { $0[0].square().copysign($0[1]) },
        Check(name: "maximum", inputs: [x(), x(seed: 2)]) { maximum($0[0], $0[1]) },
        Check(name: "minimum", inputs: [x(), x(seed: 2)]) { minimum($0[0], $0[1]) },
        Check(name: "where", inputs: [x(), x([4], seed: 2)]) { Tensor.where($0[0].detach() .> 0.2, $0[0], $0[1]) },
        Check(name: "twice", inputs: [x()]) { $0[0] * $0[0] + $0[0].exp() * $0[0] },
        Check(name: "vectors", inputs: [x([4]), x([4], seed: 2)]) { matmul($0[0], $0[1]) },
        Check(name: "matrix by vector", inputs: [x(), x([4], seed: 2)]) { matmul($0[0], $0[1]) },
        Check(name: "vector by matrix", inputs: [x([3]), x(seed: 2)]) { matmul($0[0], $0[1]) },
        Check(name: "matrices", inputs: [x(), x([4, 2], seed: 2)]) { matmul($0[0], $0[1]) },
        Check(name: "transposed", inputs: [x(), x([2, 4], seed: 2)]) {
            matmul($0[0], transposed: false, $0[1], transposed: true)
        },
        Check(name: "batch by matrix", inputs: [x([2, 3, 4]), x([4, 2], seed: 2)]) { matmul($0[0], $0[1]) },
        Check(name: "batches", inputs: [x([2, 1, 3, 2]), x([3, 2, 2], seed: 2)]) { matmul($0[0], $0[1]) },
        Check(name: "linear", inputs: [x(), x([2, 4], seed: 2), x([2], seed: 3)]) {
            Tensor.linear($0[0], $0[1], bias: $0[2])
        },
    ]

    @Test("of functions of several tensors", arguments: binary)
    func ofSeveral(_ check: GradientCheck) throws { try check.run() }

    static let reductions: [GradientCheck] = [
        Check(name: "sum", inputs: [x([2, 3, 2])]) { $0[0].sum(axes: 0, 2).square() },
        Check(name: "mean", inputs: [x()]) { $0[0].mean(axes: 1, keepDims: true).square() },
        Check(name: "max", inputs: [x()]) { $0[0].max(axes: 1).square() },
        Check(name: "min", inputs: [x()]) { $0[0].min().square() },
        Check(name: "prod", inputs: [x()]) { $0[0].prod(axes: 1) },
        Check(name: "variance", inputs: [x()]) { $0[0].variance(axes: 1) },
        Check(name: "std", inputs: [x()]) { $0[0].std(axes: 0, correction: 0, keepDims: true) },
        Check(name: "logSumExp", inputs: [x()]) { $0[0].logSumExp(axes: 1) },
        Check(name: "norm", inputs: [x()]) { $0[0].norm() },
    ]

    @Test("of reductions", arguments: reductions)
    func ofReductions(_ check: GradientCheck) throws { try check.run() }

    static let views: [GradientCheck] = [
        Check(name: "reshape", inputs: [x()]) { $0[0].reshape(2, -1).square() },
        Check(name: "permute", inputs: [x([2, 3, 4])]) { $0[0].permute(2, 0, 1).square() },
        Check(name: "expand", inputs: [x([3, 1])]) { $0[0].expand(2, -1, 4).square() },
        Check(name: "slice", inputs: [x([5, 4])]) { $0[0][1..<4, -1].square() },
        Check(name: "steps", inputs: [x([5, 4])]) { $0[0][.range(0, nil, by: 2), 1...].square() },
        Check(name: "flip", inputs: [x()]) { $0[0].flip(0, 1).square() },
        Check(name: "concatenate", inputs: [x(), x([2, 4], seed: 2)]) { Tensor.concatenate($0).square() },
        Check(name: "stack", inputs: [x(), x(seed: 2)]) { Tensor.stack($0, axis: -1).square() },
        Check(name: "split", inputs: [x()]) { inputs in
            let parts = inputs[0].split(3, axis: 1)
            return parts[0].sum(axes: 1) * parts[1].squeeze(1)
        },
        Check(name: "pad", inputs: [x()]) { $0[0].pad([(1, 0), (0, 2)], value: 3).square() },
        Check(name: "gather", inputs: [x()]) { inputs in
            inputs[0].gather(axis: 1, index: Tensor([[0, 0], [3, 1], [2, 2]])).square()
        },
        Check(name: "indexSelect", inputs: [x()]) { $0[0].indexSelect(index: Tensor([2, 0, 2])).square() },
        Check(name: "tensor index", inputs: [x()]) { $0[0][.all, Tensor([[1, 0], [3, 1]])].square() },
        Check(name: "scatterAdd", inputs: [x(), x([2, 2], seed: 2)]) { inputs in
            inputs[0].scatterAdd(axis: 0, index: Tensor([[1, 0], [1, 2]]), source: inputs[1]).square()
        },
        Check(name: "assignment", inputs: [x([5, 4]), x([2], seed: 2)]) { inputs in
            var result = inputs[0]
            result[.range(0, nil, by: 3), 1..<3] = inputs[1]
            return result.square()
        },
        Check(name: "cast", inputs: [x([2])]) { $0[0].to(.float64).square() },
    ]

    @Test("of views and indexing", arguments: views)
    func ofViews(_ check: GradientCheck) throws { try check.run() }

    static let windows: [GradientCheck] = [
        Check(name: "conv2d", inputs: [x([2, 2, 4, 5]), x([3, 2, 2, 3], seed: 2), x([3], seed: 3)]) {
            Tensor.conv2d($0[0], weight: $0[1], bias: $0[2], stride: [2, 1], padding: [1, 0]).square()
        },
        Check(name: "conv2d in groups", inputs: [x([1, 4, 4, 4]), x([2, 2, 2, 2], seed: 2)]) {
            Tensor.conv2d($0[0], weight: $0[1], dilation: [2, 1], groups: 2).square()
        },
        Check(name: "conv1d", inputs: [x([2, 2, 5]), x([2, 2, 3], seed: 2)]) {
            Tensor.conv1d($0[0], weight: $0[1], padding: 1).square()
        },
        Check(name: "maxPool2d", inputs: [x([1, 2, 4, 4])]) { Tensor.maxPool2d($0[0], kernel: [2, 2]).square() },
        Check(name: "maxPool2d, overlapping", inputs: [x([1, 1, 4, 5])]) {
            Tensor.maxPool2d($0[0], kernel: [3, 3], stride: [1, 2], padding: [1, 1]).square()
        },
        Check(name: "avgPool2d", inputs: [x([1, 2, 4, 4])]) {
            Tensor.avgPool2d($0[0], kernel: [3, 3], stride: [1, 1], padding: [1, 1], countsPadding: false).square()
        },
        Check(name: "maxPool1d", inputs: [x([1, 2, 6])]) { Tensor.maxPool1d($0[0], kernel: 2).square() },
    ]

    @Test("of convolutions and pooling", arguments: windows)
    func ofWindows(_ check: GradientCheck) throws { try check.run() }
}

@Suite("The table of derivatives")
struct DerivativeTableTests {
    @Test func `every pointwise operation with a float result has its rows`() {
        let x = Tensor.ones([2]).requiringGrad()
        for operation in PointwiseOperation.allCases {
            switch (operation.row.rule, operation.arity) {
            case (.same, 1), (.sameNumber, 1), (.sameFloat, 1): _ = Derivatives.unary(operation, x)
            case (.same, 2), (.sameNumber, 2), (.sameFloat, 2):
                _ = Derivatives.binary(operation, x, x)
                _ = Derivatives.binary(operation, x, .float(2), scalarIsFirst: true)
                _ = Derivatives.binary(operation, x, .float(2), scalarIsFirst: false)
            default: continue
            }
        }
    }

    /// Against central differences of what the operations evaluate: a new operation needs no row here. At these places
    /// every function of floats is defined and smooth.
    @Test func `every derivative is the slope of its operation`() throws {
        let places = [0.3, 0.7, 0.85]
        let others = [1.2, 0.4, 2.6]
        let step = 1e-6
        func check(_ operation: PointwiseOperation, _ found: Tensor?, _ slope: (Int) -> Double, _ what: String) throws {
            let found = try found?.scalars(as: Double.self) ?? [0, 0, 0]
            for (place, value) in found.enumerated() {
                let expected = slope(place)
                #expect(
                    Swift.abs(value - expected) <= 1e-6 * Swift.max(1, Swift.abs(expected)),
                    "\(operation.name) by \(what) at \(places[place]): \(value), by differences \(expected)")
            }
        }
        for operation in PointwiseOperation.allCases {
            let f = operation.evaluate(_:_:_:)
            let x = Tensor(places).requiringGrad()
            switch (operation.row.rule, operation.arity) {
            case (.same, 1), (.sameNumber, 1), (.sameFloat, 1):
                let result = x.unary(operation)
                #expect(result.dtype == .float64)
                let found = gradients(of: result.sum(), withRespectTo: [x])
                try check(
                    operation, found[0], { (f(places[$0] + step, 0, 0) - f(places[$0] - step, 0, 0)) / (2 * step) }, "x"
                )
            case (.same, 2), (.sameNumber, 2), (.sameFloat, 2):
                let y = Tensor(others).requiringGrad()
                let bySecond = { (place: Int) in
                    (f(places[place], others[place] + step, 0) - f(places[place], others[place] - step, 0)) / (2 * step)
                }
                let byFirst = { (place: Int) in
                    (f(places[place] + step, others[place], 0) - f(places[place] - step, others[place], 0)) / (2 * step)
                }
                let found = gradients(
                    of: Tensor.binary(operation, x, y, symbol: operation.row.name).sum(), withRespectTo: [x, y])
                try check(operation, found[0], byFirst, "x")
                try check(operation, found[1], bySecond, "y")
                let ofScalar = Tensor.binary(operation, x, .float(0.45), symbol: operation.row.name)
                try check(
                    operation, gradients(of: ofScalar.sum(), withRespectTo: [x])[0],
                    { (f(places[$0] + step, 0.45, 0) - f(places[$0] - step, 0.45, 0)) / (2 * step) },
                    "x beside a scalar")
                let scalarFirst = Tensor.binary(
                    operation, x, .float(0.45), scalarIsFirst: true, symbol: operation.row.name)
                try check(
                    operation, gradients(of: scalarFirst.sum(), withRespectTo: [x])[0],
                    { (f(0.45, places[$0] + step, 0) - f(0.45, places[$0] - step, 0)) / (2 * step) },
                    "x behind a scalar")
            default: continue
            }
        }
    }
}
