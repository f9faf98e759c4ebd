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
            Starts itself as a child with a cache directory of its own, empty for the cold start and full for the warm one. \
            The cold one of the system's own files is not measured.
            """)

    @Option(help: ArgumentHelp(BenchmarkModel.summary)) var model = "mlp,cnn"
    @Option(help: "Starts of each kind.") var starts = 3
    @Flag(help: .hidden) var child = false
    @OptionGroup var measuring: MeasuringOptions

    func validate() throws {
        _ = try BenchmarkModel.list(model)
        if starts < 1 { throw ValidationError("--starts \(starts): give at least 1") }
    }

    func run() throws {
        let models = try BenchmarkModel.list(model)
        if child { return try StartChild.run(models[0], device: measuring.device) }
        let id = try DeviceSelection.resolve(measuring.device)
        for model in models {
            let start = StartMeasurement(model: model, device: id, starts: starts, round: measuring.round)
            for row in try start.rows() { try measuring.write(row) }
        }
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
            manualSeed(0)
            let net = model.makeNet()
            let optimizer = model.makeOptimizer(net.parameters)
            let x = Tensor.normal(Shape([64] + model.imageShape))
            let y = Tensor((0..<64).map { Int64($0 % 10) }, shape: [64])
            try evaluate(x)
            try synchronize()
            var times = [microseconds()]
            for _ in 0..<steps {
                optimizer.zeroGrad()
                let loss = crossEntropy(net.call(x), y)
                loss.backward()
                try optimizer.step()
                guard try Double(loss.item()).isFinite else { throw BenchmarkFailure("start: the loss is not finite") }
                try synchronize()
                times.append(microseconds())
            }
            try JSONLines.write(["times": .array(times.map { .number($0) })])
        }
    }
}

/// Starts children and times them.
struct StartMeasurement {
    let model: BenchmarkModel
    let device: DeviceID
    let starts: Int
    let round: Int

    private struct Child {
        /// Of the whole process, of opening the device and making the model, of its steps, in microseconds.
        var process, opening: Double
        var steps: [Double]
    }

    func rows() throws -> [BenchmarkRow] {
        let description = try deviceContext(device).device.description
        var (cold, warm): ([Child], [Child]) = ([], [])
        let load = ProcessorLoad()
        for _ in 0..<starts {
            let cache = FileManager.default.temporaryDirectory.appendingPathComponent("nt-start-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: cache) }
            try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
            cold.append(try child(cache: cache.path))
            warm.append(try child(cache: cache.path))
        }
        func row(_ name: String, _ samples: [Double], launches: Double) -> BenchmarkRow {
            let result = Sampler.Result(
                first: samples[0], samples: samples, host: 0, launches: launches, warnings: load.warnings(),
                failure: nil, spent: ExecutionStatistics(), iterations: samples.count)
            var row = result.row(
                suite: "start", name: "\(model.rawValue) \(name)", dtype: .float32, on: description, round: round)
            row.family = model.rawValue
            return row
        }
        return [("cold", cold), ("warm", warm)].flatMap { kind, children in
            [
                row("\(kind) process", children.map(\.process), launches: 0),
                row("\(kind) device and model", children.map(\.opening), launches: 0),
                row("\(kind) first step", children.map { $0.steps[0] }, launches: 0),
                row("\(kind) later step", children.map { $0.steps.dropFirst().min()! }, launches: 0),
            ]
        }
    }

    private func child(cache: String) throws -> Child {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let begin = ContinuousClock.now
        let output = try ChildProgram.run(
            "/usr/bin/env",
            [
                "NEEDLETAIL_CACHE=\(cache)", program, "start", "--child", "--model", model.rawValue, "--device",
                "\(device)",
            ])
        let process = (ContinuousClock.now - begin) / .microseconds(1)
        struct Line: Decodable { let times: [Double] }
        let line = output.split(separator: "\n").last.map { Data($0.utf8) } ?? Data()
        guard let times = try? JSONDecoder().decode(Line.self, from: line).times, times.count == StartChild.steps + 1
        else { throw BenchmarkFailure("start: the child said '\(output)'") }
        return Child(process: process, opening: times[0], steps: zip(times, times.dropFirst()).map { $1 - $0 })
    }
}

/// Other programs, started and waited for.
enum ChildProgram {
    /// What a program writes; its errors go where this process's go.
    ///
    /// - Throws: ``BenchmarkFailure`` where it cannot be started or exits with another code than 0 or `accepted`.
    static func run(_ path: String, _ arguments: [String], accepted: Int32 = 0) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        do { try process.run() } catch {
            throw BenchmarkFailure("\(path) cannot be started: \(error.localizedDescription)")
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let code = process.terminationStatus
        guard process.terminationReason == .exit, code == 0 || code == accepted else {
            let command = ([path] + arguments).joined(separator: " ")
            throw BenchmarkFailure("\(command) ended with \(code); run it by itself to see why")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
