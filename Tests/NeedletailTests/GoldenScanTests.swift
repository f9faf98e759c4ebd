import Needletail
import Testing

/// Running sums, products, extremes and logarithms of sums against PyTorch, with their gradients and those of gradients, on
/// each kind of device.
@Suite struct GoldenScanTests {
    static let file = GoldenFile("scans")

    /// A scan along an axis, forward or in reverse.
    private typealias Scan = @Sendable (Tensor, Int, Bool) -> Tensor

    /// The gradient by the first input, weighted, as a function that has gradients itself.
    private static func again(_ name: String, _ scan: @escaping @Sendable (Tensor) -> Tensor) -> GoldenCase {
        GoldenCase(name, relative: 2e-5) { inputs in
            // A sum's gradient does not depend on what is summed, so that the file has none for it.
            let x = inputs[0].requiresGrad ? inputs[0] : inputs[0].requiringGrad()
            let first = gradients(of: scan(x), withRespectTo: [x], gradient: inputs[2], createGraph: true)[0]
            return first! * inputs[1]
        }
    }

    private static func sums(_ name: String, _ scan: @escaping Scan) -> [GoldenCase] {
        (0..<3).map { axis in GoldenCase("\(name)_\(axis)") { scan($0[0], axis, false) } } + [
            GoldenCase("\(name)_reverse") { scan($0[0], 1, true) },
            GoldenCase("\(name)_row", relative: 2e-5) { scan($0[0], -1, false) },
            GoldenCase("\(name)_one") { scan($0[0], 0, false) },
            GoldenCase("\(name)_rank_0") { scan($0[0], 0, false) },
            GoldenCase("\(name)_zeros") { scan($0[0], 1, false) },
            again("\(name)_again") { scan($0, 1, false) },
            again("\(name)_reverse_again") { scan($0, 0, true) },
            again("\(name)_zeros_again") { scan($0, 1, false) },
            GoldenCase("\(name)_empty") { scan($0[0], 1, false) },
            GoldenCase("\(name)_half", relative: 1e-3) { scan($0[0], 1, false) },
            GoldenCase("\(name)_bfloat", relative: 8e-3) { scan($0[0], 1, false) },
        ]
    }

    private static func extremes(_ name: String, _ scan: @escaping Scan, _ places: @escaping Scan) -> [GoldenCase] {
        var rows = (0..<3).flatMap { axis in
            [
                GoldenCase("\(name)_\(axis)") { scan($0[0], axis, false) },
                GoldenCase("\(name)_\(axis)_places") { places($0[0], axis, false) },
            ]
        }
        rows += ["special", "zeros"].flatMap { what in
            [
                GoldenCase("\(name)_\(what)") { scan($0[0], 0, false) },
                GoldenCase("\(name)_\(what)_places") { places($0[0], 0, false) },
            ]
        }
        rows += ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "ties"].flatMap { what in
            [
                GoldenCase("\(name)_\(what)") { scan($0[0], 1, false) },
                GoldenCase("\(name)_\(what)_places") { places($0[0], 1, false) },
            ]
        }
        return rows + [
            GoldenCase("\(name)_reverse") { scan($0[0], 1, true) },
            GoldenCase("\(name)_rank_0") { scan($0[0], 0, false) },
            GoldenCase("\(name)_empty_places") { places($0[0], 1, false) },
        ]
    }

    private static let casts: [DType] = [.uint8, .int32, .float32]

    static let cases: [GoldenCase] =
        sums("cumsum") { $0.cumsum(axis: $1, reverse: $2) }
        + sums("cumprod") { $0.cumprod(axis: $1, reverse: $2) }
        + sums("logcumsumexp") { $0.logcumsumexp(axis: $1, reverse: $2) }
        + extremes(
            "cummax", { $0.cummax(axis: $1, reverse: $2).values }, { $0.cummax(axis: $1, reverse: $2).indices })
        + extremes(
            "cummin", { $0.cummin(axis: $1, reverse: $2).values }, { $0.cummin(axis: $1, reverse: $2).indices })
        + ["bool", "uint8", "int32", "int64"].flatMap { type in
            [
                GoldenCase("cumsum_\(type)") { $0[0].cumsum(axis: 1) },
                GoldenCase("cumprod_\(type)") { $0[0].cumprod(axis: 1) },
            ]
        }
        + casts.flatMap { (type: DType) -> [GoldenCase] in
            [
                GoldenCase("cumsum_to_\(type.description)") { $0[0].cumsum(axis: 0, dtype: type) },
                GoldenCase("cumprod_to_\(type.description)") { $0[0].cumprod(axis: 0, dtype: type) },
            ]
        } + [
            GoldenCase("cumprod_zeros_reverse") { $0[0].cumprod(axis: 1, reverse: true) },
            GoldenCase("cumsum_half_far", relative: 1e-3) { $0[0].cumsum(axis: 0) },
            // The result is rounded to 0.001, and the gradient is an exponential of it.
            GoldenCase("logcumsumexp_wide", relative: 1e-3) { $0[0].logcumsumexp(axis: 1) },
            GoldenCase("logcumsumexp_huge") { $0[0].logcumsumexp(axis: 1) },
            GoldenCase("logcumsumexp_special") { $0[0].logcumsumexp(axis: 0) },
            GoldenCase("cumsum_special") { $0[0].cumsum(axis: 0) },
            GoldenCase("cumprod_special") { $0[0].cumprod(axis: 0) },
        ]

    @Test(arguments: GraphDevice.wanted) func scansAndTheirGradientsArePyTorchs(_ device: GraphDevice) throws {
        try device.run { _ in
            for row in GoldenScanTests.cases { try row.compare(with: GoldenScanTests.file) }
        }
    }

    @Test func everyCaseOfTheFileIsChecked() {
        #expect(GoldenScanTests.cases.map(\.name).sorted() == GoldenScanTests.file.cases)
    }
}
