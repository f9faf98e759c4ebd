import TensorGraph
import TensorRuntime

extension MNISTModel {
    /// Runs training steps of the model on noise and gives the launches of the last one: what `needletail kernels` shows and
    /// `needletail tune` measures.
    ///
    /// - Throws: `TensorError` of the device.
    public func sampleStep(
        batchSize: Int = 64, on device: DeviceID
    ) throws -> [(label: String, kernel: any DeviceKernel)] {
        try withDevice(device) {
            let count = 2 * batchSize
            let pixels = (0..<count * 784).map {
                UInt8(truncatingIfNeeded: Philox.bits(index: UInt64($0), key: 0, offset: 0))
            }
            let dataset = DeviceDataset(
                features: pixels, shape: [1, 28, 28], labels: (0..<count).map { UInt8($0 % 10) })
            let generator = Generator(seed: 0)
            let net = make(generator: generator)
            let trainer = Trainer(
                model: net, optimizer: defaultOptimizer.make(net.parameters), generator: generator,
                options: Trainer.Options(batchSize: batchSize))
            var launches: [(label: String, kernel: any DeviceKernel)] = []
            trainer.onStep = { _, _ in launches = try deviceContext().lastPlanLaunches }
            _ = try trainer.train(on: dataset)
            return launches
        }
    }
}
