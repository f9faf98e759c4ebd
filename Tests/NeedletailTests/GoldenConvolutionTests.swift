import Needletail
import Testing

/// Convolutions and pooling against PyTorch: results and the gradients by input, weight and bias.
@Suite struct GoldenConvolutionTests {
    static let file = GoldenFile("convolution")

    static func convolution(
        _ name: String, stride: SIMD2<Int> = [1, 1], padding: SIMD2<Int> = [0, 0], dilation: SIMD2<Int> = [1, 1],
        groups: Int = 1
    ) -> GoldenCase {
        GoldenCase(name) {
            Tensor.conv2d(
                $0[0], weight: $0[1], bias: $0[2], stride: stride, padding: padding, dilation: dilation, groups: groups)
        }
    }

    static let convolutions: [GoldenCase] = [
        convolution("plain"),
        convolution("padded", padding: [1, 1]),
        convolution("strided", stride: [2, 3], padding: [1, 0]),
        convolution("dilated", stride: [1, 2], padding: [2, 1], dilation: [2, 3]),
        convolution("grouped", padding: [1, 1], groups: 2),
        convolution("depthwise", stride: [2, 2], padding: [1, 1], groups: 3),
        convolution("pointwise"),
        convolution("one_channel", padding: [2, 2]),
        convolution("unread_border", stride: [2, 2]),
    ]

    static let pools: [GoldenCase] = [
        GoldenCase("max_pool") { Tensor.maxPool2d($0[0], kernel: [2, 2]) },
        GoldenCase("max_pool_overlap") { Tensor.maxPool2d($0[0], kernel: [3, 3], stride: [2, 2]) },
        GoldenCase("max_pool_padded") { Tensor.maxPool2d($0[0], kernel: [3, 3], stride: [1, 2], padding: [1, 1]) },
        GoldenCase("max_pool_dilated") { Tensor.maxPool2d($0[0], kernel: [2, 2], stride: [1, 1], dilation: [2, 2]) },
        GoldenCase("max_pool_ties") { Tensor.maxPool2d($0[0], kernel: [2, 2], stride: [1, 1]) },
        GoldenCase("avg_pool") { Tensor.avgPool2d($0[0], kernel: [2, 2]) },
        GoldenCase("avg_pool_overlap") { Tensor.avgPool2d($0[0], kernel: [3, 2], stride: [2, 1]) },
        GoldenCase("avg_pool_padded") { Tensor.avgPool2d($0[0], kernel: [3, 3], stride: [2, 2], padding: [1, 1]) },
        GoldenCase("avg_pool_padding_not_counted") {
            Tensor.avgPool2d($0[0], kernel: [3, 3], stride: [2, 2], padding: [1, 1], countsPadding: false)
        },
    ]

    @Test(arguments: convolutions) func convolutionsAndTheirThreeGradientsArePyTorchs(_ row: GoldenCase) throws {
        try row.check(GoldenConvolutionTests.file)
    }

    @Test(arguments: pools) func poolingAndItsGradientArePyTorchs(_ row: GoldenCase) throws {
        try row.check(GoldenConvolutionTests.file)
    }

    @Test func everyCaseOfTheFileIsChecked() {
        let rows = GoldenConvolutionTests.convolutions + GoldenConvolutionTests.pools
        #expect(rows.map(\.name).sorted() == GoldenConvolutionTests.file.cases)
    }
}
