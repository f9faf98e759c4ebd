import Needletail
import Testing

/// Edges at which numbers or gradients were found wrong by reading, each with what PyTorch gives.
@Suite struct ReviewedEdgeTests {
    private static func gradient(of x: Tensor, _ body: (Tensor) -> Tensor) throws -> [Float] {
        let leaf = x.detach().requiringGrad()
        return try #require(gradients(of: body(leaf), withRespectTo: [leaf])[0]).scalars(as: Float.self)
    }

    // MARK: Layers

    @Test func aWindowOfZerosHasASlopeOfZeroInAPowerPooling() throws {
        let pool = LPPool1d(2, kernel: 2)
        let x = Tensor([0, 0, 3, 4] as [Float], shape: [1, 1, 4])
        #expect(try pool(x).scalars(as: Float.self) == [0, 5])
        let slope = try Self.gradient(of: x) { pool($0).sum() }
        #expect(slope[0] == 0 && slope[1] == 0 && abs(slope[2] - 0.6) < 1e-6 && abs(slope[3] - 0.8) < 1e-6)
    }

    @Test func outputPaddingBeyondTheStrideReachesWhatPaddingCut() throws {
        let layer = ConvTranspose1d(1, 1, kernel: 3, padding: 2, outputPadding: 1, bias: false, dilation: 2)
        layer.weight.assign(Tensor.ones([1, 1, 3]))
        #expect(try layer(Tensor.ones([1, 1, 4])).scalars(as: Float.self) == [2, 2, 2, 2, 1])
    }

    @Test(arguments: [false, true]) func chainedCallsOfARecurrentLayerCountEachGradientOnce(_ isGated: Bool) throws {
        let generator = Generator(seed: 3)
        let x = Tensor.normal([4, 2, 3], generator: generator)
        func slopes(createGraph: Bool) throws -> [[Float]] {
            func run(_ call: (Tensor, Tensor?) -> (Tensor, Tensor), _ parameters: [Parameter]) throws -> [[Float]] {
                let (_, state) = call(x, nil)
                let (_, second) = call(x, state)
                let (output, _) = call(x, second)
                return try gradients(
                    of: output.square().sum(), withRespectTo: parameters.map(\.value), createGraph: createGraph
                ).map { try #require($0).scalars(as: Float.self) }
            }
            if isGated {
                let layer = GRU(3, 4, generator: Generator(seed: 1))
                return try run({ layer($0, state: $1) }, layer.parameters)
            }
            let layer = RNN(3, 4, generator: Generator(seed: 1))
            return try run({ layer($0, state: $1) }, layer.parameters)
        }
        for (a, b) in try zip(slopes(createGraph: true), slopes(createGraph: false)) {
            for (x, y) in zip(a, b) { #expect(abs(x - y) <= 1e-4 * Swift.max(1, abs(y))) }
        }
    }

    @Test func nearestPixelsAreThoseOfFloatArithmetic() throws {
        let x = Tensor([0, 1] as [Float], shape: [1, 1, 2])
        #expect(try x.interpolate(size: [50]).scalars(as: Float.self)[25] == 1)
    }

    @Test func paddingThatCutsAndReflectsKeepsWithinWhatIsLeft() {
        expectWrongCalls([
            ("reflect", { ReflectionPad1d(left: -2, right: 3)(Tensor([0, 1, 2, 3] as [Float], shape: [1, 1, 4])) })
        ])
    }

    @Test func runningStatisticsStayInTheirDTypeWhateverTheInputs() throws {
        let layer = BatchNorm1d(2)
        let result = layer(Tensor([1, 2, 3, 5] as [Double], shape: [2, 2]))
        #expect(try result.isFinite().all().item(as: Bool.self))
        #expect(layer.runningMean?.value.dtype == .float32)
    }

    @Test func anInfiniteNormShortensRowsOfAnEmbedding() throws {
        let layer = Embedding(2, 2, maxNorm: 1, normType: .infinity)
        layer.weight.assign(Tensor([3, 1, 0.5, 0.5] as [Float], shape: [2, 2]))
        let rows = try layer(Tensor([0, 1] as [Int64])).scalars(as: Float.self)
        #expect(abs(rows[0] - 1) < 1e-5 && abs(rows[1] - 1 / 3) < 1e-5 && rows[2] == 0.5)
    }

    @Test func attentionShowsNaNAndRefusesMasksOfIntegers() throws {
        let value = Tensor.ones([1, 2, 4])
        let broken = Tensor.full([1, 2, 4], Float.nan)
        let mask = Tensor.zeros([2, 2])
        let result = scaledDotProductAttention(query: broken, key: value, value: value, mask: mask)
        #expect(try result.isNaN().all().item(as: Bool.self))
        expectWrongCalls([
            (
                "a mask of int64",
                { scaledDotProductAttention(query: value, key: value, value: value, mask: mask.to(.int64)) }
            )
        ])
    }

    // MARK: Rules

    @Test func stateFollowsItsNameWhereARuleChanges() throws {
        let parameter = Parameter(Tensor([1, 2] as [Float]))
        let optimizer = RMSprop([parameter], momentum: 0.9, centered: true)
        func step() throws {
            optimizer.zeroGrad()
            parameter.value.square().sum().backward()
            try optimizer.step()
        }
        for momentum in [0.9, 0, 0.9] {
            optimizer.groups[0].rule = RMSpropRule(momentum: momentum, isCentered: true)
            try step()
        }
        optimizer.groups[0].rule = AdamRule()
        try step()
        optimizer.groups[0].rule = AdamRule(usesAMSGrad: true)
        try step()
        #expect(try parameter.value.isFinite().all().item(as: Bool.self))
    }

    @Test func everyRuleWithAMomentumCanCycleIt() { #expect(NAdamRule() is any MomentumRule) }

    // MARK: Tensors

    @Test func repeatedValuesOfADecompositionHaveGradients() throws {
        let identity = Tensor.eye(2, device: .cpu)
        #expect(try Self.gradient(of: identity) { $0.eigh().values.sum() } == [1, 0, 0, 1])
        #expect(try Self.gradient(of: identity) { $0.svd().s.sum() } == [1, 0, 0, 1])
        let flat = Tensor([1, 0, 0, 0, 0, 0] as [Float], shape: [3, 2], device: .cpu)
        #expect(try Self.gradient(of: flat) { $0.svd().s.sum() }.allSatisfy(\.isFinite))
    }

    @Test func aNaNHidesNoElement() throws {
        #expect(try Tensor([1] as [Float]).isin(Tensor([1, Float.nan])).item(as: Bool.self))
    }

    @Test func aFactorOfAnIntegerSummandIsNotCut() throws {
        let (a, b) = (Tensor.ones([2, 2]), Tensor.ones([2, 2]))
        let sum = Tensor.ones([2, 2], dtype: .int32).addmm(a, b, beta: 0.5)
        #expect(try sum.scalars(as: Float.self) == [2.5, 2.5, 2.5, 2.5])
    }

    @Test func differencesOfNarrowIntegersDoNotWrap() throws {
        let a = Tensor([1] as [UInt8])
        #expect(try a.isClose(Tensor([2] as [UInt8]), absolute: 1).item(as: Bool.self))
        let ends = (Tensor([Int32.max]), Tensor([Int32.min]))
        #expect(try !ends.0.isClose(ends.1, absolute: 1).item(as: Bool.self))
    }

    @Test func aHistogramOfOneValueIsOneWide() throws {
        let edges = Tensor([3, 3] as [Float]).histogram(bins: 2).edges
        #expect(try edges.scalars(as: Float.self) == [2.5, 3, 3.5])
    }

    @Test func slopesAtTheEdgeOfTheirDomainAreFinite() throws {
        let zero = Tensor([0] as [Float])
        #expect(try Self.gradient(of: zero) { $0.atan2(zero).sum() } == [0])
        #expect(
            try Self.gradient(of: Tensor([1] as [Float])) { ($0.xlogy(zero) * 0.0).sum() }.allSatisfy { !$0.isInfinite }
        )
        #expect(try Self.gradient(of: Tensor([Float(0.1)])) { (Tensor([1] as [Float]) % $0).sum() } == [-9])
    }

    @Test func innerWantsLastAxesOfOneExtent() {
        expectWrongCalls([("inner", { Tensor.ones([2, 1]).inner(Tensor.ones([3, 5])) })])
    }
}
