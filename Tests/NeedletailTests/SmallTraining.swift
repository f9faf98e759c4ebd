import Needletail
import NeedletailTraining

/// A classifier as `needletail train mnist --model mlp` has it, on made-up data: 784-128-128-10 with dropout.
final class SmallTraining {
    let first: Linear
    let dropout = Dropout(0.2)
    let second: Linear
    let last: Linear
    let optimizer: Optimizer
    let dataset: DeviceDataset
    let generator: Generator
    let batchSize: Int

    /// What a step makes, held by names as a user's loop holds it.
    struct Step {
        let x: Tensor
        let h: Tensor
        let logits: Tensor
        let loss: Tensor
        let labels: Tensor
    }

    init(
        seed: UInt64 = 7, examples: Int = 320, features: Int = 784, hidden: Int = 128, batchSize: Int = 64,
        optimizer make: ([Parameter]) -> Optimizer = { Adam($0) }
    ) {
        generator = Generator(seed: seed)
        self.batchSize = batchSize
        first = Linear(features, hidden, generator: generator)
        second = Linear(hidden, hidden, generator: generator)
        last = Linear(hidden, 10, generator: generator)
        optimizer = make(first.parameters + second.parameters + last.parameters)
        let labels = (0..<examples).map { UInt8($0 * 7 % 10) }
        // A tenth of the pixels says the class, the rest is noise.
        let pixels = (0..<examples * features).map { index -> UInt8 in
            let noise = UInt8(truncatingIfNeeded: (UInt64(index) &* 0x9E37_79B9_7F4A_7C15) >> 56)
            return index % features % 10 == Int(labels[index / features]) ? 200 : noise / 4
        }
        dataset = DeviceDataset(features: pixels, shape: [features], labels: labels)
    }

    var parameters: [Parameter] { optimizer.parameters }

    /// The batches of an epoch, shuffled.
    func batches(epoch: Int = 0) -> DatasetBatches {
        dataset.batches(of: batchSize, shuffledBy: Generator(seed: UInt64(100 + epoch)))
    }

    /// Traces a forward pass, loss included.
    func forward(_ batch: Batch) -> Step { forward(batch.features, batch.labels) }

    func forward(_ x: Tensor, _ labels: Tensor) -> Step {
        withGenerator(generator) {
            let h = dropout(first(x).relu())
            let logits = last(second(h).relu())
            let loss = crossEntropy(logits, labels)
            return Step(x: x, h: h, logits: logits, loss: loss, labels: labels)
        }
    }

    /// Runs steps as a user's loop does: everything named stays alive over `step()`, the loss of the step before too.
    ///
    /// - Parameters:
    ///   - between: called after the forward pass, before `backward()`.
    ///   - after: called after `step()`.
    func run(
        _ steps: Int, from start: Int = 0, between: (Step) throws -> Void = { _ in },
        after: (Int, Step) throws -> Void = { _, _ in }
    ) throws {
        let order = batches()
        var previous: Tensor?
        for index in start..<start + steps {
            optimizer.zeroGrad()
            let made = forward(order[index % order.count])
            try between(made)
            made.loss.backward()
            try optimizer.step()
            try after(index, made)
            withExtendedLifetime((made, previous)) {}
            previous = made.loss
        }
    }

    /// All weights, one after another.
    func weights() throws -> [Float] { try parameters.flatMap { try $0.value.scalars(as: Float.self) } }
}

/// The squared error by the squared length.
func normalizedSquareError(_ a: [Float], _ b: [Float]) -> Double {
    var error = 0.0
    var length = 0.0
    for (x, y) in zip(a, b) {
        error += Double(x - y) * Double(x - y)
        length += Double(y) * Double(y)
    }
    return a.count == b.count ? error / max(length, 1e-300) : .infinity
}
