import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// What cannot be captured, or replayed, says why, and changes nothing.
@Suite(.serialized) struct GraphErrorTests {
    /// A training that can go on after a failed capture as if there had been none.
    private func expectRefusal(
        _ texts: String..., body: (SmallTraining, Tensor, Tensor) throws -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try withOwnDevice { _ in
            func make() -> SmallTraining { SmallTraining(features: 20, hidden: 8, batchSize: 16) }
            let plain = make()
            try plain.run(4)
            let training = make()
            try training.run(2)
            let before = try TrainingNumbers(training)
            let graph = Accelerator.Graph()
            let batch = training.batches()[0]
            let x = try graph.input(like: batch.features)
            let labels = try graph.input(like: batch.labels, values: 0...9)
            do {
                try graph.capture { try body(training, x.value, labels.value) }
                Issue.record("it was captured", sourceLocation: sourceLocation)
            } catch let error as TensorError {
                for text in texts {
                    #expect(error.message.contains(text), "no \(text) in: \(error)", sourceLocation: sourceLocation)
                }
                #expect(error.message.hasPrefix("Accelerator.Graph."), sourceLocation: sourceLocation)
            }
            #expect(try TrainingNumbers(training) == before, sourceLocation: sourceLocation)
            try training.run(2, from: 2)
            #expect(try TrainingNumbers(training) == TrainingNumbers(plain), sourceLocation: sourceLocation)
            expectError(.invalidArgument, containing: "nothing was captured", sourceLocation: sourceLocation) {
                () throws(TensorError) in try graph.replay()
            }
        }
    }

    private func step(_ training: SmallTraining, _ x: Tensor, _ labels: Tensor) throws -> Tensor {
        training.optimizer.zeroGrad()
        let loss = training.forward(x, labels).loss
        loss.backward()
        try training.optimizer.step()
        return loss
    }

    @Test func aReadOnTheHostCannotBeCaptured() throws {
        try expectRefusal("is read on the host", "read it after replay()") { training, x, labels in
            _ = try step(training, x, labels).item()
        }
        // Whoever swallows the error gets no graph all the same.
        try expectRefusal("is read on the host") { training, x, labels in
            _ = "\(try step(training, x, labels))"
        }
        try expectRefusal("the device is waited for") { training, x, labels in
            _ = try step(training, x, labels)
            try synchronize()
        }
    }

    @Test func randomNumbersOfTheHostCannotBeCaptured() throws {
        try expectRefusal("random numbers are drawn on the host") { training, x, labels in
            let order = withGenerator(training.generator) { Tensor.permutation(16) }
            _ = try step(training, x.indexSelect(axis: 0, index: order), labels)
        }
        try expectRefusal("a generator is seeded in the step") { training, x, labels in
            training.generator.seed(5)
            _ = try step(training, x, labels)
        }
    }

    @Test func anotherDeviceCannotBeCaptured() throws {
        let other = try DeviceContext(device: try deviceContext(.cpu).device)
        try expectRefusal("capture a graph for each device") { training, x, labels in
            _ = try step(training, x, labels)
            try withDeviceContext(other) { () throws(any Error) in try (Tensor.ones([4]) + 1).evaluate() }
        }
    }

    @Test func aStepThatDoesNotReturnToItsBeginningCannotBeCaptured() throws {
        // The step before left gradients, which this one takes away after adding to them.
        try expectRefusal("gradients are there when the step begins and gone when it ends") { training, x, labels in
            training.forward(x, labels).loss.backward()
            try training.optimizer.step()
            training.optimizer.zeroGrad()
        }
        try expectRefusal("is assigned in the step") { training, x, labels in
            let weight = training.first.parameters[0]
            weight.assign(weight.value * 0.5)
            _ = try step(training, x, labels)
        }
        try withOwnDevice { _ in
            let training = SmallTraining(features: 20, hidden: 8, batchSize: 16)
            let batch = training.batches()[0]
            do {
                try Accelerator.Graph().capture { training.forward(batch).loss.backward() }
                Issue.record("it was captured")
            } catch let error as TensorError {
                #expect(error.message.contains("gradients are not there when the step begins"), "\(error)")
            }
            #expect(training.parameters.allSatisfy { $0.grad == nil })
        }
    }

    @Test func aCaptureInsideOfAnotherIsRefused() throws {
        try expectRefusal("inside the capture of another") { training, x, labels in
            try Accelerator.Graph().capture { _ = try step(training, x, labels) }
        }
    }

    private struct Stop: Error {}

    private func stop() throws { throw Stop() }

    @Test func anErrorOfTheStepIsThrownOn() throws {
        try withOwnDevice { _ in
            let training = SmallTraining(features: 20, hidden: 8, batchSize: 16)
            let numbers = try TrainingNumbers(training)
            let batch = training.batches()[0]
            let graph = Accelerator.Graph()
            do {
                try graph.capture {
                    _ = try step(training, batch.features, batch.labels)
                    try stop()
                }
                Issue.record("it was captured")
            } catch {
                #expect(error is Stop, "\(error)")
            }
            #expect(try TrainingNumbers(training) == numbers)
            try graph.capture { _ = try step(training, batch.features, batch.labels) }
            try graph.replay()
            #expect(try TrainingNumbers(training) != numbers)
        }
    }

    @Test func aParameterThatWasReplacedStopsTheReplay() throws {
        try withOwnDevice { _ in
            let captured = try CapturedTraining(SmallTraining(features: 20, hidden: 8, batchSize: 16))
            try captured.run(2)
            let weight = captured.training.first.parameters[0]
            weight.assign(weight.value * 2)
            let numbers = try TrainingNumbers(captured.training)
            expectError(.invalidArgument, containing: "were replaced since the capture", "capture the step again") {
                () throws(TensorError) in try captured.graph.replay()
            }
            #expect(try TrainingNumbers(captured.training) == numbers)
        }
    }

    @Test func anUncapturedStepBetweenReplaysStopsTheNext() throws {
        try withOwnDevice { _ in
            let captured = try CapturedTraining(SmallTraining(features: 20, hidden: 8, batchSize: 16))
            try captured.run(2)
            try captured.training.run(1)
            expectError(.invalidArgument, containing: "were replaced since the capture") {
                () throws(TensorError) in try captured.graph.replay()
            }
        }
    }

    @Test func anotherRuleStopsTheReplay() throws {
        try withOwnDevice { _ in
            let captured = try CapturedTraining(SmallTraining(features: 20, hidden: 8, batchSize: 16))
            try captured.run(1)
            captured.training.optimizer.learningRate = 0.5
            try captured.run(1)
            captured.training.optimizer.groups[0].rule = AdamRule(weightDecay: 0.1)
            expectError(.invalidArgument, containing: "is another than the captured one") {
                () throws(TensorError) in try captured.graph.replay()
            }
        }
    }

    @Test func aRuleWithStateThatIsNotThereYetCannotBeCaptured() throws {
        try withOwnDevice { _ in
            let training = try SmallTraining(features: 20, hidden: 8, batchSize: 16)
            training.optimizer.groups[0].rule = AdamRule(usesAMSGrad: true)
            do {
                _ = try CapturedTraining(training)
                Issue.record("captured")
            } catch let error as TensorError {
                #expect(error.kind == .invalidArgument && error.message.contains("run one step before the capture"))
            }
        }
    }

    /// The new rule takes as many numbers as the captured one, or is traced for them: the step was of another all the same.
    @Test(arguments: 0..<5)
    func aRuleOfAnotherFormStopsTheReplay(_ number: Int) throws {
        let pairs: [(any UpdateRule, any UpdateRule)] = [
            (AdagradRule(), SGDRule(learningRate: 0.1, weightDecay: 0.01)),
            (AdamRule(usesAMSGrad: true), AdamRule()),
            (AdamRule(), AdamRule(maximizes: true)),
            (AdamRule(weightDecay: 0.1), AdamRule(weightDecay: 0.1, isDecoupled: true)),
            (LAMBRule(), SGDRule(learningRate: 0.1)),
        ]
        try withOwnDevice { _ in
            let training = try SmallTraining(features: 20, hidden: 8, batchSize: 16)
            training.optimizer.groups[0].rule = pairs[number].0
            try training.run(1)
            let captured = try CapturedTraining(training)
            try captured.run(2)
            training.optimizer.groups[0].rule = pairs[number].1
            expectError(.invalidArgument, containing: "is another than the captured one") {
                () throws(TensorError) in try captured.graph.replay()
            }
        }
    }

    @Test func inputsAreChecked() throws {
        try withOwnDevice { _ in
            let captured = try CapturedTraining(SmallTraining(features: 20, hidden: 8, batchSize: 16))
            expectError(.invalidArgument, containing: "float32[16, 21]", "float32[16, 20]") { () throws(TensorError) in
                try captured.x.set(Tensor.zeros([16, 21]))
            }
            expectError(.invalidArgument, containing: "12 is not among the promised integers 0...9") {
                () throws(TensorError) in try captured.labels.set([Int64](repeating: 12, count: 16))
            }
            expectError(.invalidArgument, containing: "3 elements of int64") { () throws(TensorError) in
                try captured.labels.set([1, 2, 3] as [Int64])
            }
        }
    }

    @Test func anIndexOutOfRangeIsFoundByTheReplayThatReadIt() throws {
        try withOwnDevice { _ in
            let table = Tensor(sampleNumbers(12), shape: [4, 3])
            let graph = Accelerator.Graph()
            let places = try graph.input(like: Tensor([0, 1] as [Int64]))
            let found = try graph.capture { table.indexSelect(axis: 0, index: places.value) * 2 }
            try places.set([3, 2])
            try graph.replay()
            let expected = try (table.indexSelect(axis: 0, index: Tensor([3, 2] as [Int64])) * 2).scalars(
                as: Float.self)
            #expect(try found.scalars(as: Float.self) == expected)
            try places.set([3, 9])
            try graph.replay()
            #expect(throws: TensorError.self) { try found.scalars(as: Float.self) }
            try places.set([3, 2])
            try graph.replay()
            #expect(try found.scalars(as: Float.self) == expected)
        }
    }

    @Test func debugModeFindsNumbersWithoutASource() throws {
        try withOwnDevice { _ in
            var scale = 0.5
            let x = Tensor(sampleNumbers(8))
            let graph = Accelerator.Graph()
            graph.enableDebugMode()
            do {
                _ = try graph.capture {
                    scale *= 0.5
                    return (x * scale).sum()
                }
                Issue.record("it was captured")
            } catch let error as TensorError {
                #expect(error.message.contains("a scalar operand of multiply is 0.25, then 0.125"), "\(error)")
            }
            // Dropout's numbers and Adam's are others at each step, and have sources.
            let training = SmallTraining(features: 20, hidden: 8, batchSize: 16)
            let numbers = try TrainingNumbers(training)
            let checked = Accelerator.Graph()
            checked.enableDebugMode()
            let captured = try CapturedTraining(training, graph: checked)
            #expect(try TrainingNumbers(training) == numbers)
            let plain = SmallTraining(features: 20, hidden: 8, batchSize: 16)
            try plain.run(3)
            try captured.run(3)
            #expect(try TrainingNumbers(training) == TrainingNumbers(plain))
        }
    }

    /// A step that multiplies by a number which it reads on the host.
    private func captureRead(
        _ x: Tensor, of sum: () -> Tensor, in graph: Accelerator.Graph
    ) throws -> Tensor {
        try graph.capture {
            let number = try sum().item()
            return x * Double(number)
        }
    }

    @Test func aRelaxedCaptureReadsWhatWasThereBefore() throws {
        try withOwnDevice { _ in
            let x = Tensor([2, 3] as [Float])
            let sum = x.sum()
            try sum.evaluate()
            for mode in [Accelerator.Graph.CaptureErrorMode.default, .global, .threadLocal] {
                let graph = Accelerator.Graph(captureErrorMode: mode)
                #expect(throws: TensorError.self) { _ = try captureRead(x, of: { sum }, in: graph) }
            }
            let graph = Accelerator.Graph(captureErrorMode: .relaxed)
            let scaled = try captureRead(x, of: { sum }, in: graph)
            try graph.replay()
            #expect(try scaled.scalars(as: Float.self) == [10, 15])
            let other = Accelerator.Graph(captureErrorMode: .relaxed)
            #expect(throws: TensorError.self) { _ = try captureRead(x, of: { x.sum() }, in: other) }
        }
    }
}
