import TestSupport
import Testing

/// A suite that runs `needletail` on the CPU.
protocol CommandSuite {}

extension CommandSuite {
    /// Runs the tool and waits for its end.
    func run(_ arguments: [String], environment: [String: String] = [:]) throws -> NeedletailTool.Result {
        try NeedletailTool.run(arguments + ["--device", "cpu"], environment: environment)
    }

    /// Expects this exit code, nothing on standard output, and one line of error that has the texts in it.
    func expectFailure(
        _ code: Int32, _ texts: [String], _ arguments: [String], environment: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try run(arguments, environment: environment)
        #expect(result.code == code, "\(result)", sourceLocation: sourceLocation)
        #expect(result.output == "", "\(result)", sourceLocation: sourceLocation)
        #expect(result.errorLines.count == 1, "\(result.errors)", sourceLocation: sourceLocation)
        for text in texts {
            #expect(result.errors.contains(text), "no \(text) in: \(result.errors)", sourceLocation: sourceLocation)
        }
    }
}
