import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

@Suite struct KerasTests {
    /// The examples of ``SmallData`` as tensors.
    private func examples(_ count: Int, key: UInt64 = 7) throws -> (x: Tensor, y: Tensor) {
        let batch = try #require(
            DataLoader(SmallData.dataset(count, key: key), batchSize: count).epoch(0).first { _ in true })
        return (batch.features, batch.labels)
    }

    private func model() -> KerasModel {
        KerasModel {
            Dense(16, activation: .relu)
            Dropout(0.1)
            Dense(3)
        }
    }

    @Test func aModelIsCompiledFittedEvaluatedAndAsked() throws {
        try withGenerator(Generator(seed: 2)) {
            let model = model()
            let loss = KerasLoss.sparseCategoricalCrossentropy(fromLogits: true)
            model.compile(optimizer: .adam(0.01), loss: loss, metrics: [.accuracy])
            #expect(model.parameters.isEmpty)
            let history = try model.fit(SmallData.loader(120), epochs: 20, validationData: SmallData.validation)
            #expect(history.names == ["loss", "accuracy", "val_loss", "val_accuracy"])
            #expect(history["loss"].count == 20 && model.parameterCount == 6 * 16 + 16 + 16 * 3 + 3)
            #expect(model.namedParameters.map(\.name) == ["0.weight", "0.bias", "2.weight", "2.bias"])
            let scores = try model.evaluate(SmallData.validation)
            #expect(try #require(scores["accuracy"]) > 0.9 && scores["loss"] == history["val_loss"].last)
            let (x, y) = try examples(20, key: 21)
            let said = try model.predict(x, batchSize: 7)
            #expect(said.shape == [20, 3] && model.isTraining)
            let right = try (said.argmax(1) .== y).to(.float32).mean().item()
            #expect(abs(right - (scores["accuracy"] ?? 0)) < 1e-6)
            // A second call goes on.
            let more = try model.fit(SmallData.loader(120), epochs: 2)
            #expect(more.epochs.map(\.number) == [21, 22] && more.names == ["loss", "accuracy"])
            #expect(more["loss"][0] < history["loss"][0])
        }
    }

    @Test func tensorsAreDataToo() throws {
        let (x, y) = try examples(100)
        let (testX, testY) = try examples(20, key: 21)
        func compiled() -> KerasModel {
            let model = model()
            model.compile(
                optimizer: .adam(0.01), loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
            return model
        }
        let history = try withGenerator(Generator(seed: 2)) {
            try compiled().fit(x, y, epochs: 25, batchSize: 16, validationData: (testX, testY))
        }
        #expect(history["val_accuracy"].count == 25 && history["val_accuracy"][24] > 0.9, "\(history)")
        // The same numbers as those of a loader of the same examples.
        let loader = DataLoader(SmallData.dataset(100), batchSize: 16, shuffle: true)
        let other = try withGenerator(Generator(seed: 2)) { try compiled().fit(loader, epochs: 3) }
        #expect(Array(history["loss"][..<3]) == other["loss"])
        // The last fifth is split off: what is left is 80 examples in 5 steps.
        var steps = 0
        let split = compiled()
        let counter = LambdaCallback(stepEnd: { _ in steps += 1 })
        let parts = try split.fit(x, y, epochs: 1, batchSize: 16, validationSplit: 0.2, callbacks: [counter])
        #expect(steps == 5 && parts.names == ["loss", "accuracy", "val_loss", "val_accuracy"])
        let last = try split.evaluate(
            x.slice(axis: 0, from: 80, to: 100), y.slice(axis: 0, from: 80, to: 100), batchSize: 16)
        #expect(last["loss"] == parts["val_loss"][0])
        for wrong in [-0.1, 1, 0.999] {
            #expect(throws: TensorError.self) { try compiled().fit(x, y, validationSplit: wrong) }
        }
        #expect(throws: TensorError.self) { try compiled().fit(x, testY) }
        #expect(throws: TensorError.self) { try compiled().fit(x, y, batchSize: 0) }
        #expect(throws: TensorError.self) {
            try compiled().evaluate(Tensor.zeros([0, 6]), Tensor.zeros([0], dtype: .int64))
        }
    }

    /// A step of plain descent on weighted examples is that of the loss written by hand.
    @Test func classesAndExamplesAreWeighted() throws {
        let x = Tensor.normal([6, 3], generator: Generator(seed: 1))
        let classes = [0, 1, 1, 2, 2, 2]
        let own: [Float] = [1, 2, 0.5, 0, 1, 3]
        let (sample, byClass) = (Tensor(own), [1: 4.0, 2: 0.5])
        let ofClasses = classes.map { Float(byClass[$0] ?? 1) }
        let y = Tensor(classes)
        let oneHot = y.oneHot(classes: 3).to(.float32)
        let both = zip(own, ofClasses).map { $0 * $1 }
        let cases: [(KerasLoss, Tensor, [Int: Double], Tensor?, [Float])] = [
            (.sparseCategoricalCrossentropy(fromLogits: true), y, byClass, nil, ofClasses),
            (.sparseCategoricalCrossentropy(fromLogits: true), y, byClass, sample, both),
            (.categoricalCrossentropy(fromLogits: true), oneHot, byClass, nil, ofClasses),
            (.meanSquaredError, oneHot, [:], sample, own),
        ]
        for (number, (loss, labels, byClass, sample, weights)) in cases.enumerated() {
            let layer = Linear(3, 3, generator: Generator(seed: 2))
            let model = KerasModel([layer])
            model.compile(optimizer: .sgd(0.1), loss: loss, metrics: [.accuracy])
            let before = (weight: layer.weight.value.detach(), bias: try #require(layer.bias).value.detach())
            let history = try model.fit(x, labels, batchSize: 6, classWeight: byClass, sampleWeight: sample)
            let (weight, bias) = (Parameter(before.weight), Parameter(before.bias))
            let outputs = x.matmul(weight.value.T) + bias.value
            let each =
                number == 3
                ? (outputs - oneHot).square().mean(axes: 1) : crossEntropy(outputs, y, reduction: .none)
            let wanted = (each * Tensor(weights)).mean()
            wanted.backward()
            #expect(abs(history["loss"][0] - (try wanted.item())) < 1e-5, "\(number)")
            let moved = before.weight - (try #require(weight.grad)) * 0.1
            let apart = try (layer.weight.value - moved).abs().max().item()
            #expect(apart < 1e-6, "\(number): \(apart)")
            #expect(history["accuracy"].count == 1)
        }
    }

    /// A label that a float holds a little below its class is of that class.
    @Test func labelsThatAreFloatsAreRounded() throws {
        func loss(_ byClass: [Int: Double]) throws -> Double {
            let model = KerasModel([Linear(3, 1, generator: Generator(seed: 2))])
            model.compile(optimizer: .sgd(0), loss: .meanSquaredError)
            let x = Tensor.normal([2, 3], generator: Generator(seed: 1))
            let y = Tensor([0.9999999, 1.9999999] as [Float], shape: [2, 1])
            return try model.fit(x, y, classWeight: byClass)["loss"][0]
        }
        let (plain, weighted) = (try loss([:]), try loss([1: 3, 2: 3]))
        #expect(plain > 0.01 && abs(weighted - 3 * plain) < 1e-4, "\(plain), \(weighted)")
    }

    @Test func whatIsSplitOffIsWeightedByExamplesAlone() throws {
        let (x, y) = try examples(20)
        func loss(_ more: (KerasModel) throws -> History) throws -> Double {
            let model = KerasModel([Linear(6, 3, generator: Generator(seed: 2))])
            model.compile(optimizer: .sgd(0), loss: .sparseCategoricalCrossentropy(fromLogits: true))
            return try #require(try more(model)["val_loss"].first)
        }
        let plain = try loss { try $0.fit(x, y, validationSplit: 0.2) }
        #expect(try loss { try $0.fit(x, y, validationSplit: 0.2, classWeight: [0: 9, 1: 9, 2: 9]) } == plain)
        let threes = Tensor.full([20], 3)
        #expect(abs(try loss { try $0.fit(x, y, validationSplit: 0.2, sampleWeight: threes) } - 3 * plain) < 1e-5)
        // A later call is without weights.
        let model = KerasModel([Linear(6, 3, generator: Generator(seed: 2))])
        model.compile(optimizer: .sgd(0), loss: .sparseCategoricalCrossentropy(fromLogits: true))
        try model.fit(x, y, sampleWeight: threes)
        #expect(
            try model.evaluate(x.slice(axis: 0, from: 16, to: 20), y.slice(axis: 0, from: 16, to: 20))["loss"] == plain)
    }

    @Test func weightsThatDoNotFitAreRefused() throws {
        let (x, y) = try examples(20)
        func message(_ loss: KerasLoss, _ byClass: [Int: Double], _ sample: Tensor?, _ labels: Tensor? = nil) -> String
        {
            let model = KerasModel([Linear(6, 3)])
            model.compile(optimizer: .sgd(0), loss: loss)
            let error = #expect(throws: TensorError.self) {
                try model.fit(x, labels ?? y, classWeight: byClass, sampleWeight: sample)
            }
            return error?.message ?? ""
        }
        let sparse = KerasLoss.sparseCategoricalCrossentropy(fromLogits: true)
        #expect(message(sparse, [1: -1], nil).contains("-1.0 of class 1"))
        #expect(message(sparse, [-1: 2], nil).contains("a weight of class -1"))
        let oneHot = y.oneHot(classes: 3).to(.float32)
        #expect(
            message(.categoricalCrossentropy(fromLogits: true), [1: 2, 3: 4], nil, oneHot).contains(
                "a weight of class 3, and one-hot labels [20, 3] have the classes 0 to 2"))
        #expect(message(sparse, [:], Tensor.ones([19])).contains("give [20]"))
        for wrong in [-1, Float.nan, .infinity] {
            var weights = [Float](repeating: 1, count: 20)
            weights[7] = wrong
            #expect(message(sparse, [:], Tensor(weights)).contains("\(wrong) of example 7"))
        }
        let mine = KerasLoss { crossEntropy($0, $1) }
        #expect(message(mine, [1: 2], nil).contains("weigh them in the loss itself"))
    }

    @Test func aModelThatWasNotCompiledSaysSo() throws {
        let error = #expect(throws: TensorError.self) { try model().fit(SmallData.loader()) }
        #expect(error?.message.contains("compile(optimizer:loss:metrics:)") == true)
        #expect(throws: TensorError.self) { try model().predict(Tensor.zeros([0, 6])) }
        #expect(throws: TensorError.self) { try checked { Dense(0) } }
        #expect(throws: TensorError.self) { try checked { Dense(2)(Tensor([1, 2])) } }
    }

    @Test func denseBeginsAsKerasDoes() throws {
        let layer = Dense(50, activation: .tanh)
        let output = layer(Tensor.ones([2, 3, 10]))
        #expect(output.shape == [2, 3, 50] && layer.parameterCount == 550)
        let weights = try layer.parameters[0].value.scalars(as: Float.self)
        // Glorot: at most sqrt(6 / 60).
        #expect(weights.allSatisfy { abs($0) <= 0.31623 } && weights.contains { abs($0) > 0.25 })
        #expect(try layer.parameters[1].value.scalars(as: Float.self).allSatisfy { $0 == 0 })
        #expect("\(layer)".contains("units=50, activation=tanh, inputs=10"), "\(layer)")
    }

    /// The numbers of a loss for two rows, worked by hand.
    @Test func lossesAreKerass() throws {
        let logits = Tensor([[2, 0, -1], [0.5, 1, 0]] as [[Float]])
        let shares = logits.softmax(axis: -1)
        let classes = Tensor([Int64(0), 2])
        let oneHot = Tensor([[1, 0, 0], [0, 0, 1]] as [[Float]])
        // -ln softmax: ln(e^2 + 1 + e^-1) - 2 = 0.169846, ln(e^0.5 + e + 1) - 0 = 1.680270.
        let expected = (0.169846 + 1.680270) / 2
        for (name, loss, outputs, labels) in [
            ("sparse", KerasLoss.sparseCategoricalCrossentropy(fromLogits: true), logits, classes),
            ("sparse of shares", .sparseCategoricalCrossentropy(), shares, classes),
            ("categorical", .categoricalCrossentropy(fromLogits: true), logits, oneHot),
            ("categorical of shares", .categoricalCrossentropy(), shares, oneHot),
        ] {
            let found = try loss.value(outputs, labels).item()
            #expect(abs(found - expected) < 1e-5, "\(name): \(found)")
        }
        let scores = Tensor([[2], [-1]] as [[Float]])
        let wanted = Tensor([Int64(1), 1])
        // ln(1 + e^-2) = 0.126928, ln(1 + e) = 1.313262.
        for (loss, outputs) in [
            (KerasLoss.binaryCrossentropy(fromLogits: true), scores), (.binaryCrossentropy(), scores.sigmoid()),
        ] { #expect(abs(try loss.value(outputs, wanted).item() - (0.126928 + 1.313262) / 2) < 1e-5) }
        #expect(abs(try KerasLoss.meanSquaredError.value(scores, wanted).item() - 2.5) < 1e-6)
        #expect(abs(try KerasLoss.meanAbsoluteError.value(scores, wanted).item() - 1.5) < 1e-6)
        // A share of 0 costs -ln 1e-7, as in Keras, and not infinity.
        let none = KerasLoss.sparseCategoricalCrossentropy().value(
            Tensor([[0, 1]] as [[Float]]), Tensor([Int64(0)]))
        #expect(abs(try none.item() - 16.118) < 1e-2)
    }

    @Test func accuracyGoesByTheLoss() throws {
        func accuracy(_ loss: KerasLoss, _ outputs: Tensor, _ labels: Tensor) throws -> Double? {
            let metric = KerasMetric.accuracy.make(for: loss)
            #expect(metric.name == "accuracy")
            metric.update(outputs, labels)
            return try metric.value()
        }
        let shares = Tensor([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]] as [[Float]])
        let right = Tensor([Int64(0), 1, 1, 1])
        #expect(try accuracy(.sparseCategoricalCrossentropy(), shares, right) == 0.75)
        let oneHot = Tensor([[1, 0], [0, 1], [0, 1], [0, 1]] as [[Float]])
        #expect(try accuracy(.categoricalCrossentropy(), shares, oneHot) == 0.75)
        let column = Tensor([[0.4], [0.6], [0.7], [0.2]] as [[Float]])
        #expect(try accuracy(.binaryCrossentropy(), column, right) == 0.75)
        #expect(try accuracy(.binaryCrossentropy(fromLogits: true), column - 0.5, right) == 0.75)
        #expect(try accuracy(.binaryCrossentropy(), column.reshape([4]), right) == 0.75)
    }
}
