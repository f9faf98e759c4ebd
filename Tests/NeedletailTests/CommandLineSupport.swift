import Foundation
import Needletail
import Synchronization
import Testing

/// The built `needletail` as a subprocess.
struct NeedletailTool {
    /// What a run left behind.
    struct Result {
        let code: Int32
        let output: String
        let errors: String

        /// Standard error without the loader's blank lines.
        var errorLines: [Substring] { errors.split(separator: "\n") }

        /// Standard output as JSON, a line each.
        func events() throws -> [[String: JSONEvent]] {
            try output.split(separator: "\n").map { line in
                try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
                    .mapValues(JSONEvent.init)
            }
        }
    }

    /// A value of an event.
    struct JSONEvent: Equatable, CustomStringConvertible {
        let text: String?
        let number: Double?

        init(_ value: Any) {
            text = value as? String
            number = (value as? NSNumber)?.doubleValue
        }

        var description: String { text ?? number.map { "\($0)" } ?? "null" }
    }

    /// `needletail`, or under the name of its target.
    static let path = program("needletail", "NeedletailCLI")

    /// A built program, beside the test bundle.
    static func program(_ names: String...) -> String? {
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

    /// The package's MNIST files.
    static let datasets = ImportTests.root.appendingPathComponent("Datasets/mnist").path

    /// Starts the tool and waits for its end.
    ///
    /// - Parameters:
    ///   - environment: added to this process's, from which the runtime's own settings are taken.
    ///   - interruptAfter: a text; `signal` is sent once it stood on standard output.
    ///   - outputPath: a file for standard output, which is then not read.
    ///   - program: another program's path.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], interruptAfter: String? = nil,
        signal: Int32 = SIGINT, outputPath: String? = nil, program: String? = path
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(program, "the program has not been built"))
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
        let errorData = Mutex(Data())
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

/// MNIST's four files made up, or with one of them spoilt.
struct MadeUpMNIST {
    let directory = TemporaryDirectory()

    /// - Parameters:
    ///   - train: the number of training images; 10 are to test with.
    ///   - labelCount: nil for as many as images.
    init(train: Int = 20, labelCount: Int? = nil, wrongLabel: UInt8? = nil) {
        for (stem, count) in [("train", train), ("t10k", 10)] {
            let isTrain = stem == "train"
            let pixels = (0..<count * 784).map { UInt8(truncatingIfNeeded: $0 &* 31 / 7) }
            directory.write(
                MadeUpMNIST.header(3, [count, 28, 28]) + pixels, to: "\(stem)-images-idx3-ubyte")
            var labels = (0..<(isTrain ? labelCount ?? count : count)).map { UInt8($0 % 10) }
            if isTrain, let wrongLabel { labels[labels.count / 2] = wrongLabel }
            directory.write(MadeUpMNIST.header(1, [labels.count]) + labels, to: "\(stem)-labels-idx1-ubyte")
        }
    }

    var path: String { directory.path }

    private static func header(_ rank: UInt8, _ extents: [Int]) -> [UInt8] {
        [0, 0, 8, rank]
            + extents.flatMap { extent in (0..<4).map { UInt8(truncatingIfNeeded: extent >> (24 - 8 * $0)) } }
    }
}
