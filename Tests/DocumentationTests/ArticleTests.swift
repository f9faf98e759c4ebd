import Foundation
import Needletail
import TensorRuntime
import Testing

/// The programs of Needletail's articles, line for line.
@Suite struct ArticleTests {
    @Test func gettingStartedWithTensors() throws {
        let x = Tensor([[1, 2, 3], [4, 5, 6]] as [[Float]])
        let y = x.T.matmul(x) + 1
        print(y.shape, y.dtype, y.device)
        print(y[0, 1], y[..., 0], y.mean())
        let numbers = try y.scalars(as: Float.self)
        #expect(numbers == [18, 23, 28, 23, 30, 37, 28, 37, 46])
    }

    @Test func gettingStartedWithGradients() throws {
        let weight = Parameter(Tensor([2, -1] as [Float]))
        let error = (weight * Tensor([3, 4] as [Float])).sum() - 1
        error.pow(2).backward()
        print(try weight.grad!.scalars(as: Float.self))
        #expect(try weight.grad!.scalars(as: Float.self) == [6, 8])
    }

    @Test func gettingStartedWithAModel() throws {
        let model = Sequential {
            Linear(2, 16)
            Tanh()
            Linear(16, 1)
        }
        let optimizer = Adam(model.parameters, learningRate: 0.01)
        let inputs = Tensor.normal([256, 2], generator: Generator(seed: 0))
        let targets = inputs.slice(axis: 1, from: 0, to: 1) * inputs.slice(axis: 1, from: 1, to: 2)
        for step in 1...500 {
            optimizer.zeroGrad()
            let loss = mseLoss(model(inputs), targets)
            loss.backward()
            try optimizer.step()
            if step % 100 == 0 { print(step, try loss.item()) }
        }
        #expect(try mseLoss(model(inputs), targets).item() < 0.1)
    }

    @Test func gettingStartedWithGenerators() throws {
        let generator = Generator(seed: 7)
        let noise = Tensor.normal([3], generator: generator)
        let layer = Linear(4, 2, generator: generator)
        #expect(try noise.scalars(as: Float.self).count == 3)
        #expect(layer.parameterCount == 10)
    }

    @Test func devices() throws {
        let model = Linear(2, 2)
        let device = Accelerator.isAvailable ? Accelerator.current! : DeviceID("cpu")!
        let x = Tensor.zeros([2, 3], device: device)
        let total = try withDevice(.cpu) {
            let ones = Tensor.ones([4])
            return try ones.sum().item()
        }
        let there = try x.to(device: .cpu)
        try model.to(device: .cpu)
        print(Accelerator.Memory.allocated, Accelerator.Memory.maximumAllocated)
        Accelerator.Memory.emptyCache()
        #expect(total == 4 && there.shape == [2, 3])
    }

    @Test func aLayer() throws {
        let block = ResidualBlock(width: 8)
        print(block.namedParameters.map(\.name))
        print(block.summary(input: Tensor.zeros([2, 8])))
        #expect(block.namedParameters.map(\.name).contains("hidden.weight"))
        #expect(try Joined()(Tensor.ones([1, 3]), Tensor.ones([1, 2])).scalars(as: Float.self).count == 4)
        let noise = Noise(1)
        noise.eval()
        #expect(try noise(Tensor.ones([2])).scalars(as: Float.self) == [1, 1])
    }

    @Test func anOperation() throws {
        let x = Parameter(Tensor([0.4, 1.6] as [Float]))
        let rounded = straightThroughRound(x.value)
        #expect(try rounded.scalars(as: Float.self) == [0, 2])
        rounded.sum().backward()
        #expect(try x.grad!.scalars(as: Float.self) == [1, 1])
        #expect(try abs(Tensor([1] as [Float]).quickGELU().item() - 0.84579) < 1e-4)
    }

    @Test func aProfile() throws {
        let model = Linear(4, 2)
        let optimizer = SGD(model.parameters, learningRate: 0.1)
        let input = Tensor.ones([3, 4])
        func trainingStep() throws {
            optimizer.zeroGrad()
            model(input).pow(2).mean().backward()
            try optimizer.step()
        }
        try trainingStep()
        try trainingStep()
        let before = executionStatistics()
        try trainingStep()
        let spent = executionStatistics() - before
        print(spent.launches, "launches,", spent.plansBuilt, "plans built,", spent.planHits, "found")
        #expect(spent.plansBuilt == 0 && spent.planHits > 0)
    }
}

final class ResidualBlock: UnaryLayer {
    let norm: LayerNorm
    let hidden: Linear
    let output: Linear
    let scale: Parameter

    init(width: Int) {
        norm = LayerNorm(width)
        hidden = Linear(width, 4 * width)
        output = Linear(4 * width, width)
        scale = Parameter(Tensor.ones([width]) * 0.1)
    }

    func callAsFunction(_ input: Tensor) -> Tensor {
        input + output(hidden(norm(input)).gelu()) * scale
    }
}

final class Joined: Module {
    let left = Linear(3, 4)
    let right = Linear(2, 4)

    func callAsFunction(_ a: Tensor, _ b: Tensor) -> Tensor { (left(a) + right(b)).relu() }
}

final class Noise: UnaryLayer {
    let mode = TrainingMode()
    let strength: Double

    init(_ strength: Double) { self.strength = strength }

    func callAsFunction(_ input: Tensor) -> Tensor {
        mode.isTraining ? input + Tensor.normal(input.shape) * strength : input
    }
}

extension Tensor {
    /// `x * sigmoid(1.702 x)`: a cheap form of `gelu`.
    func quickGELU() -> Tensor { self * (self * 1.702).sigmoid() }
}

/// Rounds, and passes gradients as if it had not.
func straightThroughRound(_ x: Tensor) -> Tensor {
    Tensor.custom([x]) {
        x.round()
    } pullback: { gradient, _ in
        [gradient]
    }
}
