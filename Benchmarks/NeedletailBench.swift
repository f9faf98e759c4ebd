import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// The backend benchmark suite: the work of the peers' benchmark, so that every claim of speed is a ratio of one run.
@main
struct NeedletailBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "needletail-bench",
        abstract: "Measures devices, operations, training steps, starts and their growth, and compares runs.",
        subcommands: [
            AllCommand.self, ProbeCommand.self, OperationCommand.self, TrainCommand.self, LayersCommand.self,
            ScaleCommand.self, StartCommand.self, AccuracyCommand.self, PlanCommand.self, EmissionCommand.self,
            HostCommand.self, LaunchesCommand.self, CompareCommand.self, PageCommand.self,
        ])

    /// Runs the command; a device that is not there or cannot be opened is one line on standard error, and exit code 69.
    static func main() {
        RuntimeConfiguration.current.notice = { tell($0) }
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as TensorError {
            tell("error: " + error.message.split(separator: "\n").joined(separator: " "))
            Foundation.exit(error.exitCode)
        } catch {
            exit(withError: error)
        }
    }

    static func tell(_ line: String) {
        FileHandle.standardError.write(Data("needletail-bench: \(line)\n".utf8))
    }

    /// Runs on a device that was given so many threads, or on the process's own.
    static func with<Result>(_ id: DeviceID, threads: Int?, _ body: () throws -> Result) throws -> Result {
        guard let threads else { return try withDevice(id, body) }
        var configuration = RuntimeConfiguration.current
        configuration.options[backend: id.backend]["threads"] = "\(threads)"
        return try withDevice(id, configuration, body)
    }
}
