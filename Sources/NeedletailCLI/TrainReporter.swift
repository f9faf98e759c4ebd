import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision

/// What `needletail train mnist` says while it runs: lines and a bar for people, or JSON objects for programs.
final class TrainReporter {
    private let training: MNISTRun
    private let isJSON: Bool
    private let isQuiet: Bool
    private var bar: ProgressBar?

    init(_ training: MNISTRun, isJSON: Bool, isQuiet: Bool) {
        self.training = training
        self.isJSON = isJSON
        self.isQuiet = isQuiet
        training.onEpoch = { [unowned self] in try epoch($0) }
        if ProgressBar.standardErrorIsTerminal, !isQuiet {
            training.onStep = { [unowned self] in try step($0) }
        }
    }

    /// Says what is about to be trained.
    func begin() throws {
        let rate = training.trainer.optimizer.learningRate
        if isJSON {
            try JSONLines.write([
                "event": "start", "device": .string("\(training.device)"), "model": .string(training.kind.rawValue),
                "parameters": .integer(training.trainer.model.parameterCount), "epochs": .integer(training.epochs),
                "batch_size": .integer(training.batchSize), "optimizer": .string(training.optimizerKind.rawValue),
                "learning_rate": .number(rate), "seed": TrainReporter.seed(training.seed),
                "dtype": .string("\(training.trainingSet.dtype)"),
                "train_images": .integer(training.trainingSet.count), "test_images": .integer(training.testSet.count),
            ])
        } else if !isQuiet {
            try say(
                "\(training.kind.rawValue), \(training.trainer.model.parameterCount) parameters, on \(training.device): "
                    + "\(training.trainingSet.count) images, batches of \(training.batchSize), "
                    + "\(training.optimizerKind.rawValue) \(rate), seed \(training.seed)"
                    + (training.trainingSet.dtype == .float32 ? "" : ", \(training.trainingSet.dtype)"))
        }
    }

    /// JSON's readers take integers up to 2^63 - 1 at most: a larger seed is a string.
    private static func seed(_ seed: UInt64) -> JSONValue {
        Int(exactly: seed).map(JSONValue.integer) ?? .string("\(seed)")
    }

    private func step(_ trainer: Trainer) throws {
        if bar == nil {
            bar = ProgressBar(
                label: "epoch \(trainer.position.epoch + 1)/\(training.epochs)", total: trainer.stepsPerEpoch,
                // The bar's clock starts now, behind this step.
                firstStep: trainer.position.step,
                images: (training.batchSize, training.trainingSet.count))
        }
        try bar?.update(step: trainer.position.step) { () throws(TensorError) in
            let scores = try trainer.scores()
            return ProgressBar.Metrics(loss: scores["loss"], accuracy: scores["accuracy"])
        }
    }

    private func epoch(_ report: MNISTRun.EpochReport) throws {
        bar?.clear()
        bar = nil
        if isJSON {
            try JSONLines.write([
                "event": "epoch", "epoch": .integer(report.epoch), "train_loss": .number(report.trainLoss),
                "train_accuracy": .number(report.trainAccuracy), "test_loss": .number(report.testLoss),
                "test_accuracy": .number(report.testAccuracy), "seconds": .number(report.seconds),
                "images_per_second": .number(report.imagesPerSecond),
            ])
        } else if !isQuiet {
            let facts = String(
                format: "loss %.4f  accuracy %.2f %%  test accuracy %.2f %%  %.2f s  %.0f images/s", report.trainLoss,
                100 * report.trainAccuracy, 100 * report.testAccuracy, report.seconds, report.imagesPerSecond)
            try say("epoch \(report.epoch)/\(training.epochs)  \(facts)")
        }
    }

    /// Says the result, as the last line.
    func finish() throws {
        let accuracy = training.testAccuracy ?? 0
        let timer = training.trainer.timer
        guard isJSON else {
            try say(String(format: "MNIST test accuracy: %.2f %%", 100 * accuracy))
            return
        }
        try JSONLines.write([
            "event": "result", "device": .string("\(training.device)"), "model": .string(training.kind.rawValue),
            "parameters": .integer(training.trainer.model.parameterCount),
            "epochs": .integer(training.epochs), "train_seconds": .number(timer.seconds),
            "step_ms_median": .optional(timer.medianMilliseconds), "test_accuracy": .number(accuracy),
            "plans_built": .integer(timer.statistics.plansBuilt), "plan_hits": .integer(timer.statistics.planHits),
            "launches_per_step": .number(timer.launchesPerStep),
            "host_us": .optional(timer.hostMicroseconds),
        ])
    }

    /// Says that Ctrl-C or SIGTERM ended training, and where it was saved.
    func interrupted(_ path: String?) throws {
        bar?.clear()
        bar = nil
        if isJSON {
            try JSONLines.write(["event": "interrupted", "checkpoint": path.map { .string($0) } ?? .null])
        }
        let text =
            path.map { "interrupted; go on with --resume \($0)" }
            ?? "interrupted; nothing was saved, because there was no --output"
        FileHandle.standardError.write(Data("needletail: \(text)\n".utf8))
    }

    private func say(_ line: String) throws { try StandardOutput.write(line: line) }
}
