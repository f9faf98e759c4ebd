import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime

/// What `all` measures, most telling first: what does not fit into the time is the rest.
struct SuitePlan {
    let device: DeviceDescription
    let split: MNISTSplit
    let seconds: Double
    let round: Int
    let isQuick: Bool
    /// Where the MNIST files are; nil where they usually are.
    let data: String?

    func parts(peaks: Peaks) -> [[SuiteStep]] {
        let scaling = Scaling(device: device.id, split: split, seconds: seconds, round: round, isQuick: isQuick)
        let curves = ScalingAxis.allCases.map { scaling.steps(along: $0) }
        return [operations([.float32], peaks), training, starts] + curves
            + [operations([.float16, .bfloat16], peaks), accuracies]
    }

    private func operations(_ dtypes: [DType], _ peaks: Peaks) -> [SuiteStep] {
        let timing = OperationTiming(device: device, seconds: seconds, round: round, peaks: peaks)
        return dtypes.filter(device.dtypes.contains).flatMap { dtype in
            OperationCase.all.filter { $0.dtypes.contains(dtype) && !(isQuick && $0.isLarge) }.map { test in
                SuiteStep(name: "\(test.name) \(dtype)", weight: 1.5 * seconds + 0.1) {
                    try timing.row(test, dtype).map { [$0] } ?? []
                }
            }
        }
    }

    private var training: [SuiteStep] {
        BenchmarkModel.allCases.flatMap { model in
            [false, true].map { isCaptured in
                let bench = TrainingBench(
                    split: split, model: model, batch: 64, isCaptured: isCaptured, round: round,
                    seconds: 3 * seconds)
                return SuiteStep(
                    name: "training \(model.rawValue)\(isCaptured ? ", captured" : "")", weight: 5 * seconds
                ) {
                    [try bench.row()]
                }
            }
        }
    }

    /// Seconds of training to 98 % on MNIST, as `accuracy` takes them; a seed that does not get there counts for nothing.
    private var accuracies: [SuiteStep] {
        [
            SuiteStep(name: "time to 98 %", weight: 12) {
                let command = try AccuracyCommand.parse(["--preset", "fast98"])
                let training = DeviceDataset(split)
                let test = DeviceDataset(try MNISTFiles.load(.test, from: try MNISTFiles.directory(data)))
                let load = ProcessorLoad()
                let before = executionStatistics()
                let trained = try [UInt64(1), 2, 3].prefix(isQuick ? 1 : 3).map {
                    try command.train(training, test, seed: $0)
                }
                let spent = executionStatistics() - before
                let samples = trained.map { $0.seconds * 1e6 }
                let lowest = trained.map(\.accuracy).min()!
                let result = Sampler.Result(
                    first: samples[0], samples: samples, host: 0,
                    launches: Double(spent.launches) / Double(samples.count),
                    warnings: load.warnings(),
                    failure: lowest < 0.98 ? String(format: "a seed reached %.2f %%", 100 * lowest) : nil, spent: spent,
                    iterations: samples.count)
                var row = result.row(suite: "accuracy", name: "fast98", dtype: .float32, on: device, round: round)
                row.family = "fast98"
                return [row]
            }
        ]
    }

    private var starts: [SuiteStep] {
        [BenchmarkModel.mlp, .cnn].map { model in
            let start = StartMeasurement(model: model, device: device.id, starts: isQuick ? 1 : 3, round: round)
            return SuiteStep(name: "starts of \(model.rawValue)", weight: isQuick ? 4 : 12) { try start.rows() }
        }
    }
}

/// Takes steps until the time is over, says how far it is, and goes on after what fails.
struct SuiteRun {
    let minutes: Double
    private(set) var rows: [BenchmarkRow] = []
    private(set) var failures = 0
    private(set) var leftOut: [String] = []
    private let begin = ContinuousClock.now

    init(minutes: Double) { self.minutes = minutes }

    /// Keeps rows, and tells which of them failed.
    mutating func take(_ made: [BenchmarkRow]) {
        for row in made {
            guard let failure = row.failure else { continue }
            failures += 1
            NeedletailBench.tell("FAILED: \(row.name): \(failure)")
        }
        rows += made
    }

    mutating func run(_ steps: [SuiteStep]) throws {
        var done = 0.0
        let all = steps.reduce(0) { $0 + $1.weight }
        let start = ContinuousClock.now
        for (index, step) in steps.enumerated() {
            let elapsed = (ContinuousClock.now - begin) / .seconds(1)
            if elapsed > minutes * 60 {
                leftOut.append(step.name)
                continue
            }
            // By what the steps before took of their weights; before the first, the weights themselves are seconds.
            let pace = done > 0 ? (ContinuousClock.now - start) / .seconds(1) / done : 1
            let left = Int(min((all - done) * pace, minutes * 60 - elapsed))
            NeedletailBench.tell(
                String(
                    format: "%d:%02d gone, about %d:%02d left of this part, %d of %d: ", Int(elapsed) / 60,
                    Int(elapsed) % 60, left / 60, left % 60, index + 1, steps.count) + step.name)
            do {
                take(try step.run())
            } catch let error as TensorError {
                failures += 1
                NeedletailBench.tell("FAILED: \(step.name): \(error.message)")
            } catch {
                failures += 1
                NeedletailBench.tell("FAILED: \(step.name): \(error)")
            }
            done += step.weight
        }
    }
}
