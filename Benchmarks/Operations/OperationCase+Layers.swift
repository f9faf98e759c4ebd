import Foundation
import Needletail
import TensorRuntime

extension OperationCase {
    /// Layers forwards and backwards, as the peers' benchmark times them: a module's output, and from a gradient by it that differs
    /// from place to place those by its parameters and its input.
    package static var layers: [OperationCase] {
        func tokens() -> Tensor { Tensor((0..<64 * 128).map { Int64($0 * 7919 % 10_000) }, shape: [64, 128]) }
        return [
            lstm(batch: 64, length: 28, inputs: 28, units: 128),
            layer("gru 64x28x28 h128", normal([64, 28, 28])) {
                let gru = GRU(28, 128, batchFirst: true)
                return (gru, { gru($0).output })
            },
            layer("attention 8x128x256 h8", normal([8, 128, 256])) {
                let attention = MultiheadAttention(256, heads: 8, batchFirst: true)
                return (attention, { attention(query: $0, key: $0, value: $0, needsWeights: false).output })
            },
            encoder(batch: 8, length: 128, width: 256, heads: 8),
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

    private static func normal(_ shape: Shape) -> () -> Tensor { { Tensor.normal(shape) } }

    package static func lstm(batch: Int, length: Int, inputs: Int, units: Int) -> OperationCase {
        layer("lstm \(batch)x\(length)x\(inputs) h\(units)", normal([batch, length, inputs])) {
            let lstm = LSTM(inputs, units, batchFirst: true)
            return (lstm, { lstm($0).output })
        }
    }

    /// A transformer's encoder layer; its inner layer is four times as wide.
    package static func encoder(batch: Int, length: Int, width: Int, heads: Int) -> OperationCase {
        let name = "encoder layer \(batch)x\(length)x\(width) h\(heads) ff\(4 * width)"
        return layer(name, normal([batch, length, width])) {
            let options = TransformerOptions(feedForward: 4 * width, dropout: 0, batchFirst: true)
            let encoder = TransformerEncoderLayer(width, heads: heads, options)
            return (encoder, { encoder($0) })
        }
    }

    /// Its results: the output, moved statistics, the gradients by the parameters, and the one by an input of floats.
    ///
    /// The gradient by the output is of normal numbers: behind a normalisation one of ones has only rounding noise before it.
    package static func layer(
        _ name: String, _ input: @escaping () -> Tensor, _ make: @escaping () -> (any Module, (Tensor) -> Tensor)
    ) -> OperationCase {
        OperationCase("\(name) fwd+bwd", .layer, dtypes: [.float32], reference: .plain) { dtype in
            let (module, call) = make()
            if dtype != .float32 { module.to(dtype: dtype) }
            let given = input()
            let input = given.dtype.isFloat ? given.to(dtype) : given
            let seed = Tensor.normal(withNoGrad { call(input).shape }).to(dtype)
            // Statistics belong to a step's results, and begin anew in each.
            let buffers = module.namedBuffers.map { ($0.buffer, $0.buffer.value) }
            return Work(operands: [input, seed]) { operands in
                for parameter in module.parameters { parameter.grad = nil }
                for (buffer, value) in buffers { buffer.assign(value) }
                let leaf = operands[0].dtype.isFloat ? operands[0].detach().requiringGrad() : operands[0]
                let output = call(leaf)
                output.backward(gradient: operands[1])
                let statistics = buffers.map { $0.0.value }.filter(\.dtype.isFloat)
                return [output.detach()] + statistics + module.parameters.compactMap(\.grad)
                    + [leaf.grad].compactMap { $0 }
            }
        }
    }
}
