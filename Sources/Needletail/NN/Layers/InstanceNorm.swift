import TensorRuntime

/// What ``InstanceNorm1d``, ``InstanceNorm2d`` and ``InstanceNorm3d`` have in common:
/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias` for each channel of each example.
///
/// Mean and variance are the instance's, in evaluation too unless running statistics are tracked. An instance of one value
/// has no variance: it is an error.
///
/// Safety: all stored properties are constants of sendable types.
public class InstanceNorm: UnaryLayer, @unchecked Sendable {
    /// `[channels]`
    public final let weight: Parameter?
    /// `[channels]`
    public final let bias: Parameter?
    /// The mean over examples; nil where none is tracked. `[channels]`
    public final let runningMean: Buffer?
    /// `[channels]`
    public final let runningVar: Buffer?
    /// An int64 of rank 0.
    public final let numBatchesTracked: Buffer?

    private let name: String
    private let channels: Int
    private let epsilon: Double
    private let momentum: Double
    private let mode = TrainingMode()
    /// The number of axes behind the channels.
    private let spatialRank: Int

    /// What the initialisers of all have in common.
    fileprivate struct Options {
        var channels: Int
        var epsilon: Double
        var momentum: Double
        var affine: Bool
        var trackRunningStats: Bool
        var device: DeviceID?
        var dtype: DType
    }

    fileprivate init(_ options: Options, spatialRank: Int, at site: CallSite) {
        let channels = options.channels
        let name = "InstanceNorm\(spatialRank)d(\(channels))"
        func filled(_ shape: Shape, _ value: Int64, _ dtype: DType? = nil) -> Tensor {
            Tensor.made(.fill, shape, dtype ?? options.dtype, .int(value), options.device, for: name, at: site)
        }
        self.name = name
        self.channels = channels
        self.spatialRank = spatialRank
        epsilon = options.epsilon
        momentum = options.momentum
        weight = options.affine ? Parameter(filled([channels], 1)) : nil
        bias = options.affine ? Parameter(filled([channels], 0)) : nil
        runningMean = options.trackRunningStats ? Buffer(filled([channels], 0)) : nil
        runningVar = options.trackRunningStats ? Buffer(filled([channels], 1)) : nil
        numBatchesTracked = options.trackRunningStats ? Buffer(filled([], 0, .int64)) : nil
    }

    public final var configuration: String {
        "\(channels), eps=\(Printed.number(epsilon)), momentum=\(Printed.number(momentum)), "
            + "affine=\(Printed.bool(weight != nil)), bias=\(Printed.bool(bias != nil)), "
            + "track_running_stats=\(Printed.bool(runningMean != nil))"
    }

    public final func callAsFunction(_ input: Tensor) -> Tensor {
        let lead = input.rank - spatialRank
        guard lead == 1 || lead == 2, input.shape[lead - 1] == channels else {
            return input.invalid(
                name, "input \(input.shape) is not [N, \(channels), \(spatialRank) axes] or without N",
                remedy: "reshape the input, or change the layer's channels", [input], at: nil)
        }
        if lead == 1 { return self(input.viewed(as: input.shape.inserting(1, at: 0))).squeeze(0) }
        let axes = Array(2..<input.rank)
        let count = axes.reduce(1) { $0 * input.shape[$1] }
        let usesOwn = mode.isTraining || runningMean == nil
        guard count > 1 || !usesOwn else {
            return input.invalid(
                name, "input \(input.shape) has \(count) values an instance", remedy: "use larger inputs", [input],
                at: nil)
        }
        let x = input.widened
        let row = Shape([1, channels] + axes.map { _ in 1 })
        let normalised: Tensor
        if !usesOwn, let runningMean, let runningVar {
            let mean = runningMean.value.widened.viewed(as: row)
            let variance = runningVar.value.widened.viewed(as: row)
            normalised = (x - mean) * (variance + epsilon).rsqrt()
        } else {
            let moments = withRecording(false) { x.moments(over: axes) }
            track(moments.mean, moments.variance, count: count)
            normalised = x.standardised(by: moments, over: axes, epsilon: epsilon)
        }
        return normalised.scaled(
            by: weight?.value.viewed(as: row), plus: bias?.value.viewed(as: row), roundedAs: input)
    }

    /// Moves the running statistics towards the mean over the examples. As in PyTorch, batches are not counted.
    private func track(_ mean: Tensor, _ variance: Tensor, count: Int) {
        guard mode.isTraining, let runningMean, let runningVar, mean.shape[0] > 0 else { return }
        withNoGrad {
            let correction = Double(count) / Double(count - 1)
            for (buffer, statistic, scale) in [(runningMean, mean, 1), (runningVar, variance, correction)] {
                let target = statistic.detach().viewed(as: [mean.shape[0], channels]).mean(axes: 0)
                let now = buffer.value.widened * (1 - momentum) + target * (momentum * scale)
                buffer.assign(now.cast(to: buffer.dtype))
            }
        }
    }
}

/// Instance normalisation of sequences `[N, channels, L]` or `[channels, L]`, as
/// [torch.nn.InstanceNorm1d](https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html).
public final class InstanceNorm1d: InstanceNorm, @unchecked Sendable {
    /// - Parameters:
    ///   - affine: whether there are a weight (ones at first) and a bias (zeros).
    ///   - trackRunningStats: whether evaluation uses running statistics.
    public init(
        _ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false,
        trackRunningStats: Bool = false, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            Options(
                channels: channels, epsilon: epsilon, momentum: momentum, affine: affine,
                trackRunningStats: trackRunningStats, device: device, dtype: dtype), spatialRank: 1,
            at: CallSite(file, line))
    }
}

/// Instance normalisation of images `[N, channels, H, W]` or `[channels, H, W]`, as
/// [torch.nn.InstanceNorm2d](https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html).
public final class InstanceNorm2d: InstanceNorm, @unchecked Sendable {
    /// - Parameters:
    ///   - affine: whether there are a weight (ones at first) and a bias (zeros).
    ///   - trackRunningStats: whether evaluation uses running statistics.
    public init(
        _ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false,
        trackRunningStats: Bool = false, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            Options(
                channels: channels, epsilon: epsilon, momentum: momentum, affine: affine,
                trackRunningStats: trackRunningStats, device: device, dtype: dtype), spatialRank: 2,
            at: CallSite(file, line))
    }
}

/// Instance normalisation of volumes `[N, channels, D, H, W]` or `[channels, D, H, W]`, as
/// [torch.nn.InstanceNorm3d](https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm3d.html).
public final class InstanceNorm3d: InstanceNorm, @unchecked Sendable {
    /// - Parameters:
    ///   - affine: whether there are a weight (ones at first) and a bias (zeros).
    ///   - trackRunningStats: whether evaluation uses running statistics.
    public init(
        _ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false,
        trackRunningStats: Bool = false, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            Options(
                channels: channels, epsilon: epsilon, momentum: momentum, affine: affine,
                trackRunningStats: trackRunningStats, device: device, dtype: dtype), spatialRank: 3,
            at: CallSite(file, line))
    }
}
