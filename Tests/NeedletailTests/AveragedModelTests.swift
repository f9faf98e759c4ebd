import Needletail
import TensorRuntime
import Testing

/// Means of weights in a second model.
@Suite struct AveragedModelTests {
    private func model(_ seed: UInt64) -> Sequential {
        Sequential([Linear(2, 2, generator: Generator(seed: seed)), BatchNorm1d(2)])
    }

    private func weights(_ module: some Module) throws -> [Double] {
        try module.parameters.flatMap { try $0.value.scalars(as: Float.self).map(Double.init) }
    }

    @Test func meansAreTheFormulas() throws {
        for average in [AveragedModel<Sequential>.Average.equal, .exponential(decay: 0.8)] {
            let source = model(1)
            let averaged = AveragedModel(model(2), of: source, average)
            #expect(try weights(averaged.module) == weights(source))
            var mean: [Double] = []
            for step in 0..<5 {
                for (number, parameter) in source.parameters.enumerated() {
                    let numbers = sampleNumbers(parameter.shape.elementCount, seed: UInt64(10 * step + number))
                    parameter.assign(Tensor(numbers, shape: parameter.shape))
                }
                source.namedBuffers[0].buffer.assign(Tensor.full([2], Double(step)))
                averaged.update()
                let now = try weights(source)
                if step == 0 { mean = now }
                switch average {
                case .equal: mean = zip(mean, now).map { $0 + ($1 - $0) / Double(step + 1) }
                case .exponential(let decay): mean = zip(mean, now).map { decay * $0 + (1 - decay) * $1 }
                }
            }
            #expect(isClose(try weights(averaged.module).map(Float.init), mean))
            #expect(averaged.count == 5)
            // Buffers are copied, and nothing of the mean is trained.
            #expect(try averaged.module.namedBuffers[0].buffer.value.scalars(as: Float.self) == [4, 4])
            #expect(averaged.module.parameters.allSatisfy { !$0.requiresGrad })
        }
    }

    @Test func buffersAreAveragedWhereThatIsWanted() throws {
        let source = model(1)
        let averaged = AveragedModel(model(1), of: source, .equal, averagesBuffers: true)
        for value in [1.0, 2, 6] {
            source.namedBuffers[0].buffer.assign(Tensor.full([2], value))
            averaged.update()
        }
        #expect(isClose(try averaged.module.namedBuffers[0].buffer.value.scalars(as: Float.self), [3, 3]))
    }

    @Test func aModelThatDoesNotFitIsRefused() {
        let source = model(1)
        expectWrongCall(containing: "the copy shares parameters") { _ = AveragedModel(source, of: source) }
        expectWrongCall(containing: "the copy has other parameters") {
            _ = AveragedModel(Sequential([Linear(2, 3)]), of: source)
        }
        expectWrongCall(containing: "a decay of 1.5") {
            _ = AveragedModel(self.model(2), of: source, .exponential(decay: 1.5))
        }
    }
}
