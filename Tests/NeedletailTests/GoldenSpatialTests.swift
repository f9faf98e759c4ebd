import Needletail
import Testing

/// Convolutions, poolings, resampling and padding against PyTorch's layers.
@Suite struct GoldenSpatialTests {
    static let convolutions: [ModuleCase] = [
        .layer("conv1d", Conv1d(2, 3, kernel: 3)),
        .layer("conv1d_options", Conv1d(4, 2, kernel: 2, stride: 2, padding: 1, dilation: 2, groups: 2, bias: false)),
        .layer("conv1d_single", Conv1d(2, 3, kernel: 4, padding: .same)),
        .layer("conv2d", Conv2d(2, 3, kernel: [3, 2], padding: [1, 0])),
        .layer("conv2d_same", Conv2d(2, 2, kernel: [2, 3], padding: .same, dilation: [1, 2])),
        .layer("conv2d_reflect", Conv2d(1, 2, kernel: 3, stride: 2, padding: [1, 2], paddingMode: .reflect)),
        .layer("conv2d_replicate", Conv2d(1, 2, kernel: 3, stride: 2, padding: [1, 2], paddingMode: .replicate)),
        .layer("conv2d_circular", Conv2d(1, 2, kernel: 3, stride: 2, padding: [1, 2], paddingMode: .circular)),
        .layer("conv2d_valid", Conv2d(2, 2, kernel: 2, padding: .valid, groups: 2)),
        .layer("conv3d", Conv3d(2, 3, kernel: 2)),
        .layer(
            "conv3d_options",
            Conv3d(
                2, 2, kernel: [3, 1, 2], stride: [2, 1, 1], padding: [1, 0, 1], dilation: [1, 1, 2], groups: 2,
                bias: false)),
        .layer("conv3d_circular", Conv3d(1, 1, kernel: 3, padding: 1, paddingMode: .circular)),
        .layer("transpose1d", ConvTranspose1d(2, 3, kernel: 3, stride: 2, padding: 1, outputPadding: 1)),
        .layer(
            "transpose1d_dilated",
            ConvTranspose1d(2, 2, kernel: 2, outputPadding: 2, groups: 2, bias: false, dilation: 3)),
        .layer("transpose2d", ConvTranspose2d(3, 2, kernel: 2)),
        .layer(
            "transpose2d_options",
            ConvTranspose2d(4, 2, kernel: [3, 2], stride: [2, 3], padding: [1, 0], outputPadding: [1, 2], groups: 2)),
    ]

    /// A pooling, and the places of its values.
    private static func pool(
        _ name: String, _ make: @escaping @Sendable @autoclosure () -> MaxPool
    ) -> [ModuleCase] {
        [
            .layer(name, make()),
            .module("\(name)_indices", make()) {
                let result = $0.withIndices($1[0])
                return [result.values, result.indices]
            },
        ]
    }

    private static func adaptive(
        _ name: String, _ make: @escaping @Sendable @autoclosure () -> AdaptiveMaxPool
    ) -> [ModuleCase] {
        [
            .layer(name, make()),
            .module("\(name)_indices", make()) {
                let result = $0.withIndices($1[0])
                return [result.values, result.indices]
            },
        ]
    }

    private static let maxima: [[ModuleCase]] = [
        pool("max1d", MaxPool1d(kernel: 3, stride: 2, padding: 1)),
        pool("max1d_ceil", MaxPool1d(kernel: 2, ceilMode: true)), pool("max2d", MaxPool2d(kernel: 2)),
        pool("max2d_ceil", MaxPool2d(kernel: [2, 3], stride: 2, padding: 1, ceilMode: true)),
        pool("max2d_dilated", MaxPool2d(kernel: 2, stride: 1, dilation: 2)),
        pool("max3d", MaxPool3d(kernel: 2, ceilMode: true)),
        pool("max3d_options", MaxPool3d(kernel: [2, 3, 1], stride: [1, 2, 2], padding: [1, 1, 0])),
        adaptive("adaptive_max1d", AdaptiveMaxPool1d(3)),
        adaptive("adaptive_max2d", AdaptiveMaxPool2d(height: 3, width: 2)),
        adaptive("adaptive_max2d_even", AdaptiveMaxPool2d(2)),
        adaptive("adaptive_max3d", AdaptiveMaxPool3d(depth: 2, height: 3, width: nil)),
    ]

    private static let means: [ModuleCase] = [
        .layer("avg1d", AvgPool1d(kernel: 3, stride: 2, padding: 1)),
        .layer("avg1d_ceil", AvgPool1d(kernel: 3, stride: 2, padding: 1, ceilMode: true, countsPadding: false)),
        .layer("avg2d", AvgPool2d(kernel: 2)),
        .layer("avg2d_ceil", AvgPool2d(kernel: [3, 2], stride: 2, padding: 1, ceilMode: true)),
        .layer("avg2d_inside", AvgPool2d(kernel: 3, stride: 2, padding: 1, ceilMode: true, countsPadding: false)),
        .layer("avg2d_divisor", AvgPool2d(kernel: 2, divisorOverride: 3)), .layer("avg3d", AvgPool3d(kernel: 2)),
        .layer("avg3d_inside", AvgPool3d(kernel: 3, stride: 2, padding: 1, ceilMode: true, countsPadding: false)),
        .layer("avg3d_divisor", AvgPool3d(kernel: 2, divisorOverride: 5)),
        .layer("adaptive_avg1d", AdaptiveAvgPool1d(3)), .layer("adaptive_avg2d", AdaptiveAvgPool2d(2)),
        .layer("adaptive_avg2d_uneven", AdaptiveAvgPool2d(height: 3, width: nil)),
        .layer("adaptive_avg2d_global", AdaptiveAvgPool2d(1)),
        .layer("adaptive_avg3d", AdaptiveAvgPool3d(depth: 2, height: 3, width: 1)),
        .layer("lp1d", LPPool1d(2, kernel: 3, stride: 2)),
        .layer("lp2d", tolerance: 1e-5, LPPool2d(1.5, kernel: [2, 3], ceilMode: true)),
        .layer("lp3d", LPPool3d(2, kernel: 2)),
        .module("unpool1d", MaxUnpool1d(kernel: 2)) { [$0($1[0], indices: $1[1])] },
        .module("unpool2d", MaxUnpool2d(kernel: 3, stride: 2)) { [$0($1[0], indices: $1[1])] },
        .module("unpool3d", MaxUnpool3d(kernel: 2)) { [$0($1[0], indices: $1[1], outputSize: [4, 3, 5])] },
    ]

    private static func grid(_ mode: GridMode, _ padding: GridPadding) -> ModuleCase {
        .function("grid_\(mode.rawValue)_\(padding.rawValue)", tolerance: 2e-5) {
            [gridSample($0[0], grid: $0[1], mode: mode, padding: padding, alignCorners: padding == .border)]
        }
    }

    private static let grids: [ModuleCase] = [GridMode.bilinear, .nearest, .bicubic].flatMap { mode in
        [GridPadding.zeros, .border, .reflection].map { grid(mode, $0) }
    }

    static let resamplings: [ModuleCase] = [
        .layer("nearest1d", Upsample(scale: 2)), .layer("nearest2d", Upsample(size: [5, 3])),
        .layer("nearest_exact", Upsample(scale: 1.5, mode: .nearestExact)),
        .layer("nearest3d", Upsample(scale: [2, 1, 3])), .layer("linear", Upsample(scale: 2.5, mode: .linear)),
        .layer("linear_corners", Upsample(size: [7], mode: .linear, alignCorners: true)),
        .layer("bilinear", Upsample(size: [5, 2], mode: .bilinear)),
        .layer("bilinear_corners", Upsample(scale: 2, mode: .bilinear, alignCorners: true)),
        .layer("bicubic", Upsample(size: [7, 5], mode: .bicubic)),
        .layer("bicubic_corners", Upsample(scale: 1.7, mode: .bicubic, alignCorners: true)),
        .layer("trilinear", Upsample(scale: 2, mode: .trilinear)), .layer("pixel_shuffle", PixelShuffle(2)),
        .layer("pixel_unshuffle", PixelUnshuffle(2)), .layer("channel_shuffle", ChannelShuffle(2)),
        .layer("zero_pad1d", ZeroPad1d(left: 1, right: 2)),
        .layer("zero_pad2d", ZeroPad2d(left: 1, right: -1, top: 2, bottom: 0)), .layer("zero_pad3d", ZeroPad3d(1)),
        .layer("constant_pad1d", ConstantPad1d(2, value: 1.5)),
        .layer("constant_pad2d", ConstantPad2d(left: 1, right: 0, top: 2, bottom: 1, value: -2.5)),
        .layer(
            "constant_pad3d", ConstantPad3d(left: 1, right: 0, top: 2, bottom: 1, front: 0, back: 1, value: 0.5)),
        .layer("reflection_pad1d", ReflectionPad1d(left: 1, right: 2)),
        .layer("reflection_pad2d", ReflectionPad2d(left: 1, right: 0, top: 2, bottom: 1)),
        .layer("reflection_pad3d", ReflectionPad3d(1)),
        .layer("replication_pad1d", ReplicationPad1d(left: 1, right: 2)),
        .layer("replication_pad2d", ReplicationPad2d(left: 1, right: 0, top: 2, bottom: 1)),
        .layer("replication_pad3d", ReplicationPad3d(1)), .layer("circular_pad1d", CircularPad1d(left: 1, right: 2)),
        .layer("circular_pad2d", CircularPad2d(left: 1, right: 0, top: 2, bottom: 1)),
        .layer("circular_pad3d", CircularPad3d(1)),
        .function("affine_grid") { [affineGrid($0[0], size: [2, 1, 3, 4])] },
        .function("affine_grid_corners") { [affineGrid($0[0], size: [1, 1, 3, 2], alignCorners: true)] },
    ]

    static let files: [(file: GoldenFile, rows: [ModuleCase])] = [
        (GoldenFile("convolution_modules"), convolutions),
        (GoldenFile("pooling_modules"), maxima.flatMap { $0 } + means),
        (GoldenFile("resampling_modules"), resamplings + grids),
    ]

    @Test(arguments: files.indices) func layersArePyTorchs(_ index: Int) throws {
        let (file, rows) = GoldenSpatialTests.files[index]
        for row in rows { try withDevice(.cpu) { try row.compare(with: file) } }
    }

    @Test(arguments: files.indices, GraphDevice.wanted.filter { $0 != .cpu })
    func layersOnOtherDevicesArePyTorchs(_ index: Int, _ device: GraphDevice) throws {
        let (file, rows) = GoldenSpatialTests.files[index]
        try device.run { _ in for row in rows { try row.compare(with: file) } }
    }

    @Test func everyCaseOfTheFilesIsChecked() {
        for (file, rows) in GoldenSpatialTests.files { #expect(rows.map(\.name).sorted() == file.moduleCases) }
    }

    @Test func wrongNumbersAndInputsSayWhatToDo() {
        func message<Result>(_ body: () -> Result) -> String {
            let error = #expect(throws: TensorError.self) { try checked { body() } }
            return error?.message ?? ""
        }
        let x = Tensor.ones([1, 2, 4, 4])
        #expect(message { Conv2d(2, 2, kernel: 3, stride: 2, padding: .same) }.contains("padding .same with stride"))
        #expect(message { Conv1d(2, 2, kernel: 3, padding: [1, 2]) }.contains("2 paddings for 1 axes"))
        #expect(message { Conv3d(3, 2, kernel: 2, groups: 2) }.contains("2 groups do not divide"))
        #expect(message { Conv1d(2, 2, kernel: 2)(x) }.contains("is not [N, 2, length]"))
        #expect(
            message { Conv2d(2, 2, kernel: 3, padding: 4, paddingMode: .reflect)(x) }
                .contains("Conv2d(2, 2, kernel: 3x3): (4, 4), (4, 4) reflect around shape [1, 2, 4, 4]"))
        #expect(message { ConvTranspose2d(2, 2, kernel: 2, outputPadding: 1) }.contains("output padding 1x1"))
        #expect(message { MaxPool2d(kernel: 5)(x) }.contains("MaxPool2d(kernel: 5x5): kernel 5x5 exceeds"))
        #expect(message { AvgPool1d(kernel: 2, padding: 2) }.contains("padding is at most half the kernel"))
        #expect(message { AdaptiveAvgPool2d(0) }.contains("no window"))
        #expect(message { MaxUnpool2d(kernel: 2)(x, indices: x) }.contains("integers of the same shape"))
        #expect(message { Upsample(scale: 2, mode: .linear)(x) }.contains("Upsample: linear of float32[1, 2, 4, 4]"))
        #expect(message { PixelShuffle(2)(x) }.contains("PixelShuffle(2): input [1, 2, 4, 4]"))
        #expect(message { ReflectionPad2d(4)(x) }.contains("by less than the axis each"))
        #expect(message { gridSample(x, grid: Tensor.ones([1, 2, 2])) }.contains("gridSample: input"))
        #expect(message { affineGrid(x, size: [1, 1, 2, 2]) }.contains("affineGrid: maps"))
    }
}
