import Needletail
import TensorRuntime
import TestSupport
import Testing

/// Tensor functions that are seldom used, against PyTorch.
@Suite struct GoldenMoreFunctionTests {
    private static let pairs: [GoldenCase] =
        [
            GoldenCase("fmax") { $0[0].fmax($0[1]) },
            GoldenCase("fmin") { $0[0].fmin($0[1]) },
            GoldenCase("fmax_int") { $0[0].fmax($0[1]) },
            GoldenCase("gcd_negative") { $0[0].gcd($0[1]) },
            GoldenCase("lcm_negative") { $0[0].lcm($0[1]) },
            GoldenCase("gcd_long") { $0[0].gcd($0[1]) },
            GoldenCase("ldexp") { $0[0].ldexp($0[1]) },
            GoldenCase("ldexp_int") { $0[0].ldexp($0[1]) },
            GoldenCase("frexp_mantissa", relative: 0, absolute: 0) { $0[0].frexp().mantissa },
            GoldenCase("frexp_exponent") { $0[0].frexp().exponent },
            GoldenCase("frexp") { $0[0].frexp().mantissa },
        ]
        + ["uint8", "int32", "int64"].flatMap { type in
            [
                GoldenCase("gcd_\(type)") { $0[0].gcd($0[1]) }, GoldenCase("lcm_\(type)") { $0[0].lcm($0[1]) },
            ]
        }

    private static let special: [GoldenCase] =
        [
            GoldenCase("i0", relative: 2e-5) { $0[0].i0() },
            GoldenCase("i1", relative: 2e-5) { $0[0].i1() },
            GoldenCase("polygamma_poles", relative: 1e-5) { $0[0].polygamma(2) },
            GoldenCase("mvlgamma") { $0[0].mvlgamma(3) },
        ]
        + (1...4).map { n in GoldenCase("polygamma_\(n)", relative: 1e-4, absolute: 1e-5) { $0[0].polygamma(n) } }

    private static let shapes: [GoldenCase] = [
        GoldenCase("addbmm") { $0[0].addbmm($0[1], $0[2], beta: 0.5, alpha: 2) },
        GoldenCase("diagflat") { $0[0].diagflat(offset: -2) },
        GoldenCase("diagonal_scatter") { $0[0].diagonalScatter($0[1], offset: 1, axis1: 0, axis2: 2) },
        GoldenCase("diagonal_scatter_below") { $0[0].diagonalScatter($0[1], offset: -2, axis1: -1, axis2: 1) },
        GoldenCase("diagonal_scatter_outside") { $0[0].diagonalScatter($0[1], offset: 9) },
        GoldenCase("fill_diagonal_wide") { $0[0].fillDiagonal(2.5) },
        GoldenCase("fill_diagonal_tall") { $0[0].fillDiagonal(2.5) },
        GoldenCase("fill_diagonal_wrapped") { $0[0].fillDiagonal(2.5, wraps: true) },
        GoldenCase("fill_diagonal_cube") { $0[0].fillDiagonal(2.5) },
        GoldenCase("block_diag") { Tensor.blockDiag($0) },
        GoldenCase("dist_2") { $0[0].dist($0[1]) },
        GoldenCase("dist_1") { $0[0].dist($0[1], p: 1) },
        GoldenCase("dist_inf") { $0[0].dist($0[1], p: .infinity) },
        GoldenCase("dist_0") { $0[0].dist($0[1], p: 0) },
        GoldenCase("dist_3") { $0[0].dist($0[1], p: 3) },
        GoldenCase("pdist") { $0[0].pdist() },
        GoldenCase("pdist_1") { $0[0].pdist(p: 1) },
        GoldenCase("pdist_none") { $0[0].pdist() },
        GoldenCase("sum_to_size") { $0[0].sumToSize([4, 1]) },
        GoldenCase("sum_to_size_same") { $0[0].sumToSize([3, 4, 5]) },
        GoldenCase("nonzero_static") { $0[0].nonzeroStatic(size: 4) },
        GoldenCase("nonzero_static_more") { $0[0].nonzeroStatic(size: 5, fill: 7) },
        GoldenCase("nonzero_static_less") { $0[0].nonzeroStatic(size: 1) },
        GoldenCase("nextafter", relative: 0, absolute: 0) { $0[0].nextafter($0[1]) },
    ]

    @Test(arguments: GraphDevice.wanted) func functionsArePyTorchs(_ device: GraphDevice) throws {
        try (Self.pairs + Self.special + Self.shapes).compare(with: GoldenFile("more_functions"), on: device)
    }

    private static let algebra: [GoldenCase] =
        [
            GoldenCase("logdet", relative: 2e-5) { $0[0].logdet() },
            GoldenCase("logdet_signs") { $0[0].logdet() },
            GoldenCase("lu_factor", relative: 5e-5) { $0[0].luFactor().lu },
            GoldenCase("lu_pivots") { $0[0].luFactor().pivots },
            GoldenCase("lu_p") { $0[0].lu().p },
            GoldenCase("lu_l", relative: 5e-5) { $0[0].lu().l },
            GoldenCase("lu_u", relative: 5e-5) { $0[0].lu().u },
            GoldenCase("lu_solve", relative: 5e-5) {
                let (lu, pivots) = $0[0].luFactor()
                return $0[1].luSolve(lu, pivots: pivots)
            },
            GoldenCase("matrix_exp", relative: 2e-5) { $0[0].matrixExp() },
            GoldenCase("matrix_exp_large", relative: 5e-5) { $0[0].matrixExp() },
            GoldenCase("matrix_exp_zero") { $0[0].matrixExp() },
        ]
        + ["upper", "lower"].flatMap { name in
            let upper = name == "upper"
            return [
                GoldenCase("triangular_\(name)", relative: 5e-5) { $0[0].solveTriangular($0[1], upper: upper) },
                GoldenCase("triangular_unit_\(name)", relative: 5e-5) {
                    $0[0].solveTriangular($0[1], upper: upper, unitriangular: true)
                },
                GoldenCase("cholesky_solve_\(name)", relative: 5e-5) { $0[0].choleskySolve($0[1], upper: upper) },
                GoldenCase("cholesky_inverse_\(name)", relative: 5e-5) { $0[0].choleskyInverse(upper: upper) },
            ]
        }

    @Test func linearAlgebraIsPyTorchs() throws {
        try Self.algebra.compare(with: GoldenFile("more_algebra"), on: .cpu)
    }

    static let square = Tensor(sampleNumbers(9, seed: 5).map(Double.init), shape: [3, 3])
    static let right = Tensor(sampleNumbers(6, seed: 6).map(Double.init), shape: [3, 2])
    static let positive = Tensor([0.4, 1.3, 2.6, 5] as [Double])

    @Test(arguments: [
        GradientCheck(
            name: "solveTriangular", inputs: [square, right],
            function: { ($0[0] + Tensor.eye(3, dtype: .float64) * 3).solveTriangular($0[1], upper: true) },
            tolerance: 1e-4),
        GradientCheck(name: "luFactor", inputs: [square], function: { $0[0].luFactor().lu }, tolerance: 1e-4),
        GradientCheck(name: "matrixExp", inputs: [square], function: { $0[0].matrixExp() }, tolerance: 1e-4),
        GradientCheck(name: "i0", inputs: [positive]) { $0[0].i0() },
        GradientCheck(name: "i1", inputs: [positive]) { $0[0].i1() },
        GradientCheck(name: "polygamma", inputs: [positive], function: { $0[0].polygamma(1) }, tolerance: 1e-4),
        GradientCheck(name: "frexp", inputs: [positive]) { $0[0].frexp().mantissa.square() },
        GradientCheck(name: "dist", inputs: [square, square.T]) { $0[0].dist($0[1]) },
    ]) func theyAreDifferentiatedTwice(_ check: GradientCheck) throws {
        try withDevice(.cpu) { () throws(any Error) in try check.run() }
    }

    @Test func float64HasItsDigits() throws {
        try withDevice(.cpu) { () throws(any Error) in
            // Abramowitz and Stegun, tables 9.8 and 6.1; trigamma(1) is pi^2 / 6, and at 1/2 pi^2 / 2.
            let bessel = Tensor([1, 5, 20] as [Double]).i0()
            let expected = [1.2660658777520084, 27.239871823604442, 43558282.55955353]
            let tight = GoldenTolerance(relative: 1e-13, absolute: 1e-20, normalizedSquare: 1e-24)
            expectGolden(try bessel.scalars(as: Double.self), expected, "i0", tight)
            let trigamma = Tensor([1, 0.5, -0.5] as [Double]).polygamma(1)
            let square = Double.pi * Double.pi
            expectGolden(
                try trigamma.scalars(as: Double.self), [square / 6, square / 2, square / 2 + 4], "polygamma",
                GoldenTolerance(relative: 1e-12, absolute: 1e-20, normalizedSquare: 1e-22))
            let tiny = Tensor([5e-324, 1e-310, 0x1p1023] as [Double]).frexp()
            #expect(try tiny.exponent.scalars(as: Int32.self) == [-1073, -1029, 1024])
            #expect(try tiny.mantissa.scalars(as: Double.self).allSatisfy { $0 >= 0.5 && $0 < 1 })
            let near = Tensor([1, 0] as [Double]).nextafter(Tensor([2, 1] as [Double]))
            #expect(try near.scalars(as: Double.self) == [(1 as Double).nextUp, 5e-324])
        }
    }

    @Test(arguments: GraphDevice.wanted) func drawnNumbersHaveTheirDistributions(_ device: GraphDevice) throws {
        try device.run { _ in
            let shape: Shape = [4000]
            let cauchy = Tensor.cauchy(shape, median: 2, scale: 3, generator: Generator(seed: 1))
            let quartiles = try cauchy.quantile([0.25, 0.5, 0.75]).scalars(as: Float.self)
            #expect(abs(quartiles[0] + 1) < 0.5 && abs(quartiles[1] - 2) < 0.4 && abs(quartiles[2] - 5) < 0.5)
            let logs = Tensor.logNormal(shape, mean: 1, std: 0.5, generator: Generator(seed: 2)).log()
            #expect(try abs(logs.mean().item() - 1) < 0.04 && abs(logs.std().item() - 0.5) < 0.03)
            let tries = Tensor.geometric(shape, probability: 0.25, dtype: .int32, generator: Generator(seed: 3))
            let mean = try tries.to(.float32).mean().item()
            let once = try (tries .== 1).to(.float32).mean().item()
            #expect(try abs(mean - 4) < 0.3 && abs(once - 0.25) < 0.04 && tries.min().item() == 1)
        }
    }

    @Test(arguments: GraphDevice.wanted) func gumbelSoftmaxDrawsClassesWithTheirProbabilities(
        _ device: GraphDevice
    ) throws {
        try device.run { _ in
            let logits = Tensor([0.1, 0.2, 0.7] as [Float]).log().expand([3000, 3]).requiringGrad()
            let hard = logits.gumbelSoftmax(hard: true, generator: Generator(seed: 4))
            let share = try hard.detach().mean(axes: [0]).scalars(as: Float.self)
            #expect(abs(share[0] - 0.1) < 0.03 && abs(share[1] - 0.2) < 0.03 && abs(share[2] - 0.7) < 0.03)
            #expect(try hard.detach().sum(axes: [1]).allClose(Tensor.ones([3000])))
            let soft = logits.gumbelSoftmax(temperature: 0.5, axis: 1, generator: Generator(seed: 4))
            #expect(try soft.detach().argmax(1).equal(hard.detach().argmax(1)))
            let gradient = gradients(of: (hard * logits.detach()).sum(), withRespectTo: [logits])[0]
            #expect(try #require(gradient).abs().sum().item() > 0)
        }
    }

    @Test func wrongCallsAreNamed() throws {
        try withDevice(.cpu) {
            let x = Tensor.ones([2, 3])
            let eye = Tensor.eye(2)
            expectWrongCalls([
                ("gcd: tensors of float32 and float32; use integers", { x.gcd(x) }),
                ("frexp: a tensor of int64", { Tensor([1] as [Int64]).frexp().mantissa }),
                ("nextafter: tensors of float32 and float64", { x.nextafter(x.to(.float64)) }),
                ("polygamma: derivative -1", { x.polygamma(-1) }),
                ("mvlgamma: 0 dimensions", { x.mvlgamma(0) }),
                ("solveTriangular: float32[2, 3]", { x.solveTriangular(x, upper: true) }),
                ("solveTriangular: matrices float32[2, 2]", { eye.solveTriangular(Tensor.ones([3, 1]), upper: true) }),
                (
                    "luSolve: factors float32[2, 2], pivots int64[2]",
                    {
                        x.luSolve(eye, pivots: Tensor([1, 2] as [Int64]))
                    }
                ),
                ("diagonalScatter: a source float32[3]", { x.diagonalScatter(Tensor.ones([3])) }),
                ("fillDiagonal: shape [2]", { Tensor.ones([2]).fillDiagonal(1) }),
                ("blockDiag: a tensor [1, 1, 1]", { Tensor.blockDiag([Tensor.ones([1, 1, 1])]) }),
                ("sumToSize: shape [2, 3] to [2]", { x.sumToSize([2]) }),
                ("nonzeroStatic: -1 rows", { x.nonzeroStatic(size: -1) }),
                ("gumbelSoftmax: float32[2, 3] along axis 2", { x.gumbelSoftmax(axis: 2) }),
                ("pdist: float32[3] with p 2.0", { Tensor.ones([3]).pdist() }),
                ("cauchy: a median of 0.0 and a scale of 0.0", { Tensor.cauchy([1], scale: 0) }),
                ("logNormal", { Tensor.logNormal([1], std: -1) }),
                ("geometric: a probability of 1.0", { Tensor.geometric([1], probability: 1) }),
            ])
            expectError(.invalidArgument, containing: "luSolve: a pivot of 3.0") { () throws(TensorError) in
                try eye.luSolve(eye, pivots: Tensor([3, 2] as [Int32])).bytes()
            }
        }
    }
}
