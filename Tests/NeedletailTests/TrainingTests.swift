import Needletail
import NeedletailTraining
import NeedletailVision
import TensorGraph
import TestSupport
import Testing

@Suite("Training")
struct TrainingTests {
    private func trainer(
        _ kind: MNISTModel, seed: UInt64 = 3, callbacks: [any TrainingCallback] = []
    ) -> Trainer {
        let generator = Generator(seed: seed)
        let model = kind.make(generator: generator)
        return Trainer(
            model: model, optimizer: kind.defaultOptimizer.make(model.parameters), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()], callbacks: callbacks, generator: generator)
    }

    private func loader(_ data: DeviceDataset = TrainingSample.dataset(count: 400)) -> DataLoader {
        DataLoader(data, batchSize: 20, shuffle: true, seed: 3)
    }

    @Test("every model learns", arguments: MNISTModel.allCases)
    func learns(_ kind: MNISTModel) throws {
        let trainer = trainer(kind)
        try trainer.fit(loader(), epochs: kind == .mlpSmall ? 30 : 6)
        #expect(trainer.outcome == .finished)
        let result = try trainer.evaluate(DataLoader(TrainingSample.dataset(count: 100), batchSize: 30))
        #expect(try #require(result["accuracy"]) > 0.9, "\(result)")
        #expect(trainer.model.isTraining)
        let model = try #require(trainer.model as? Sequential)
        let evaluation = try model.evaluate(on: TrainingSample.dataset(count: 100), batchSize: 30)
        #expect(evaluation.count == 100 && evaluation.accuracy == result["accuracy"])
        #expect(evaluation.loss == result["loss"])
    }

    @Test("a steady step builds no plan and asks the driver for nothing", arguments: [MNISTModel.mlp, .mlpSmall])
    func reachesSteadyState(_ kind: MNISTModel) throws {
        try withOwnDevice { context in
            var before = ExecutionStatistics()
            var launches: Set<Int> = []
            let hook = LambdaCallback(stepEnd: { trainer in
                let now = context.statistics
                if trainer.position.epoch == 1, trainer.position.step > 1 {
                    let spent = now - before
                    #expect(spent.plansBuilt == 0)
                    #expect(spent.driverAllocations == 0)
                    #expect(spent.planHits == 1)
                    launches.insert(spent.launches)
                }
                before = now
            })
            try trainer(kind, callbacks: [hook]).fit(loader(), epochs: 2)
            #expect(launches.count == 1)
            #expect(launches.allSatisfy { $0 <= 17 }, "\(launches)")
        }
    }

    @Test("a step of fit launches what the loop written by hand launches, and at most one more with a metric")
    func launchesWhatTheLoopLaunches() throws {
        try withOwnDevice { context in
            let kind = MNISTModel.mlp
            func launches(_ metrics: [any Metric]?) throws -> Int {
                var before = 0
                var last = 0
                let generator = Generator(seed: 3)
                let model = kind.make(generator: generator)
                let optimizer = kind.defaultOptimizer.make(model.parameters)
                let loader = loader()
                guard let metrics else {
                    try withGenerator(generator) {
                        for batch in loader.epoch(0) {
                            before = context.statistics.launches
                            optimizer.zeroGrad()
                            let loss = crossEntropy(model(batch.features), batch.labels)
                            loss.backward()
                            try optimizer.step()
                            last = context.statistics.launches - before
                        }
                    }
                    return last
                }
                let hook = LambdaCallback(stepEnd: { _ in
                    last = context.statistics.launches - before
                    before = context.statistics.launches
                })
                try Trainer(
                    model: model, optimizer: optimizer, loss: { crossEntropy($0, $1) }, metrics: metrics,
                    callbacks: [hook], generator: generator
                ).fit(loader)
                return last
            }
            let byHand = try launches(nil)
            let fit = try launches([])
            let measured = try launches([Accuracy()])
            #expect(byHand > 0 && fit <= byHand + 1 && measured <= fit + 1, "\(byHand), \(fit), \(measured)")
        }
    }

    @Test("steps hold no memory: tensors in use are the same after each")
    func holdsNoMemory() throws {
        try withOwnDevice { context in
            var bytes: Set<Int> = []
            let hook = LambdaCallback(stepEnd: { trainer in
                if trainer.position.epoch == 1 { bytes.insert(context.statistics.allocatedBytes) }
            })
            try trainer(.mlp, callbacks: [hook]).fit(loader(), epochs: 2)
            #expect(bytes.count == 1, "\(bytes)")
        }
    }

    @Test("a checkpoint has PyTorch's names, and one of another model is refused")
    func namesTensors() throws {
        let directory = TemporaryDirectory()
        let path = directory.path("checkpoint.safetensors")
        let trainer = trainer(.mlpSmall)
        try Checkpoint(of: trainer, model: "mlp-small").write(to: path)
        let file = try SafeTensorsFile(contentsOf: path)
        #expect(Set(file.tensors.map(\.name)) == ["1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias"])
        #expect(file.metadata["model"] == "mlp-small")
        #expect(try Checkpoint(contentsOf: path).makeMNISTModel(path: path).parameterCount == 52_650)
        try Checkpoint(of: trainer, model: "lenet").write(to: path)
        expectError(.data, containing: path) { () throws(TensorError) in
            try Checkpoint(contentsOf: path).makeMNISTModel(path: path)
        }
        try Checkpoint(of: trainer, model: "perceptron").write(to: path)
        expectError(
            .data, containing: path, "'perceptron', which is none of mlp, mlp-small, cnn, lenet, fast98, fast99"
        ) { () throws(TensorError) in
            try Checkpoint(contentsOf: path).makeMNISTModel(path: path)
        }
        var other = file
        other.metadata["epoch"] = "-1"
        try other.write(to: path)
        expectError(.data, containing: "'epoch'", "'-1'") { () throws(TensorError) in
            try Checkpoint(contentsOf: path)
        }
        other.metadata = [:]
        try other.write(to: path)
        expectError(
            .data, containing: "no Needletail checkpoint", "`needletail train` with --output, ModelCheckpoint"
        ) { () throws(TensorError) in
            try Checkpoint(contentsOf: path)
        }
    }
}
