import Needletail
import TensorRuntime
import TestSupport
import Testing

/// Small linear algebra on the CPU: against PyTorch, with its gradients, and by what factors must be.
@Suite struct GoldenTensorAlgebraTests {
    private static func symmetric(_ x: Tensor) -> Tensor { x + x.T }

    static let cases: [GoldenCase] = [
        GoldenCase("solve", relative: 2e-5) { $0[0].solve($0[1]) },
        GoldenCase("solve_vector", relative: 2e-5) { $0[0].solve($0[1]) },
        GoldenCase("inverse", relative: 2e-5) { $0[0].inverse() },
        GoldenCase("det", relative: 2e-5) { $0[0].det() },
        GoldenCase("slogdet", relative: 2e-5) { $0[0].slogdet().logAbsDet },
        GoldenCase("slogdet_sign") { $0[0].slogdet().sign },
        GoldenCase("matrix_power", relative: 1e-4) { $0[0].matrixPower(-2) },
        GoldenCase("cholesky", relative: 2e-5) { x in
            let products = x[0].matmul(x[0].T)
            return (products + Tensor.eye(4)).cholesky()
        },
        GoldenCase("qr_q", relative: 2e-5) { $0[0].qr().q },
        GoldenCase("qr_r", relative: 2e-5) { $0[0].qr().r },
        GoldenCase("qr_wide", relative: 2e-5) { $0[0].qr().r },
        GoldenCase("qr_wide_q", relative: 2e-5) { $0[0].qr().q },
        GoldenCase("solve_broadcast", relative: 2e-5) { $0[0].solve($0[1]) },
        GoldenCase("solve_vectors", relative: 2e-5) { $0[0].solve($0[1]) },
        GoldenCase("eigh_values", relative: 2e-5) { symmetric($0[0]).eigh().values },
        GoldenCase("eigh_vectors", relative: 1e-4, absolute: 1e-5) { symmetric($0[0]).eigh().vectors.square() },
        GoldenCase("svd_values", relative: 2e-5) { $0[0].svd().s },
        GoldenCase("svd_left", relative: 1e-4, absolute: 1e-5) { $0[0].svd().u.square() },
        GoldenCase("svd_right", relative: 1e-4, absolute: 1e-5) { $0[0].svd().vt.square() },
        GoldenCase("svd_wide", relative: 1e-4, absolute: 1e-5) { $0[0].svd().vt.square() },
        GoldenCase("pinv", relative: 2e-5) { $0[0].pinv() },
        GoldenCase("pinv_wide", relative: 2e-5) { $0[0].pinv() },
        GoldenCase("lstsq", relative: 2e-5) { $0[0].lstsq($0[1]) },
    ]

    @Test func linearAlgebraIsPyTorchs() throws {
        try Self.cases.compare(with: GoldenFile("tensor_algebra"), on: .cpu)
    }

    static let square = Tensor(sampleNumbers(9, seed: 5).map(Double.init), shape: [3, 3])
    static let tall = Tensor(sampleNumbers(12, seed: 6).map(Double.init), shape: [4, 3])

    @Test(arguments: [
        GradientCheck(name: "solve", inputs: [square, tall[..<3]], function: { $0[0].solve($0[1]) }, tolerance: 1e-4),
        GradientCheck(name: "inverse", inputs: [square], function: { $0[0].inverse() }, tolerance: 1e-4),
        GradientCheck(name: "det", inputs: [square]) { $0[0].det() },
        GradientCheck(name: "slogdet", inputs: [square], function: { $0[0].slogdet().logAbsDet }, tolerance: 1e-4),
        GradientCheck(name: "cholesky", inputs: [square]) {
            ($0[0].matmul($0[0].T) + Tensor.eye(3, dtype: .float64)).cholesky()
        },
        GradientCheck(name: "qr", inputs: [tall], function: { $0[0].qr().q }, tolerance: 1e-4),
        GradientCheck(
            name: "eigh", inputs: [square], function: { ($0[0] + $0[0].T).eigh().vectors.square() }, tolerance: 1e-4),
        GradientCheck(name: "svd", inputs: [tall], function: { $0[0].svd().u.square() }, tolerance: 1e-4),
        GradientCheck(name: "pinv", inputs: [tall], function: { $0[0].pinv() }, tolerance: 1e-4),
    ]) func theyAreDifferentiatedTwice(_ check: GradientCheck) throws {
        try withDevice(.cpu) { () throws(any Error) in try check.run() }
    }

    /// Whether two tensors of float64 are equal but for rounding.
    private func agree(_ a: Tensor, _ b: Tensor) throws -> Bool { try a.allClose(b, relative: 1e-10, absolute: 1e-11) }

    @Test(arguments: [(1, 1), (3, 3), (20, 20), (7, 3), (3, 7), (0, 0), (2, 0)])
    func factorsGiveTheMatrixBack(_ rows: Int, _ columns: Int) throws {
        try withDevice(.cpu) { () throws(any Error) in
            let x = Tensor(sampleNumbers(rows * columns, seed: 9).map(Double.init), shape: [rows, columns])
            let k = min(rows, columns)
            let unit = Tensor.eye(k, dtype: .float64)
            let (q, r) = x.qr()
            #expect(try agree(q.matmul(r), x) && agree(q.T.matmul(q), unit) && agree(r.triu(), r))
            let (u, s, vt) = x.svd()
            #expect(try agree((u * s).matmul(vt), x) && agree(u.T.matmul(u), unit) && agree(vt.matmul(vt.T), unit))
            #expect(try agree(s.sort(descending: true).values, s))
            #expect(try agree(x.matmul(x.pinv()).matmul(x), x))
            guard rows == columns else { return }
            let (values, vectors) = (x + x.T).eigh()
            #expect(try agree((vectors * values).matmul(vectors.T), x + x.T) && agree(vectors.T.matmul(vectors), unit))
            #expect(try agree(x.matmul(x.inverse()), unit))
            let l = (x.matmul(x.T) + unit).cholesky()
            #expect(try agree(l.matmul(l.T), x.matmul(x.T) + unit) && agree(l.tril(), l))
            let (sign, magnitude) = x.slogdet()
            #expect(try agree(sign * magnitude.exp(), x.det()))
        }
    }

    @Test func matricesWithoutFullRankHaveFactorsToo() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let x = Tensor([[1, 2], [2, 4], [0, 0]] as [[Double]])
            let (u, s, vt) = x.svd()
            #expect(try agree((u * s).matmul(vt), x) && agree(u.T.matmul(u), Tensor.eye(2, dtype: .float64)))
            #expect(try agree(x.matmul(x.pinv()).matmul(x), x) && s[1].item() < 1e-12)
            let flat = Tensor([[1, 2, 3], [2, 4, 6], [1, 0, -1]] as [[Double]]).svd().u
            #expect(try agree(flat.T.matmul(flat), Tensor.eye(3, dtype: .float64)))
            let zeros = Tensor.zeros([2, 2], dtype: .float64)
            #expect(try zeros.det().item() == 0 && zeros.slogdet().sign.item() == 0)
            #expect(try zeros.slogdet().logAbsDet.item() == -.infinity && agree(zeros.pinv(), zeros))
            #expect(try agree(zeros.svd().u, Tensor.eye(2, dtype: .float64)))
            expectError(.invalidArgument, containing: "inverse: a matrix is singular") { () throws(TensorError) in
                try zeros.inverse().bytes()
            }
            expectError(.invalidArgument, containing: "cholesky: a matrix is not positive") { () throws(TensorError) in
                try zeros.cholesky().bytes()
            }
        }
    }

    @Test(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
    func anotherDeviceIsToldToMoveTheTensor() throws {
        try withDevice(DeviceID(backend: "opencl")) {
            expectWrongCalls([("inverse: the tensor is on opencl", { Tensor.eye(2).inverse() })])
        }
    }

    @Test func wrongMatricesAreNamed() throws {
        try withDevice(.cpu) {
            let x = Tensor.ones([2, 3])
            expectWrongCalls([
                ("inverse: float32[2, 3]", { x.inverse() }),
                ("det: int64[2, 2]", { Tensor.eye(2, dtype: .int64).det() }),
                ("qr: float32[3]", { Tensor.ones([3]).qr().q }),
                (
                    "solve: matrices float32[2, 2] and right sides float32[3, 1]",
                    { Tensor.eye(2).solve(Tensor.ones([3, 1])) }
                ),
                ("lstsq: matrices float32[2, 3] and right sides float32[3, 1]", { x.lstsq(Tensor.ones([3, 1])) }),
            ])
        }
    }
}
