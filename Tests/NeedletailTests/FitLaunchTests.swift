import Needletail
import NeedletailTraining
import TensorGraph
import TensorRuntime
import Testing

/// What `fit` adds to a step written by hand, by the counters.
@Suite struct FitLaunchTests {
    private static let steps = 5

    private final class Launches: TrainingCallback {
        let context: DeviceContext
        var counts: [Int] = []

        init(_ context: DeviceContext) { self.context = context }

        func stepEnd(_ trainer: Trainer) throws {
            try context.flushAll()
            counts.append(context.statistics.launches)
        }
    }

    private func model() -> (Sequential, Optimizer) {
        let generator = Generator(seed: 3)
        let model = Sequential([
            Linear(60, 16, generator: generator), ReLU(), Linear(16, 10, generator: generator),
        ])
        return (model, Adam(model.parameters))
    }

    /// Launches of a step, once plans are there.
    private func steady(_ counts: [Int]) throws -> Int {
        let last = counts.suffix(3)
        let differences = zip(last, last.dropFirst()).map { $1 - $0 }
        return try #require(differences.max())
    }

    private func launchesByHand(_ loader: DataLoader, _ context: DeviceContext) throws -> Int {
        let (model, optimizer) = model()
        var counts: [Int] = []
        for epoch in 0..<2 {
            for batch in loader.epoch(epoch) {
                optimizer.zeroGrad()
                crossEntropy(model(batch.features), batch.labels).backward()
                try optimizer.step()
                try context.flushAll()
                counts.append(context.statistics.launches)
            }
        }
        return try steady(counts)
    }

    private func launchesOfFit(
        _ loader: DataLoader, _ context: DeviceContext, _ metrics: [any Metric]
    ) throws -> Int {
        let (model, optimizer) = model()
        let launches = Launches(context)
        let trainer = Trainer(
            model: model, optimizer: optimizer, loss: { crossEntropy($0, $1) }, metrics: metrics,
            callbacks: [launches])
        try trainer.fit(loader, epochs: 2)
        return try steady(launches.counts)
    }

    @Test(arguments: GraphDevice.wanted) func lossAndMetricsAddAtMostOneLaunchAStep(_ device: GraphDevice) throws {
        try device.run { context in
            let training = SmallTraining(examples: 32 * Self.steps, features: 60, hidden: 16, batchSize: 32)
            let loader = DataLoader(training.dataset, batchSize: 32, shuffle: true, seed: 1)
            let byHand = try launchesByHand(loader, context)
            let sets: [[any Metric]] = [[], [Accuracy(), ConfusionMatrix()], [TopKAccuracy(3)]]
            for metrics in sets {
                let found = try launchesOfFit(loader, context, metrics)
                #expect(found <= byHand + 1, "\(found) launches a step with \(metrics.map(\.name)), \(byHand) by hand")
            }
        }
    }
}
