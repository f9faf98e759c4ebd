import Needletail
import TestSupport
import Testing

/// Optimizers whose parameters, groups or devices change.
@Suite struct ChangingOptimizerTests {
    @Test func aGroupThatIsAddedLaterIsScheduled() {
        let optimizer = SGD([Parameter(Tensor.ones([2]))], learningRate: 1)
        let scheduler = LearningRateScheduler(optimizer, StepSchedule(every: 1, gamma: 0.5))
        scheduler.step()
        optimizer.addGroup([Parameter(Tensor.ones([2]))], rule: SGDRule(learningRate: 8))
        scheduler.step()
        #expect(optimizer.groups.map(\.learningRate) == [0.25, 2])
        scheduler.count = 0
        #expect(optimizer.groups.map(\.learningRate) == [1, 8])
        scheduler.count = -3
        #expect(optimizer.groups.map(\.learningRate) == [1, 8])
    }

    @Test(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
    func theStateFollowsAModelToAnotherDevice() throws {
        func weights(moving: Bool) throws -> [Float] {
            try withDevice(.cpu) {
                let layer = Linear(3, 2, generator: Generator(seed: 2))
                let optimizer = Adam(layer.parameters, learningRate: 0.1)
                for step in 0..<4 {
                    if moving, step == 2 { try layer.to(device: DeviceID(backend: "opencl")) }
                    let x = Tensor([[1, 2, 3]] as [[Float]], device: layer.weight.device)
                    if step == 2 {
                        // The gradients moved with the model: this step is made with those of the last.
                        #expect(layer.weight.grad?.device == layer.weight.device)
                    } else {
                        optimizer.zeroGrad()
                        layer(x).square().sum().backward()
                    }
                    try optimizer.step()
                }
                #expect(layer.weight.device == (moving ? DeviceID(backend: "opencl") : .cpu))
                return try layer.parameters.flatMap { try $0.value.scalars(as: Float.self) }
            }
        }
        let moved = try weights(moving: true)
        #expect(isClose(moved, try weights(moving: false).map(Double.init)))
    }
}
