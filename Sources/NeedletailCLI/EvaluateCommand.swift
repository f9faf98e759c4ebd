import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision

/// `needletail evaluate`
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Says the MNIST test accuracy of a checkpoint.")

    @Option(help: "A file that `needletail train mnist --output` wrote.")
    var checkpoint: String

    @Option(help: "The directory of MNIST's files (default: NEEDLETAIL_DATA, else Datasets/mnist).")
    var data: String?

    @Option(help: "auto, cpu, or a device that `needletail devices` lists (default: NEEDLETAIL_DEVICE, else auto).")
    var device: String?

    @Option(help: "float32, float64, float16 or bfloat16, in which the model computes (default: the checkpoint's).")
    var dtype: FloatType?

    @Flag(help: "One JSON object on standard output, and nothing else there.")
    var json = false

    func run() throws {
        let device = try DeviceArgument.resolve(device)
        let saved = try Checkpoint(contentsOf: checkpoint, device: device)
        let model = try saved.makeMNISTModel(path: checkpoint, device: device, dtype: dtype?.dtype)
        let images = try MNISTFiles.load(.test, from: MNISTFiles.directory(data))
        let result = try model.evaluate(on: DeviceDataset(images, device: device, dtype: dtype?.dtype ?? saved.dtype))
        if json {
            try JSONLines.write([
                "event": "evaluation", "device": .string("\(device)"), "model": .string(saved.model),
                "parameters": .integer(model.parameterCount), "epoch": .integer(saved.position.epoch),
                "images": .integer(result.count), "test_loss": .number(result.loss),
                "test_accuracy": .number(result.accuracy),
            ])
        } else {
            let loss = String(format: "%.4f", result.loss)
            try StandardOutput.write(
                line: "\(saved.model), epoch \(saved.position.epoch), \(result.count) images, loss \(loss)")
            try StandardOutput.write(line: String(format: "MNIST test accuracy: %.2f %%", 100 * result.accuracy))
        }
    }
}
