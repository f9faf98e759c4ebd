import Needletail
import NeedletailTraining
import TensorGraph
import TensorRuntime
import Testing

/// Small examples of three classes: class k is bright in the features 2k and 2k + 1.
enum SmallData {
    static func dataset(_ count: Int, key: UInt64 = 7) -> DeviceDataset {
        var features: [UInt8] = []
        var labels: [UInt8] = []
        for index in 0..<count {
            let label = UInt8(Philox.word(index: UInt64(index), key: key, offset: 0) % 3)
            labels.append(label)
            for place in 0..<6 {
                let noise = UInt8(Philox.word(index: UInt64(index * 6 + place), key: key + 1, offset: 0) % 120)
                features.append(UInt8(place / 2) == label ? 100 + noise : noise)
            }
        }
        return DeviceDataset(features: features, shape: [6], labels: labels)
    }

    static func loader(_ count: Int = 60, batchSize: Int = 10, shuffle: Bool = true) -> DataLoader {
        DataLoader(dataset(count), batchSize: batchSize, shuffle: shuffle, seed: 5)
    }

    static let validation = DataLoader(dataset(20, key: 21), batchSize: 8)

    static func model(_ generator: Generator, dropout: Double = 0.2) -> Sequential {
        Sequential {
            Linear(6, 12, generator: generator)
            BatchNorm1d(12)
            ReLU()
            if dropout > 0 { Dropout(dropout) }
            Linear(12, 3, generator: generator)
        }
    }

    static func trainer(
        callbacks: [any TrainingCallback] = [], seed: UInt64 = 3, accumulation: Int = 1, rate: Double = 0.01
    ) -> Trainer {
        let generator = Generator(seed: seed)
        let model = model(generator)
        return Trainer(
            model: model, optimizer: Adam(model.parameters, learningRate: rate), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()], callbacks: callbacks, generator: generator, accumulation: accumulation)
    }
}

/// Runs `body` on a context of its own, so that counters hold nothing of tests that run at the same time.
func withOwnContext<Result>(_ body: (DeviceContext) throws -> Result) throws -> Result {
    let context = try DeviceContext(device: try deviceContext(.cpu).device)
    return try withDeviceContext(context) { () throws(any Error) in try body(context) }
}

/// The bytes of all weights of a trainer's models.
func weights(of trainer: Trainer) throws -> [[UInt8]] {
    try trainer.models.flatMap { _, module in try module.stateDictionary().entries.map { try $0.tensor.bytes() } }
}

func close(_ a: Parameter, _ b: Parameter, _ tolerance: Double = 1e-6) throws -> Bool {
    let (a, b) = (try a.value.scalars(as: Double.self), try b.value.scalars(as: Double.self))
    return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * Swift.max(1, abs($1)) }
}
