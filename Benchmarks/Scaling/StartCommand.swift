import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// `needletail-bench start`: how long a program takes until its first step is done, with and without compiled programs on disk.
struct StartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Times starts of a program: without anything in the cache, and again.",
        discussion: """
            Starts itself as a child, with all that it and the drivers keep on disk in a directory of its own: empty for a cold \
            start, as that left it for a warm one. The whole process is from its creation to its end, with three training steps. \
            The system's own cache of files is warm in both.
            """)

    @Option(help: ArgumentHelp(BenchmarkModel.summary)) var model = "mlp,cnn"
    @Option(help: "Starts of each kind.") var starts = 3
    @Flag(help: .hidden) var child = false
    @OptionGroup var rows: RowOptions

    func validate() throws {
        _ = try BenchmarkModel.list(model)
        if starts < 1 { throw ValidationError("--starts \(starts): give at least 1") }
    }

    func run() throws {
        let models = try BenchmarkModel.list(model)
        if child { return try StartChild.run(models[0], device: rows.device) }
        let device = try deviceContext(DeviceSelection.resolve(rows.device)).device.description
        let steps = models.map {
            StartMeasurement(model: $0, device: device, starts: starts, round: rows.round).step
        }
        try rows.run(steps, of: "start", on: device)
    }
}

/// What the child does and says: one training step after another, on made-up images.
enum StartChild {
    static let steps = 3

    static func run(_ model: BenchmarkModel, device: String) throws {
        let begin = ContinuousClock.now
        func microseconds() -> Double { (ContinuousClock.now - begin) / .microseconds(1) }
        let id = try DeviceSelection.resolve(device)
        try withDevice(id) {
            let step = try model.makeStepOnNoise(batch: 64)
            var times = [microseconds()]
            for _ in 0..<steps {
                _ = try step()
                times.append(microseconds())
            }
            try JSONLines.write(["times": .array(times.map { .number($0) })])
        }
    }
}

/// Starts children and times them.
package struct StartMeasurement {
    let model: BenchmarkModel
    let device: DeviceDescription
    let starts: Int
    let round: Int

    private struct Child {
        /// Of the whole process, of opening the device and making the model, of its steps, in microseconds.
        var process, opening: Double
        var steps: [Double]
    }

    /// The variables by which this runtime and drivers are told where to keep what they compiled, and how each one's folder is called.
    private static let caches = [
        "NEEDLETAIL_CACHE": "needletail",
        // Mesa: lavapipe, ANV, RADV, Rusticl; its earlier name.
        "MESA_SHADER_CACHE_DIR": "mesa", "MESA_GLSL_CACHE_DIR": "mesa",
        "POCL_CACHE_DIR": "pocl",
        // NVIDIA's OpenCL and Vulkan.
        "CUDA_CACHE_PATH": "cuda", "__GL_SHADER_DISK_CACHE_PATH": "nvidia",
        // Intel's and AMD's OpenCL.
        "NEO_CACHE_DIR": "intel", "AMD_COMGR_CACHE_DIR": "amd",
        // What has no variable of its own.
        "XDG_CACHE_HOME": "other",
    ]

    /// What a child's environment has besides: a folder of `place` for each cache.
    package static func environment(cachesIn place: String) -> [String: String] {
        caches.mapValues { "\(place)/\($0)" }
    }

    var step: SuiteStep {
        SuiteStep(
            suite: "start", name: "\(model.rawValue) start", family: model.rawValue, weight: Double(4 * starts),
            run: rows)
    }

    private func rows() throws -> [BenchmarkRow] {
        var (cold, warm): ([Child], [Child]) = ([], [])
        let load = ProcessorLoad()
        for _ in 0..<starts {
            let place = FileManager.default.temporaryDirectory.appendingPathComponent("nt-start-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: place) }
            let environment = StartMeasurement.environment(cachesIn: place.path)
            for folder in environment.values {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            cold.append(try child(environment))
            warm.append(try child(environment))
        }
        let warnings = load.warnings()
        func row(_ name: String, _ samples: [Double]) -> BenchmarkRow {
            var row = BenchmarkRow(
                suite: "start", name: "\(model.rawValue) \(name)", dtype: .float32, on: device, round: round)
            (row.firstMicroseconds, row.samples, row.warnings) = (samples[0], samples, warnings)
            row.family = model.rawValue
            return row
        }
        return [("cold", cold), ("warm", warm)].flatMap { kind, children in
            [
                row("\(kind) whole process of \(StartChild.steps) steps", children.map(\.process)),
                row("\(kind) device and model", children.map(\.opening)),
                row("\(kind) first step", children.map { $0.steps[0] }),
                row("\(kind) later step", children.map { $0.steps.dropFirst().min()! }),
            ]
        }
    }

    private func child(_ environment: [String: String]) throws -> Child {
        let program = try ChildProgram.own()
        let begin = ContinuousClock.now
        let output = try ChildProgram.run(
            program, ["start", "--child", "--model", model.rawValue, "--device", "\(device.id)"],
            environment: environment)
        let process = (ContinuousClock.now - begin) / .microseconds(1)
        struct Line: Decodable { let times: [Double] }
        let line = output.split(separator: "\n").last.map { Data($0.utf8) } ?? Data()
        guard let times = try? JSONDecoder().decode(Line.self, from: line).times, times.count == StartChild.steps + 1
        else { throw BenchmarkFailure("start: the child said '\(output)'") }
        return Child(process: process, opening: times[0], steps: zip(times, times.dropFirst()).map { $1 - $0 })
    }
}
