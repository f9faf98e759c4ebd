import ArgumentParser
import Foundation
import Needletail
import TensorRuntime

/// `needletail-bench emission`: how a training step's kernels are written in the language of a device's driver, before anything is
/// compiled, at every start of a program.
struct EmissionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emission", abstract: "Times the writing of a training step's kernels in a driver's language.",
        discussion: "Each sample is of an instance of the device that has written nothing yet.")

    @Option(help: ArgumentHelp(BenchmarkModel.summary)) var model = "mlp,cnn"
    @Option(name: [.long, .customLong("batch-size")], help: "Images in the step.") var batch = 64
    @OptionGroup var rows: RowOptions

    func validate() throws {
        _ = try BenchmarkModel.list(model)
        if batch < 1 { throw ValidationError("--batch \(batch): give at least 1") }
    }

    func run() throws {
        try rows.onDevice { device in
            guard try deviceContext().device is any ProgramEmitting else {
                throw ValidationError("--device \(device.id): it writes no kernels; name a device such as vulkan:0")
            }
            let steps = try BenchmarkModel.list(model).map {
                EmissionMeasurement(model: $0, batch: batch, device: device, round: rows.round).step
            }
            try rows.run(steps, of: "emission", on: device)
        }
    }
}

/// Times what instances of a device take to make and to write the kernels of a training step.
struct EmissionMeasurement {
    let model: BenchmarkModel
    let batch: Int
    let device: DeviceDescription
    let round: Int
    static let samples = 3

    private var name: String { "\(model.rawValue) batch \(batch)" }

    var step: SuiteStep {
        SuiteStep(suite: "emission", name: name, family: model.rawValue, weight: 3, run: rows)
    }

    /// Rows of the kernels' making and of their writing, each along how many programs there were.
    private func rows() throws -> [BenchmarkRow] {
        var making: [Double] = []
        var programs = 0
        var launches = 0
        let writing = try Sampler.once(EmissionMeasurement.samples) { _ in
            let emission = try withDevice(device.id, RuntimeConfiguration.current) { () throws -> ProgramEmission in
                guard let emitting = try deviceContext().device as? any ProgramEmitting else {
                    throw BenchmarkFailure("\(device.id) writes no kernels: name a device such as vulkan:0")
                }
                let step = try model.makeStepOnNoise(batch: batch)
                for _ in 0..<2 { _ = try step() }
                launches = try deviceContext().lastPlanLaunches.count
                return emitting.emission
            }
            guard emission.programs > 0 else {
                throw BenchmarkFailure("a step of \(model.rawValue) on \(device.id) wrote no kernels")
            }
            programs = emission.programs
            making.append(Double(emission.kernelNanoseconds) / 1000)
            return Double(emission.nanoseconds) / 1000
        }
        return [("made", making), ("written", writing.samples)].map { what, samples in
            var result = writing
            (result.first, result.samples, result.launches) = (samples[0], samples, Double(launches))
            var row = result.row(
                suite: "emission", name: "\(name), kernels \(what)", dtype: .float32, on: device, round: round)
            row.family = model.rawValue
            // All of it is the host's.
            row.hostMicroseconds = Quantiles(samples).median
            (row.axis, row.place) = ("programs", Double(programs))
            return row
        }
    }
}
