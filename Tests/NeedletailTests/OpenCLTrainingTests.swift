import Foundation
import Needletail
import NeedletailVision
import TestSupport
import Testing

/// Training on the first OpenCL device, against the CPU.
@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct OpenCLTrainingTests {
    private static let device = DeviceID(backend: "opencl")

    @Test func theFirstFiftyLossesAreTheCPUs() throws {
        func losses(on device: DeviceID) throws -> [Double] {
            try withDevice(device) {
                var losses: [Double] = []
                try SmallTraining().run(50, after: { _, step in losses.append(try step.loss.item()) })
                return losses
            }
        }
        let expected = try losses(on: .cpu)
        let found = try losses(on: OpenCLTrainingTests.device)
        for (step, (a, b)) in zip(found, expected).enumerated() {
            #expect(abs(a - b) <= 2e-5 * abs(b), "step \(step): \(a), on the CPU \(b)")
        }
        #expect(expected[49] < expected[0])
    }

    @Test(arguments: [MNISTModel.mlpSmall, .cnn, .lenet]) func everyModelLearnsAsOnTheCPU(_ model: MNISTModel) throws {
        let expected = try losses(of: model, on: .cpu)
        let found = try losses(of: model, on: OpenCLTrainingTests.device)
        for (a, b) in zip(found, expected) {
            #expect(abs(a - b) <= 2e-5 * abs(b), "\(model): \(a), on the CPU \(b)")
        }
    }

    /// The losses of five steps on batches of eight.
    private func losses(of model: MNISTModel, on device: DeviceID) throws -> [Double] {
        try withDevice(device) {
            let generator = Generator(seed: 5)
            let net = model.make(generator: generator)
            let optimizer = model.defaultOptimizer.make(net.parameters)
            var losses: [Double] = []
            for batch in TrainingSample.dataset(count: 40).batches(of: 8) {
                optimizer.zeroGrad()
                let loss = withGenerator(generator) { crossEntropy(net(batch.features), batch.labels) }
                loss.backward()
                try optimizer.step()
                losses.append(try loss.item())
            }
            return losses
        }
    }

    @Test func aSteadyStepBuildsNothing() throws {
        try withOwnDevice(OpenCLTrainingTests.device) { context in
            let training = SmallTraining()
            try training.run(6)
            let before = context.statistics
            try training.run(20, from: 6)
            let spent = context.statistics - before
            #expect(spent.plansBuilt == 0)
            #expect(spent.driverAllocations == 0)
            #expect(spent.kernelsMade == 0)
            #expect(spent.launches <= 20 * 16)
        }
    }

    @Test func gradientsAreTheCPUs() throws {
        func gradients(on device: DeviceID) throws -> [Float] {
            try withDevice(device) {
                let training = SmallTraining(batchSize: 33)
                training.forward(training.batches()[0]).loss.backward()
                return try training.parameters.flatMap { try $0.grad!.scalars(as: Float.self) }
            }
        }
        let error = normalizedSquareError(
            try gradients(on: OpenCLTrainingTests.device), try gradients(on: .cpu))
        #expect(error < 1e-10)
    }
}
