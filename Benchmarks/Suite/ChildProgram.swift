import Foundation

/// Other programs, started and waited for.
enum ChildProgram {
    /// This program's file.
    static func own() throws -> String { try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") }

    /// What a program writes; its errors go where this process's go, or nowhere.
    ///
    /// - Parameters:
    ///   - isAccepted: whether exit code 1 is no failure, by what the program wrote.
    ///   - environment: what it has besides this process's.
    /// - Throws: ``BenchmarkFailure`` where it cannot be started or exits with a code that is not accepted.
    static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], isQuiet: Bool = false,
        isAccepted: (String) -> Bool = { _ in false }
    ) throws -> String {
        let process = Process()
        if isQuiet { process.standardError = FileHandle.nullDevice }
        let variables = environment.map { "\($0)=\($1)" }.sorted()
        process.executableURL = URL(fileURLWithPath: variables.isEmpty ? path : "/usr/bin/env")
        process.arguments = variables.isEmpty ? arguments : variables + [path] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        do { try process.run() } catch {
            throw BenchmarkFailure("\(path) cannot be started: \(error.localizedDescription)")
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let code = process.terminationStatus
        let text = String(decoding: data, as: UTF8.self)
        guard process.terminationReason == .exit, code == 0 || code == EXIT_FAILURE && isAccepted(text) else {
            let command = (variables + [path] + arguments).joined(separator: " ")
            throw BenchmarkFailure("\(command) ended with \(code), for the reason above; run it by itself to see more")
        }
        return text
    }
}
