import TensorRuntime

/// What ``BatchNorm1d``, ``BatchNorm2d`` and ``BatchNorm3d`` have in common:
/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias` for each channel (axis 1).
///
/// In training, mean and variance are the batch's, over all other axes, and the running statistics move towards them by
/// `momentum`; in evaluation they are the running statistics, where those are tracked. A batch of one value a channel, or
/// none, has no variance: in training it is an error.
///
/// Safety: all stored properties are constants of sendable types.
public class BatchNorm: UnaryLayer, @unchecked Sendable {
    /// `[channels]`
    public final let weight: Parameter?
    /// `[channels]`
    public final let bias: Parameter?
    /// The statistics that evaluation uses; nil where none are tracked, so that the batch's are used in evaluation too.
    /// `[channels]`
    public final let runningMean: Buffer?
    /// `[channels]`
    public final let runningVar: Buffer?
    /// An int64 of rank 0.
    public final let numBatchesTracked: Buffer?

    /// `BatchNorm2d(3)`
    private let name: String
    private let channels: Int
    private let epsilon: Double
    private let momentum: Double?
    private let mode = TrainingMode()
    /// The ranks of the inputs that the layer takes, and how its messages say them.
    private let ranks: ClosedRange<Int>
    private let expected: String

    /// What the initialisers of all have in common.
    fileprivate struct Options {
        var channels: Int
        var epsilon: Double
        var momentum: Double?
        var affine: Bool
        var trackRunningStats: Bool
        var device: DeviceID?
        var dtype: DType
    }

    fileprivate init(
        _ options: Options, ranks: ClosedRange<Int>, expected: String, name: String, at site: CallSite
    ) {
        let channels = options.channels
        func filled(_ shape: Shape, _ value: Int64, _ dtype: DType? = nil) -> Tensor {
            Tensor.made(.fill, shape, dtype ?? options.dtype, .int(value), options.device, for: name, at: site)
        }
        self.name = name
        self.channels = channels
        epsilon = options.epsilon
        momentum = options.momentum
        self.ranks = ranks
        self.expected = expected
        weight = options.affine ? Parameter(filled([channels], 1)) : nil
        bias = options.affine ? Parameter(filled([channels], 0)) : nil
        runningMean = options.trackRunningStats ? Buffer(filled([channels], 0)) : nil
        runningVar = options.trackRunningStats ? Buffer(filled([channels], 1)) : nil
        numBatchesTracked = options.trackRunningStats ? Buffer(filled([], 0, .int64)) : nil
    }

    public final var configuration: String {
        "\(channels), eps=\(Printed.number(epsilon)), momentum=\(momentum.map(Printed.number) ?? "None"), "
            + "affine=\(Printed.bool(weight != nil)), bias=\(Printed.bool(bias != nil)), "
            + "track_running_stats=\(Printed.bool(runningMean != nil))"
    }

    public final func callAsFunction(_ input: Tensor) -> Tensor {
        guard ranks.contains(input.rank), input.shape[1] == channels else {
            return input.invalid(
                name, "input \(input.shape) is not \(expected)",
                remedy: "reshape the input, or change the layer's channels", [input], at: nil)
        }
        if mode.isTraining, input.elementCount <= channels {
            return input.invalid(
                name,
                "input \(input.shape) has \(channels == 0 ? 0 : input.elementCount / channels) values a channel in training",
                remedy: "give batches of 2 or more, or call eval()", [input], at: nil)
        }
        var row = [Int](repeating: 1, count: input.rank)
        row[1] = channels
        let x = input.widened
        let normalised: Tensor
        if !mode.isTraining, let runningMean, let runningVar {
            let mean = runningMean.value.widened.reshape(row)
            let variance = runningVar.value.widened.reshape(row)
            normalised = (x - mean) * (variance + epsilon).rsqrt()
        } else {
            let axes = (0..<input.rank).filter { $0 != 1 }
            let moments = withRecording(false) { x.moments(over: axes) }
            track(moments.mean, moments.variance, count: input.elementCount / max(channels, 1))
            normalised = x.standardised(by: moments, over: axes, epsilon: epsilon)
        }
        return normalised.scaled(
            by: weight?.value.reshape(row), plus: bias?.value.reshape(row), roundedAs: input)
    }

    /// In training, moves the running statistics towards those of a batch of `count` values a channel.
    private func track(_ mean: Tensor, _ variance: Tensor, count: Int) {
        guard mode.isTraining, let runningMean, let runningVar, let numBatchesTracked else { return }
        withNoGrad {
            // The running variance is the unbiased one.
            let correction = Double(count) / Double(max(count - 1, 1))
            let batches = numBatchesTracked.value + 1
            move(runningMean, to: mean, scale: 1, batches)
            move(runningVar, to: variance, scale: correction, batches)
            numBatchesTracked.assign(batches)
        }
    }

    private func move(_ buffer: Buffer, to statistic: Tensor, scale: Double, _ batches: Tensor) {
        let target = statistic.detach().reshape([channels])
        if let momentum {
            let now = buffer.value.widened * (1 - momentum) + target * (momentum * scale)
            buffer.assign(now.cast(to: buffer.dtype))
        } else {
            // The mean of all batches so far.
            let share = batches.cast(to: target.dtype).reciprocal()
            let now = buffer.value.widened
            buffer.assign((now + (target * scale - now) * share).cast(to: buffer.dtype))
        }
    }
}

/// Batch normalisation of features `[N, channels]` or sequences `[N, channels, L]`, as
/// [torch.nn.BatchNorm1d](https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html).
public final class BatchNorm1d: BatchNorm, @unchecked Sendable {
    /// - Parameters:
    ///   - momentum: nil averages all batches evenly.
    ///   - affine: whether there are a weight (ones at first) and a bias (zeros).
    ///   - trackRunningStats: whether there are running statistics for evaluation.
    public init(
        _ channels: Int, epsilon: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true,
        trackRunningStats: Bool = true, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            Options(
                channels: channels, epsilon: epsilon, momentum: momentum, affine: affine,
                trackRunningStats: trackRunningStats, device: device, dtype: dtype), ranks: 2...3,
            expected: "[N, \(channels)] or [N, \(channels), length]", name: "BatchNorm1d(\(channels))",
            at: CallSite(file, line))
    }
}

/// Batch normalisation of images `[N, channels, H, W]`, as
/// [torch.nn.BatchNorm2d](https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html).
public final class BatchNorm2d: BatchNorm, @unchecked Sendable {
    /// - Parameters:
    ///   - momentum: nil averages all batches evenly.
    ///   - affine: whether there are a weight (ones at first) and a bias (zeros).
    ///   - trackRunningStats: whether there are running statistics for evaluation.
    public init(
        _ channels: Int, epsilon: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true,
        trackRunningStats: Bool = true, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            Options(
                channels: channels, epsilon: epsilon, momentum: momentum, affine: affine,
                trackRunningStats: trackRunningStats, device: device, dtype: dtype), ranks: 4...4,
            expected: "[N, \(channels), height, width]", name: "BatchNorm2d(\(channels))", at: CallSite(file, line))
    }
}

/// Batch normalisation of volumes `[N, channels, D, H, W]`, as
/// [torch.nn.BatchNorm3d](https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html).
public final class BatchNorm3d: BatchNorm, @unchecked Sendable {
    /// - Parameters:
    ///   - momentum: nil averages all batches evenly.
    ///   - affine: whether there are a weight (ones at first) and a bias (zeros).
    ///   - trackRunningStats: whether there are running statistics for evaluation.
    public init(
        _ channels: Int, epsilon: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true,
        trackRunningStats: Bool = true, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            Options(
                channels: channels, epsilon: epsilon, momentum: momentum, affine: affine,
                trackRunningStats: trackRunningStats, device: device, dtype: dtype), ranks: 5...5,
            expected: "[N, \(channels), depth, height, width]", name: "BatchNorm3d(\(channels))",
            at: CallSite(file, line))
    }
}
