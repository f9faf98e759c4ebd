import Needletail
import TensorRuntime
import Testing

/// Numbers that no size can have, and matrices that are not finite: errors, and NaN where PyTorch gives it.
@Suite struct EdgeErrorTests {
    private static let big = 1 << 60

    @Test func sizesBeyondAnIntAreNamed() throws {
        try withDevice(.cpu) {
            let big = Self.big
            let x = Tensor.ones([2])
            let picture = Tensor.ones([1, 1, 2, 2])
            expectWrongCalls([
                ("repeatInterleave: a result of shape", { x.repeatInterleave([1 << 60, 1]) }),
                ("repeatInterleave: a result of shape", { x.repeatInterleave([.max, .max]) }),
                ("vander", { x.vander(1 << 62) }),
                ("combinations", { Tensor.ones([100]).combinations(50) }),
                ("combinations", { x.combinations(.max, withReplacement: true) }),
                ("bincount", { Tensor([1, 2] as [Int64]).bincount(minLength: .max) }),
                ("histc", { x.histc(bins: .max) }),
                ("pad", { x.pad([(before: 1 << 39, after: 0)], mode: .replicate) }),
                ("interpolate", { picture.interpolate(size: [1 << 45, 1]) }),
                ("AdaptiveAvgPool1d", { AdaptiveAvgPool1d(1 << 29)(Tensor.ones([1, 1, 1 << 12])) }),
                ("PixelShuffle", { PixelShuffle(1 << 32)(picture) }),
                ("PixelUnshuffle", { PixelUnshuffle(1 << 40)(Tensor.ones([1, 1, 0, 0])) }),
                ("Unflatten", { Unflatten([1 << 32, 1 << 32])(Tensor.ones([1, 0])) }),
                ("Conv1d", { Conv1d(1, 1, kernel: .min, padding: .same)(Tensor.ones([1, 1, 4])) }),
                ("MultiheadAttention", { MultiheadAttention(big * 4, heads: 1).inProjBias!.value }),
                ("LSTM", { LSTM(1, big * 4).parameters[0].value }),
                (
                    "ctcLoss",
                    {
                        ctcLoss(
                            Tensor.zeros([2, 2, 3]), Tensor([1] as [Int64]), inputLengths: [2, 2],
                            targetLengths: [.max, .max])
                    }
                ),
            ])
        }
    }

    @Test func drawnNumbersFitTheirDType() throws {
        try withDevice(.cpu) {
            let bytes = Tensor.zeros([3], dtype: .uint8)
            expectWrongCalls([
                ("randintLike: from 0 to before 300 as uint8", { Tensor.randintLike(bytes, high: 300) }),
                ("randintLike: from -1 to before 3 as uint8", { Tensor.randintLike(bytes, low: -1, high: 3) }),
                ("uniformLike: from 0.0 to 1.0 as uint8", { Tensor.uniformLike(bytes) }),
                ("normalLike: a standard deviation of 1.0 as uint8", { Tensor.normalLike(bytes) }),
                ("trapezoid: values or places of bool", { Tensor([true, false]).trapezoid() }),
            ])
            #expect(Tensor.uniformLike(bytes, dtype: .float32).dtype == .float32)
            #expect(Tensor.randintLike(bytes, high: 256).dtype == .uint8)
        }
    }

    @Test(arguments: [Double.nan, .infinity]) func matricesThatAreNotFiniteGiveNoFiniteNumbers(_ bad: Double) throws {
        try withDevice(.cpu) { () throws(any Error) in
            let x = Tensor([[1, bad], [bad, 2]] as [[Double]])
            func allNaN(_ tensor: Tensor) throws -> Bool { try tensor.scalars(as: Double.self).allSatisfy(\.isNaN) }
            #expect(try allNaN(x.eigh().values) && allNaN(x.eigh().vectors))
            let calls: [(String, @Sendable (Tensor) -> Tensor)] = [
                ("svd", { $0.svd().s }), ("pinv", { $0.pinv() }), ("lstsq", { $0.lstsq($0) }),
            ]
            for (name, call) in calls {
                expectError(.invalidArgument, containing: "\(name): a matrix has elements that are NaN or infinite") {
                    () throws(TensorError) in try call(x).bytes()
                }
            }
            expectError(.invalidArgument, containing: "cholesky: a matrix is not positive definite") {
                () throws(TensorError) in try x.cholesky().bytes()
            }
            if bad.isNaN {
                #expect(try allNaN(x.inverse()) && allNaN(x.det()) && allNaN(x.slogdet().logAbsDet))
                #expect(try x.slogdet().sign.item() == 0)
                #expect(try allNaN(x.qr().q) && allNaN(x.solve(Tensor.eye(2, dtype: .float64))))
            }
        }
    }

    @Test func eigenvaluesOfElementsOfAllMagnitudesHaveDigits() throws {
        try withDevice(.cpu) { () throws(any Error) in
            // Diagonal factors around a matrix near the identity: the small eigenvalues are known to all digits.
            let scales: [Double] = [1e10, 1, 1e-10]
            let rows = (0..<3).map { i in (0..<3).map { j in (i == j ? 1 : 0.1) * scales[i] * scales[j] } }
            let values = try Tensor(rows).eigh().values.scalars(as: Double.self)
            // By the determinant, the second minors and the trace, each of which one product dominates.
            let expected = [1e-20 * 0.972 / 0.99, 0.99, 1e20]
            expectGolden(
                zip(values, expected).map { $0 / $1 }, [1, 1, 1], "eigenvalues",
                GoldenTolerance(relative: 1e-9, absolute: 1e-9, normalizedSquare: 1e-18))
            for scale in [1e-200, 1e200] {
                let x = Tensor([[2 * scale, scale], [scale, 2 * scale]] as [[Double]])
                let found = try x.svd().s.scalars(as: Double.self) + x.eigh().values.scalars(as: Double.self)
                let ratios = found.map { $0 / scale }
                expectGolden(ratios, [3, 1, 1, 3], "scaled", GoldenTolerance(relative: 1e-14, absolute: 1e-14))
                let (q, r) = x.qr()
                expectGolden(
                    try (q.matmul(r) / scale).scalars(as: Double.self), [2, 1, 1, 2], "scaled",
                    GoldenTolerance(relative: 1e-14, absolute: 1e-14))
            }
        }
    }

    @Test func attentionGivesTheWeightsThatMultiplyTheValues() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let layer = MultiheadAttention(4, heads: 2, dropout: 0.5, generator: Generator(seed: 1))
            let x = Tensor.normal([8, 1, 4], generator: Generator(seed: 2))
            let weights = try #require(layer(query: x, key: x, value: x, averagesWeights: false).weights)
            let dropped = try weights.scalars(as: Float.self).count { $0 == 0 }
            #expect((20...108).contains(dropped), "\(dropped) of 128")
            #expect(layer(query: x, key: x, value: x, needsWeights: false).weights == nil)
        }
    }
}
