import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// Explanations of data that lie on any device.
@Suite struct DeviceExplanationTests {
    /// Rows around (5, 5, ...), of which each direction has less to say than the one before.
    private func rows(_ count: Int, _ features: Int) -> [Float] {
        let numbers = sampleNumbers(count * features, seed: 3)
        return numbers.indices.map { 5 + numbers[$0] / Float(1 + $0 % features) }
    }

    /// 70 features are more than are factored as they are.
    @Test(arguments: GraphDevice.wanted, [6, 70])
    func principalComponentsAreThoseOfTheCPU(_ device: GraphDevice, _ features: Int) throws {
        let shape: Shape = [90, features]
        func found() throws -> (components: [Float], along: [Float], shares: [Double]) {
            let data = Tensor(rows(90, features), shape: shape)
            let found = try PrincipalComponents(of: data, count: 2, generator: Generator(seed: 4))
            #expect(found.components.device == data.device && found.mean.device == data.device)
            return (
                try found.components.scalars(as: Float.self), try found(data).scalars(as: Float.self),
                found.explainedShare
            )
        }
        let wanted = try withOwnDevice { _ in try found() }
        let own = try device.run { _ in try found() }
        #expect(isClose(own.components, wanted.components.map(Double.init), tolerance: 1e-3))
        #expect(isClose(own.along, wanted.along.map(Double.init), tolerance: 1e-3))
        #expect(zip(own.shares, wanted.shares).allSatisfy { abs($0 - $1) < 1e-4 })
    }

    @Test(arguments: GraphDevice.wanted) func anEmbeddingIsDrawnOfVectorsOnAnyDevice(_ device: GraphDevice) throws {
        try device.run { _ in
            let vectors = Tensor(rows(80, 70), shape: [80, 70])
            let chart = try Chart.embedding(vectors, classes: (0..<80).map { $0 % 3 }, title: "Words")
            let picture = Figure([[chart]]).svg()
            #expect(picture.contains("1st component (") && !picture.contains("(NaN"))
        }
    }
}
