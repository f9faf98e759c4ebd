import Needletail
import Testing

/// Layers against PyTorch's: results, gradients by inputs and parameters, running statistics, names of weights, and how they
/// print.
@Suite struct GoldenModuleTests {
    static let activations: [ModuleCase] = [
        .layer("relu", ReLU()), .layer("relu6", ReLU6()), .layer("leaky_relu", LeakyReLU(slope: 0.2)),
        .layer("rrelu", isTraining: false, RReLU(lower: 0.1, upper: 0.3)), .layer("elu", ELU(alpha: 1.5)),
        .layer("selu", SELU()), .layer("celu", CELU(alpha: 1.5)), .layer("gelu", GELU()),
        .layer("gelu_tanh", GELU(approximate: true)), .layer("silu", SiLU()), .layer("mish", Mish()),
        .layer("sigmoid", Sigmoid()), .layer("tanh", Tanh()), .layer("hardsigmoid", Hardsigmoid()),
        .layer("hardswish", Hardswish()), .layer("hardtanh", Hardtanh(min: -2, max: 3)),
        .layer("hardshrink", Hardshrink(lambda: 0.25)), .layer("softshrink", Softshrink(lambda: 0.25)),
        .layer("tanhshrink", Tanhshrink()), .layer("softplus", Softplus()),
        .layer("softplus_beta", Softplus(beta: 2, threshold: 5)), .layer("softsign", Softsign()),
        .layer("softmin", Softmin(axis: 1)), .layer("softmax", Softmax(axis: 0)),
        .layer("log_softmax", LogSoftmax(axis: -1)), .layer("threshold", Threshold(0.5, value: -7)),
        .layer("glu", GLU()), .layer("log_sigmoid", LogSigmoid()), .layer("identity", Identity()),
        .layer("prelu", PReLU()), .layer("prelu_channels", PReLU(3)), .layer("softmax2d", Softmax2d()),
        .layer("glu_axis", GLU(axis: 1)),
    ]

    static let normalisations: [ModuleCase] = [
        .layer("batch_norm1d", BatchNorm1d(3)), .layer("batch_norm1d_sequences", BatchNorm1d(3, momentum: nil)),
        .layer("batch_norm2d", BatchNorm2d(2, momentum: 0.3, affine: false)),
        .layer("batch_norm2d_untracked", isTraining: false, BatchNorm2d(2, trackRunningStats: false)),
        .layer("batch_norm3d", BatchNorm3d(2, epsilon: 1e-3)),
        .layer("batch_norm3d_eval", isTraining: false, BatchNorm3d(2)), .layer("group_norm", GroupNorm(2, 4)),
        .layer("group_norm_images", GroupNorm(3, 3, epsilon: 1e-3, affine: false)),
        .layer("instance_norm1d", InstanceNorm1d(3)), .layer("instance_norm1d_single", InstanceNorm1d(3, affine: true)),
        .layer("instance_norm2d", InstanceNorm2d(2, affine: true, trackRunningStats: true)),
        .layer("instance_norm2d_eval", isTraining: false, InstanceNorm2d(2, affine: true, trackRunningStats: true)),
        .layer("instance_norm3d", InstanceNorm3d(2)), .layer("layer_norm", LayerNorm([3, 4])),
        .layer("layer_norm_plain", LayerNorm(4, epsilon: 1e-3, affine: false)),
        .layer("layer_norm_weight", LayerNorm(4, bias: false)), .layer("rms_norm", RMSNorm(4, epsilon: 1e-5)),
        .layer("rms_norm_plain", RMSNorm([3, 4], affine: false)),
        .layer("local_response_norm", LocalResponseNorm(3, alpha: 0.5, beta: 0.6, k: 2)),
        .layer("local_response_norm_even", LocalResponseNorm(2)),
    ]

    static let lookups: [ModuleCase] = [
        .layer("embedding", Embedding(5, 3)), .layer("embedding_padding", Embedding(5, 3, paddingIndex: -2)),
        .layer("embedding_max_norm", Embedding(5, 3, maxNorm: 0.7)),
        .module("bag_sum", EmbeddingBag(6, 3, mode: .sum)) { [$0($1[0])] },
        .module("bag_mean", EmbeddingBag(6, 3)) { [$0($1[0])] },
        .module("bag_max", EmbeddingBag(6, 3, mode: .max)) { [$0($1[0])] },
        .module("bag_sum_offsets", EmbeddingBag(6, 3, mode: .sum, paddingIndex: 1)) { [$0($1[0], offsets: $1[1])] },
        .module("bag_mean_offsets", EmbeddingBag(6, 3, paddingIndex: 1)) { [$0($1[0], offsets: $1[1])] },
        .module("bag_max_offsets", EmbeddingBag(6, 3, mode: .max, paddingIndex: 1)) { [$0($1[0], offsets: $1[1])] },
        .module("bag_last_offset", EmbeddingBag(6, 3, includesLastOffset: true)) { [$0($1[0], offsets: $1[1])] },
        .module("bag_weights", EmbeddingBag(6, 2, mode: .sum)) { [$0($1[0], weights: $1[1])] },
        .module("bilinear", Bilinear(3, 2, 4)) { [$0($1[0], $1[1])] },
        .module("bilinear_axes", Bilinear(3, 2, 4, bias: false)) { [$0($1[0], $1[1])] },
        .layer("unflatten", Unflatten(axis: 1, [2, 3])), .layer("flatten", Flatten(from: 2)),
        .layer("linear", Linear(3, 2, bias: false)),
    ]

    /// All files, with the tables that repeat them.
    static let files: [(file: GoldenFile, rows: [ModuleCase])] = [
        (GoldenFile("activation_modules"), activations), (GoldenFile("normalisation_modules"), normalisations),
        (GoldenFile("lookup_modules"), lookups),
    ]

    @Test(arguments: files.indices) func layersArePyTorchs(_ index: Int) throws {
        let (file, rows) = GoldenModuleTests.files[index]
        for row in rows { try withDevice(.cpu) { try row.compare(with: file) } }
    }

    @Test(arguments: files.indices, GraphDevice.wanted.filter { $0 != .cpu })
    func layersOnOtherDevicesArePyTorchs(_ index: Int, _ device: GraphDevice) throws {
        let (file, rows) = GoldenModuleTests.files[index]
        try device.run { _ in for row in rows { try row.compare(with: file) } }
    }

    @Test func everyCaseOfTheFilesIsChecked() {
        for (file, rows) in GoldenModuleTests.files { #expect(rows.map(\.name).sorted() == file.moduleCases) }
    }
}
