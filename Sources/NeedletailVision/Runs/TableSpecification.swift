import Needletail
import NeedletailTraining
import TensorRuntime

/// A net of linear layers over the columns of a table.
package struct TableSpecification: RunSpecification, Hashable {
    /// How columns become numbers.
    package let encoder: TableEncoder
    /// The outputs of the layers between.
    package let hidden: [Int]
    /// Of a target that is a number, among the rows trained on.
    package let mean: Double
    package let deviation: Double

    package var modelName: String { "mlp" }

    package var problem: RunProblem {
        encoder.classNames.map { .classes($0) } ?? .number(deviation: deviation)
    }

    init(encoder: TableEncoder, hidden: [Int], mean: Double, deviation: Double) {
        self.encoder = encoder
        self.hidden = hidden
        self.mean = mean
        self.deviation = deviation
    }

    init(_ saved: SavedRun) throws(TensorError) {
        guard let encoder = saved.recipe["encoder"].flatMap({ TableEncoder(recipeText: $0) }) else {
            throw saved.wrong("encoder")
        }
        self.encoder = encoder
        hidden = try saved.numbers("hidden")
        // Layers are made as large as the weights are that are there.
        for (place, size) in hidden.enumerated() {
            guard size > 0, saved.checkpoint.weights["\(2 * place).bias"]?.shape == [size] else {
                throw saved.wrong("hidden")
            }
        }
        guard let mean = saved.recipe["mean"].flatMap({ Double($0) }), mean.isFinite else {
            throw saved.wrong("mean")
        }
        guard let deviation = saved.recipe["deviation"].flatMap({ Double($0) }), deviation > 0, deviation.isFinite
        else { throw saved.wrong("deviation") }
        self.mean = mean
        self.deviation = deviation
    }

    package func words() throws(TensorError) -> [String: [String]] {
        [
            "encoder": [try encoder.recipeText()], "hidden": hidden.map { "\($0)" }, "mean": ["\(mean)"],
            "deviation": ["\(deviation)"],
        ]
    }

    package func make(generator: Generator, device: DeviceID, dtype: DType) -> any UnaryLayer {
        var layers: [any UnaryLayer] = []
        var inputs = encoder.width
        for size in hidden {
            layers.append(Linear(inputs, size, generator: generator, device: device, dtype: dtype))
            layers.append(ReLU())
            inputs = size
        }
        let outputs = encoder.classNames?.count ?? 1
        layers.append(Linear(inputs, outputs, generator: generator, device: device, dtype: dtype))
        let net = Sequential(layers)
        return encoder.classNames == nil ? RescaledNet(net, mean: mean, deviation: deviation) : net
    }
}

/// A net whose outputs are of mean 0 and deviation 1, in the unit of what it predicts.
private final class RescaledNet: UnaryLayer {
    private let net: Sequential
    private let mean: Double
    private let deviation: Double

    init(_ net: Sequential, mean: Double, deviation: Double) {
        self.net = net
        self.mean = mean
        self.deviation = deviation
    }

    /// The net's, under its names.
    var members: [ModuleMember] { net.members }
    var configuration: String { "mean=\(mean), deviation=\(deviation)" }

    func callAsFunction(_ input: Tensor) -> Tensor {
        let standard = net(input)
        return standard * deviation + mean
    }
}
