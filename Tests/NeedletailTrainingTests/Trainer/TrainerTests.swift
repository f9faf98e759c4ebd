import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

@Suite struct TrainerTests {
    @Test func fitDoesWhatTheLoopWrittenByHandDoes() throws {
        let generator = Generator(seed: 3)
        let model = SmallData.model(generator)
        let optimizer = Adam(model.parameters, learningRate: 0.01)
        let accuracy = Accuracy()
        let loss = MeanMetric("loss")
        var losses: [Double] = []
        var accuracies: [Double] = []
        let loader = SmallData.loader(64)
        try withGenerator(generator) {
            for epoch in 0..<2 {
                for batch in loader.epoch(epoch) {
                    optimizer.zeroGrad()
                    let outputs = model(batch.features)
                    let batchLoss = crossEntropy(outputs, batch.labels)
                    batchLoss.backward()
                    loss.update(batchLoss, count: batch.count)
                    accuracy.update(outputs, batch.labels)
                    try optimizer.step()
                }
                losses.append(try #require(try loss.value()))
                accuracies.append(try #require(try accuracy.value()))
                loss.reset()
                accuracy.reset()
            }
        }
        let trainer = SmallData.trainer()
        let history = try trainer.fit(loader, validation: SmallData.validation, epochs: 2)
        #expect(history["loss"] == losses && history["accuracy"] == accuracies)
        #expect(history.names == ["loss", "accuracy", "val_loss", "val_accuracy"])
        #expect(history["learning_rate"] == [0.01, 0.01] && history["nothing"] == [])
        #expect(history["seconds"].allSatisfy { $0 > 0 })
        #expect(history.epochs.map(\.number) == [1, 2])
        for (own, other) in zip(trainer.model.parameters, model.parameters) {
            #expect(try own.value.bytes() == other.value.bytes())
        }
        let scores = try trainer.evaluate(SmallData.validation)
        #expect(scores["loss"] == history["val_loss"].last && scores["accuracy"] == history["val_accuracy"].last)
        #expect(scores.names == ["loss", "accuracy"])
    }

    @Test func aTrainerLearnsAndPredicts() throws {
        let trainer = SmallData.trainer()
        try trainer.fit(SmallData.loader(120), epochs: 30)
        let predicted = try trainer.predict(SmallData.validation)
        #expect(predicted.shape == [20, 3])
        let single = try trainer.predict(Tensor.ones([2, 6]))
        #expect(single.shape == [2, 3])
        #expect(trainer.model.isTraining)
        #expect(try #require(try trainer.evaluate(SmallData.validation)["accuracy"]) > 0.9)
        #expect(try trainer.evaluate(SmallData.validation) == trainer.evaluate(SmallData.validation))
    }

    @Test func aModelOfTwoInputsHasAClosure() throws {
        final class Sum: Module {
            let left = Linear(6, 3, generator: Generator(seed: 1))
            let right = Linear(6, 3, generator: Generator(seed: 2))
            func callAsFunction(_ a: Tensor, _ b: Tensor) -> Tensor { left(a) + right(b) }
        }
        let model = Sum()
        let accuracy = Accuracy()
        let trainer = Trainer(model: model, optimizer: SGD(model.parameters, learningRate: 0.5), metrics: [accuracy]) {
            let outputs = model($0.features, $0.features * 2)
            accuracy.update(outputs, $0.labels)
            return crossEntropy(outputs, $0.labels)
        }
        let history = try trainer.fit(SmallData.loader(), validation: SmallData.validation, epochs: 12)
        let losses = history["loss"]
        #expect(losses[11] < losses[0] / 1.5, "\(losses)")
        #expect(try #require(history["val_accuracy"].last) > 0.8, "\(history)")
        #expect(throws: TensorError.self) { try trainer.predict(Tensor.ones([1, 6])) }
    }

    /// A maker of examples out of noise, and a critic that tells them from the data's.
    private func gan(_ callbacks: [any TrainingCallback] = [], seed: UInt64 = 9) -> Trainer {
        let noise = Generator(seed: seed)
        let maker = Sequential([Linear(2, 8, generator: noise), ReLU(), Linear(8, 6, generator: noise)])
        let critic = Sequential([Linear(6, 8, generator: noise), ReLU(), Linear(8, 1, generator: noise)])
        let makerOptimizer = Adam(maker.parameters, learningRate: 0.01)
        let criticOptimizer = Adam(critic.parameters, learningRate: 0.01)
        func loss(_ scores: Tensor, isReal: Bool) -> Tensor {
            binaryCrossEntropyWithLogits(scores, isReal ? Tensor.onesLike(scores) : Tensor.zerosLike(scores))
        }
        func realLoss(_ batch: Batch) -> KeyValuePairs<String, Tensor> {
            ["critic_loss": loss(critic(batch.features), isReal: true)]
        }
        return Trainer(
            models: ["maker": maker, "critic": critic],
            optimizers: ["maker": makerOptimizer, "critic": criticOptimizer], callbacks: callbacks, generator: noise,
            evaluation: realLoss
        ) { batch in
            criticOptimizer.zeroGrad()
            let made = withNoGrad { maker(Tensor.normal([batch.count, 2])) }
            let criticLoss = loss(critic(batch.features), isReal: true) + loss(critic(made), isReal: false)
            criticLoss.backward()
            try criticOptimizer.step()
            makerOptimizer.zeroGrad()
            let makerLoss = loss(critic(maker(Tensor.normal([batch.count, 2]))), isReal: true)
            makerLoss.backward()
            try makerOptimizer.step()
            return ["critic_loss": criticLoss, "maker_loss": makerLoss]
        }
    }

    @Test func severalModelsAndOptimizersHaveAClosureThatMakesTheSteps() throws {
        let trainer = gan()
        let history = try trainer.fit(SmallData.loader(), validation: SmallData.validation, epochs: 3)
        #expect(history.names == ["critic_loss", "maker_loss", "val_critic_loss"])
        #expect(history["maker_loss"].allSatisfy { $0.isFinite && $0 > 0 })
        #expect(throws: TensorError.self) { try trainer.predict(Tensor.ones([1, 2])) }
    }

    @Test func batchesThatAreAddedUpAreOneLargeBatch() throws {
        // The last step has fewer examples: 3 of a batch, and of a large one.
        for count in [60, 63, 47] {
            func train(_ batchSize: Int, _ accumulation: Int) throws -> Trainer {
                let generator = Generator(seed: 3)
                let model = Sequential([
                    Linear(6, 12, generator: generator), Tanh(), Linear(12, 3, generator: generator),
                ])
                let trainer = Trainer(
                    model: model, optimizer: SGD(model.parameters, learningRate: 0.5), loss: { crossEntropy($0, $1) },
                    generator: generator, accumulation: accumulation)
                try trainer.fit(SmallData.loader(count, batchSize: batchSize), epochs: 2)
                return trainer
            }
            let parts = try train(5, 4)
            let whole = try train(20, 1)
            #expect(parts.stepsPerEpoch == whole.stepsPerEpoch)
            for (a, b) in zip(parts.model.parameters, whole.model.parameters) { #expect(try close(a, b)) }
            let (a, b) = (parts.history["loss"], whole.history["loss"])
            #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 }, "\(a) \(b)")
        }
    }

    @Test func gradientsAreLimitedAsByHand() throws {
        let loader = SmallData.loader()
        func model() -> Sequential { Sequential([Linear(6, 3, generator: Generator(seed: 1))]) }
        for (norm, value) in [(0.01, nil), (nil, 0.002), (0.005, 0.001)] as [(Double?, Double?)] {
            let (own, other) = (model(), model())
            try Trainer(
                model: own, optimizer: SGD(own.parameters, learningRate: 1), loss: { crossEntropy($0, $1) },
                clipNorm: norm, clipValue: value
            ).fit(loader)
            let optimizer = SGD(other.parameters, learningRate: 1)
            for batch in loader.epoch(0) {
                optimizer.zeroGrad()
                crossEntropy(other(batch.features), batch.labels).backward()
                if let value { optimizer.clipGradientValue(value) }
                if let norm { optimizer.clipGradientNorm(norm) }
                try optimizer.step()
            }
            for (a, b) in zip(own.parameters, other.parameters) { #expect(try a.value.bytes() == b.value.bytes()) }
        }
    }

    @Test func aFrozenParameterStaysAsItIs() throws {
        let trainer = SmallData.trainer()
        let frozen = trainer.model.parameters[0]
        frozen.requiresGrad = false
        let before = try frozen.value.bytes()
        let other = try trainer.model.parameters[4].value.bytes()
        try trainer.fit(SmallData.loader())
        #expect(try frozen.value.bytes() == before)
        #expect(try trainer.model.parameters[4].value.bytes() != other)
    }

    @Test func stopEndsTheRunAfterTheStep() throws {
        var steps = 0
        let hook = LambdaCallback(stepEnd: { trainer in
            steps += 1
            if steps == 4 { trainer.stop() }
        })
        let trainer = SmallData.trainer(callbacks: [hook])
        try trainer.fit(SmallData.loader(), epochs: 3)
        #expect(steps == 4 && trainer.outcome == .stopped && trainer.history.epochs.isEmpty)
        #expect(trainer.position == Trainer.Position(epoch: 0, step: 4))
        // It goes on; the epoch's last step is the end of the epoch.
        steps = 3
        let second = SmallData.trainer(
            callbacks: [LambdaCallback(stepEnd: { if $0.position.step == $0.stepsPerEpoch { $0.stop() } })])
        try second.fit(SmallData.loader(), epochs: 3)
        #expect(second.position == Trainer.Position(epoch: 1, step: 0) && second.history.epochs.count == 1)
        let atEpoch = SmallData.trainer(callbacks: [LambdaCallback(epochEnd: { trainer, _ in trainer.stop() })])
        try atEpoch.fit(SmallData.loader(), epochs: 3)
        #expect(atEpoch.position == Trainer.Position(epoch: 1, step: 0) && atEpoch.outcome == .stopped)
        try atEpoch.fit(SmallData.loader(), epochs: 1)
        #expect(atEpoch.history.epochs.count == 1 && atEpoch.outcome == .finished)
    }

    @Test func anEvaluationWithinAnEpochLeavesItsLossesAlone() throws {
        let hook = LambdaCallback(stepEnd: { trainer in
            guard trainer.position.step == 3 else { return }
            let before = try trainer.scores()
            _ = try trainer.evaluate(SmallData.validation)
            #expect(try trainer.scores() == before)
        })
        let observed = SmallData.trainer(callbacks: [hook])
        let plain = SmallData.trainer()
        try observed.fit(SmallData.loader(), epochs: 2)
        try plain.fit(SmallData.loader(), epochs: 2)
        #expect(observed.history["loss"] == plain.history["loss"])
        #expect(observed.history["accuracy"] == plain.history["accuracy"])
        #expect(try weights(of: observed) == weights(of: plain))
    }

    @Test func whatCannotBeTrainedIsSaid() throws {
        let trainer = SmallData.trainer()
        #expect(throws: TensorError.self) { try trainer.fit(SmallData.loader(0)) }
        #expect(throws: TensorError.self) { try trainer.evaluate(SmallData.loader(0)) }
        #expect(throws: TensorError.self) { try trainer.predict(SmallData.loader(0)) }
        #expect(throws: TensorError.self) { try checked { SmallData.trainer(accumulation: 0) } }
        let model = Sequential([Linear(6, 3)])
        let optimizer = SGD(model.parameters, learningRate: 1)
        #expect(throws: TensorError.self) {
            try checked {
                Trainer(
                    model: model, optimizer: optimizer, loss: { crossEntropy($0, $1) },
                    metrics: [Accuracy(), Accuracy()])
            }
        }
        #expect(throws: TensorError.self) {
            try checked { Trainer(model: model, optimizer: optimizer, loss: { crossEntropy($0, $1) }, clipNorm: 0) }
        }
        let stepper = Trainer(models: ["a": model], optimizers: ["a": optimizer]) { _ in [:] }
        #expect(throws: TensorError.self) { try stepper.evaluate(SmallData.validation) }
    }

    @Test(arguments: [1, 3, 6, 9, 17, 18])
    func aRunOfTwoModelsResumesBitForBit(_ stop: Int) throws {
        try expectResume(stop: stop, epochs: 3, validation: nil) { gan($0, seed: $1) }
    }
}
