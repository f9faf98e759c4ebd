import Needletail
import Testing

/// Layers, functions, losses and rules in float16 and bfloat16 against PyTorch's in the same types, with their gradients, on
/// each kind of device. Both round after each of their steps, which are not always the same, so that results differ by a few
/// units of the type.
@Suite struct GoldenHalfTests {
    static let file = GoldenFile("half_modules")
    static let rules = GoldenFile("half_optimizers")

    static let types: [DType] = [.float16, .bfloat16]

    /// The distance of two numbers of the type, over the smaller.
    private static func epsilon(_ dtype: DType) -> Double { dtype == .float16 ? 0x1p-10 : 0x1p-7 }

    /// The cases in one type. Where more steps follow one another the tolerance is of more units.
    private static func rows(_ dtype: DType) -> [ModuleCase] {
        func layer(
            _ name: String, _ make: @escaping @Sendable @autoclosure () -> any UnaryLayer, isTraining: Bool = true,
            units: Double = 2
        ) -> ModuleCase {
            .layer("\(dtype).\(name)", isTraining: isTraining, tolerance: units * epsilon(dtype), dtype: dtype, make())
        }
        func function(
            _ name: String, units: Double = 2, _ body: @escaping @Sendable ([Tensor]) -> Tensor
        ) -> ModuleCase {
            .function("\(dtype).\(name)", tolerance: units * epsilon(dtype)) { [body($0)] }
        }
        func module<Kind: Module>(
            _ name: String, _ make: @escaping @Sendable @autoclosure () -> Kind, units: Double = 4,
            call: @escaping @Sendable (Kind, [Tensor]) -> [Tensor]
        ) -> ModuleCase {
            .module("\(dtype).\(name)", tolerance: units * epsilon(dtype), dtype: dtype, make(), call: call)
        }
        let products: [ModuleCase] = [
            layer("linear", Linear(9, 5)), layer("linear_no_bias", Linear(5, 3, bias: false)),
            function("matmul") { $0[0].matmul($0[1]) },
            layer("conv1d", Conv1d(2, 3, kernel: 3, padding: 1)), layer("conv2d", Conv2d(2, 3, kernel: 3, padding: 1)),
            layer("conv2d_strided", Conv2d(2, 4, kernel: [3, 2], stride: 2, bias: false)),
            layer("conv2d_groups", Conv2d(4, 6, kernel: 3, padding: 2, dilation: 2, groups: 2)),
            layer("conv_transpose2d", ConvTranspose2d(2, 2, kernel: 3, stride: 2)),
            layer("max_pool2d", MaxPool2d(kernel: 2)),
            layer("max_pool2d_overlapping", MaxPool2d(kernel: 3, stride: 2, padding: 1)),
            layer("avg_pool2d", AvgPool2d(kernel: 2)), layer("embedding", Embedding(7, 4)),
        ]
        let normalisations: [ModuleCase] = [
            layer("batch_norm2d", BatchNorm2d(2), units: 4),
            layer("batch_norm2d_eval", BatchNorm2d(2), isTraining: false, units: 4),
            layer("layer_norm", LayerNorm(8), units: 4), layer("group_norm", GroupNorm(2, 4), units: 4),
            layer("rms_norm", RMSNorm(8), units: 4), layer("gelu", GELU()), layer("silu", SiLU()),
            layer("softmax", Softmax(axis: -1)), layer("log_softmax", LogSoftmax(axis: -1)),
        ]
        let sequences: [ModuleCase] = [
            module("lstm", LSTM(4, 3)) { lstm, x in
                let result = lstm(x[0])
                return [result.output, result.state.hidden, result.state.cell]
            },
            module("gru", GRU(4, 3)) { gru, x in
                let result = gru(x[0])
                return [result.output, result.state]
            },
            module("attention", MultiheadAttention(8, heads: 2, batchFirst: true)) { attention, x in
                [attention(query: x[0], key: x[0], value: x[0]).output]
            },
            function("scaled_dot_product", units: 4) {
                scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2])
            },
        ]
        let losses: [ModuleCase] = [
            function("cross_entropy") { crossEntropy($0[0], $0[1]) },
            function("cross_entropy_smooth") { crossEntropy($0[0], $0[1], labelSmoothing: 0.1) },
            function("mse") { mseLoss($0[0], $0[1]) }, function("l1") { l1Loss($0[0], $0[1]) },
            function("smooth_l1") { smoothL1Loss($0[0], $0[1]) },
            function("bce_logits") { binaryCrossEntropyWithLogits($0[0], $0[1].detach()) },
        ]
        return products + normalisations + sequences + losses
    }

    @Test func noCaseIsLeftOut() {
        let names = Self.types.flatMap { Self.rows($0).map(\.name) }
        #expect(names.sorted() == Self.file.moduleCases)
    }

    /// One case of each kind, for devices that build programs: each case has some of its own.
    private static let kinds = [
        "linear", "matmul", "conv2d", "conv2d_groups", "max_pool2d", "avg_pool2d", "embedding", "batch_norm2d",
        "layer_norm", "lstm", "attention", "cross_entropy", "mse",
    ]

    @Test(arguments: types, GraphDevice.wanted)
    func valuesAndGradientsArePyTorchs(_ dtype: DType, _ device: GraphDevice) throws {
        try device.run { _ in
            for row in Self.rows(dtype)
            where device == .cpu || Self.kinds.contains(where: { row.name == "\(dtype).\($0)" }) {
                do {
                    try checked { try row.compare(with: Self.file) }
                } catch {
                    Issue.record("\(row.name) on \(device): \(error)")
                }
            }
        }
    }

    private static let optimizers: [(name: String, make: @Sendable ([Parameter]) -> Optimizer)] = [
        ("sgd", { SGD($0, learningRate: 0.1) }),
        ("sgd_momentum", { SGD($0, learningRate: 0.1, momentum: 0.9, weightDecay: 0.05) }),
        ("adam", { Adam($0, learningRate: 0.02, epsilon: 1e-4) }),
        ("adamw", { AdamW($0, learningRate: 0.02, epsilon: 1e-4, weightDecay: 0.1) }),
    ]

    @Test(arguments: types, GraphDevice.wanted)
    func stepsGiveTheWeightsOfPyTorch(_ dtype: DType, _ device: GraphDevice) throws {
        // Five steps round five times, in PyTorch more often: its AdamW rounds the decay by itself, by which it is lost in
        // bfloat16, and ends further from the exact weights than this does.
        let tolerance = GoldenTolerance(
            relative: 4 * Self.epsilon(dtype), absolute: 2 * Self.epsilon(dtype),
            normalizedSquare: 6 * Self.epsilon(dtype) * Self.epsilon(dtype))
        try device.run { _ in
            for row in Self.optimizers {
                let name = "\(dtype).\(row.name)"
                let weights = try Self.rules.tensors("\(name)/start/").map { Parameter($0) }
                let optimizer = row.make(weights)
                for step in 0..<5 {
                    for (weight, gradient) in zip(weights, try Self.rules.tensors("\(name)/grad/\(step)/")) {
                        weight.grad = gradient
                    }
                    try optimizer.step()
                }
                for (index, weight) in weights.enumerated() {
                    try expectGolden(weight.value, Self.rules, "\(name)/\(index)", tolerance)
                }
                for entry in optimizer.state.tensors.entries { #expect(entry.tensor.dtype == dtype, "\(entry.name)") }
            }
        }
    }
}
