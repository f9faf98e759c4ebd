import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// Places where float16 and bfloat16 would be rounded, or overflow, on the way to a result that float32 holds.
@Suite struct HalfEdgeTests {
    private func floats(_ tensor: Tensor) throws -> [Float] { try tensor.scalars(as: Float.self) }

    @Test func adafactorTakesTheStepOfTheParametersType() throws {
        // The gradient is far below bfloat16's step at 1, which bounds what it is divided by.
        let parameter = Parameter(Tensor.ones([4], dtype: .bfloat16))
        parameter.grad = Tensor.full([4], 1e-3, dtype: .bfloat16)
        try Adafactor([parameter], learningRate: 0.1).step()
        let value = try floats(parameter.value)[0]
        #expect(abs(value - 0.987) < 0.005, "\(value)")
    }

    @Test func aConvertedModelStaysConvertedUnderLBFGS() throws {
        let layer = Linear(2, 1)
        let optimizer = LBFGS(layer.parameters, iterations: 3)
        func fit(_ x: Tensor) throws -> Double {
            try optimizer.step {
                for parameter in layer.parameters { parameter.grad = nil }
                let loss = (layer(x) - 1).square().mean()
                loss.backward()
                return loss
            }
        }
        let x = Tensor([1, 2, 3, 5] as [Float], shape: [2, 2])
        _ = try fit(x)
        layer.to(dtype: .bfloat16)
        #expect(try fit(x.to(.bfloat16)).isFinite)
        #expect(layer.weight.value.dtype == .bfloat16)
        let state = optimizer.state
        layer.to(dtype: .float32)
        try optimizer.load(state)
        #expect(try fit(x).isFinite)
        #expect(layer.weight.value.dtype == .float32)
    }

    @Test func runningStatisticsAreReadInFloat32() throws {
        let layer = BatchNorm1d(1, dtype: .bfloat16)
        layer.runningVar?.assign(Tensor([3] as [Float]).to(.bfloat16))
        layer.eval()
        #expect(try floats(layer(Tensor([1000] as [Float], shape: [1, 1]).to(.bfloat16))) == [576])
        let small = BatchNorm1d(1, epsilon: 1e-8, dtype: .float16)
        small.runningVar?.assign(Tensor.zeros([1], dtype: .float16))
        small.eval()
        #expect(try floats(small(Tensor.zeros([1, 1], dtype: .float16))) == [0])
    }

    @Test func lengthsOfRowsAreFoundInFloat32() throws {
        let embedding = Embedding(1, 2, maxNorm: 1, dtype: .float16)
        embedding.weight.assign(Tensor([300, 0] as [Float], shape: [1, 2]).to(.float16))
        let row = try floats(embedding(Tensor([0] as [Int64])))
        #expect(abs(row[0] - 1) < 1e-3 && row[1] == 0, "\(row)")
    }

    @Test func clippingMultipliesInFloat32() throws {
        let parameter = Parameter(Tensor.zeros([1000], dtype: .float16))
        parameter.grad = Tensor.full([1000], 60000, dtype: .float16)
        clipGradientNorm([parameter], 0.01)
        let gradient = try #require(parameter.grad)
        let norm = try gradient.to(.float32).square().sum().sqrt().item()
        #expect(abs(norm - 0.01) < 1e-4, "\(norm)")
    }

    @Test func doublesBecomeShortFloatsWithoutFloat64() throws {
        #expect(try Tensor([1.0, 0.1], dtype: .bfloat16).scalars(as: BFloat16.self) == [1, BFloat16(0.1)])
        let layer = Linear(1, 1, bias: false, dtype: .bfloat16)
        var state = StateDictionary()
        state["weight"] = Tensor([0.1], shape: [1, 1])
        try layer.load(stateDictionary: state)
        #expect(try layer.weight.value.scalars(as: BFloat16.self) == [BFloat16(0.1)])
    }

    @Test func mixedFloatsAreRefusedEverywhere() throws {
        let a = Tensor.ones([2, 2], dtype: .bfloat16)
        let b = Tensor.ones([2, 2])
        let lstm = LSTM(2, 2, dtype: .bfloat16)
        expectWrongCalls([
            ("einsum: bfloat16[2, 2] by float32[2, 2]", { einsum("ij,jk->ik", a, b) }),
            (
                "an initial state of float32",
                { lstm(a.unsqueeze(0), state: LSTM.State(hidden: b.unsqueeze(0), cell: b.unsqueeze(0))).output }
            ),
        ])
    }

    /// Windows of 64 numbers whose sum is beyond float16, on a device without kernels for pooling.
    @Test func averagesWrittenInOtherOperationsAddUpInFloat32() throws {
        let context = try LackingDevice.makeContext()
        let (mean, slope) = try withDeviceContext(context) { () throws(any Error) in
            let x = Tensor.full([1, 1, 8, 8], 2000, dtype: .float16).requiringGrad()
            let pooled = Tensor.avgPool2d(x, kernel: [8, 8])
            let found = gradients(of: pooled.sum(), withRespectTo: [x])
            return (try floats(pooled), try floats(found[0]!))
        }
        #expect(mean == [2000])
        #expect(slope == [Float](repeating: 1.0 / 64, count: 64))
    }

    @Test func theLargeSoftmaxHasADType() throws {
        let layer = AdaptiveLogSoftmaxWithLoss(8, classes: 10, cutoffs: [4], dtype: .bfloat16)
        #expect(layer.parameters.allSatisfy { $0.value.dtype == .bfloat16 })
        let found = layer(Tensor.ones([2, 8], dtype: .bfloat16), classes: Tensor([1, 9] as [Int64]))
        #expect(found.output.dtype == .bfloat16)
        #expect(try found.loss.item().isFinite)
    }

    @Test func aMeanOfFloat64GoesOnAsItWas() throws {
        let (whole, first) = (MeanMetric(), MeanMetric())
        let numbers = (0..<20).map { Tensor([1 / Double($0 + 3)], shape: []) }
        for number in numbers { whole.update(number) }
        for number in numbers.prefix(7) { first.update(number) }
        let rest = MeanMetric()
        try rest.restore(first.state())
        for number in numbers.dropFirst(7) { rest.update(number) }
        #expect(try rest.value() == whole.value())
    }
}
