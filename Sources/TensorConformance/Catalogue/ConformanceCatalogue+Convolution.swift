import TensorRuntime

extension ConformanceCatalogue {
    /// The convolution and its gradients over windows of every kind, and with epilogues.
    static func convolutions(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in floats(device) {
            for kind in ConvolutionKernel.Kind.allCases {
                for sample in dtype == .float64 ? Array(samples[..<5]) : samples {
                    rows.append(convolution(dtype, kind, sample, .none))
                }
                if dtype.isShortFloat {
                    rows.append(convolution(dtype, kind, samples[3], .transposed, result: .float32))
                }
                for epilogue in Epilogue.allCases where epilogue != .none {
                    for sample in samples[1...2] { rows.append(convolution(dtype, kind, sample, epilogue)) }
                }
            }
        }
        return rows
    }

    private struct ConvolutionSample {
        let what: String
        let batch: Int
        let channels: (input: Int, output: Int)
        let size: SIMD2<Int>
        let window: Window
        var groups = 1
    }

    private static let samples: [ConvolutionSample] = [
        ConvolutionSample(
            what: "one element", batch: 1, channels: (1, 1), size: [1, 1], window: Window(kernel: [1, 1])),
        ConvolutionSample(
            what: "3x3 of 1 channel", batch: 2, channels: (1, 8), size: [13, 11],
            window: Window(kernel: [3, 3], padding: [1, 1])),
        ConvolutionSample(
            what: "3x3 of 32 channels", batch: 2, channels: (32, 5), size: [7, 9], window: Window(kernel: [3, 3])),
        ConvolutionSample(
            what: "strided, dilated and uneven", batch: 3, channels: (3, 7), size: [17, 12],
            window: Window(kernel: [3, 2], stride: [2, 3], padding: [2, 1], dilation: [2, 1])),
        ConvolutionSample(
            what: "groups", batch: 2, channels: (6, 9), size: [7, 7],
            window: Window(kernel: [3, 3], stride: [2, 2], padding: [1, 1]), groups: 3),
        ConvolutionSample(
            what: "depthwise", batch: 2, channels: (17, 17), size: [9, 8],
            window: Window(kernel: [3, 3], padding: [1, 1]), groups: 17),
        ConvolutionSample(
            what: "depthwise, two outputs each", batch: 2, channels: (9, 18), size: [11, 13],
            window: Window(kernel: [3, 4], stride: [2, 1], padding: [1, 5], dilation: [1, 2]), groups: 9),
        ConvolutionSample(
            what: "depthwise, wider than its input", batch: 2, channels: (5, 5), size: [4, 3],
            window: Window(kernel: [3, 5], padding: [1, 4]), groups: 5),
        ConvolutionSample(
            what: "depthwise, strided", batch: 2, channels: (6, 6), size: [13, 21],
            window: Window(kernel: [3, 3], stride: [3, 2], padding: [1, 2]), groups: 6),
        ConvolutionSample(
            what: "depthwise, unpadded and narrow", batch: 3, channels: (4, 8), size: [14, 12],
            window: Window(kernel: [3, 3]), groups: 4),
        ConvolutionSample(
            what: "from one channel of many rows, strided", batch: 1, channels: (1, 33), size: [83, 61],
            window: Window(kernel: [5, 5], stride: [2, 2], padding: [2, 2])),
        ConvolutionSample(
            what: "to two channels of many rows", batch: 1, channels: (19, 2), size: [70, 37],
            window: Window(kernel: [5, 3], padding: [2, 1])),
        ConvolutionSample(
            what: "from two channels, strided and dilated", batch: 2, channels: (2, 17), size: [19, 23],
            window: Window(kernel: [3, 4], stride: [2, 3], padding: [7, 1], dilation: [3, 2])),
        ConvolutionSample(
            what: "1x1", batch: 3, channels: (33, 31), size: [5, 7], window: Window(kernel: [1, 1])),
        ConvolutionSample(
            what: "1x1 strided", batch: 1, channels: (7, 5), size: [9, 9],
            window: Window(kernel: [1, 1], stride: [2, 2])),
        ConvolutionSample(
            what: "5x5", batch: 2, channels: (3, 6), size: [16, 15],
            window: Window(kernel: [5, 5], padding: [2, 2])),
        ConvolutionSample(
            what: "28x28 digits", batch: 2, channels: (1, 32), size: [28, 28],
            window: Window(kernel: [3, 3], padding: [1, 1])),
        ConvolutionSample(
            what: "14x14 of 32 channels", batch: 2, channels: (32, 33), size: [14, 14],
            window: Window(kernel: [3, 3], padding: [1, 1])),
        ConvolutionSample(
            what: "one dimension", batch: 2, channels: (5, 7), size: [1, 129],
            window: Window(kernel: [1, 7], stride: [1, 2], padding: [0, 3])),
        ConvolutionSample(
            what: "kernel of the whole input", batch: 2, channels: (4, 10), size: [7, 7],
            window: Window(kernel: [7, 7])),
        ConvolutionSample(
            what: "stride over a remainder", batch: 1, channels: (2, 3), size: [8, 10],
            window: Window(kernel: [3, 3], stride: [3, 4])),
        ConvolutionSample(
            what: "batch of 0", batch: 0, channels: (2, 3), size: [5, 5], window: Window(kernel: [3, 3])),
    ]

    private static func convolution(
        _ dtype: DType, _ kind: ConvolutionKernel.Kind, _ sample: ConvolutionSample, _ epilogue: Epilogue,
        result: DType? = nil
    ) -> ConformanceCase {
        var kernel = ConvolutionKernel(
            kind: kind, dtype: dtype, batch: sample.batch, inputChannels: sample.channels.input,
            outputChannels: sample.channels.output, inputSize: sample.size,
            outputSize: sample.window.outputSize(for: sample.size), window: sample.window, groups: sample.groups,
            epilogue: FusedCaseBuilder([]).kernel)
        let builder = epilogue.builder(
            over: kernel.resultShape, dtype: result ?? dtype, biasAxis: 1, tolerance: .product(result ?? dtype))
        kernel.epilogue = builder.kernel
        let shapes: [Shape]
        switch kind {
        case .forward: shapes = [kernel.inputShape, kernel.weightShape]
        case .inputGradient: shapes = [kernel.outputShape, kernel.weightShape]
        case .weightGradient: shapes = [kernel.inputShape, kernel.outputShape]
        }
        let sources = shapes.enumerated().map { position, shape in
            let offset = epilogue == .accumulate ? 3 + position : 0
            return ConformanceCase.Operand(
                dtype: dtype, count: offset + shape.elementCount, offset: offset, fill: .uniform(-1, 1))
        }
        let operations = 2 * kernel.outputShape.elementCount * kernel.weightShape.removing(axis: 0).elementCount
        return ConformanceCase(
            name: "convolution/\(kind)/\(dtype)/\(sample.what)\(result.map { " in \($0)" } ?? "")"
                + (epilogue == .none ? "" : " \(epilogue)"),
            spec: KernelSpec(kernel), sources: sources, epilogue: builder, operations: operations,
            tags: [.convolution(kind)])
    }

    /// Shapes whose packed weights or framed images are large, for backends that keep small ones apart.
    public static func roomyConvolutions() -> [ConformanceCase] {
        let line = ConvolutionSample(
            what: "a line of 600,000", batch: 1, channels: (1, 1), size: [1, 600_000],
            window: Window(kernel: [1, 3], padding: [0, 1]))
        let window = ConvolutionSample(
            what: "a window of 13x13", batch: 3, channels: (64, 64), size: [13, 13], window: Window(kernel: [13, 13]))
        let wide = ConvolutionSample(
            what: "160 channels by Winograd's method", batch: 4, channels: (176, 168), size: [8, 8],
            window: Window(kernel: [3, 3], padding: [1, 1]))
        let samples = ConvolutionKernel.Kind.allCases.flatMap { kind in
            [(kind, line), (kind, window), (kind, wide)]
        }
        return samples.flatMap { kind, sample in
            [convolution(.float32, kind, sample, .none), convolution(.float32, kind, sample, .transposed)]
        }
    }

    /// Weight gradients of every method that add to what the output's buffer holds.
    static func accumulatedWeights() -> [ConformanceCase] {
        let window = Window(kernel: [3, 3], padding: [1, 1])
        let samples = [
            ConvolutionSample(what: "one image", batch: 1, channels: (3, 5), size: [9, 8], window: window),
            ConvolutionSample(what: "many weights", batch: 7, channels: (40, 130), size: [5, 5], window: window),
            ConvolutionSample(what: "few weights", batch: 7, channels: (2, 9), size: [12, 11], window: window),
            ConvolutionSample(
                what: "depthwise", batch: 7, channels: (5, 10), size: [12, 21], window: window, groups: 5),
            ConvolutionSample(what: "Winograd's method", batch: 9, channels: (32, 24), size: [8, 8], window: window),
        ]
        return samples.map { convolution(.float32, .weightGradient, $0, .accumulate) }
    }

    /// Every pooling, overlapping and not, padded, dilated, and with NaN.
    static func poolings(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in floats(device) {
            for kind in PoolingKernel.Kind.allCases {
                for sample in poolingSamples { rows.append(pooling(dtype, kind, sample, .uniform(-2, 2), .none)) }
                let padded = poolingSamples[1]
                if kind != .average && kind != .averageGradient {
                    rows.append(pooling(dtype, kind, padded, .integers(-2, 2), .none, " with ties"))
                }
                let special = Fill.mixed(values: [.nan, -.infinity, 1], period: 5, low: -2, high: 2)
                rows.append(pooling(dtype, kind, padded, special, .none, " with NaN"))
                let infinite = Fill.values([-.infinity])
                rows.append(pooling(dtype, kind, padded, infinite, .none, " of negative infinities"))
                let last: Epilogue = kind == .maximumIndices ? .none : .accumulate
                for epilogue in [Epilogue.transposed, last] where kind != .maximumIndices {
                    rows.append(pooling(dtype, kind, padded, .uniform(-2, 2), epilogue, " \(epilogue)"))
                }
            }
        }
        return rows
    }

    private struct PoolingSample {
        let what: String
        let planes: Int
        let size: SIMD2<Int>
        let window: Window
        var countsPadding = true
    }

    private static let poolingSamples: [PoolingSample] = [
        PoolingSample(
            what: "2x2", planes: 6, size: [14, 14], window: Window(kernel: [2, 2], stride: [2, 2])),
        PoolingSample(
            what: "3x3 padded", planes: 5, size: [9, 11],
            window: Window(kernel: [3, 3], stride: [2, 2], padding: [1, 1]), countsPadding: false),
        PoolingSample(
            what: "3x3 padded, padding counted", planes: 3, size: [7, 7],
            window: Window(kernel: [3, 3], stride: [1, 1], padding: [1, 1])),
        PoolingSample(
            what: "uneven and dilated", planes: 3, size: [17, 13],
            window: Window(kernel: [2, 3], stride: [3, 2], padding: [1, 1], dilation: [2, 1]), countsPadding: false),
        PoolingSample(
            what: "whole plane", planes: 33, size: [7, 7], window: Window(kernel: [7, 7], stride: [7, 7])),
        PoolingSample(
            what: "one dimension", planes: 7, size: [1, 31], window: Window(kernel: [1, 2], stride: [1, 2])),
        PoolingSample(
            what: "7x7 overlapping", planes: 3, size: [12, 17], window: Window(kernel: [7, 7], padding: [3, 3]),
            countsPadding: false),
        PoolingSample(
            what: "5x4 dilated and overlapping", planes: 2, size: [23, 19],
            window: Window(kernel: [5, 4], stride: [3, 2], padding: [2, 1], dilation: [2, 3])),
        PoolingSample(what: "no planes", planes: 0, size: [4, 4], window: Window(kernel: [2, 2], stride: [2, 2])),
    ]

    private static func pooling(
        _ dtype: DType, _ kind: PoolingKernel.Kind, _ sample: PoolingSample, _ fill: Fill, _ epilogue: Epilogue,
        _ what: String = ""
    ) -> ConformanceCase {
        var kernel = PoolingKernel(
            kind: kind, dtype: dtype, planes: sample.planes, inputSize: sample.size,
            outputSize: sample.window.outputSize(for: sample.size), window: sample.window,
            countsPadding: sample.countsPadding, epilogue: FusedCaseBuilder([]).kernel)
        let result: DType = kind == .maximumIndices ? .int64 : dtype
        let shape: Shape = [sample.planes, kernel.resultSize[0], kernel.resultSize[1]]
        let isSum = kind == .average || kind == .averageGradient || kind == .maximumGradient
        let builder = epilogue.builder(
            over: shape, dtype: result, biasAxis: 0,
            tolerance: isSum ? .accumulated(dtype) : epilogue == .none ? .exact : .chain(dtype))
        kernel.epilogue = builder.kernel
        let input = sample.planes * sample.size[0] * sample.size[1]
        let output = sample.planes * kernel.outputSize[0] * kernel.outputSize[1]
        var counts = [kind == .averageGradient ? output : input]
        if kind == .maximumGradient { counts.append(output) }
        if kind == .maximumGather { counts.append(input) }
        let sources = counts.enumerated().map { position, count in
            ConformanceCase.Operand(
                dtype: dtype, count: count, fill: position == 0 ? fill : .uniform(-2, 2))
        }
        let area = sample.window.kernel[0] * sample.window.kernel[1]
        return ConformanceCase(
            name: "pooling/\(kind)/\(dtype)/\(sample.what)\(what)", spec: KernelSpec(kernel), sources: sources,
            epilogue: builder, operations: output * area, tags: [.pooling(kind)])
    }
}
