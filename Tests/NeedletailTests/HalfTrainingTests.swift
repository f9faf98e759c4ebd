import Needletail
import NeedletailTraining
import NeedletailVision
import TensorGraph
import TensorRuntime
import Testing

/// Models of digits learn in bfloat16 as in float32, on the CPU and a part of MNIST; `Scripts/accuracy.sh` takes all of it,
/// on each kind of device.
@Suite(.serialized) struct HalfTrainingTests {
    private struct Run: Sendable {
        let model: MNISTModel
        let images: Int
        let batchSize: Int
        let epochs: Int
    }

    private static let runs = [
        Run(model: .mlp, images: 3000, batchSize: 64, epochs: 4),
        Run(model: .lenet, images: 1600, batchSize: 32, epochs: 2),
    ]

    /// The accuracy on images that it did not see.
    private static func accuracy(of run: Run, in dtype: DType) throws -> Double {
        let directory = try MNISTFiles.directory()
        let training = try MNISTFiles.load(.train, from: directory).prefix(run.images)
        let test = try MNISTFiles.load(.test, from: directory).prefix(500)
        let generator = Generator(seed: 1)
        let model = run.model.make(generator: generator, dtype: dtype)
        let trainer = Trainer(
            model: model, optimizer: run.model.defaultOptimizer.make(model.parameters), loss: { crossEntropy($0, $1) },
            generator: generator)
        let dataset = DeviceDataset(training, dtype: dtype)
        try trainer.fit(
            DataLoader(dataset, batchSize: run.batchSize, shuffle: true, seed: 1), epochs: run.epochs)
        #expect(model.parameters.allSatisfy { $0.dtype == dtype })
        return try model.evaluate(on: DeviceDataset(test, dtype: dtype)).accuracy
    }

    /// On a context of its own. Its plans are not verified: those of such steps are elsewhere, and take longer than the training.
    private static func accuracyOnCPU(of run: Run, in dtype: DType) throws -> Double {
        var configuration = RuntimeConfiguration()
        configuration.verifiesPlans = false
        let context = try DeviceContext(device: try deviceContext(.cpu).device, configuration: configuration)
        return try withDeviceContext(context) { () throws(any Error) in try accuracy(of: run, in: dtype) }
    }

    @Test(arguments: runs.indices) func bfloat16LearnsAsFloat32(_ index: Int) throws {
        let run = Self.runs[index]
        let expected = try Self.accuracyOnCPU(of: run, in: .float32)
        #expect(expected > 0.75, "\(run.model)")
        let found = try Self.accuracyOnCPU(of: run, in: .bfloat16)
        // Five hundred images tell points apart, not tenths.
        #expect(abs(found - expected) < 0.03, "\(run.model): \(found), in float32 \(expected)")
    }
}
