import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime
import TestSupport
import Testing

/// Models, values and errors of float16 and bfloat16.
@Suite struct HalfTests {
    private static let types: [DType] = [.float16, .bfloat16]

    private func floats(_ tensor: Tensor) throws -> [Float] { try tensor.scalars(as: Float.self) }

    // MARK: Values

    @Test func scalarsOfBothTypesComeAndGo() throws {
        let halves: [Float16] = [1.5, -0.0, 65504, .infinity]
        let x = Tensor(halves)
        #expect(x.dtype == .float16)
        #expect(try x.scalars(as: Float16.self) == halves)
        let brains: [BFloat16] = [1, 3.140625, -2.5e38]
        let y = Tensor([brains, brains])
        #expect(y.dtype == .bfloat16)
        #expect(y.shape == [2, 3])
        #expect(try y[1].scalars(as: BFloat16.self) == brains)
        #expect(try Tensor([1.00390625] as [Float]).scalars(as: BFloat16.self) == [1])
        #expect(try y.sum().item(as: BFloat16.self) == BFloat16(Float(-5e38 as Double)))
        let rows = Tensor([[1, 257], [0.1, 3]] as [[Float]], dtype: .bfloat16)
        #expect(rows.dtype == .bfloat16 && rows.shape == [2, 2])
        #expect(try floats(rows) == [1, 256, 0.100097656, 3])
        #expect("\(Tensor([BFloat16(0.5)]))" == "tensor([0.5000], dtype=bfloat16)")
        #expect("\(Tensor([Float16(2)]))" == "tensor([2.], dtype=float16)")
    }

    @Test func bfloat16RoundsToNearestEven() {
        #expect(BFloat16(Float(257)) == 256)
        #expect(BFloat16(Float(259)) == 260)
        #expect(BFloat16(Double.greatestFiniteMagnitude).bitPattern == 0x7F80)
        #expect(Float(BFloat16(Float.nan)).isNaN)
        #expect(BFloat16(Float.nan) != BFloat16(Float.nan))
        #expect(BFloat16(-0.0 as Float) == BFloat16(0.0 as Float))
        #expect(Set([BFloat16(-0.0 as Float), 0]).count == 1)
        #expect(BFloat16(1) < 2.5)
        #expect("\(BFloat16(0.1 as Float))" == "0.100097656")
    }

    /// As torch.promote_types and torch.result_type.
    @Test func typesArePromotedAsPyTorchs() {
        for dtype in Self.types {
            let x = Tensor.ones([2], dtype: dtype)
            #expect((x + 1).dtype == dtype)
            #expect((x * 2.5).dtype == dtype)
            #expect((x + Tensor([1, 2] as [Float])).dtype == .float32)
            #expect((x + Tensor([1, 2] as [Int64])).dtype == dtype)
            #expect((x + Tensor([1, 2] as [Double])).dtype == .float64)
        }
        #expect(DType.float16.promoted(with: .bfloat16) == .float32)
    }

    // MARK: Modules

    private func model() -> Sequential {
        Sequential([Conv2d(1, 2, kernel: 3, generator: Generator(seed: 3)), BatchNorm2d(2), ReLU()])
    }

    @Test(arguments: types) func aModuleIsConvertedInPlace(_ dtype: DType) throws {
        let model = model()
        let parameters = model.parameters
        let before = try parameters.map { try floats($0.value) }
        parameters[0].grad = Tensor.ones(parameters[0].shape)
        model.to(dtype: dtype)
        #expect(zip(model.parameters, parameters).allSatisfy { $0 === $1 && $0.dtype == dtype })
        #expect(parameters[0].grad?.dtype == dtype)
        #expect(model.namedBuffers.map(\.buffer.dtype) == [dtype, dtype, .int64])
        for (parameter, numbers) in zip(parameters, before) {
            #expect(try floats(parameter.value) == floats(Tensor(numbers, shape: parameter.shape).to(dtype)))
        }
        let x = Tensor.normal([2, 1, 5, 5], generator: Generator(seed: 1)).to(dtype).requiringGrad()
        let y = model(x)
        #expect(y.dtype == dtype)
        y.sum().backward()
        #expect(x.grad?.dtype == dtype)
        #expect(parameters.allSatisfy { $0.grad?.dtype == dtype })
        model.to(dtype: .float32)
        #expect(parameters.allSatisfy { $0.dtype == .float32 })
        expectWrongCall(containing: "a module cannot be of int64") { model.to(dtype: .int64) }
    }

    /// The state of an optimizer that was made before follows, and the parameters are still its own.
    @Test(arguments: types) func anOptimizerGoesOnInTheNewType(_ dtype: DType) throws {
        let layer = Linear(3, 2, generator: Generator(seed: 3))
        let optimizer = Adam(layer.parameters, learningRate: 0.1)
        let x = Tensor([1, -2, 3] as [Float], shape: [1, 3])
        func step() throws {
            optimizer.zeroGrad()
            layer(x.to(layer.weight.dtype)).square().sum().backward()
            optimizer.clipGradientNorm(1)
            #expect(layer.weight.grad?.dtype == layer.weight.dtype)
            try optimizer.step()
        }
        try step()
        let moments = try #require(optimizer.state.tensors["0.exp_avg"]).to(dtype)
        layer.to(dtype: dtype)
        let before = try floats(layer.weight.value)
        try step()
        #expect(layer.weight.dtype == dtype)
        #expect(try floats(layer.weight.value) != before)
        let state = optimizer.state
        #expect(state.steps == [2, 2])
        #expect(state.tensors.entries.allSatisfy { $0.tensor.dtype == dtype })
        #expect(try floats(state.tensors["0.exp_avg"]!) != floats(moments))
        // A state of another type is converted as it is loaded.
        layer.to(dtype: .float32)
        try optimizer.load(state)
        #expect(optimizer.state.tensors.entries.allSatisfy { $0.tensor.dtype == .float32 })
    }

    @Test(arguments: types) func layersAreMadeInADType(_ dtype: DType) throws {
        let layers: [any Module] = [
            Linear(3, 2, dtype: dtype), Bilinear(2, 3, 2, dtype: dtype), Conv1d(2, 2, kernel: 2, dtype: dtype),
            Conv2d(2, 2, kernel: 2, dtype: dtype), Conv3d(2, 2, kernel: 2, dtype: dtype),
            ConvTranspose1d(2, 2, kernel: 2, dtype: dtype), ConvTranspose2d(2, 2, kernel: 2, dtype: dtype),
            BatchNorm1d(2, dtype: dtype), BatchNorm2d(2, dtype: dtype), BatchNorm3d(2, dtype: dtype),
            InstanceNorm1d(2, affine: true, dtype: dtype), InstanceNorm2d(2, affine: true, dtype: dtype),
            InstanceNorm3d(2, affine: true, dtype: dtype), GroupNorm(1, 2, dtype: dtype), LayerNorm(2, dtype: dtype),
            RMSNorm(2, dtype: dtype), PReLU(dtype: dtype), Embedding(3, 2, dtype: dtype),
            EmbeddingBag(3, 2, dtype: dtype), RNN(2, 2, dtype: dtype), GRU(2, 2, dtype: dtype),
            LSTM(2, 3, projection: 2, dtype: dtype), RNNCell(2, 2, dtype: dtype), GRUCell(2, 2, dtype: dtype),
            LSTMCell(2, 2, dtype: dtype), MultiheadAttention(4, heads: 2, addsKeyValueBias: true, dtype: dtype),
            TransformerEncoderLayer(4, heads: 2, dtype: dtype), TransformerDecoderLayer(4, heads: 2, dtype: dtype),
            Transformer(4, heads: 2, encoderLayers: 1, decoderLayers: 1, dtype: dtype),
        ]
        for layer in layers {
            #expect(!layer.parameters.isEmpty)
            for (name, parameter) in layer.namedParameters { #expect(parameter.dtype == dtype, "\(layer): \(name)") }
            for (name, buffer) in layer.namedBuffers where buffer.dtype.isFloat {
                #expect(buffer.dtype == dtype, "\(layer): \(name)")
            }
        }
        // The numbers are float32's, rounded.
        let rounded = Linear(3, 2, generator: Generator(seed: 9)).weight.value.to(dtype)
        let drawn = Linear(3, 2, generator: Generator(seed: 9), dtype: dtype).weight.value
        #expect(try floats(drawn) == floats(rounded))
    }

    // MARK: State

    @Test(arguments: types) func stateIsKeptOrConverted(_ dtype: DType) throws {
        let source = Linear(4, 3, dtype: dtype)
        let directory = TemporaryDirectory()
        let path = directory.path("weights.safetensors")
        let saved = try source.stateDictionary().entries.map { entry in
            SafeTensorsFile.Entry(
                name: entry.name, dtype: entry.tensor.dtype, shape: Array(entry.tensor.shape),
                bytes: try entry.tensor.bytes())
        }
        try SafeTensorsFile(tensors: saved).write(to: path)
        var read = StateDictionary()
        for entry in try SafeTensorsFile(contentsOf: path).tensors {
            read[entry.name] = Tensor(bytes: entry.bytes, shape: Shape(entry.shape), dtype: entry.dtype)
        }
        #expect(read.entries.allSatisfy { $0.tensor.dtype == dtype })
        let wide = Linear(4, 3)
        try wide.load(stateDictionary: read)
        #expect(wide.weight.dtype == .float32)
        #expect(try floats(wide.weight.value) == floats(source.weight.value))
        let narrow = Linear(4, 3, dtype: dtype)
        let third = Linear(4, 3)
        try narrow.load(stateDictionary: third.stateDictionary())
        #expect(try floats(narrow.weight.value) == floats(third.weight.value.to(dtype)))
        #expect(narrow.weight.dtype == dtype)
    }

    @Test func meansOfWeightsMayBeWiderThanTheModel() throws {
        let model = Linear(2, 1, bias: false, dtype: .bfloat16)
        model.weight.assign(Tensor([1, 1] as [Float], shape: [1, 2]).to(.bfloat16))
        let wide = AveragedModel(Linear(2, 1, bias: false), of: model, .exponential(decay: 0.999))
        let same = AveragedModel(Linear(2, 1, bias: false, dtype: .bfloat16), of: model, .exponential(decay: 0.5))
        for averaged in [wide, same] { averaged.update() }
        model.weight.assign(Tensor([2, 0] as [Float], shape: [1, 2]).to(.bfloat16))
        for averaged in [wide, same] { averaged.update() }
        #expect(wide.module.weight.dtype == .float32)
        let means = try floats(wide.module.weight.value)
        #expect(abs(means[0] - 1.001) < 1e-6 && abs(means[1] - 0.999) < 1e-6)
        #expect(same.module.weight.dtype == .bfloat16)
        #expect(try floats(same.module.weight.value) == [1.5, 0.5])
    }

    /// A metric's sum does not stop where the type's numbers are as far apart as what is added.
    @Test func metricsAddUpInFloat32() throws {
        let mean = MeanMetric()
        for _ in 0..<600 { mean.update(Tensor.full([], 1.5, dtype: .bfloat16)) }
        #expect(try mean.value() == 1.5)
    }

    // MARK: Wrong calls

    @Test func productsOfMixedFloatsSayWhatToDo() {
        let remedy = "; cast one to the dtype of the other"
        for dtype in Self.types {
            let a = Tensor.ones([2, 3], dtype: dtype)
            expectWrongCall(containing: "matmul: \(dtype)[2, 3] by float32[3, 2]\(remedy)") {
                _ = a.matmul(Tensor.ones([3, 2]))
            }
            expectWrongCall(containing: "linear: input float32[1, 3], weight \(dtype)[2, 3]") {
                _ = Tensor.linear(Tensor.ones([1, 3]), a)
            }
            expectWrongCall(containing: "conv2d: input float32[1, 1, 3, 3], weight \(dtype)[1, 1, 2, 2]\(remedy)") {
                _ = Tensor.conv2d(Tensor.ones([1, 1, 3, 3]), weight: Tensor.ones([1, 1, 2, 2], dtype: dtype))
            }
            expectWrongCall(containing: "weights \(dtype)") { _ = LSTM(3, 2, dtype: dtype)(Tensor.ones([4, 1, 3])) }
        }
        expectWrongCall(containing: "float16[2, 2] by bfloat16[2, 2]") {
            _ = Tensor.ones([2, 2], dtype: .float16).matmul(Tensor.ones([2, 2], dtype: .bfloat16))
        }
    }

    // MARK: Devices whose kernels lack the types

    @Test(arguments: types, [false, true])
    func operationsAreComputedInFloat32WhereKernelsLackTheType(_ dtype: DType, _ hasConvolution: Bool) throws {
        let lacking: Set<KernelFamily> = [.matmul, .convolution, .pooling, .scatterAdd, .scan, .sort]
        func run() throws -> [[Float]] {
            let generator = Generator(seed: 4)
            func input(_ shape: Shape) -> Tensor {
                Tensor.normal(shape, generator: generator).to(dtype).requiringGrad()
            }
            let image = input([2, 3, 6, 6])
            let kernel = input([4, 3, 3, 3])
            let weight = input([4, 5])
            let pooled = Tensor.maxPool2d(Tensor.conv2d(image, weight: kernel, padding: [1, 1]), kernel: [2, 2])
            let rows = pooled.permute(0, 2, 3, 1).reshape(18, 4).matmul(weight)
            let sums = rows.indexSelect(axis: 0, index: Tensor([0, 3, 3, 17] as [Int64])).cumsum(axis: 1)
            let result = sums.sort(axis: 1).values
            let found = gradients(of: (result * result).sum(), withRespectTo: [image, kernel, weight])
            return try ([result] + found.map { $0! }).map { tensor in
                #expect(tensor.dtype == dtype)
                return try floats(tensor)
            }
        }
        let expected = try withOwnDevice { _ in try run() }
        let families: Set<KernelFamily> = hasConvolution ? [] : [.convolution, .pooling]
        let context = try LackingDevice.makeContext(families: families, float32Families: lacking)
        let found = try withDeviceContext(context) { () throws(any Error) in try run() }
        #expect(context.statistics.decomposedOperations > 8)
        // Sums in another order, rounded to the same type.
        let tolerance: Float = dtype == .float16 ? 0x1p-8 : 0x1p-5
        for (a, b) in zip(found, expected) {
            let scale = max(1, b.map(abs).max() ?? 0)
            #expect(a.count == b.count)
            #expect(zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * scale })
        }
    }
}
