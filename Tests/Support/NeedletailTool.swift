import Foundation
import TensorRuntime

/// The built `needletail` as a subprocess.
package struct NeedletailTool {
    /// What a run left behind.
    package struct Result {
        package let code: Int32
        package let output: String
        package let errors: String

        /// Standard error without the loader's blank lines.
        package var errorLines: [Substring] { errors.split(separator: "\n") }

        /// Standard output as JSON, a line each.
        package func events() throws -> [[String: JSONEvent]] {
            try output.split(separator: "\n").map { line in
                let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
                guard let event = value as? [String: Any] else { throw Unexpected("no object: \(line)") }
                return event.mapValues(JSONEvent.init)
            }
        }
    }

    /// What stops a test.
    private struct Unexpected: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// A value of an event.
    package struct JSONEvent: Equatable, CustomStringConvertible {
        package let text: String?
        package let number: Double?

        init(_ value: Any) {
            text = value as? String
            number = (value as? NSNumber)?.doubleValue
        }

        package var description: String { text ?? number.map { "\($0)" } ?? "null" }
    }

    /// `needletail`, or under the name of its target.
    package static let path = program("needletail", "NeedletailCLI")

    /// A built program, beside the test bundle.
    package static func program(_ names: String...) -> String? {
        let argument = URL(fileURLWithPath: CommandLine.arguments[0])
        var folders = [argument.deletingLastPathComponent(), Bundle.main.bundleURL]
        // swift-testing's helper lies elsewhere; its argument names the bundle.
        for text in CommandLine.arguments where text.hasSuffix(".xctest") {
            folders.append(URL(fileURLWithPath: text).deletingLastPathComponent())
        }
        for folder in folders {
            for name in names {
                let path = folder.appendingPathComponent(name).path
                if FileManager.default.isExecutableFile(atPath: path) { return path }
            }
        }
        return nil
    }

    /// Starts the tool and waits for its end.
    ///
    /// - Parameters:
    ///   - environment: added to this process's, from which the runtime's own settings are taken.
    ///   - interruptAfter: a text; `signal` is sent once it stood on standard output.
    ///   - outputPath: a file for standard output, which is then not read.
    ///   - program: another program's path.
    package static func run(
        _ arguments: [String], environment: [String: String] = [:], interruptAfter: String? = nil,
        signal: Int32 = SIGINT, outputPath: String? = nil, program: String? = path
    ) throws -> Result {
        let process = Process()
        guard let program else { throw Unexpected("the program has not been built") }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("NEEDLETAIL_") }
            .merging(environment) { $1 }
        let output = Pipe()
        let errors = Pipe()
        if let outputPath {
            process.standardOutput = FileHandle(forWritingAtPath: outputPath)
        } else {
            process.standardOutput = output
        }
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        let errorData = Lock(Data())
        let errorsRead = DispatchSemaphore(value: 0)
        try withoutBlockedInterrupts { try process.run() }
        DispatchQueue.global().async {
            let data = errors.fileHandleForReading.readDataToEndOfFile()
            errorData.withLock { $0 = data }
            errorsRead.signal()
        }
        var outputData = Data()
        var awaited = interruptAfter
        while outputPath == nil {
            let part = output.fileHandleForReading.availableData
            if part.isEmpty { break }
            outputData.append(part)
            if let text = awaited, String(decoding: outputData, as: UTF8.self).contains(text) {
                awaited = nil
                kill(process.processIdentifier, signal)
            }
        }
        process.waitUntilExit()
        errorsRead.wait()
        // A crash is no exit code of ours.
        let code = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        return Result(
            code: code, output: String(decoding: outputData, as: UTF8.self),
            errors: String(decoding: errorData.withLock { $0 }, as: UTF8.self))
    }
}

/// Runs `body` on a thread that takes SIGINT and SIGTERM: a subprocess inherits what is blocked, and the threads of tests block it.
private func withoutBlockedInterrupts(_ body: () throws -> Void) rethrows {
    var signals = sigset_t()
    var before = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &signals, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try body()
}
