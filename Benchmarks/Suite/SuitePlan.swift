import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

/// What `all` measures, most telling first: what does not fit into the time is the rest.
package struct SuitePlan {
    let device: DeviceDescription
    let split: MNISTSplit
    let seconds: Double
    let round: Int
    let isQuick: Bool
    /// Where the MNIST files are; nil where they usually are.
    let data: String?

    package init(
        device: DeviceDescription, split: MNISTSplit, seconds: Double, round: Int = 0, isQuick: Bool = false,
        data: String? = nil
    ) {
        (self.device, self.split, self.seconds) = (device, split, seconds)
        (self.round, self.isQuick, self.data) = (round, isQuick, data)
    }

    /// The first part, whose rows say the peaks that others are shares of.
    package var probe: [SuiteStep] {
        Probe(device: device, seconds: seconds, round: round, isQuick: isQuick).steps
    }

    /// All other parts.
    package func parts(peaks: Peaks) -> [[SuiteStep]] {
        let scaling = Scaling(device: device.id, split: split, seconds: seconds, round: round, isQuick: isQuick)
        let curves = ScalingAxis.allCases.map { scaling.steps(along: $0) }
        return [operations([.float32], peaks), training, starts] + curves
            + [operations([.float16, .bfloat16], peaks), host, accuracies]
    }

    private func operations(_ dtypes: [DType], _ peaks: Peaks) -> [SuiteStep] {
        let timing = OperationTiming(device: device, seconds: seconds, round: round, peaks: peaks)
        return dtypes.filter(device.dtypes.contains).flatMap { dtype in
            OperationCase.all.filter { $0.dtypes.contains(dtype) && !(isQuick && $0.isLarge) }.map {
                timing.step($0, dtype)
            }
        }
    }

    private var training: [SuiteStep] {
        BenchmarkModel.allCases.flatMap { model in
            [false, true].map { isCaptured in
                TrainingBench(
                    split: split, model: model, batch: 64, isCaptured: isCaptured, round: round, seconds: 3 * seconds
                ).step(on: device.id)
            }
        }
    }

    private var starts: [SuiteStep] {
        [BenchmarkModel.mlp, .cnn].map {
            StartMeasurement(model: $0, device: device, starts: isQuick ? 1 : 3, round: round).step
        }
    }

    /// What planning and the writing of kernels cost the host.
    private var host: [SuiteStep] {
        let plans = PlanMeasurement(device: device, losses: isQuick ? 1000 : 10_000, round: round).steps
        let emissions = [BenchmarkModel.mlp, .cnn].map {
            EmissionMeasurement(model: $0, batch: 64, device: device, round: round).step
        }
        // A processor's kernels are there already.
        return plans + (device.id.backend == DeviceID.cpu.backend ? [] : emissions)
    }

    /// Seconds of training to 98 % on MNIST, as `accuracy` takes them; a seed that does not get there counts for nothing.
    private var accuracies: [SuiteStep] {
        [
            SuiteStep(suite: "accuracy", name: "fast98", family: "fast98", weight: 12) {
                let command = try AccuracyCommand.parse(["--preset", "fast98"])
                let training = DeviceDataset(split)
                let test = DeviceDataset(try MNISTFiles.load(.test, from: try MNISTFiles.directory(data)))
                var lowest = 1.0
                var result = try Sampler.once(isQuick ? 1 : 3) { index in
                    let trained = try command.train(training, test, seed: UInt64(index + 1))
                    lowest = min(lowest, trained.accuracy)
                    return trained.seconds * 1e6
                }
                if lowest < 0.98 { result.failure = String(format: "a seed reached %.2f %%", 100 * lowest) }
                var row = result.row(suite: "accuracy", name: "fast98", dtype: .float32, on: device, round: round)
                row.family = "fast98"
                return [row]
            }
        ]
    }
}
