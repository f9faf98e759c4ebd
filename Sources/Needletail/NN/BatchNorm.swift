/// What both batch normalisations share:
/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias` for each channel (axis 1).
///
/// In training, mean and variance are the batch's, over all other axes, and the running statistics move towards them by
/// `momentum`; in evaluation they are the running statistics.
struct BatchNormalization: Sendable {
    let name: String
    let channels: Int
    let epsilon: Double
    let momentum: Double

    func callAsFunction(
        _ input: Tensor, weight: Parameter?, bias: Parameter?, runningMean: Buffer, runningVariance: Buffer,
        batchCount: Buffer, isTraining: Bool
    ) -> Tensor {
        let axes = (0..<input.rank).filter { $0 != 1 }
        var row = [Int](repeating: 1, count: input.rank)
        row[1] = channels
        let mean: Tensor
        let variance: Tensor
        if isTraining {
            mean = input.mean(axes: axes, keepDims: true)
            let centered = input - mean
            variance = centered.square().mean(axes: axes, keepDims: true)
            withNoGrad {
                let count = input.elementCount / max(channels, 1)
                // The running variance is the unbiased one.
                let correction = Double(count) / Double(max(count - 1, 1))
                move(runningMean, to: mean, scale: 1)
                move(runningVariance, to: variance, scale: correction)
                batchCount.assign(batchCount.value + 1)
            }
        } else {
            mean = runningMean.value.reshape(row)
            variance = runningVariance.value.reshape(row)
        }
        var result = (input - mean) * (variance + epsilon).rsqrt()
        if let weight { result = result * weight.value.reshape(row) }
        if let bias { result = result + bias.value.reshape(row) }
        return result
    }

    private func move(_ buffer: Buffer, to statistic: Tensor, scale: Double) {
        let target = statistic.detach().reshape([channels])
        buffer.assign(buffer.value * (1 - momentum) + target * (momentum * scale))
    }

    /// Traps, or poisons the result, because the input has another shape.
    func invalid(_ input: Tensor, expected: String) -> Tensor {
        input.invalid(
            "\(name)(\(channels))", "input \(input.shape) is not \(expected)",
            remedy: "reshape the input, or change the layer's channels", [input], #fileID, #line)
    }
}

/// Batch normalisation of images `[N, channels, H, W]`, as
/// [torch.nn.BatchNorm2d](https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html).
public final class BatchNorm2d: Module, Sendable {
    /// `[channels]`
    public let weight: Parameter?
    /// `[channels]`
    public let bias: Parameter?
    /// `[channels]`
    public let runningMean: Buffer
    /// `[channels]`
    public let runningVar: Buffer
    /// An int64 of rank 0.
    public let numBatchesTracked: Buffer

    private let normalization: BatchNormalization
    private let mode = TrainingMode()

    /// - Parameter affine: whether there are a weight (ones at first) and a bias (zeros).
    public init(
        _ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, affine: Bool = true, device: DeviceID? = nil
    ) {
        normalization = BatchNormalization(
            name: "BatchNorm2d", channels: channels, epsilon: epsilon, momentum: momentum)
        weight = affine ? Parameter(Tensor.ones([channels], device: device)) : nil
        bias = affine ? Parameter(Tensor.zeros([channels], device: device)) : nil
        runningMean = Buffer(Tensor.zeros([channels], device: device))
        runningVar = Buffer(Tensor.ones([channels], device: device))
        numBatchesTracked = Buffer(Tensor.zeros([], dtype: .int64, device: device))
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let channels = normalization.channels
        guard input.rank == 4, input.shape[1] == channels else {
            return normalization.invalid(input, expected: "[N, \(channels), height, width]")
        }
        return normalization(
            input, weight: weight, bias: bias, runningMean: runningMean, runningVariance: runningVar,
            batchCount: numBatchesTracked, isTraining: mode.isTraining)
    }
}

/// Batch normalisation of features `[N, channels]` or sequences `[N, channels, L]`, as
/// [torch.nn.BatchNorm1d](https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html).
public final class BatchNorm1d: Module, Sendable {
    /// `[channels]`
    public let weight: Parameter?
    /// `[channels]`
    public let bias: Parameter?
    /// `[channels]`
    public let runningMean: Buffer
    /// `[channels]`
    public let runningVar: Buffer
    /// An int64 of rank 0.
    public let numBatchesTracked: Buffer

    private let normalization: BatchNormalization
    private let mode = TrainingMode()

    /// - Parameter affine: whether there are a weight (ones at first) and a bias (zeros).
    public init(
        _ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, affine: Bool = true, device: DeviceID? = nil
    ) {
        normalization = BatchNormalization(
            name: "BatchNorm1d", channels: channels, epsilon: epsilon, momentum: momentum)
        weight = affine ? Parameter(Tensor.ones([channels], device: device)) : nil
        bias = affine ? Parameter(Tensor.zeros([channels], device: device)) : nil
        runningMean = Buffer(Tensor.zeros([channels], device: device))
        runningVar = Buffer(Tensor.ones([channels], device: device))
        numBatchesTracked = Buffer(Tensor.zeros([], dtype: .int64, device: device))
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let channels = normalization.channels
        guard input.rank == 2 || input.rank == 3, input.shape[1] == channels else {
            return normalization.invalid(input, expected: "[N, \(channels)] or [N, \(channels), length]")
        }
        return normalization(
            input, weight: weight, bias: bias, runningMean: runningMean, runningVariance: runningVar,
            batchCount: numBatchesTracked, isTraining: mode.isTraining)
    }
}
