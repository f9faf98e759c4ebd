import Needletail
import OpenCLBackend
import TensorGraph
import TensorRuntime
import TestSupport
import Testing

/// float16 and bfloat16: each operation's result is rounded to the type, wherever it is read, and sums are made in float32.
@Suite struct ShortFloatTests {
    struct Place: Sendable, CustomTestStringConvertible {
        var device: String
        var mode: String
        var configuration = RuntimeConfiguration()

        var testDescription: String { "\(device), \(mode)" }

        func run(_ body: () throws -> Void) throws {
            let backend = BackendRegistry.shared.backends.first { $0.name == (device == "cpu" ? "cpu" : "opencl") }
            let inner = try #require(backend).open(index: 0, configuration: configuration)
            let context = try DeviceContext(device: inner, configuration: configuration)
            try withDeviceContext(context) { () throws(any Error) in try body() }
        }
    }

    static let places: [Place] = {
        var places: [Place] = []
        for device in OpenCLTesting.areWanted ? ["cpu", "opencl cpu", "opencl gpu"] : ["cpu"] {
            for mode in ["fused", "unfused", "eager"] {
                var place = Place(device: device, mode: mode)
                place.configuration.fusion = mode != "unfused"
                place.configuration.eager = mode == "eager"
                place.configuration.openCLScheduleClass = device == "opencl gpu" ? .gpu : .automatic
                places.append(place)
            }
        }
        return places
    }()

    private static func floats(_ tensor: Tensor) throws -> [Float] { try tensor.scalars(as: Float.self) }

    /// 257 is half-way between two bfloat16.
    @Test(arguments: places) func aReadGivesWhatIsStored(_ place: Place) throws {
        try place.run { () throws in
            let y = Tensor([256, 256, 3] as [Float]).to(.bfloat16) + 1
            let rest = y - 256
            let first = try Self.floats(y.to(.float32))
            #expect(first == [256, 256, 4])
            #expect(try Self.floats(y) == first)
            #expect(try Self.floats(rest) == [0, 0, -252])
            let wide = Tensor([2048, 1] as [Float]).to(.float16) + 1
            #expect(try Self.floats(wide.to(.float32) - 2048) == [0, -2046])
        }
    }

    @Test(arguments: places) func whatIsMadeOfAConstantIsRounded(_ place: Place) throws {
        try place.run { () throws in
            let third = Tensor.full([2], 1.0 / 3, dtype: .bfloat16)
            let wide = third.to(.float32)
            #expect(try Self.floats(wide) == [0.333984375, 0.333984375])
            #expect(try Self.floats(wide * Tensor([1, 2] as [Float])) == [0.333984375, 0.66796875])
            // A scalar is compared as the type's number.
            #expect(try Self.floats((third .== 1.0 / 3).to(.float32)) == [1, 1])
        }
    }

    @Test(arguments: places) func castsFromEveryTypeRound(_ place: Place) throws {
        try place.run { () throws in
            for dtype in [DType.int32, .int64, .float32, .float64] {
                let x = Tensor([257, 2049] as [Int32]).to(dtype)
                #expect(try Self.floats(x.to(.bfloat16).to(.float32)) == [256, 2048], "\(dtype)")
                #expect(try Self.floats(x.to(.float16).to(.float32)) == [257, 2048], "\(dtype)")
            }
            let eighth = Tensor([1.0009765625] as [Float]).to(.float16)
            #expect(try Self.floats(eighth.to(.bfloat16).to(.float32)) == [1])
        }
    }

    @Test(arguments: places) func sumsAreMadeInFloat32AndRoundedOnce(_ place: Place) throws {
        try place.run { () throws in
            let ones = Tensor.ones([2, 1000], dtype: .bfloat16)
            #expect(try Self.floats(ones.sum(axes: 1) - 1000) == [0, 0])
            let odd = Tensor.ones([2, 1001], dtype: .bfloat16).sum(axes: 1)
            #expect(try Self.floats(odd.to(.float32) - 1000) == [0, 0])
            // The rows are rounded before they are added up.
            let rows = Tensor.ones([3, 2049], dtype: .float16).sum(axes: 1)
            #expect(try Self.floats(rows.sum().to(.float32)) == [6144])
        }
    }

    @Test(arguments: places) func meansOfManyHalvesAreFinite(_ place: Place) throws {
        try place.run { () throws in
            for dtype in [DType.float16, .bfloat16] {
                let twos = Tensor.full([100_000], 2, dtype: dtype)
                try twos.evaluate()
                #expect(twos.mean().dtype == dtype)
                #expect(try Self.floats(twos.mean()) == [2])
                #expect(try Self.floats((twos + 1).mean()) == [3])
                #expect(try Self.floats(Tensor.full([100, 1000], 2, dtype: dtype).mean(axes: 1).mean()) == [2])
                #expect(try Self.floats(twos.variance()) == [0])
                #expect(try Self.floats(twos.std()) == [0])
            }
            #expect(try Self.floats(Tensor.full([10_000], 300, dtype: .float16).norm()) == [30_000])
        }
    }

    /// Functions of several steps round once: each within one unit in the last place of its value.
    @Test(arguments: places) func functionsOfManyStepsRoundOnce(_ place: Place) throws {
        try place.run { () throws in
            let numbers = (0..<64).map { Float($0 - 32) / 8 }
            for (dtype, unit) in [(DType.float16, 0x1p-10), (.bfloat16, 0x1p-7)] {
                let x = Tensor(numbers, shape: [4, 16]).to(dtype)
                let wide = x.to(.float32)
                let functions: [(String, (Tensor) -> Tensor)] = [
                    ("softmax", { $0.softmax() }), ("logSoftmax", { $0.logSoftmax() }), ("gelu", { $0.gelu() }),
                    ("tanh gelu", { $0.gelu(approximate: true) }), ("silu", { $0.silu() }),
                    ("softplus", { $0.softplus() }), ("elu", { $0.elu(alpha: 0.7) }),
                    ("logSumExp", { $0.logSumExp(axes: 1) }), ("variance", { $0.variance(axes: 0) }),
                    ("std", { $0.std(axes: 0) }), ("mean", { $0.mean(axes: 1) }),
                    ("layerNorm", { LayerNorm(16, affine: false)($0) }),
                    ("crossEntropy", { crossEntropy($0, Tensor([3, 0, 9, 15])) }),
                    ("nllLoss", { nllLoss($0, Tensor([3, 0, 9, 15]), reduction: .sum) }),
                ]
                for (name, function) in functions {
                    let found = function(x)
                    #expect(found.dtype == dtype, "\(name)")
                    let expected = try function(wide).scalars(as: Double.self)
                    for (value, right) in zip(try found.scalars(as: Double.self), expected) {
                        #expect(
                            abs(value - right) <= unit * abs(right) + 1e-7, "\(name) of \(dtype): \(value), \(right)")
                    }
                }
            }
        }
    }

    @Test(
        .enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"),
        arguments: places.filter { $0.device != "cpu" })
    func productsAreRoundedBeforeTheirEpilogue(_ place: Place) throws {
        try place.run { () throws in
            let a = Tensor.ones([8, 257], dtype: .bfloat16)
            let b = Tensor.ones([257, 8], dtype: .bfloat16)
            for value in [a, b] { try value.evaluate() }
            let product = a.matmul(b)
            let rest = product.to(.float32) - 256
            #expect(try Self.floats(rest).allSatisfy { $0 == 0 })
            #expect(try Self.floats(product).allSatisfy { $0 == 256 })
        }
    }
}
