import Needletail
import NeedletailTraining
import NeedletailVision
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

    @Test(arguments: runs.indices) func bfloat16LearnsAsFloat32(_ index: Int) throws {
        let run = Self.runs[index]
        let expected = try GraphDevice.cpu.run { _ in try Self.accuracy(of: run, in: .float32) }
        #expect(expected > 0.82, "\(run.model)")
        for device in GraphDevice.wanted {
            let found = try device.run { _ in try Self.accuracy(of: run, in: .bfloat16) }
            // Five hundred images tell points apart, not tenths.
            #expect(abs(found - expected) < 0.03, "\(run.model) on \(device): \(found), in float32 \(expected)")
        }
    }

    /// A step is as many kernels as in float32: what rounds is part of them.
    @Test(arguments: [MNISTModel.mlp, .lenet]) func aStepLaunchesNoMoreThanInFloat32(_ kind: MNISTModel) throws {
        func launches(in dtype: DType) throws -> Int {
            try withOwnDevice { context in
                let generator = Generator(seed: 1)
                let model = kind.make(generator: generator, dtype: dtype)
                let optimizer = Adam(model.parameters)
                let (images, labels) = TrainingSample.bytes(count: 64)
                let data = DeviceDataset(features: images, shape: [1, 28, 28], labels: labels, dtype: dtype)
                var before = context.statistics
                for step in 0..<4 {
                    if step == 3 { before = context.statistics }
                    let batch = data.batches(of: 64)[0]
                    optimizer.zeroGrad()
                    withGenerator(generator) { crossEntropy(model(batch.features), batch.labels) }.backward()
                    try optimizer.step()
                }
                let spent = context.statistics - before
                #expect(spent.plansBuilt == 0)
                return spent.launches
            }
        }
        let expected = try launches(in: .float32)
        for dtype in [DType.float16, .bfloat16] { #expect(try launches(in: dtype) <= expected, "\(dtype)") }
    }
}
