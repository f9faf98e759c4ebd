import Foundation
import Needletail
import TensorRuntime

extension OperationCase {
    /// Layers forwards and backwards, as the peers' benchmark times them: a module's output summed, and the gradients by its
    /// parameters and its input.
    static var layers: [OperationCase] {
        func normal(_ shape: Shape) -> () -> Tensor { { Tensor.normal(shape) } }
        func tokens() -> Tensor { Tensor((0..<64 * 128).map { Int64($0 * 7919 % 10_000) }, shape: [64, 128]) }
        return [
            layer("lstm 64x28x28 h128", normal([64, 28, 28])) {
                let lstm = LSTM(28, 128, batchFirst: true)
                return (lstm, { lstm($0).output })
            },
            layer("gru 64x28x28 h128", normal([64, 28, 28])) {
                let gru = GRU(28, 128, batchFirst: true)
                return (gru, { gru($0).output })
            },
            layer("attention 8x128x256 h8", normal([8, 128, 256])) {
                let attention = MultiheadAttention(256, heads: 8, batchFirst: true)
                return (attention, { attention(query: $0, key: $0, value: $0, needsWeights: false).output })
            },
            layer("encoder layer 8x128x256 h8 ff1024", normal([8, 128, 256])) {
                let options = TransformerOptions(feedForward: 1024, dropout: 0, batchFirst: true)
                let encoder = TransformerEncoderLayer(256, heads: 8, options)
                return (encoder, { encoder($0) })
            },
            layer("embedding 10000x128 of 64x128", tokens) {
                let embedding = Embedding(10_000, 128)
                return (embedding, { embedding($0) })
            },
            layer("conv1d 32x64x1024 k3 o64", normal([32, 64, 1024])) {
                let convolution = Conv1d(64, 64, kernel: 3)
                return (convolution, { convolution($0) })
            },
            layer("group_norm 64x32x26x26 g8", normal([64, 32, 26, 26])) {
                let groups = GroupNorm(8, 32)
                return (groups, { groups($0) })
            },
            layer("batch_norm 64x32x26x26", normal([64, 32, 26, 26])) {
                let batches = BatchNorm2d(32)
                return (batches, { batches($0) })
            },
        ]
    }

    private static func layer(
        _ name: String, _ input: @escaping () -> Tensor, _ make: @escaping () -> (any Module, (Tensor) -> Tensor)
    ) -> OperationCase {
        OperationCase("\(name) fwd+bwd", .layer, dtypes: [.float32], reference: .plain) { dtype in
            let (module, call) = make()
            let input = input()
            if dtype != .float32 { module.to(dtype: dtype) }
            return Work(operands: [input.dtype.isFloat ? input.to(dtype) : input]) { operands in
                for parameter in module.parameters { parameter.grad = nil }
                let input = operands[0]
                let leaf = input.dtype.isFloat ? input.detach().requiringGrad() : input
                let output = call(leaf)
                output.sum().backward()
                return module.parameters.compactMap(\.grad) + [leaf.grad].compactMap { $0 }
            }
        }
    }
}
