import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// Models of digits learn in bfloat16 as in float32, on each kind of device: a part of MNIST, which `Scripts/half-accuracy.sh`
/// takes whole.
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
            model: model, optimizer: run.model.defaultOptimizer.make(model.parameters), generator: generator,
            options: Trainer.Options(epochs: run.epochs, batchSize: run.batchSize, seed: 1))
        _ = try trainer.train(on: DeviceDataset(training, dtype: dtype))
        #expect(model.parameters.allSatisfy { $0.dtype == dtype })
        return try model.evaluate(on: DeviceDataset(test, dtype: dtype)).accuracy
    }

    /// On a context of its own. Its plans are not verified: those of such steps are elsewhere, and take longer than the training.
    private static func accuracy(of run: Run, in dtype: DType, on device: GraphDevice) throws -> Double {
        try device.run { shared in
            var configuration = RuntimeConfiguration()
            configuration.verifiesPlans = false
            let context = try DeviceContext(device: shared.device, configuration: configuration)
            return try withDeviceContext(context) { () throws(any Error) in try accuracy(of: run, in: dtype) }
        }
    }

    @Test(arguments: runs.indices) func bfloat16LearnsAsFloat32(_ index: Int) throws {
        let run = Self.runs[index]
        let expected = try Self.accuracy(of: run, in: .float32, on: .cpu)
        #expect(expected > 0.75, "\(run.model)")
        for device in GraphDevice.wanted {
            let found = try Self.accuracy(of: run, in: .bfloat16, on: device)
            // Five hundred images tell points apart, not tenths.
            #expect(abs(found - expected) < 0.03, "\(run.model) on \(device): \(found), in float32 \(expected)")
        }
    }
}
