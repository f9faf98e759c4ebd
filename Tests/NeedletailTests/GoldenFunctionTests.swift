import Needletail
import Testing

/// Inverse, hyperbolic and special functions, whole division and bits against PyTorch on every device: values, gradients, special
/// numbers and integers. `float64` is left to the CPU.
@Suite(.serialized) struct GoldenFunctionTests {
    static let file = GoldenFile("functions")

    static let unary: [GoldenCase] = [
        GoldenCase("atan") { $0[0].atan() },
        GoldenCase("asin") { $0[0].asin() },
        GoldenCase("acos") { $0[0].acos() },
        GoldenCase("sinh") { $0[0].sinh() },
        GoldenCase("cosh") { $0[0].cosh() },
        GoldenCase("asinh") { $0[0].asinh() },
        GoldenCase("acosh") { $0[0].acosh() },
        GoldenCase("atanh") { $0[0].atanh() },
        GoldenCase("exp2") { $0[0].exp2() },
        GoldenCase("log2") { $0[0].log2() },
        GoldenCase("log10") { $0[0].log10() },
        GoldenCase("erfc") { $0[0].erfc() },
        GoldenCase("erfinv") { $0[0].erfinv() },
        GoldenCase("lgamma") { $0[0].lgamma() },
        GoldenCase("digamma") { $0[0].digamma() },
        GoldenCase("sinc") { $0[0].sinc() },
        GoldenCase("logit") { $0[0].logit() },
        GoldenCase("logit_eps") { $0[0].logit(eps: 0.1) },
        GoldenCase("softsign") { $0[0].softsign() },
        GoldenCase("frac") { $0[0].frac() },
        GoldenCase("deg2rad") { $0[0].deg2rad() },
        GoldenCase("rad2deg") { $0[0].rad2deg() },
        GoldenCase("nan_to_num") { $0[0].nanToNum(nan: 2, posInf: 3, negInf: -4) },
        GoldenCase("fmod_scalar") { $0[0].fmod(0.7) },
        GoldenCase("floor_divide_scalar") { $0[0].floorDivide(0.7) },
        GoldenCase("lerp_scalar") { $0[0].lerp($0[0].flip(0), weight: 0.8) },
    ]

    static let several: [GoldenCase] = [
        GoldenCase("atan2") { $0[0].atan2($0[1]) },
        GoldenCase("hypot") { $0[0].hypot($0[1]) },
        GoldenCase("fmod") { $0[0].fmod($0[1]) },
        GoldenCase("copysign") { $0[0].copysign($0[1]) },
        GoldenCase("logaddexp") { $0[0].logAddExp($0[1]) },
        GoldenCase("logaddexp2") { $0[0].logAddExp2($0[1]) },
        GoldenCase("xlogy") { $0[0].xlogy($0[1]) },
        GoldenCase("lerp") { $0[0].lerp($0[1], weight: $0[2]) },
        GoldenCase("clamp_tensors") { $0[0].clamp(min: $0[1], max: $0[2]) },
        GoldenCase("clamp_min") { $0[0].clamp(min: $0[1]) },
        GoldenCase("clamp_max") { $0[0].clamp(max: $0[1]) },
        GoldenCase("addcmul") { $0[0].addcmul($0[1], $0[2], value: -0.6) },
        GoldenCase("addcdiv") { $0[0].addcdiv($0[1], $0[2], value: -0.6) },
    ]

    /// The largest elements are beyond 1e9, so only the relative error counts.
    private static func special(
        _ name: String, _ function: @escaping @Sendable ([Tensor]) -> Tensor
    ) -> GoldenCase {
        GoldenCase("special_\(name)", absolute: 1e-37, function)
    }

    static let specials: [GoldenCase] =
        unary.filter { file.has("special_\($0.name)/out") }.map { special($0.name, $0.function) }
        + several.filter { file.has("special_\($0.name)/out") }.map { special($0.name, $0.function) }
        + [
            special("floor_divide") { $0[0].floorDivide($0[1]) },
            special("heaviside") { $0[0].heaviside($0[1]) },
            GoldenCase("isinf") { $0[0].isInf() },
            GoldenCase("isfinite") { $0[0].isFinite() },
            GoldenCase("isposinf") { $0[0].isPosInf() },
            GoldenCase("isneginf") { $0[0].isNegInf() },
            GoldenCase("signbit") { $0[0].signbit() },
            GoldenCase("nan_to_num_defaults") { $0[0].nanToNum() },
        ]

    static let integers: [GoldenCase] = ["uint8", "int32", "int64", "bool"].flatMap { dtype in
        let functions: [(String, @Sendable ([Tensor]) -> Tensor)] = [
            ("fmod", { $0[0].fmod($0[1]) }),
            ("floor_divide", { $0[0].floorDivide($0[1]) }),
            ("remainder", { $0[0].remainder($0[1]) }),
            ("bitwise_and", { $0[0] & $0[1] }),
            ("bitwise_or", { $0[0] | $0[1] }),
            ("bitwise_xor", { $0[0] ^ $0[1] }),
            ("bitwise_not", { ~$0[0] }),
            ("shift_left", { $0[0] << $0[1] }),
            ("shift_right", { $0[0] >> $0[1] }),
            ("atan", { $0[0].atan() }),
            ("heaviside", { $0[0].heaviside($0[1]) }),
            ("signbit", { $0[0].signbit() }),
        ]
        return functions.filter { file.has("\(dtype)_\($0.0)/out") }.map { GoldenCase("\(dtype)_\($0.0)", $0.1) }
    }

    static let doubles = [GoldenCase("float_power") { $0[0].floatPower(3) }]

    @Test(arguments: GraphDevice.wanted) func valuesAndGradientsArePyTorchs(_ device: GraphDevice) throws {
        try device.run { _ in
            for row in Self.unary + Self.several + Self.specials + Self.integers {
                do { try row.compare(with: Self.file) } catch { Issue.record("\(row.name) on \(device): \(error)") }
            }
        }
    }

    @Test(arguments: doubles) func whatIsComputedInFloat64IsPyTorchs(_ row: GoldenCase) throws {
        try row.check(Self.file)
    }

    @Test func everyCaseOfTheFileIsChecked() {
        let rows = Self.unary + Self.several + Self.specials + Self.integers + Self.doubles
        #expect(rows.map(\.name).sorted() == Self.file.cases)
    }
}
