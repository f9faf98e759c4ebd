import Needletail
import NeedletailTraining
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
            var launches: [(label: String, kernel: any DeviceKernel)] = []
            try runSample(steps: 2, batchSize: batchSize) { launches = try deviceContext().lastPlanLaunches }
            return launches
        }
    }

    /// Runs training steps of the model on noise, a few of them unmeasured, and gives how long each dispatch of a step took.
    ///
    /// - Parameter steps: how many steps the medians are of.
    /// - Returns: the dispatches of a step in order, each with the label of its launch and the median of its times in
    ///   nanoseconds.
    /// - Throws: `invalidArgument` where the device was opened without `RuntimeConfiguration.profiles` or
    ///   keeps no times, and `TensorError` of the device.
    public func sampleTimes(
        batchSize: Int = 64, steps: Int = 50, on device: DeviceID
    ) throws -> [(label: String, time: KernelTime)] {
        try withDevice(device) {
            let context = try deviceContext()
            guard let timing = context.device as? any KernelTiming, context.configuration.profiles else {
                throw TensorError(
                    .invalidArgument,
                    "\(device) keeps no times of its kernels; give a device that does, opened with NEEDLETAIL_PROFILE=1"
                )
            }
            let unmeasured = 4
            var taken: [[KernelTime]] = []
            var labels: [String] = []
            try runSample(steps: unmeasured + steps, batchSize: batchSize) {
                labels = context.lastPlanLaunches.flatMap { launch in
                    Array(repeating: launch.label, count: launch.kernel.dispatchCount)
                }
                // What precedes a step, as the data's way to the device, comes first.
                taken.append(timing.takeKernelTimes().suffix(labels.count))
            }
            let measured = taken.dropFirst(unmeasured).filter { $0.count == labels.count }
            guard let names = measured.last else {
                throw TensorError(
                    .deviceFailure, "\(device): no step had a time for each of its \(labels.count) dispatches")
            }
            return labels.indices.map { position in
                let times = measured.map { $0[position].nanoseconds }.sorted()
                return (
                    labels[position], KernelTime(kernel: names[position].kernel, nanoseconds: times[times.count / 2])
                )
            }
        }
    }

    /// At least `steps` steps on the current device, each followed by `body`.
    private func runSample(steps: Int, batchSize: Int, _ body: @escaping () throws -> Void) throws {
        let count = 2 * batchSize
        let pixels = (0..<count * 784).map {
            UInt8(truncatingIfNeeded: Philox.bits(index: UInt64($0), key: 0, offset: 0))
        }
        let dataset = DeviceDataset(
            features: pixels, shape: [1, 28, 28], labels: (0..<count).map { UInt8($0 % 10) })
        let generator = Generator(seed: 0)
        let net = make(generator: generator)
        let trainer = Trainer(
            model: net, optimizer: defaultOptimizer.make(net.parameters), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()], callbacks: [StepEnd(body)], generator: generator)
        try trainer.fit(DataLoader(dataset, batchSize: batchSize, shuffle: true), epochs: (steps + 1) / 2)
    }
}

/// Does something after each step.
private final class StepEnd: TrainingCallback {
    private let body: () throws -> Void
    init(_ body: @escaping () throws -> Void) { self.body = body }
    func stepEnd(_ trainer: Trainer) throws { try body() }
}
