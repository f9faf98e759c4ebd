import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

/// Averaging where weights are frozen, cast, changed, or stepped outside of `fit`.
@Suite struct WeightAveragingEdgeTests {
    private func bytes(_ parameters: [Parameter]) throws -> [[UInt8]] { try parameters.map { try $0.value.bytes() } }
    private let batch = Batch([Tensor.ones([4, 6]), Tensor([0, 1, 2, 0])], count: 4)

    /// Of a float32 run in a bfloat16 model, and the other way round.
    @Test(arguments: [DType.bfloat16, .float32]) func aStateTakesTheModelsDType(_ dtype: DType) throws {
        func trainer(_ dtype: DType) -> Trainer {
            let model = SmallData.model(Generator(seed: 1), dropout: 0)
            model.to(dtype: dtype)
            return Trainer(
                model: model, optimizer: SGD(model.parameters, learningRate: 0.1),
                loss: { crossEntropy($0, $1) }, callbacks: [WeightAveraging()])
        }
        func loader(_ dtype: DType) -> DataLoader {
            let x = Tensor.normal([12, 6], generator: Generator(seed: 5)).to(dtype)
            return DataLoader(TensorDataset(x, Tensor((0..<12).map { Int64($0 % 3) })), batchSize: 6)
        }
        let other = dtype == .float32 ? DType.bfloat16 : .float32
        let first = trainer(other)
        try first.fit(loader(other), epochs: 1)
        let second = trainer(dtype)
        try Checkpoint(of: first, model: "m").restore(second)
        try second.fit(loader(dtype), epochs: 2)
        #expect(second.model.parameters.allSatisfy { $0.value.dtype == dtype })
        let averaging = try #require(second.callbacks.first as? WeightAveraging)
        #expect(averaging.count == 4 && averaging.isSwapped)
        for entry in averaging.state().tensors.entries {
            #expect(entry.tensor.dtype == (entry.name.hasPrefix("own.") ? dtype : .float32), "\(entry.name)")
        }
    }

    /// A layer that is frozen while the model has the means gets its own weights back.
    @Test func freezingLosesNoWeights() throws {
        func run(_ averaging: [any TrainingCallback]) throws -> [[UInt8]] {
            let freezing = LambdaCallback { trainer, epoch in
                trainer.model.parameters[0].requiresGrad = epoch.number != 1
            }
            var seen: [[UInt8]] = []
            let looking = LambdaCallback(stepBegin: { trainer in
                seen.append(try trainer.model.parameters[0].value.bytes())
            })
            let trainer = SmallData.trainer(callbacks: averaging + [freezing, looking])
            try trainer.fit(SmallData.loader(), epochs: 3)
            return seen
        }
        let plain = try run([])
        #expect(try run([WeightAveraging(.equal)]) == plain && plain[6] == plain[11] && plain[5] != plain[6])
    }

    /// One that joins in the second epoch is the mean of its weights from then on, and a state says so.
    @Test func aLateJoinerIsWeightedRightly() throws {
        let averaging = WeightAveraging(.equal)
        var sums: [Float] = []
        var count = 0
        let hook = LambdaCallback(
            epochBegin: { $0.model.parameters[0].requiresGrad = $0.position.epoch > 0 },
            stepEnd: { trainer in
                guard trainer.position.epoch > 0 else { return }
                let values = try trainer.model.parameters[0].value.scalars(as: Float.self)
                sums = sums.isEmpty ? values : zip(sums, values).map(+)
                count += 1
            })
        let trainer = SmallData.trainer(callbacks: [averaging, hook])
        try trainer.fit(SmallData.loader(), epochs: 2)
        #expect(averaging.count == 12 && count == 6)
        let found = try trainer.model.parameters[0].value.scalars(as: Float.self)
        #expect(zip(found, sums).allSatisfy { abs($0 - $1 / 6) < 1e-5 })
        let state = averaging.state()
        #expect(state.numbers["updates.0.weight"] == [6] && state.numbers["updates.0.bias"] == nil)
        // A part that the state does not have begins with its own value; what it has is taken, frozen or not.
        let other = SmallData.trainer(seed: 9)
        for parameter in other.model.parameters { parameter.requiresGrad = false }
        let second = WeightAveraging(.equal)
        var partial = state
        for kind in ["mean", "own"] { partial.tensors["\(kind).0.bias"] = nil }
        try second.restore(partial, of: other)
        let kept = second.state()
        #expect(kept.tensors.count == partial.tensors.count && kept.numbers == partial.numbers)
        partial.tensors["mean.9.weight"] = Tensor.zeros([1])
        let error = #expect(throws: TensorError.self) { try second.restore(partial, of: other) }
        #expect(error?.message.contains("'mean.9.weight', which the model has not") == true)
    }

    /// A run of the same steps without means has the same weights.
    @Test func stepsOutsideOfFitGoOnFromTrainingsWeights() throws {
        let averaging = WeightAveraging(.equal)
        let (averaged, plain) = (SmallData.trainer(callbacks: [averaging]), SmallData.trainer())
        for trainer in [averaged, plain] { try trainer.fit(SmallData.loader(), epochs: 2) }
        #expect(try bytes(averaged.model.parameters) != bytes(plain.model.parameters))
        let means = try bytes(averaged.model.parameters)
        let searches = try [averaged, plain].map {
            try $0.searchLearningRate(SmallData.loader(), in: 1e-4...1e-2, steps: 10)
        }
        #expect(searches[0] == searches[1] && averaging.isSwapped)
        #expect(try bytes(averaged.model.parameters) == means)
        for trainer in [averaged, plain] { _ = try trainer.step(batch) }
        #expect(try bytes(averaged.model.parameters) == bytes(plain.model.parameters) && !averaging.isSwapped)
        // The means go on.
        for trainer in [averaged, plain] { try trainer.fit(SmallData.loader(), epochs: 3) }
        #expect(averaging.count == 18 && averaged.history["loss"] == plain.history["loss"])
    }

    @Test func aSecondKerasFitGoesOnFromTrainingsWeights() throws {
        let x = Tensor.normal([12, 6], generator: Generator(seed: 5))
        let y = Tensor((0..<12).map { Int64($0 % 3) })
        func losses(_ callbacks: [any TrainingCallback]) throws -> [Double] {
            let model = KerasModel([Linear(6, 8, generator: Generator(seed: 2)), ReLU(), Dense(3)])
            model.compile(optimizer: .adam(0.05), loss: .sparseCategoricalCrossentropy(fromLogits: true))
            return try withGenerator(Generator(seed: 3)) {
                let first = try model.fit(x, y, epochs: 2, batchSize: 4, callbacks: callbacks)["loss"]
                let second = try model.fit(x, y, epochs: 1, batchSize: 4, callbacks: [NaNCheck()])["loss"]
                _ = try model.fit(x, y, epochs: 1, batchSize: 4, callbacks: callbacks)
                return try first + second + [model.trainOnBatch(x, y)["loss"] ?? .nan]
            }
        }
        #expect(try losses([WeightAveraging(.equal)]) == losses([]))
    }

    /// Weights that were changed are noticed after a run that ended within an epoch too.
    @Test func changesWithinAnEpochAreNoticed() throws {
        let averaging = WeightAveraging(.equal)
        var stops = true
        let hook = LambdaCallback(stepEnd: { trainer in if stops, trainer.position.step == 3 { trainer.stop() } })
        let trainer = SmallData.trainer(callbacks: [averaging, hook], rate: 0)
        try trainer.fit(SmallData.loader(), epochs: 1)
        #expect(averaging.count == 3 && !averaging.isSwapped)
        stops = false
        for parameter in trainer.model.parameters { parameter.assign(Tensor.full(parameter.shape, 0.5)) }
        try trainer.fit(SmallData.loader(), epochs: 1)
        #expect(averaging.count == 3)
        for parameter in trainer.model.parameters {
            #expect(try parameter.value.scalars(as: Float.self).allSatisfy { $0 == 0.5 })
        }
    }

    @Test func stoppedBeforeAnEpochsFirstStepTheModelHasTheMeans() throws {
        let averaging = WeightAveraging(.equal)
        let hook = LambdaCallback(epochBegin: { trainer in if trainer.position.epoch == 2 { trainer.stop() } })
        let stopped = SmallData.trainer(callbacks: [averaging, hook])
        let whole = SmallData.trainer(callbacks: [WeightAveraging(.equal)])
        try stopped.fit(SmallData.loader(), epochs: 5)
        try whole.fit(SmallData.loader(), epochs: 2)
        #expect(stopped.outcome == .stopped && averaging.isSwapped)
        #expect(try bytes(stopped.model.parameters) == bytes(whole.model.parameters))
    }

    /// As PyTorch's, unless it is asked for.
    @Test func buffersAreTheModelsOwn() throws {
        func buffers(_ callbacks: [any TrainingCallback]) throws -> [[UInt8]] {
            let trainer = SmallData.trainer(callbacks: callbacks)
            try trainer.fit(SmallData.loader(), epochs: 2)
            return try trainer.model.namedBuffers.map { try $0.buffer.value.bytes() }
        }
        let plain = try buffers([])
        #expect(try buffers([WeightAveraging(.equal)]) == plain)
        #expect(try buffers([WeightAveraging(.equal, averagesBuffers: true)]) != plain)
    }

    @Test func meansAreNoWeightsToGoOnFrom() throws {
        let trainer = SmallData.trainer(callbacks: [WeightAveraging(.equal)])
        try trainer.fit(SmallData.loader(), epochs: 1)
        let checkpoint = try Checkpoint(of: trainer, model: "m")
        let other = SmallData.trainer(seed: 4)
        let before = try weights(of: other)
        let error = #expect(throws: TensorError.self) { try checkpoint.restore(other) }
        #expect(error?.message.contains("the means of WeightAveraging") == true)
        #expect(try weights(of: other) == before)
        try checkpoint.restore(SmallData.trainer(callbacks: [WeightAveraging(.equal)], seed: 4))
        try other.model.load(stateDictionary: checkpoint.weights)
        #expect(try weights(of: other) == weights(of: trainer))
    }
}
