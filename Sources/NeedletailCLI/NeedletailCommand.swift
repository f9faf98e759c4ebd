import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail

@main
struct NeedletailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "needletail", abstract: "Trains neural networks on the CPU and on OpenCL and Vulkan devices.",
        version: "needletail \(Version.current)",
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, PredictCommand.self, ReportCommand.self, DevicesCommand.self,
            KernelsCommand.self, TuneCommand.self,
        ])

    /// Runs the command; what goes wrong is one line on standard error and an exit code.
    static func main() {
        RuntimeConfiguration.current.notice = { line in
            FileHandle.standardError.write(Data("needletail: \(line)\n".utf8))
        }
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as TensorError {
            fail(error.message, code: error.exitCode)
        } catch let code as ExitCode {
            leave(code.rawValue)
        } catch {
            let code = exitCode(for: error)
            if code != .success { fail(message(for: error), code: code.rawValue) }
            // Help and the like is no error, and has many lines.
            do throws(TensorError) {
                try StandardOutput.write(line: fullMessage(for: error))
            } catch {
                fail(error.message, code: error.exitCode)
            }
        }
    }

    private static func fail(_ message: String, code: Int32) -> Never {
        let line = message.split(separator: "\n").joined(separator: " ")
        FileHandle.standardError.write(Data("needletail: error: \(line)\n".utf8))
        leave(code)
    }

    private static func leave(_ code: Int32) -> Never {
        fflush(nil)
        Foundation.exit(code)
    }
}

/// A device as the command line names it.
enum DeviceArgument {
    /// The device of `--device`; nil leaves the choice to `NEEDLETAIL_DEVICE`.
    static func resolve(_ text: String?) throws(TensorError) -> DeviceID {
        guard let text else { return try DeviceSelection.current }
        return try DeviceSelection.resolve(text)
    }
}
