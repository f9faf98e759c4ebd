import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision

/// `needletail report`
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Makes the HTML report of a run again and says its path.",
        discussion: """
            It is made of the checkpoint's history and weights, and of the data that the run held out; where these are not \
            there, it has no predictions.
            """)

    @Argument(help: "A directory that `needletail train ... --output` wrote.") var directory: String

    @Option(help: "Where the data are, as for `needletail evaluate` (default: where they were in training).")
    var data: String?

    @Option(help: "auto, cpu, or a device that `needletail devices` lists (default: NEEDLETAIL_DEVICE, else auto).")
    var device: String?

    @Flag(help: "One JSON object on standard output, and nothing else there.")
    var json = false

    func run() throws {
        let device = try DeviceArgument.resolve(device)
        let file = "\(directory)/\(TrainingRun.checkpointName)"
        guard FileManager.default.fileExists(atPath: file) else {
            throw TensorError(
                .data,
                "\(directory): holds no \(TrainingRun.checkpointName); name a directory that `needletail train --output` "
                    + "wrote")
        }
        let saved = try SavedRun(contentsOf: file, device: device)
        let (path, lack) = try saved.writeReport(to: directory, data: data, device: device)
        if let lack {
            FileHandle.standardError.write(Data("needletail: the report has no predictions: \(lack)\n".utf8))
        }
        if json {
            try JSONLines.write(["event": "report", "report": .string(path), "predictions": .bool(lack == nil)])
        } else {
            try StandardOutput.write(line: path)
        }
    }
}
