import TensorRuntime

extension ConformanceCatalogue {
    /// Programs of several stages over a row: softmax, losses and normalisations, in each float dtype.
    static func rowPrograms(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in floats(device) {
            let all: [Shape] = [[64, 10], [33, 129], [2, 10007], [1, 1], [7, 31], [2003, 67]]
            for shape in dtype == .float32 ? all : [[33, 10]] {
                rows.append(softmax(dtype, shape))
                rows.append(crossEntropy(dtype, shape))
                rows.append(layerNorm(dtype, shape))
            }
            rows.append(softmax(dtype, [33, 10], columns: true))
            rows.append(batchNorm(dtype, batch: 8, channels: 5, area: 49))
            if dtype == .float32 {
                rows.append(batchNorm(dtype, batch: 37, channels: 3, area: 541))
                rows.append(batchNorm(dtype, batch: 11, channels: 3, area: 5003))
            }
            rows.append(channelsCopied(dtype))
            rows.append(fusedProducer(dtype))
            rows.append(accuracy(dtype))
        }
        return rows
    }

    private static func softmax(_ dtype: DType, _ shape: Shape, columns: Bool = false) -> ConformanceCase {
        var builder = FusedCaseBuilder(shape, outerRank: 1)
        let layout = columns ? Layout(contiguous: [shape[1], shape[0]]).permuted([1, 0]) : nil
        let x = builder.load(dtype, .uniform(-4, 4), layout)
        let shifted = builder.apply(.subtract, x, builder.reduce(.maximum, x))
        let exponential = builder.apply(.exp, shifted)
        let result = builder.apply(.divide, exponential, builder.reduce(.sum, exponential))
        builder.store(result, .accumulated(dtype), layout: layout)
        if columns { builder.tag(.layout(.transposed)) }
        return builder.make("softmax/\(dtype)/\(shape)\(columns ? " columns" : "")")
    }

    /// Log-softmax with negative log likelihood: the mean loss, each row's loss, and the gradient of the mean.
    private static func crossEntropy(_ dtype: DType, _ shape: Shape) -> ConformanceCase {
        let classes = shape[1]
        var builder = FusedCaseBuilder(shape, outerRank: 1)
        let x = builder.load(dtype, .uniform(-4, 4))
        let target = builder.load(.int64, .integers(0, Int64(classes - 1)), level: .row)
        let maximum = builder.reduce(.maximum, x)
        let exponential = builder.apply(.exp, builder.apply(.subtract, x, maximum))
        let sum = builder.reduce(.sum, exponential)
        let chosen = builder.gather(
            dtype, .uniform(-4, 4), at: target, strides: [classes, 0], stride: 1, count: classes,
            bufferCount: shape.elementCount, level: .row)
        let logSum = builder.apply(.add, builder.apply(.log, sum), maximum)
        let loss = builder.apply(.subtract, logSum, chosen)
        let scale = builder.scalar(1 / Double(shape[0]))
        let mean = builder.apply(.multiply, builder.reduce(.sum, loss), scale)
        let place = builder.index(strides: [0, 1])
        let isTarget = builder.apply(.cast, builder.apply(.equal, place, target), dtype: dtype)
        let probability = builder.apply(.divide, exponential, sum)
        let gradient = builder.apply(.multiply, builder.apply(.subtract, probability, isTarget), scale)
        builder.store(mean, .accumulated(dtype))
        builder.store(gradient, .accumulated(dtype))
        builder.store(loss, .accumulated(dtype))
        return builder.make("cross entropy/\(dtype)/\(shape)")
    }

    private static func layerNorm(_ dtype: DType, _ shape: Shape) -> ConformanceCase {
        var builder = FusedCaseBuilder(shape, outerRank: 1)
        let columns = Layout(contiguous: [1, shape[1]]).expanded(to: shape)
        let x = builder.load(dtype, .uniform(-1, 3))
        let weight = builder.load(dtype, .uniform(0.5, 2), columns)
        let bias = builder.load(dtype, .uniform(-1, 1), columns)
        let scale = builder.scalar(1 / Double(shape[1]))
        let mean = builder.apply(.multiply, builder.reduce(.sum, x), scale)
        let centred = builder.apply(.subtract, x, mean)
        let variance = builder.apply(.multiply, builder.reduce(.sum, builder.apply(.square, centred)), scale)
        let inverse = builder.apply(.rsqrt, builder.apply(.add, variance, builder.scalar(0.0009765625)))
        let normal = builder.apply(.multiply, centred, inverse)
        let result = builder.apply(.add, builder.apply(.multiply, normal, weight), bias)
        builder.store(result, .accumulated(dtype))
        builder.store(mean, .accumulated(dtype))
        builder.store(inverse, .accumulated(dtype))
        builder.tag(.layout(.broadcast))
        return builder.make("layer norm/\(dtype)/\(shape)")
    }

    /// Statistics of each channel of an NCHW tensor, the running mean's update, and the normalised tensor with relu.
    private static func batchNorm(_ dtype: DType, batch: Int, channels: Int, area: Int) -> ConformanceCase {
        var builder = FusedCaseBuilder([channels, batch, area], outerRank: 1)
        let layout = Layout(contiguous: [batch, channels, area]).permuted([1, 0, 2])
        let x = builder.load(dtype, .uniform(-1, 3), layout)
        let weight = builder.load(dtype, .uniform(0.5, 2), level: .row)
        let running = builder.load(dtype, .uniform(4, 8), level: .row)
        let scale = builder.scalar(1 / Double(batch * area))
        let mean = builder.apply(.multiply, builder.reduce(.sum, x), scale)
        let centred = builder.apply(.subtract, x, mean)
        let variance = builder.apply(.multiply, builder.reduce(.sum, builder.apply(.square, centred)), scale)
        let inverse = builder.apply(.rsqrt, builder.apply(.add, variance, builder.scalar(0.0009765625)))
        let factor = builder.apply(.multiply, inverse, weight)
        let result = builder.apply(.relu, builder.apply(.multiply, centred, factor))
        let change = builder.apply(.multiply, builder.apply(.subtract, mean, running), builder.scalar(0.5))
        builder.store(result, .accumulated(dtype), layout: layout)
        builder.store(builder.apply(.add, running, change), .accumulated(dtype), alias: 2)
        builder.store(variance, .accumulated(dtype))
        return builder.make("batch norm/\(dtype)/\(batch)x\(channels)x\(area)")
    }

    /// Sums of channels beside a copy of what is summed, in another order.
    private static func channelsCopied(_ dtype: DType) -> ConformanceCase {
        var builder = FusedCaseBuilder([5, 7, 33], outerRank: 1)
        let x = builder.load(dtype, .uniform(-1, 3), Layout(contiguous: [7, 5, 33]).permuted([1, 0, 2]))
        builder.store(x, .exact)
        builder.store(builder.reduce(.sum, x), .accumulated(dtype))
        builder.tag(.layout(.transposed))
        return builder.make("sums of channels and their copy/\(dtype)")
    }

    /// A pointwise chain into a reduction, whose element value is stored as well.
    private static func fusedProducer(_ dtype: DType) -> ConformanceCase {
        var builder = FusedCaseBuilder([37, 67], outerRank: 1)
        let a = builder.load(dtype, .uniform(0, 2))
        let b = builder.load(dtype, .uniform(1, 2), Layout(contiguous: [67, 37]).permuted([1, 0]))
        let product = builder.apply(.add, builder.apply(.multiply, a, b), builder.scalar(0.25))
        builder.store(product, .chain(dtype))
        builder.store(builder.reduce(.sum, product), .accumulated(dtype))
        builder.store(builder.reduce(.maximum, product), .chain(dtype))
        return builder.make("fused producer/\(dtype)")
    }

    /// Argmax of each row against its target, and how many agree.
    private static func accuracy(_ dtype: DType) -> ConformanceCase {
        var builder = FusedCaseBuilder([64, 3], outerRank: 1)
        let x = builder.load(dtype, .uniform(-4, 4))
        let target = builder.load(.int64, .integers(0, 2), level: .row)
        let isRight = builder.apply(.equal, builder.reduce(.argmax, x), target)
        builder.store(builder.reduce(.sum, builder.apply(.cast, isRight, dtype: .int64)), .exact)
        return builder.make("accuracy/\(dtype)")
    }
}
