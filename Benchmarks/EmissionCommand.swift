import ArgumentParser
import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

extension MNISTModel: ExpressibleByArgument {}

/// Times how a training step's kernels are written in the language of a device's driver: before anything is compiled, at every
/// start of a program.
struct EmissionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emission", abstract: "Times the writing of a training step's kernels in a driver's language.")

    @Option(help: "A device such as vulkan:0.") var device = "vulkan"
    @Option(help: ArgumentHelp("The model: " + MNISTModel.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var model: MNISTModel = .cnn
    @Option(help: "Images in the step.") var batchSize = 64
    @Flag(help: "Print one JSON object a line.") var json = false

    func run() throws {
        let id = try DeviceSelection.resolve(device)
        guard let emitting = try deviceContext(id).device as? any ProgramEmitting else {
            throw BenchmarkFailure("\(id) writes no kernels: name a device such as vulkan:0")
        }
        let before = emitting.emission
        let launches = try model.sampleStep(batchSize: batchSize, on: id).count
        let after = emitting.emission
        let programs = after.programs - before.programs
        guard programs > 0 else { throw BenchmarkFailure("a step of \(model.rawValue) on \(id) wrote no kernels") }
        let kernels = rounded(Double(after.kernelNanoseconds - before.kernelNanoseconds) / 1e6)
        let emission = rounded(Double(after.nanoseconds - before.nanoseconds) / 1e6)
        if json {
            print(
                #"{"framework": "needletail", "model": "\#(model.rawValue)", "device": "\#(id)", "launches": \#(launches), "#
                    + #""programs": \#(programs), "kernels_ms": \#(kernels), "emission_ms": \#(emission)}"#)
        } else {
            print(
                "\(model.rawValue), batch \(batchSize), on \(id): \(programs) programs for \(launches) kernels, made in "
                    + "\(kernels) ms, emitted in \(emission) ms")
        }
    }
}
