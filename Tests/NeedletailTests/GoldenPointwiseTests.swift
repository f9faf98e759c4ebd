import Needletail
import Testing

/// Pointwise operations against PyTorch: values, gradients, NaN and infinities.
@Suite struct GoldenPointwiseTests {
    static let file = GoldenFile("pointwise")

    static let unary: [GoldenCase] = [
        GoldenCase("negate") { -$0[0] },
        GoldenCase("abs") { $0[0].abs() },
        GoldenCase("sign") { $0[0].sign() },
        GoldenCase("square") { $0[0].square() },
        GoldenCase("exp") { $0[0].exp() },
        GoldenCase("expm1") { $0[0].expm1() },
        GoldenCase("sin") { $0[0].sin() },
        GoldenCase("cos") { $0[0].cos() },
        GoldenCase("tanh") { $0[0].tanh() },
        GoldenCase("sigmoid") { $0[0].sigmoid() },
        GoldenCase("erf") { $0[0].erf() },
        GoldenCase("relu") { $0[0].relu() },
        GoldenCase("floor") { $0[0].floor() },
        GoldenCase("ceil") { $0[0].ceil() },
        GoldenCase("round") { $0[0].round() },
        GoldenCase("trunc") { $0[0].trunc() },
        GoldenCase("gelu") { $0[0].gelu() },
        GoldenCase("gelu_tanh") { $0[0].gelu(approximate: true) },
        GoldenCase("silu") { $0[0].silu() },
        GoldenCase("softplus") { $0[0].softplus() },
        GoldenCase("log_sigmoid") { $0[0].logSigmoid() },
        GoldenCase("leaky_relu") { $0[0].leakyRelu() },
        GoldenCase("elu") { $0[0].elu() },
        GoldenCase("clamp") { $0[0].clamp(min: -0.5, max: 1.5) },
        GoldenCase("cube") { $0[0].pow(3) },
        GoldenCase("sqrt") { $0[0].sqrt() },
        GoldenCase("rsqrt") { $0[0].rsqrt() },
        GoldenCase("log") { $0[0].log() },
        GoldenCase("log1p") { $0[0].log1p() },
        GoldenCase("tan") { $0[0].tan() },
        GoldenCase("reciprocal") { $0[0].reciprocal() },
        GoldenCase("power") { $0[0].pow(2.5) },
        GoldenCase("power_negative") { $0[0].pow(-1.5) },
    ]

    /// NaN, infinities, zeros of both signs, and arguments where float32 ends.
    static let special: [GoldenCase] = [
        "negate", "abs", "sign", "square", "exp", "expm1", "tanh", "sigmoid", "erf", "relu", "floor", "round",
        "softplus", "clamp", "sqrt", "rsqrt", "log", "reciprocal",
    ].map { name in
        // The largest element is 1e30, so only the relative error counts.
        GoldenCase("special_\(name)", absolute: 1e-37, unary.first { $0.name == name }!.function)
    }

    static let binary: [GoldenCase] = [
        GoldenCase("add") { $0[0] + $0[1] },
        GoldenCase("subtract") { $0[0] - $0[1] },
        GoldenCase("multiply") { $0[0] * $0[1] },
        GoldenCase("divide") { $0[0] / $0[1] },
        GoldenCase("scalar_left") { 2.0 - 3.0 / ($0[0] * $0[0] + 1.0) },
        GoldenCase("maximum") { Tensor.maximum($0[0], $0[1]) },
        GoldenCase("minimum") { Tensor.minimum($0[0], $0[1]) },
        GoldenCase("pow_tensor") { $0[0].pow($0[1]) },
        GoldenCase("where") { Tensor.where($0[0], $0[1], $0[2]) },
        GoldenCase("repeated_use") { $0[0] * $0[0] + $0[0] * $0[0].sin() },
        GoldenCase("remainder") { $0[0] % $0[1] },
    ]

    @Test(arguments: unary) func unaryFunctionsAndTheirGradientsArePyTorchs(_ row: GoldenCase) throws {
        try row.check(GoldenPointwiseTests.file)
    }

    @Test(arguments: special) func specialNumbersGiveWhatPyTorchGives(_ row: GoldenCase) throws {
        try row.check(GoldenPointwiseTests.file)
    }

    @Test(arguments: binary) func binaryOperationsBroadcastAndDifferentiateAsInPyTorch(_ row: GoldenCase) throws {
        try row.check(GoldenPointwiseTests.file)
    }

    @Test func everyCaseOfTheFileIsChecked() {
        let rows = GoldenPointwiseTests.unary + GoldenPointwiseTests.special + GoldenPointwiseTests.binary
        #expect(rows.map(\.name).sorted() == GoldenPointwiseTests.file.cases)
    }
}
