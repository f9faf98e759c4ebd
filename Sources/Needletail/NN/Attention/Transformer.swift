import TensorRuntime

/// Encoder layers one after another, and a normalisation behind them, as
/// [torch.nn.TransformerEncoder](https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html).
public final class TransformerEncoder: Module, Sendable {
    /// In the order in which they are called; parameters are named `layers.0.linear1.weight`, ...
    public let layers: [TransformerEncoderLayer]
    /// Of the last layer's result; nil leaves that as it is.
    public let norm: LayerNorm?

    /// The layers are taken as they are: none is copied, so one that stands twice is shared.
    public init(_ layers: [TransformerEncoderLayer], norm: LayerNorm? = nil) {
        self.layers = layers
        self.norm = norm
    }

    /// - Parameters: masks as of ``MultiheadAttention``: true is left out.
    public func callAsFunction(
        _ input: Tensor, mask: Tensor? = nil, keyPaddingMask: Tensor? = nil, isCausal: Bool = false
    ) -> Tensor {
        let result = layers.reduce(input) {
            $1($0, mask: mask, keyPaddingMask: keyPaddingMask, isCausal: isCausal)
        }
        return norm?(result) ?? result
    }
}

/// Decoder layers one after another, and a normalisation behind them, as
/// [torch.nn.TransformerDecoder](https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoder.html).
public final class TransformerDecoder: Module, Sendable {
    /// In the order in which they are called; each is given the encoder's result too.
    public let layers: [TransformerDecoderLayer]
    /// Of the last layer's result; nil leaves that as it is.
    public let norm: LayerNorm?

    /// The layers are taken as they are: none is copied, so one that stands twice is shared.
    public init(_ layers: [TransformerDecoderLayer], norm: LayerNorm? = nil) {
        self.layers = layers
        self.norm = norm
    }

    /// - Parameters: as of ``TransformerDecoderLayer``.
    public func callAsFunction(
        _ input: Tensor, memory: Tensor, mask: Tensor? = nil, memoryMask: Tensor? = nil,
        keyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil, isCausal: Bool = false
    ) -> Tensor {
        let result = layers.reduce(input) {
            $1(
                $0, memory: memory, mask: mask, memoryMask: memoryMask, keyPaddingMask: keyPaddingMask,
                memoryKeyPaddingMask: memoryKeyPaddingMask, isCausal: isCausal)
        }
        return norm?(result) ?? result
    }
}

/// An encoder and a decoder, as [torch.nn.Transformer](https://pytorch.org/docs/stable/generated/torch.nn.Transformer.html)
/// of [Vaswani et al.](https://arxiv.org/abs/1706.03762).
///
/// Source `[sources, batch, size]` and target `[targets, batch, size]` give `[targets, batch, size]`, or with `batchFirst`
/// all with the batch in front.
public final class Transformer: Module, Sendable {
    /// Makes the memory of the source, `[sources, batch, size]`; to be called by itself where texts are generated step
    /// by step.
    public let encoder: TransformerEncoder
    /// Makes the result of the target and the memory.
    public let decoder: TransformerDecoder

    /// Matrices are Xavier uniform, as in PyTorch.
    public init(
        _ size: Int = 512, heads: Int = 8, encoderLayers: Int = 6, decoderLayers: Int = 6,
        _ options: TransformerOptions = TransformerOptions(), generator: Generator? = nil, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        func norm() -> LayerNorm {
            LayerNorm(
                size, epsilon: options.epsilon, bias: options.bias, device: device, dtype: dtype, file: file, line: line
            )
        }
        encoder = TransformerEncoder(
            (0..<max(encoderLayers, 0)).map { _ in
                TransformerEncoderLayer(
                    size, heads: heads, options, generator: generator, device: device, dtype: dtype, file: file,
                    line: line)
            }, norm: norm())
        decoder = TransformerDecoder(
            (0..<max(decoderLayers, 0)).map { _ in
                TransformerDecoderLayer(
                    size, heads: heads, options, generator: generator, device: device, dtype: dtype, file: file,
                    line: line)
            }, norm: norm())
        for parameter in parameters where parameter.shape.rank == 2 {
            let bound = (6 / Double(max(parameter.shape[0] + parameter.shape[1], 1))).squareRoot()
            parameter.assign(
                Initialization.uniform(
                    parameter.shape, bound: bound, generator: generator, device: device, dtype: dtype,
                    for: "Transformer",
                    at: CallSite(file, line)))
        }
    }

    /// - Parameters: masks as of ``TransformerEncoderLayer`` and ``TransformerDecoderLayer``.
    public func callAsFunction(
        source: Tensor, target: Tensor, sourceMask: Tensor? = nil, targetMask: Tensor? = nil,
        memoryMask: Tensor? = nil, sourceKeyPaddingMask: Tensor? = nil, targetKeyPaddingMask: Tensor? = nil,
        memoryKeyPaddingMask: Tensor? = nil, sourceIsCausal: Bool = false, targetIsCausal: Bool = false
    ) -> Tensor {
        let memory = encoder(
            source, mask: sourceMask, keyPaddingMask: sourceKeyPaddingMask, isCausal: sourceIsCausal)
        return decoder(
            target, memory: memory, mask: targetMask, memoryMask: memoryMask, keyPaddingMask: targetKeyPaddingMask,
            memoryKeyPaddingMask: memoryKeyPaddingMask, isCausal: targetIsCausal)
    }

    /// A mask for floats in which target `i` sees sources `0...i` alone: 0 there, minus infinity elsewhere. `isCausal` does
    /// the same without a mask.
    public static func causalMask(_ size: Int, device: DeviceID? = nil) -> Tensor {
        let rows = Tensor.arange(max(size, 0), device: device)
        return Tensor.where(rows.unsqueeze(1) .>= rows.unsqueeze(0), 0.0, -Double.infinity)
    }
}
