import TensorRuntime

/// What lies between the products of a transformer's feed-forward part.
public enum TransformerActivation: Sendable {
    /// ``ReLU``, PyTorch's default, or ``GELU``.
    case relu, gelu
    /// Any other, in tensor operations.
    case function(@Sendable (Tensor) -> Tensor)

    func callAsFunction(_ x: Tensor) -> Tensor {
        switch self {
        case .relu: x.relu()
        case .gelu: x.gelu()
        case .function(let function): function(x)
        }
    }
}

/// The sizes and choices of a transformer's layers.
public struct TransformerOptions: Sendable {
    /// The size of the hidden part of the feed-forward network.
    public var feedForward = 2048
    /// The probability of all dropouts in training.
    public var dropout = 0.1
    /// Of the feed-forward network's hidden part.
    public var activation = TransformerActivation.relu
    /// Of the layer normalisations.
    public var epsilon = 1e-5
    /// Whether the batch is the first axis.
    public var batchFirst = false
    /// Whether normalisations stand in front of attention and network, not behind.
    public var normFirst = false
    /// Whether products and normalisations have biases.
    public var bias = true

    /// The arguments are the properties of the same name, with PyTorch's defaults.
    public init(
        feedForward: Int = 2048, dropout: Double = 0.1, activation: TransformerActivation = .relu,
        epsilon: Double = 1e-5, batchFirst: Bool = false, normFirst: Bool = false, bias: Bool = true
    ) {
        self.feedForward = feedForward
        self.dropout = dropout
        self.activation = activation
        self.epsilon = epsilon
        self.batchFirst = batchFirst
        self.normFirst = normFirst
        self.bias = bias
    }
}

/// Self-attention and a feed-forward network, each added to what it is given, as
/// [torch.nn.TransformerEncoderLayer](https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html).
///
/// Input and output `[time, batch, size]`, or with `batchFirst` `[batch, time, size]`.
public final class TransformerEncoderLayer: Module, Sendable {
    let selfAttn: MultiheadAttention
    let linear1: Linear
    let dropout: Dropout
    let linear2: Linear
    let norm1: LayerNorm
    let norm2: LayerNorm
    let dropout1: Dropout
    let dropout2: Dropout

    private let activation: TransformerActivation
    private let normFirst: Bool

    /// - Parameters:
    ///   - size: the features of a time step.
    ///   - heads: divides `size`.
    public init(
        _ size: Int, heads: Int, _ options: TransformerOptions = TransformerOptions(), generator: Generator? = nil,
        device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) {
        let bias = options.bias
        selfAttn = MultiheadAttention(
            size, heads: heads, dropout: options.dropout, bias: bias, batchFirst: options.batchFirst,
            generator: generator, device: device, dtype: dtype, file: file, line: line)
        linear1 = Linear(
            size, options.feedForward, bias: bias, generator: generator, device: device, dtype: dtype, file: file,
            line: line)
        linear2 = Linear(
            options.feedForward, size, bias: bias, generator: generator, device: device, dtype: dtype, file: file,
            line: line)
        dropout = Dropout(options.dropout, file: file, line: line)
        dropout1 = Dropout(options.dropout, file: file, line: line)
        dropout2 = Dropout(options.dropout, file: file, line: line)
        norm1 = LayerNorm(
            size, epsilon: options.epsilon, bias: bias, device: device, dtype: dtype, file: file, line: line)
        norm2 = LayerNorm(
            size, epsilon: options.epsilon, bias: bias, device: device, dtype: dtype, file: file, line: line)
        activation = options.activation
        normFirst = options.normFirst
    }

    /// - Parameters: masks as of ``MultiheadAttention``: true is left out.
    public func callAsFunction(
        _ input: Tensor, mask: Tensor? = nil, keyPaddingMask: Tensor? = nil, isCausal: Bool = false
    ) -> Tensor {
        func attend(_ x: Tensor) -> Tensor {
            dropout1(
                selfAttn(
                    query: x, key: x, value: x, keyPaddingMask: keyPaddingMask, mask: mask, isCausal: isCausal,
                    needsWeights: false
                )
                .output)
        }
        func network(_ x: Tensor) -> Tensor { dropout2(linear2(dropout(activation(linear1(x))))) }
        if normFirst {
            let x = input + attend(norm1(input))
            return x + network(norm2(x))
        }
        let x = norm1(input + attend(input))
        return norm2(x + network(x))
    }
}

/// Self-attention, attention to a memory, and a feed-forward network, as
/// [torch.nn.TransformerDecoderLayer](https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html).
public final class TransformerDecoderLayer: Module, Sendable {
    let selfAttn: MultiheadAttention
    let multiheadAttn: MultiheadAttention
    let linear1: Linear
    let dropout: Dropout
    let linear2: Linear
    let norm1: LayerNorm
    let norm2: LayerNorm
    let norm3: LayerNorm
    let dropout1: Dropout
    let dropout2: Dropout
    let dropout3: Dropout

    private let activation: TransformerActivation
    private let normFirst: Bool

    /// - Parameters:
    ///   - size: the features of a time step, of the memory too.
    ///   - heads: divides `size`.
    public init(
        _ size: Int, heads: Int, _ options: TransformerOptions = TransformerOptions(), generator: Generator? = nil,
        device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) {
        let bias = options.bias
        func attention() -> MultiheadAttention {
            MultiheadAttention(
                size, heads: heads, dropout: options.dropout, bias: bias, batchFirst: options.batchFirst,
                generator: generator, device: device, dtype: dtype, file: file, line: line)
        }
        func norm() -> LayerNorm {
            LayerNorm(size, epsilon: options.epsilon, bias: bias, device: device, dtype: dtype, file: file, line: line)
        }
        func drop() -> Dropout { Dropout(options.dropout, file: file, line: line) }
        selfAttn = attention()
        multiheadAttn = attention()
        linear1 = Linear(
            size, options.feedForward, bias: bias, generator: generator, device: device, dtype: dtype, file: file,
            line: line)
        linear2 = Linear(
            options.feedForward, size, bias: bias, generator: generator, device: device, dtype: dtype, file: file,
            line: line)
        dropout = drop()
        (norm1, norm2, norm3) = (norm(), norm(), norm())
        (dropout1, dropout2, dropout3) = (drop(), drop(), drop())
        activation = options.activation
        normFirst = options.normFirst
    }

    /// - Parameters:
    ///   - memory: what an encoder made.
    ///   - mask: of the self-attention, as ``MultiheadAttention`` takes it: true is left out.
    ///   - memoryMask: of the attention to the memory.
    ///   - keyPaddingMask: of the self-attention.
    ///   - memoryKeyPaddingMask: of the attention to the memory.
    ///   - isCausal: whether step `i` of the self-attention sees steps `0...i` alone.
    public func callAsFunction(
        _ input: Tensor, memory: Tensor, mask: Tensor? = nil, memoryMask: Tensor? = nil,
        keyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil, isCausal: Bool = false
    ) -> Tensor {
        func attend(_ x: Tensor) -> Tensor {
            dropout1(
                selfAttn(
                    query: x, key: x, value: x, keyPaddingMask: keyPaddingMask, mask: mask, isCausal: isCausal,
                    needsWeights: false
                )
                .output)
        }
        func look(_ x: Tensor) -> Tensor {
            dropout2(
                multiheadAttn(
                    query: x, key: memory, value: memory, keyPaddingMask: memoryKeyPaddingMask, mask: memoryMask,
                    needsWeights: false
                ).output)
        }
        func network(_ x: Tensor) -> Tensor { dropout3(linear2(dropout(activation(linear1(x))))) }
        if normFirst {
            let x = input + attend(norm1(input))
            let y = x + look(norm2(x))
            return y + network(norm3(y))
        }
        let x = norm1(input + attend(input))
        let y = norm2(x + look(x))
        return norm3(y + network(y))
    }
}
