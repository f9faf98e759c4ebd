import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision

/// What `needletail train` says while it runs: lines and a bar for people, or JSON objects for programs.
final class TrainReporter {
    private let training: TrainingRun
    private let isJSON: Bool
    private let isQuiet: Bool
    private var bar: ProgressBar?
    /// Whether it was said that the loss is no number.
    private var hasWarned = false

    private var kind: RunKind { training.kind }
    private var settings: RunSettings { training.settings }

    init(_ training: TrainingRun, isJSON: Bool, isQuiet: Bool) {
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
        let rate = settings.learningRate
        let name = training.specification.modelName
        if isQuiet { return }
        if isJSON {
            try write([
                JSONValue.Member("event", "start"), JSONValue.Member("data", .string(kind.rawValue)),
                JSONValue.Member("device", .string("\(training.device)")), JSONValue.Member("model", .string(name)),
                JSONValue.Member("parameters", .integer(training.trainer.model.parameterCount)),
                JSONValue.Member("epochs", .integer(settings.epochs)),
                JSONValue.Member("batch_size", .integer(settings.batchSize)),
                JSONValue.Member("optimizer", .string(settings.optimizer.rawValue)),
                JSONValue.Member("learning_rate", .number(rate)),
                JSONValue.Member("seed", TrainReporter.seed(settings.seed)),
                JSONValue.Member("dtype", .string("\(settings.dtype)")),
                JSONValue.Member("train_\(kind.unit)", .integer(training.trainingCount)),
                JSONValue.Member("\(kind.part)_\(kind.unit)", .integer(training.heldOutCount)),
                JSONValue.Member("notes", .array(training.notes.map(JSONValue.string))),
            ])
        } else {
            for note in training.notes { try say(note) }
            try say(
                "\(name), \(training.trainer.model.parameterCount) parameters, on \(training.device): "
                    + "\(training.trainingCount) \(kind.unit), batches of \(settings.batchSize), "
                    + "\(settings.optimizer.rawValue) \(rate), seed \(settings.seed)"
                    + (settings.dtype == .float32 ? "" : ", \(settings.dtype)"))
        }
    }

    /// JSON's readers take integers up to 2^63 - 1 at most: a larger seed is a string.
    private static func seed(_ seed: UInt64) -> JSONValue {
        Int(exactly: seed).map(JSONValue.integer) ?? .string("\(seed)")
    }

    private func step(_ trainer: Trainer) throws {
        if bar == nil {
            bar = ProgressBar(
                label: "epoch \(trainer.position.epoch + 1)/\(settings.epochs)", total: trainer.stepsPerEpoch,
                // The bar's clock starts now, behind this step.
                firstStep: trainer.position.step, images: (settings.batchSize, training.trainingCount),
                unit: kind.unit)
        }
        try bar?.update(step: trainer.position.step) { () throws(TensorError) in
            let scores = try trainer.scores()
            return ProgressBar.Metrics(loss: scores["loss"], accuracy: scores["accuracy"])
        }
    }

    private func epoch(_ report: TrainingRun.EpochReport) throws {
        bar?.clear()
        bar = nil
        warn(report.epoch)
        if isQuiet { return }
        let epoch = report.epoch
        let (own, heldOut) = TrainReporter.parts(epoch.scores)
        if isJSON {
            try write(
                [JSONValue.Member("event", "epoch"), JSONValue.Member("epoch", .integer(epoch.number))]
                    + ResultText.members("train", own) + ResultText.members(kind.part, heldOut) + [
                        JSONValue.Member("seconds", .number(epoch.seconds)),
                        JSONValue.Member("\(kind.unit)_per_second", .number(report.examplesPerSecond)),
                    ])
        } else {
            var facts = ["epoch \(epoch.number)/\(settings.epochs)"]
            if let loss = own["loss"] { facts.append(String(format: "loss %.4f", loss)) }
            if let accuracy = own["accuracy"], let other = heldOut["accuracy"] {
                facts.append("accuracy \(ResultText.percent(accuracy))")
                facts.append("\(kind.part) accuracy \(ResultText.percent(other))")
            } else {
                if let loss = heldOut["loss"] { facts.append("\(kind.part) loss " + String(format: "%.4f", loss)) }
                for entry in heldOut.entries where entry.name != "loss" {
                    facts.append("\(entry.name.uppercased()) \(ResultText.short(entry.value))")
                }
            }
            facts.append(String(format: "%.2f s", epoch.seconds))
            facts.append(String(format: "%.0f", report.examplesPerSecond) + " \(kind.unit)/s")
            try say(facts.joined(separator: "  "))
        }
    }

    /// Says once, on standard error, that a loss is no finite number: from there on nothing is learnt.
    private func warn(_ epoch: History.Epoch) {
        guard !hasWarned, let loss = epoch.scores["loss"], !loss.isFinite else { return }
        hasWarned = true
        let text =
            "needletail: epoch \(epoch.number): the loss is \(loss), no finite number; lower --learning-rate "
            + "(\(settings.learningRate)), or look for odd values in the data\n"
        FileHandle.standardError.write(Data(text.utf8))
    }

    /// The numbers of training, and those of what was held out without `val_`.
    private static func parts(_ scores: Scores) -> (own: Scores, heldOut: Scores) {
        var (own, heldOut) = (Scores(), Scores())
        for entry in scores.entries {
            if entry.name.hasPrefix("val_") {
                heldOut[String(entry.name.dropFirst("val_".count))] = entry.value
            } else {
                own[entry.name] = entry.value
            }
        }
        return (own, heldOut)
    }

    /// Says the result, as the last line.
    func finish() throws {
        let timer = training.trainer.timer
        let classes = training.specification.problem.classNames
        let confusion = kind.collection == nil && !classes.isEmpty ? try training.confusion() : nil
        guard isJSON else {
            if !isQuiet {
                if let best = training.best, settings.patience != nil {
                    try say("best epoch: \(best.epoch), in \(best.path)")
                }
                if let confusion { for line in ResultText.confusion(confusion, classes) { try say(line) } }
            }
            return try say(ResultText.line(kind, training.result))
        }
        var members = [
            JSONValue.Member("event", "result"), JSONValue.Member("device", .string("\(training.device)")),
            JSONValue.Member("model", .string(training.specification.modelName)),
            JSONValue.Member("parameters", .integer(training.trainer.model.parameterCount)),
            JSONValue.Member("epochs", .integer(training.trainer.position.epoch)),
            JSONValue.Member("train_seconds", .number(timer.seconds)),
            JSONValue.Member("step_ms_median", .optional(timer.medianMilliseconds)),
        ]
        members += ResultText.members(kind.part, training.result)
        if let confusion {
            members.append(JSONValue.Member("classes", .array(classes.map(JSONValue.string))))
            members.append(JSONValue.Member("confusion", ResultText.json(confusion)))
        }
        if let best = training.best { members.append(JSONValue.Member("best_epoch", .integer(best.epoch))) }
        members += [
            JSONValue.Member("plans_built", .integer(timer.statistics.plansBuilt)),
            JSONValue.Member("plan_hits", .integer(timer.statistics.planHits)),
            JSONValue.Member("launches_per_step", .number(timer.launchesPerStep)),
            JSONValue.Member("host_us", .optional(timer.hostMicroseconds)),
        ]
        try write(members)
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

    private func write(_ members: [JSONValue.Member]) throws { try JSONLines.write(.object(members)) }
    private func say(_ line: String) throws { try StandardOutput.write(line: line) }
}
