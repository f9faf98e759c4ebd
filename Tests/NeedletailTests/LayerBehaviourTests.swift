import Needletail
import Testing

/// What golden files do not show: random layers, containers, and what wrong calls of layers say.
@Suite struct LayerBehaviourTests {
    private func message<Result>(_ body: () -> Result) -> String {
        let error = #expect(throws: TensorError.self) { try checked { body() } }
        return error?.message ?? ""
    }

    /// The values of each unit of `unit` elements, which go together.
    private func units(_ values: [Float], of unit: Int) -> [Set<Float>] {
        stride(from: 0, to: values.count, by: unit).map { Set(values[$0..<($0 + unit)]) }
    }

    @Test func channelDropoutsDropWholeChannels() throws {
        let layers: [(any UnaryLayer, Shape, Int)] = [
            (Dropout1d(0.4), [50, 20, 3], 3), (Dropout1d(0.4), [1000, 3], 3), (Dropout2d(0.4), [50, 20, 2, 3], 6),
            (Dropout2d(0.4), [50, 20, 3], 3), (Dropout3d(0.4), [50, 20, 2, 1, 2], 4),
            (Dropout3d(0.4), [1000, 2, 2, 1], 4),
        ]
        for (layer, shape, size) in layers {
            let input = Parameter(Tensor.ones(shape))
            let output = withGenerator(Generator(seed: 3)) { layer(input.value) }
            let found = units(try output.scalars(as: Float.self), of: size)
            #expect(found.allSatisfy { $0 == [0] || $0 == [Float(1 / 0.6)] }, "\(layer)")
            #expect(abs(found.count { $0 != [0] } - 600) < 60, "\(layer)")
            output.sum().backward()
            #expect(try input.grad!.scalars(as: Float.self) == output.scalars(as: Float.self))
            layer.eval()
            #expect(try layer(input.value).scalars(as: Float.self) == input.value.scalars(as: Float.self))
        }
    }

    @Test func alphaDropoutKeepsMeanAndVariance() throws {
        let input = Tensor.normal([400, 50], generator: Generator(seed: 5))
        for layer in [AlphaDropout(0.3) as any UnaryLayer, FeatureAlphaDropout(0.3)] {
            let output = withGenerator(Generator(seed: 6)) { layer(input) }
            #expect(abs(try output.mean().item()) < 0.03, "\(layer)")
            #expect(abs(try output.std().item() - 1) < 0.03, "\(layer)")
        }
        let channels = withGenerator(Generator(seed: 6)) { FeatureAlphaDropout(0.5)(Tensor.ones([20, 10, 4])) }
        #expect(units(try channels.scalars(as: Float.self), of: 4).allSatisfy { $0.count == 1 })
    }

    @Test func randomSlopesAreDrawnInTraining() throws {
        let layer = RReLU(lower: 0.2, upper: 0.4)
        let slopes = try withGenerator(Generator(seed: 1)) { layer(Tensor.full([1000], -1)) }.scalars(as: Float.self)
        #expect(slopes.allSatisfy { (-0.4 ... -0.2).contains($0) })
        #expect(Set(slopes).count > 900)
        #expect(try layer(Tensor.full([1], 3)).item() == 3)
    }

    @Test func containersCallTheirLayersAndNameThemByNumber() throws {
        let x = Tensor(sampleNumbers(6), shape: [2, 3])
        let inner = Linear(3, 3)
        let residual = Residual { inner }
        #expect(isClose(try (residual(x) - x - inner(x)).scalars(as: Float.self), [Double](repeating: 0, count: 6)))
        #expect(residual.namedParameters.map(\.name) == ["0.weight", "0.bias"])
        let joined = Concatenated {
            Linear(3, 2)
            Identity()
            Lambda { $0 * 2 }
        }
        #expect(joined(x).shape == [2, 8])
        #expect(joined.namedParameters.map(\.name) == ["0.weight", "0.bias"])
        let list = ModuleList([Linear(1, 2), Linear(2, 3, bias: false)])
        #expect(list.namedParameters.map(\.name) == ["0.weight", "0.bias", "1.weight"])
        #expect(list[1].weight.shape == [3, 2] && list.count == 2)
        let mixed = ModuleList<any Module>([LSTMCell(1, 1), ReLU()])
        mixed.append(Linear(1, 1))
        #expect(mixed.namedParameters.count == 6)
        let dictionary = ModuleDictionary(["b": Linear(1, 1), "a": Linear(1, 1, bias: false)])
        #expect(dictionary.namedParameters.map(\.name) == ["b.weight", "b.bias", "a.weight"])
        dictionary["b"] = nil
        #expect(dictionary.names == ["a"] && dictionary["b"] == nil)
        let parameters = ParameterList([Parameter(Tensor.ones([2]))])
        parameters.append(Parameter(Tensor.ones([3])))
        #expect(parameters.namedParameters.map(\.name) == ["0", "1"])
    }

    @Test func listsPrintEqualModulesOnce() {
        let list = ModuleList<any Module>([Linear(2, 2), Linear(2, 2), ReLU()])
        #expect(
            "\(list)" == """
                ModuleList(
                  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
                  (2): ReLU()
                )
                """)
    }

    @Test func longRowsOfATableAreShortenedInIt() throws {
        let layer = Embedding(3, 2, maxNorm: 1)
        layer.weight.assign(Tensor([3, 4, 6, 8, 0.3, 0.4] as [Float], shape: [3, 2]))
        _ = try layer(Tensor([0, 2] as [Int64])).scalars(as: Float.self)
        // Only what was asked for, and only what is too long.
        #expect(isClose(try layer.weight.value.scalars(as: Float.self), [0.6, 0.8, 6, 8, 0.3, 0.4]))
    }

    @Test func wrongNumbersOfLayersAreReported() {
        #expect(message { Hardtanh(min: 1, max: 0) }.contains("Hardtanh: bounds 1.0 and 0.0; put them in order"))
        #expect(message { Softshrink(lambda: -1) }.contains("use 0 or more"))
        #expect(message { Softplus(beta: 0) }.contains("beta is 0"))
        #expect(message { CELU(alpha: 0) }.contains("alpha is 0"))
        #expect(message { RReLU(lower: 1, upper: 0) }.contains("put them in order"))
        #expect(message { GroupNorm(2, 3) }.contains("2 groups do not divide 3 channels"))
        #expect(message { RMSNorm([]) }.contains("no axis to normalise"))
        #expect(message { LocalResponseNorm(0) }.contains("use a size of 1 or more"))
        #expect(message { Embedding(3, 2, paddingIndex: 3) }.contains("padding index 3 is outside of 3 rows"))
        #expect(message { Dropout2d(2) }.contains("Dropout2d(2.0): not a probability"))
        #expect(message { Concatenated([]) }.contains("give one or more"))
    }

    @Test func wrongInputsOfLayersAreReported() {
        let x = Tensor.ones([2, 3])
        #expect(message { GLU()(x) }.contains("glu: axis -1 of shape [2, 3] is odd"))
        #expect(message { PReLU(4)(x) }.contains("PReLU(4): input [2, 3] has not 4 channels"))
        #expect(message { Softmax2d()(x) }.contains("is no image"))
        #expect(message { GroupNorm(2, 4)(x) }.contains("is not [N, 4, ...]"))
        #expect(message { GroupNorm(1, 1)(Tensor.ones([1, 1])) }.contains("one value a group"))
        #expect(message { InstanceNorm1d(3)(Tensor.ones([2, 3, 1])) }.contains("1 values an instance"))
        #expect(message { BatchNorm3d(3)(x) }.contains("BatchNorm3d(3): input [2, 3]"))
        #expect(message { RMSNorm(4)(x) }.contains("does not end in [4]"))
        #expect(message { LocalResponseNorm(2)(x) }.contains("LocalResponseNorm(2): input float32[2, 3]"))
        #expect(message { Embedding(3, 2)(x) }.contains("use integers on cpu"))
        #expect(message { Embedding(3, 2)(Tensor([3] as [Int64])) }.contains("Embedding(3, 2): index 3 is outside"))
        #expect(message { EmbeddingBag(3, 2)(Tensor([1] as [Int64])) }.contains("or a vector with a vector of offsets"))
        #expect(message { Dropout3d()(x) }.contains("is not [N, channels, depth, height, width]"))
        #expect(message { Bilinear(3, 2, 1)(x, x) }.contains("Bilinear(3, 2, 1): inputs [2, 3] and [2, 3]"))
        #expect(message { Unflatten(axis: 1, [2, 2])(x) }.contains("the sizes' product must be the axis' extent"))
    }

    @Test func anIndexThatTheDeviceComputedIsCheckedWhenItIsRead() {
        let index = (Tensor.ones([2]) * 7).to(.int64)
        expectError(.invalidArgument, containing: "Embedding(3, 2): an index that was computed") {
            () throws(TensorError) in try Embedding(3, 2)(index).scalars(as: Float.self)
        }
    }
}
