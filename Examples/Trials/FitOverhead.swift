import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision

/// What `fit` costs over a loop written by hand, on MNIST, and how long a step waits for a loader that augments.
struct FitOverhead {
    private static let batchSize = 64

    /// A model, what trains it and what it is measured by; the same for both loops.
    private struct Setup {
        let model: Sequential
        let optimizer: Optimizer
        let loss = MeanMetric("loss")
        let accuracy = Accuracy()
        let generator = Generator(seed: 3)

        init() {
            model = Sequential([
                Flatten(), Linear(784, 128, generator: generator), ReLU(), Linear(128, 10, generator: generator),
            ])
            optimizer = Adam(model.parameters)
        }
    }

    private func seconds(_ body: () throws -> Void) throws -> Double {
        inSeconds(try ContinuousClock().measure(body))
    }

    private func inSeconds(_ duration: Duration) -> Double { duration / .seconds(1) }

    private func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    private func text(_ value: Double) -> String { String(format: "%.4f", value) }

    func measure(rounds: Int) throws {
        let split = try MNISTFiles.load(.train, from: MNISTFiles.directory())
        let loader = DataLoader(DeviceDataset(split), batchSize: Self.batchSize, shuffle: true, seed: 1)
        let (byHand, fitted) = (Setup(), Setup())
        let trainer = Trainer(
            model: fitted.model, optimizer: fitted.optimizer, loss: { crossEntropy($0, $1) },
            metrics: [fitted.accuracy], generator: fitted.generator)
        var ratios: [Double] = []
        // The first round makes the plans.
        for round in 0...rounds {
            let hand: Double = try seconds { try trainByHand(byHand, loader, epoch: round) }
            let fit: Double = try seconds { _ = try trainer.fit(loader, epochs: round + 1) }
            if round == 0 { continue }
            ratios.append(fit / hand)
            print("round \(round): loop \(text(hand)) s, fit \(text(fit)) s, ratio \(text(fit / hand))")
        }
        for (a, b) in zip(byHand.model.parameters, fitted.model.parameters) {
            guard try a.value.bytes() == b.value.bytes() else {
                print("error: the two loops come to different weights")
                exit(1)
            }
        }
        print("fit / loop: median \(text(median(ratios))) of \(rounds) rounds")
        try measureWaiting(split, rounds: min(rounds, 3))
    }

    private func trainByHand(_ setup: Setup, _ loader: DataLoader, epoch: Int) throws {
        try withGenerator(setup.generator) {
            for batch in loader.epoch(epoch) {
                setup.optimizer.zeroGrad()
                let outputs = setup.model(batch.features)
                let loss = crossEntropy(outputs, batch.labels)
                loss.backward()
                setup.loss.update(loss, count: batch.count)
                setup.accuracy.update(outputs, batch.labels)
                try setup.optimizer.step()
            }
            _ = (try setup.loss.value(), try setup.accuracy.value())
        }
        setup.loss.reset()
        setup.accuracy.reset()
    }

    /// Images on the host, each moved by up to two pixels each way as it is drawn.
    private struct Images: Dataset {
        let split: MNISTSplit

        var count: Int { split.count }

        func example(at index: Int) -> Example {
            let size = split.rows * split.columns
            let pixels = split.images[index * size..<(index + 1) * size].map { Float($0) / 255 }
            return Example(
                HostArray(pixels, shape: [1, split.rows, split.columns]), HostArray(Int64(split.labels[index])))
        }
    }

    private static func moved(_ example: Example, _ random: inout SeededRandom) -> Example {
        let image = example.arrays[0]
        let (rows, columns) = (image.shape[1], image.shape[2])
        let (down, right) = (Int(random.next() % 5) - 2, Int(random.next() % 5) - 2)
        let pixels = image.scalars(as: Float.self)
        var result = [Float](repeating: 0, count: pixels.count)
        for row in max(0, down)..<min(rows, rows + down) {
            for column in max(0, right)..<min(columns, columns + right) {
                result[row * columns + column] = pixels[(row - down) * columns + column - right]
            }
        }
        return Example(HostArray(result, shape: image.shape), example.arrays[1])
    }

    /// A small convolutional net, whose step is what a loader has to keep up with.
    private func measureWaiting(_ split: MNISTSplit, rounds: Int) throws {
        let generator = Generator(seed: 4)
        let model = Sequential([
            Conv2d(1, 16, kernel: 5, generator: generator), ReLU(), MaxPool2d(kernel: 2),
            Conv2d(16, 32, kernel: 5, generator: generator), ReLU(), MaxPool2d(kernel: 2), Flatten(),
            Linear(512, 10, generator: generator),
        ])
        let trainer = Trainer(
            model: model, optimizer: Adam(model.parameters), loss: { crossEntropy($0, $1) }, metrics: [Accuracy()],
            generator: generator)
        let images = Images(split: split.prefix(12_000))
        var shares: [Double] = []
        for round in 0...rounds {
            let loader = DataLoader(
                images, batchSize: Self.batchSize, shuffle: true, seed: 1,
                exampleTransform: { FitOverhead.moved($0, &$1) })
            let time = try seconds { _ = try trainer.fit(loader, epochs: round + 1) }
            let found = loader.statistics
            let waited = inSeconds(found.waited)
            if round == 0 { continue }
            shares.append(waited / time)
            print(
                "augmented round \(round): \(text(time)) s, waited \(text(waited)) s in \(found.waits) of "
                    + "\(found.batches) batches, share \(text(waited / time))")
        }
        print("waiting / training: median \(text(median(shares))) of \(rounds) rounds")
    }
}
