import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailVision

/// `needletail train mnist`
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Trains a model.", subcommands: [MNIST.self])

    struct MNIST: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mnist", abstract: "Trains a classifier of handwritten digits and says its test accuracy.")

        @Option(help: "mlp, mlp-small, cnn or lenet (default: mlp).")
        var model: MNISTModel?

        @Option(help: "auto, cpu, or a device that `needletail devices` lists (default: NEEDLETAIL_DEVICE, else auto).")
        var device: String?

        @Option(help: "All epochs, those of the resumed run included (default: 1).")
        var epochs: Int?

        @Option(help: "Images of a step (default: 64).")
        var batchSize: Int?

        @Option(help: "sgd, adam or adamw (default: adam; sgd for mlp-small).")
        var optimizer: OptimizerKind?

        @Option(help: "The optimizer's learning rate (default: 1e-3; 1e-2 for sgd).")
        var learningRate: Double?

        @Option(help: "Seed of initial weights, order of images and dropout (default: 0).")
        var seed: UInt64?

        @Option(
            help: "float32, float64, float16 or bfloat16: of weights, activations and gradients (default: float32).")
        var dtype: FloatType?

        @Option(help: "The directory of MNIST's files (default: NEEDLETAIL_DATA, else Datasets/mnist).")
        var data: String?

        @Option(help: "Train on the first N images only.")
        var limit: Int?

        @Option(
            help:
                "A directory for the checkpoint, written after each epoch and at Ctrl-C or SIGTERM, the history and a report."
        )
        var output: String?

        @Option(help: "A checkpoint to go on from.")
        var resume: String?

        @Flag(help: "One JSON object a line on standard output, and nothing else there.")
        var json = false

        @Flag(help: "Only the result.")
        var quiet = false

        func validate() throws {
            try check("--epochs", epochs)
            try check("--batch-size", batchSize)
            try check("--limit", limit)
            if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
                throw ValidationError("--learning-rate \(learningRate): give a number above 0")
            }
        }

        private func check(_ option: String, _ value: Int?) throws {
            if let value, value < 1 { throw ValidationError("\(option) \(value): give 1 or more") }
        }

        func run() throws {
            InterruptSignal.watch()
            var options = MNISTRunOptions()
            options.device = try DeviceArgument.resolve(device)
            options.model = model
            options.epochs = epochs
            options.batchSize = batchSize
            options.optimizer = optimizer
            options.learningRate = learningRate
            options.seed = seed
            options.dtype = dtype?.dtype
            options.dataDirectory = data
            options.limit = limit
            options.outputDirectory = output
            options.resumedFile = resume
            let training = try MNISTRun(options)
            training.isInterrupted = { InterruptSignal.isRaised }
            let reporter = TrainReporter(training, isJSON: json, isQuiet: quiet)
            try reporter.begin()
            switch try training.run() {
            case .finished: try reporter.finish()
            case .interrupted(let path):
                try reporter.interrupted(path)
                throw ExitCode(InterruptSignal.exitCode)
            }
        }
    }
}

/// A dtype that a model may have.
enum FloatType: String, CaseIterable, ExpressibleByArgument {
    case float32, float64, float16, bfloat16

    var dtype: DType {
        switch self {
        case .float32: .float32
        case .float64: .float64
        case .float16: .float16
        case .bfloat16: .bfloat16
        }
    }
}

extension MNISTModel: ExpressibleByArgument {}
extension OptimizerKind: ExpressibleByArgument {}
