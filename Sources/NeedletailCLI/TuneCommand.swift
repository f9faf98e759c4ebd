import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailVision

/// `needletail tune`
struct TuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Measures the schedules of the models' kernels on a device, and keeps the fastest ones for it.")

    @Option(help: "A device such as opencl:0.") var device: String
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Models: " + MNISTModel.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var model: [MNISTModel] = [.mlp, .cnn]
    @Option(help: "Images in a step.") var batchSize = 64

    func validate() throws {
        guard (1...65_536).contains(batchSize) else {
            throw ValidationError("--batch-size \(batchSize): give 1 to 65536")
        }
    }

    func run() throws {
        let id = try DeviceArgument.resolve(device)
        let tuner = try Tuner(id)
        let specs = try model.flatMap { try $0.sampleStep(batchSize: batchSize, on: id).map(\.kernel.spec) }
        let file = try tuner.tune(specs) { (outcome) throws(TensorError) in
            try StandardOutput.write(line: "\(outcome.spec)")
            for measurement in outcome.measurements {
                let time = measurement.microseconds.map { String(format: "%10.1f us", $0) } ?? "             "
                let mark = measurement.schedule == outcome.best?.schedule ? "*" : " "
                try StandardOutput.write(
                    line: "  \(mark) \(time)  \(measurement.schedule)  \(measurement.complaint ?? "")")
            }
        }
        try StandardOutput.write(line: file.map { "kept in \($0)" } ?? "no kernel has schedules to choose from")
    }
}
