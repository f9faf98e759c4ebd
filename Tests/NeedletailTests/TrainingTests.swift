import Needletail
import NeedletailTraining
import NeedletailVision
import TensorGraph
import TestSupport
import Testing

@Suite("Training")
struct TrainingTests {
    private func trainer(
        _ kind: MNISTModel, epochs: Int = 1, batchSize: Int = 20, seed: UInt64 = 3
    ) -> Trainer {
        let generator = Generator(seed: seed)
        let model = kind.make(generator: generator)
        return Trainer(
            model: model, optimizer: kind.defaultOptimizer.make(model.parameters), generator: generator,
            options: Trainer.Options(epochs: epochs, batchSize: batchSize, seed: seed))
    }

    @Test("every model learns", arguments: MNISTModel.allCases)
    func learns(_ kind: MNISTModel) throws {
        let data = TrainingSample.dataset(count: 400)
        let trainer = trainer(kind, epochs: kind == .mlpSmall ? 30 : 6)
        #expect(try trainer.train(on: data) == .finished)
        let result = try trainer.model.evaluate(on: TrainingSample.dataset(count: 100), batchSize: 30)
        #expect(result.accuracy > 0.9, "\(result)")
        #expect(result.count == 100)
        #expect(trainer.model.isTraining)
    }

    @Test("a steady step builds no plan and asks the driver for nothing", arguments: [MNISTModel.mlp, .mlpSmall])
    func reachesSteadyState(_ kind: MNISTModel) throws {
        try withOwnDevice { context in
            let data = TrainingSample.dataset(count: 400)
            let trainer = trainer(kind, epochs: 2)
            var before = ExecutionStatistics()
            var launches: Set<Int> = []
            trainer.onStep = { trainer, _ in
                let now = context.statistics
                if trainer.position.epoch == 1, trainer.position.step > 1 {
                    let spent = now - before
                    #expect(spent.plansBuilt == 0)
                    #expect(spent.driverAllocations == 0)
                    #expect(spent.planHits == 1)
                    launches.insert(spent.launches)
                }
                before = now
            }
            _ = try trainer.train(on: data)
            #expect(launches.count == 1)
            #expect(launches.allSatisfy { $0 <= 17 }, "\(launches)")
        }
    }

    @Test("steps hold no memory: tensors in use are the same after each")
    func holdsNoMemory() throws {
        try withOwnDevice { context in
            let trainer = trainer(.mlp, epochs: 2)
            var bytes: Set<Int> = []
            trainer.onStep = { trainer, _ in
                if trainer.position.epoch == 1 { bytes.insert(context.statistics.allocatedBytes) }
            }
            _ = try trainer.train(on: TrainingSample.dataset(count: 400))
            #expect(bytes.count == 1, "\(bytes)")
        }
    }

    @Test("a run that was interrupted and resumed equals one that was not, bit for bit", arguments: [5, 20, 27])
    func resumesBitEqually(_ stop: Int) throws {
        let directory = TemporaryDirectory()
        let path = directory.path("checkpoint.safetensors")
        let data = TrainingSample.dataset(count: 400)
        var losses: [Double] = []
        let whole = trainer(.mlp, epochs: 2)
        whole.onEpoch = { losses.append(try #require(try $0.loss.value())) }
        #expect(try whole.train(on: data) == .finished)

        let first = trainer(.mlp, epochs: 2)
        var steps = 0
        first.onStep = { _, _ in steps += 1 }
        first.isInterrupted = { steps == stop }
        #expect(try first.train(on: data) == .interrupted)
        #expect(first.position == Trainer.Position(epoch: stop / 20, step: stop % 20))
        try Checkpoint(of: first, model: "mlp", exampleCount: 400).write(to: path)

        let second = trainer(.mlp, epochs: 2, seed: 99)
        let resumed = Trainer(
            model: second.model, optimizer: second.optimizer, generator: second.generator, options: whole.options)
        try Checkpoint(contentsOf: path).restore(resumed)
        var resumedLoss = 0.0
        resumed.onEpoch = { resumedLoss = try #require(try $0.loss.value()) }
        #expect(try resumed.train(on: data) == .finished)
        #expect(resumedLoss == losses[1])
        for (a, b) in zip(whole.model.parameters, resumed.model.parameters) {
            #expect(try a.value.bytes() == b.value.bytes())
        }
        #expect(whole.optimizer.state.steps == resumed.optimizer.state.steps)
        for (a, b) in zip(whole.optimizer.state.tensors.entries, resumed.optimizer.state.tensors.entries) {
            #expect(try a.name == b.name && a.tensor.bytes() == b.tensor.bytes())
        }
        #expect(whole.generator.state == resumed.generator.state)
    }

    @Test("training that is stopped after an epoch runs no step of the next one")
    func stopsAfterAnEpoch() throws {
        let trainer = trainer(.mlpSmall, epochs: 3)
        var steps = 0
        var isStopped = false
        trainer.onStep = { _, _ in steps += 1 }
        trainer.onEpoch = { _ in isStopped = true }
        trainer.isInterrupted = { isStopped }
        #expect(try trainer.train(on: TrainingSample.dataset(count: 400)) == .interrupted)
        #expect(steps == 20 && trainer.position == Trainer.Position(epoch: 1, step: 0))
    }

    @Test("a checkpoint has PyTorch's names, and one of another model is refused")
    func namesTensors() throws {
        let directory = TemporaryDirectory()
        let path = directory.path("checkpoint.safetensors")
        let trainer = trainer(.mlpSmall)
        try Checkpoint(of: trainer, model: "mlp-small", exampleCount: 1).write(to: path)
        let file = try SafeTensorsFile(contentsOf: path)
        #expect(Set(file.tensors.map(\.name)) == ["1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias"])
        #expect(file.metadata["model"] == "mlp-small")
        #expect(try Checkpoint(contentsOf: path).makeMNISTModel(path: path).parameterCount == 52_650)
        try Checkpoint(of: trainer, model: "lenet", exampleCount: 1).write(to: path)
        expectError(.data, containing: path) { () throws(TensorError) in
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
        expectError(.data, containing: "no Needletail checkpoint") { () throws(TensorError) in
            try Checkpoint(contentsOf: path)
        }
    }
}
