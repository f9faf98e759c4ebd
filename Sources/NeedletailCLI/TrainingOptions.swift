import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision

/// What every `needletail train` takes.
struct TrainingOptions: ParsableArguments {
    @Option(help: "auto, cpu, or a device that `needletail devices` lists (default: NEEDLETAIL_DEVICE, else auto).")
    var device: String?

    @Option(
        help:
            "All epochs, those of the resumed run included (default: 1; of csv 100; of a preset or checkpoint its own)."
    )
    var epochs: Int?

    @Option(help: "Examples of a step (default: 64; of images and csv 32; of a preset its own).")
    var batchSize: Int?

    @Option(help: "sgd, adam or adamw (default: adam; sgd for mlp-small; adamw for a preset).")
    var optimizer: OptimizerKind?

    @Option(help: "The optimizer's learning rate (default: 1e-3; 1e-2 for sgd; of a preset its own).")
    var learningRate: Double?

    @Option(help: "Seed of initial weights, order of examples, what is held out, and dropout (default: 0).")
    var seed: UInt64?

    @Option(help: "float32, float64, float16 or bfloat16: of weights, activations and gradients (default: float32).")
    var dtype: FloatType?

    @Option(
        help:
            "Stop after N epochs without a better one, and end with the weights of the best (default: train all epochs)."
    )
    var patience: Int?

    @Option(
        help: """
            A directory for the checkpoint, written after each epoch and at Ctrl-C or SIGTERM, that of the best epoch, the \
            history and a report.
            """)
    var output: String?

    @Flag(
        help: "Write TensorBoard's event file into --output too: curves, histograms of weights and gradients, pictures."
    )
    var tensorboard = false

    @Option(help: "A checkpoint to go on from; its settings are the defaults.")
    var resume: String?

    @Flag(help: "One JSON object a line on standard output, and nothing else there.")
    var json = false

    @Flag(help: "Only the result.")
    var quiet = false

    func validate() throws {
        try Arguments.check("--epochs", epochs)
        try Arguments.check("--batch-size", batchSize)
        try Arguments.check("--patience", patience)
        if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
            throw ValidationError("--learning-rate \(learningRate): give a number above 0")
        }
        if tensorboard, output == nil { throw ValidationError("--tensorboard: has no directory; give --output too") }
    }

    /// Trains, and says how it goes.
    func train(_ subject: any RunSubject) throws {
        InterruptSignal.watch()
        var options = RunOptions()
        options.device = try DeviceArgument.resolve(device)
        options.epochs = epochs
        options.batchSize = batchSize
        options.optimizer = optimizer
        options.learningRate = learningRate
        options.seed = seed
        options.dtype = dtype?.dtype
        options.patience = patience
        options.outputDirectory = output
        options.tensorBoardDirectory = tensorboard ? output : nil
        options.resumedFile = resume
        let training = try TrainingRun(subject, options)
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

/// Checks that commands share.
enum Arguments {
    /// - Throws: where a count is given and below 1.
    static func check(_ option: String, _ value: Int?) throws {
        if let value, value < 1 { throw ValidationError("\(option) \(value): give 1 or more") }
    }

    /// - Throws: where a share is given that is none.
    static func check(share option: String, _ value: Double?) throws {
        if let value, !(value > 0 && value < 1) {
            throw ValidationError("\(option) \(value): give a number above 0 and below 1")
        }
    }

    /// What stands between commas, without the spaces around it.
    static func words(_ list: String) -> [String] {
        list.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// The different words of a list with commas.
    static func list(_ option: String, _ text: String?) throws -> [String]? {
        guard let text else { return nil }
        let words = words(text)
        if words.contains(where: \.isEmpty) || Set(words).count < words.count {
            throw ValidationError("\(option) '\(text)': give different words with commas between them")
        }
        return words
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

extension ImageModel: ExpressibleByArgument {}
extension MNISTModel: ExpressibleByArgument {}
extension MNISTPreset: ExpressibleByArgument {}
extension OptimizerKind: ExpressibleByArgument {}
extension RunPrediction.Inversion: ExpressibleByArgument {}
extension TableSubject.Task: ExpressibleByArgument {}
extension TableSubject.Missing: ExpressibleByArgument {}
