import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision

/// `needletail evaluate`
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Says how the model of a checkpoint does on data that it was not trained on."
    )

    @Option(help: "A file that `needletail train ... --output` wrote: checkpoint.safetensors or best.safetensors.")
    var checkpoint: String

    @Option(
        help: """
            A directory of mnist's, fashion-mnist's or cifar10's files; of images a directory with a folder for each class, \
            of csv a file, all of which is taken (default: what training held out, where it was then).
            """)
    var data: String?

    @Option(help: "auto, cpu, or a device that `needletail devices` lists (default: NEEDLETAIL_DEVICE, else auto).")
    var device: String?

    @Option(help: "float32, float64, float16 or bfloat16, in which the model computes (default: the checkpoint's).")
    var dtype: FloatType?

    @Flag(help: "One JSON object on standard output, and nothing else there.")
    var json = false

    func run() throws {
        let device = try DeviceArgument.resolve(device)
        let saved = try SavedRun(contentsOf: checkpoint, device: device)
        let evaluation = try RunEvaluation(saved, data: data, device: device, dtype: dtype?.dtype)
        let (kind, epoch) = (saved.kind, saved.checkpoint.position.epoch)
        let classes = evaluation.classNames
        let confusion = kind.collection == nil ? evaluation.confusion : nil
        if json {
            var members = [
                JSONValue.Member("event", "evaluation"), JSONValue.Member("data", .string(kind.rawValue)),
                JSONValue.Member("device", .string("\(device)")),
                JSONValue.Member("model", .string(saved.checkpoint.model)),
                JSONValue.Member("parameters", .integer(evaluation.parameterCount)),
                JSONValue.Member("epoch", .integer(epoch)), JSONValue.Member(kind.unit, .integer(evaluation.count)),
            ]
            members += ResultText.members(kind.part, evaluation.scores)
            if let confusion {
                members.append(JSONValue.Member("classes", .array(classes.map(JSONValue.string))))
                members.append(JSONValue.Member("confusion", ResultText.json(confusion)))
            }
            return try JSONLines.write(.object(members))
        }
        let loss = String(format: "%.4f", evaluation.scores["loss"] ?? .nan)
        try StandardOutput.write(
            line: "\(saved.checkpoint.model), epoch \(epoch), \(evaluation.count) \(kind.unit), loss \(loss)")
        if let confusion {
            for line in ResultText.confusion(confusion, classes) { try StandardOutput.write(line: line) }
        }
        try StandardOutput.write(line: ResultText.line(kind, evaluation.scores))
    }
}
