import Needletail
import Testing

/// A residual network, a transformer and an LSTM train on each device as on the processor.
@Suite struct DeviceAgreementTests {
    enum Network: CaseIterable {
        case residual, transformer, recurrent

        /// A model as a function of a batch of numbers `[16, 8, 32]`, and its parameters.
        func make(_ generator: Generator) -> (parameters: [Parameter], call: (Tensor) -> Tensor) {
            switch self {
            case .residual:
                let model = Sequential {
                    Conv2d(1, 8, kernel: 3, padding: 1, generator: generator)
                    block(8, generator)
                    MaxPool2d(kernel: 2)
                    block(8, generator)
                    GroupNorm(2, 8)
                    AdaptiveAvgPool2d(1)
                    Flatten()
                    Linear(8, 5, generator: generator)
                }
                return (model.parameters, { model($0.unsqueeze(1)) })
            case .transformer:
                let model = TinyTransformer(generator)
                return (model.parameters, { model($0) })
            case .recurrent:
                let lstm = LSTM(32, 12, layers: 2, batchFirst: true, bidirectional: true, generator: generator)
                let head = Linear(24, 5, generator: generator)
                return (lstm.parameters + head.parameters, { head(lstm($0).output[0..., -1]) })
            }
        }

        private func block(_ channels: Int, _ generator: Generator) -> Residual {
            Residual {
                Conv2d(channels, channels, kernel: 3, padding: 1, bias: false, generator: generator)
                BatchNorm2d(channels)
                SiLU()
                Conv2d(channels, channels, kernel: 3, padding: 1, bias: false, generator: generator)
                BatchNorm2d(channels)
            }
        }
    }

    private final class TinyTransformer: UnaryLayer {
        private let positions = SinusoidalPositions(32)
        private let encoder: TransformerEncoder
        private let head: Linear

        init(_ generator: Generator) {
            let options = TransformerOptions(
                feedForward: 48, dropout: 0.1, activation: .gelu, batchFirst: true, normFirst: true)
            encoder = TransformerEncoder(
                (0..<2).map { _ in TransformerEncoderLayer(32, heads: 4, options, generator: generator) },
                norm: LayerNorm(32))
            head = Linear(32, 5, generator: generator)
        }

        func callAsFunction(_ input: Tensor) -> Tensor {
            head(encoder(positions(input), isCausal: true).mean(axes: [1]))
        }
    }

    /// The losses of some steps, dropout on.
    private static func losses(of network: Network) throws -> [Double] {
        let generator = Generator(seed: 5)
        return try withGenerator(generator) { () throws(any Error) in
            let (parameters, call) = network.make(generator)
            let optimizer = AdamW(parameters, learningRate: 3e-3)
            let x = Tensor.normal([16, 8, 32], generator: generator)
            let labels = Tensor((0..<16).map { Int64($0 % 5) })
            var losses: [Double] = []
            for _ in 0..<6 {
                optimizer.zeroGrad()
                let loss = crossEntropy(call(x), labels, labelSmoothing: 0.1)
                loss.backward()
                try optimizer.step()
                losses.append(try loss.item())
            }
            return losses
        }
    }

    @Test(arguments: Network.allCases, GraphDevice.wanted.filter { $0 != .cpu })
    func lossesAreThoseOfTheProcessor(_ network: Network, _ device: GraphDevice) throws {
        let expected = try GraphDevice.cpu.run { _ in try Self.losses(of: network) }
        let found = try device.run { _ in try Self.losses(of: network) }
        for (step, (a, b)) in zip(found, expected).enumerated() {
            #expect(abs(a - b) <= 1e-4 * abs(b), "\(network) on \(device), step \(step): \(a), on the CPU \(b)")
        }
        #expect(expected.count == 6 && expected[5] < expected[0])
    }
}
