import TensorRuntime

/// What all dropout layers have in common: in training, elements go with a probability; in evaluation nothing happens.
///
/// The mask comes from the current ``Generator`` when the layer is called.
///
/// Safety: all stored properties are constants of sendable types.
public class DropoutLayer: UnaryLayer, @unchecked Sendable {
    final let probability: Double
    private let mode = TrainingMode()

    fileprivate init(_ probability: Double, at site: CallSite) {
        self.probability = probability
        if !isProbability { WrongCall.report(name, problem, remedy: remedy, at: site) }
    }

    /// `Dropout(0.5)`
    private var name: String { "\(Swift.type(of: self))(\(probability))" }
    private var isProbability: Bool { (0...1).contains(probability) }
    private let problem = "not a probability"
    private let remedy = "give a number from 0 to 1"

    public final var configuration: String { "p=\(Printed.number(probability)), inplace=False" }

    public final func callAsFunction(_ input: Tensor) -> Tensor {
        guard isProbability else { return input.invalid(name, problem, remedy: remedy, [input], at: nil) }
        if let expected = expectation(of: input) {
            return input.invalid(
                name, "input \(input.dtype)\(input.shape) is not \(expected)", remedy: "reshape the input", [input],
                at: nil)
        }
        guard mode.isTraining, probability > 0 else { return input }
        return dropped(input)
    }

    /// What the layer wants of an input that it does not take; nil of one that it takes.
    fileprivate func expectation(of input: Tensor) -> String? { nil }
    fileprivate func dropped(_ input: Tensor) -> Tensor { input.droppedOut(probability) }
}

/// In training, sets elements to 0 with a probability and scales the others by `1 / (1 - probability)`; in evaluation,
/// does nothing. As [torch.nn.Dropout](https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html); any shape.
///
/// The mask comes from the current ``Generator`` when the layer is called: its place in the stream travels as a scalar,
/// so that a plan is the same every step.
public final class Dropout: DropoutLayer, @unchecked Sendable {
    /// - Parameter probability: 0...1.
    public init(_ probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        super.init(probability, at: CallSite(file, line))
    }
}

/// Drops whole channels. Safety: as ``DropoutLayer``.
public class ChannelDropout: DropoutLayer, @unchecked Sendable {
    /// The ranks of the inputs, and how many axes lie behind the channels in each.
    private let spatialRanks: [Int: Int]
    private let expected: String

    fileprivate init(_ probability: Double, _ spatialRanks: [Int: Int], _ expected: String, at site: CallSite) {
        self.spatialRanks = spatialRanks
        self.expected = expected
        super.init(probability, at: site)
    }

    fileprivate final override func expectation(of input: Tensor) -> String? {
        spatialRanks[input.rank] == nil ? expected : nil
    }

    fileprivate final override func dropped(_ input: Tensor) -> Tensor {
        var unit = input.shape
        for axis in (input.rank - spatialRanks[input.rank]!)..<input.rank { unit[axis] = 1 }
        return input.droppedOut(probability, over: unit)
    }
}

/// Drops whole channels of sequences `[N, C, L]` or `[C, L]`, as
/// [torch.nn.Dropout1d](https://pytorch.org/docs/stable/generated/torch.nn.Dropout1d.html).
public final class Dropout1d: ChannelDropout, @unchecked Sendable {
    /// - Parameter probability: 0...1.
    public init(_ probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        super.init(probability, [2: 1, 3: 1], "[N, channels, length]", at: CallSite(file, line))
    }
}

/// Drops whole channels of images `[N, C, H, W]`, and of sequences `[N, C, L]`, as
/// [torch.nn.Dropout2d](https://pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html).
public final class Dropout2d: ChannelDropout, @unchecked Sendable {
    /// - Parameter probability: 0...1.
    public init(_ probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        super.init(probability, [3: 1, 4: 2], "[N, channels, height, width]", at: CallSite(file, line))
    }
}

/// Drops whole channels of volumes `[N, C, D, H, W]` or `[C, D, H, W]`, as
/// [torch.nn.Dropout3d](https://pytorch.org/docs/stable/generated/torch.nn.Dropout3d.html).
public final class Dropout3d: ChannelDropout, @unchecked Sendable {
    /// - Parameter probability: 0...1.
    public init(_ probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        super.init(probability, [4: 3, 5: 3], "[N, channels, depth, height, width]", at: CallSite(file, line))
    }
}

/// Dropout that keeps mean 0 and variance 1 behind ``SELU``: dropped elements become SELU's lower bound, and all are scaled
/// and moved. As [torch.nn.AlphaDropout](https://pytorch.org/docs/stable/generated/torch.nn.AlphaDropout.html); any shape.
public final class AlphaDropout: DropoutLayer, @unchecked Sendable {
    /// - Parameter probability: 0...1.
    public init(_ probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        super.init(probability, at: CallSite(file, line))
    }

    fileprivate override func expectation(of input: Tensor) -> String? { input.dtype.isFloat ? nil : "of floats" }
    fileprivate override func dropped(_ input: Tensor) -> Tensor { input.alphaDroppedOut(probability, over: nil) }
}

/// ``AlphaDropout`` of whole channels, `[N, C, ...]`, as
/// [torch.nn.FeatureAlphaDropout](https://pytorch.org/docs/stable/generated/torch.nn.FeatureAlphaDropout.html).
public final class FeatureAlphaDropout: DropoutLayer, @unchecked Sendable {
    /// - Parameter probability: 0...1.
    public init(_ probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        super.init(probability, at: CallSite(file, line))
    }

    fileprivate override func expectation(of input: Tensor) -> String? {
        input.dtype.isFloat && input.rank >= 2 ? nil : "floats of [N, channels, ...]"
    }

    fileprivate override func dropped(_ input: Tensor) -> Tensor {
        var unit = input.shape
        for axis in 2..<max(input.rank, 2) { unit[axis] = 1 }
        return input.alphaDroppedOut(probability, over: unit)
    }
}

extension Tensor {
    /// [Klambauer et al.](https://arxiv.org/abs/1706.02515): dropped elements become `-scale * alpha`, then all are scaled
    /// and moved to mean 0 and variance 1.
    fileprivate func alphaDroppedOut(_ probability: Double, over unit: Shape?) -> Tensor {
        if probability >= 1 { return self * 0 }
        let lower = -SELUConstants.alpha * SELUConstants.scale
        let scale = 1 / ((lower * lower * probability + 1) * (1 - probability)).squareRoot()
        let moved = -scale * lower * probability
        let isKept = uniformNumbers(shape: unit) .>= probability
        return Tensor.where(isKept, self * scale + moved, lower * scale + moved)
    }
}
