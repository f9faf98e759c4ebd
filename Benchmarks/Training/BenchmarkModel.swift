import ArgumentParser
import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

/// The models whose training steps are timed, all on MNIST's images.
enum BenchmarkModel: String, CaseIterable, ExpressibleByArgument {
    case mlp
    case mlpSmall = "mlp-small"
    case cnn, lenet, resnet20, lstm, transformer

    /// For `--help`.
    static let summary = """
        mlp (784-128-128-10), mlp-small (784-64-32-10, SGD), cnn (two convolutions), lenet, resnet20, lstm (128 units over 28 rows), \
        transformer (two encoder layers of 128 over 28 rows), several separated by commas, or all. All but mlp-small with Adam.
        """

    /// The models that an option names, or a usage error.
    static func list(_ text: String) throws -> [BenchmarkModel] {
        if text == "all" { return allCases }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { name in
            guard let model = BenchmarkModel(rawValue: String(name)) else {
                let known = allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--model \(text): '\(name)' is none of \(known)")
            }
            return model
        }
    }

    /// One image's shape.
    var imageShape: [Int] {
        switch self {
        case .mlp, .mlpSmall: [784]
        case .cnn, .lenet, .resnet20: [1, 28, 28]
        case .lstm, .transformer: [28, 28]
        }
    }

    /// Parameters, and images to logits.
    struct Net {
        var parameters: [Parameter]
        var call: (Tensor) -> Tensor

        init(_ module: Sequential) {
            parameters = module.parameters
            call = { module($0) }
        }

        init(_ parameters: [Parameter], _ call: @escaping (Tensor) -> Tensor) {
            self.parameters = parameters
            self.call = call
        }
    }

    /// A net with layers of other sizes than a model's: linear layers with ReLU between them.
    static func linear(_ widths: [Int]) -> Net {
        let layers = zip(widths, widths.dropFirst()).map { Linear($0, $1) }
        return Net(layers.flatMap(\.parameters)) { x in
            layers.dropLast().reduce(x) { $1($0).relu() }.applied(layers.last!)
        }
    }

    func makeNet() -> Net {
        switch self {
        case .mlp: return BenchmarkModel.linear([784, 128, 128, 10])
        case .mlpSmall: return BenchmarkModel.linear([784, 64, 32, 10])
        case .cnn: return Net(MNISTModel.cnn.make(dropout: false))
        case .lenet: return Net(MNISTModel.lenet.make(dropout: false))
        case .resnet20:
            let net = ResNet.resNet20(channels: 1)
            return Net(net.parameters) { net($0) }
        case .lstm:
            let lstm = LSTM(28, 128, batchFirst: true)
            let head = Linear(128, 10)
            return Net(lstm.parameters + head.parameters) { x in
                let rows = lstm(x).output
                return head(rows[0..., rows.shape[1] - 1])
            }
        case .transformer:
            let options = TransformerOptions(feedForward: 256, dropout: 0, batchFirst: true)
            let entry = Linear(28, 128)
            let layers = (0..<2).map { _ in TransformerEncoderLayer(128, heads: 4, options) }
            let head = Linear(128, 10)
            return Net(entry.parameters + layers.flatMap(\.parameters) + head.parameters) { x in
                let tokens = layers.reduce(entry(x)) { $1($0) }
                return head(tokens.mean(axes: [1]))
            }
        }
    }

    func makeOptimizer(_ parameters: [Parameter]) -> Optimizer {
        self == .mlpSmall ? SGD(parameters, learningRate: 1e-2) : Adam(parameters, learningRate: 1e-3)
    }
}

extension BenchmarkModel {
    /// Training steps on made-up images, on the current device; each gives its loss, which must be finite.
    func makeStepOnNoise(batch: Int) throws -> () throws -> Double {
        manualSeed(0)
        let net = makeNet()
        let optimizer = makeOptimizer(net.parameters)
        let x = Tensor.normal(Shape([batch] + imageShape))
        let y = Tensor((0..<batch).map { Int64($0 % 10) }, shape: [batch])
        try evaluate(x)
        try synchronize()
        return {
            optimizer.zeroGrad()
            let loss = crossEntropy(net.call(x), y)
            loss.backward()
            try optimizer.step()
            let value = Double(try loss.item())
            try synchronize()
            guard value.isFinite else { throw BenchmarkFailure("\(rawValue): the loss is \(value)") }
            return value
        }
    }
}

extension Tensor {
    fileprivate func applied(_ layer: Linear) -> Tensor { layer(self) }
}
