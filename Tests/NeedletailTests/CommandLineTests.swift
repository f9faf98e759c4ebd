import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TestSupport
import Testing

/// Runs `needletail` as a process of its own.
private struct CommandLineTool {
    let process = Process()
    private let output = Pipe()
    private let errors = Pipe()

    init(_ arguments: [String]) throws {
        // Built beside the tests.
        let directory = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let candidates = ["needletail", "NeedletailCLI"].map { directory.appendingPathComponent($0) }
        let found = candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }
        let executable: URL = try #require(
            found, "no needletail beside the tests in \(directory.path); build the whole package")
        process.executableURL = executable
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = errors
        try process.run()
    }

    /// Waits until there is something on standard output.
    func waitForOutput() -> Data { output.fileHandleForReading.availableData }

    /// Waits for the end.
    func finish() -> (code: Int32, output: String, errors: String) {
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let wrong = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: text, as: UTF8.self), String(decoding: wrong, as: UTF8.self)
        )
    }
}

@Suite("Command line")
struct CommandLineTests {
    private let data = TemporaryDirectory()
    private let output = TemporaryDirectory()

    private func run(_ arguments: String...) throws -> (code: Int32, output: String, errors: String) {
        try CommandLineTool(arguments).finish()
    }

    /// Runs `train mnist`, which must fail with this code and one line on standard error that has these texts; before it, a line
    /// may say which device is taken.
    private func expectFailure(
        _ code: Int32, _ texts: [String], _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try CommandLineTool(["train", "mnist"] + arguments).finish()
        #expect(result.code == code, "\(result)", sourceLocation: sourceLocation)
        #expect(result.output.isEmpty, "\(result)", sourceLocation: sourceLocation)
        let lines = result.errors.split(separator: "\n").filter { !$0.hasSuffix("taking cpu") }
        #expect(lines.count == 1, "\(result)", sourceLocation: sourceLocation)
        for text in texts {
            #expect(result.errors.contains(text), "no \(text) in \(result)", sourceLocation: sourceLocation)
        }
    }

    @Test("wrong options are usage errors")
    func refusesOptions() throws {
        try expectFailure(64, ["--batch-size 0"], ["--batch-size", "0"])
        try expectFailure(64, ["--epochs -1"], ["--epochs=-1"])
        try expectFailure(64, ["--learning-rate"], ["--learning-rate", "0"])
        try expectFailure(64, ["resnet"], ["--model", "resnet"])
        try expectFailure(64, ["--wrong"], ["--wrong"])
    }

    @Test("a device that is not there ends with 69")
    func refusesDevices() throws {
        try expectFailure(69, ["vulkan:7"], ["--device", "vulkan:7"])
        try expectFailure(69, ["cpu:3"], ["--device", "cpu:3"])
        try expectFailure(69, ["'one two'"], ["--device", "one two"])
    }

    @Test("bad data ends with 65 and leaves no file")
    func refusesData() throws {
        try expectFailure(65, [data.path], ["--data", data.path, "--output", output.path])
        try expectFailure(65, ["/nowhere"], ["--data", "/nowhere"])
        TrainingSample.write(to: data, count: 20)
        data.write([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3], to: "train-images-idx3-ubyte")
        try expectFailure(65, ["train-images"], ["--data", data.path, "--output", output.path])
        #expect(output.contents.isEmpty)
    }

    @Test("an output directory that cannot be is found before training")
    func refusesOutput() throws {
        TrainingSample.write(to: data, count: 20)
        try expectFailure(1, ["/dev/null/here"], ["--data", data.path, "--output", "/dev/null/here"])
    }

    @Test("corrupt checkpoints end with 65")
    func refusesCheckpoints() throws {
        TrainingSample.write(to: data, count: 20)
        let path = output.write([0, 0, 0, 0, 0, 0, 0, 0x10, 0x7B, 0x7D], to: "bad.safetensors")
        try expectFailure(65, [path], ["--data", data.path, "--resume", path])
        let result = try run("evaluate", "--checkpoint", path, "--data", data.path)
        #expect(result.code == 65)
        let saved = try run(
            "train", "mnist", "--data", data.path, "--model", "mlp-small", "--output", output.path, "--quiet")
        #expect(saved.code == 0, "\(saved)")
        let checkpoint = output.path("checkpoint.safetensors")
        try expectFailure(
            65, [checkpoint, "mlp-small"], ["--data", data.path, "--resume", checkpoint, "--model", "mlp"])
        try expectFailure(64, ["--batch-size 7"], ["--data", data.path, "--resume", checkpoint, "--batch-size", "7"])
    }

    @Test("training ends in the accuracy, and evaluation says the same one")
    func trainsAndEvaluates() throws {
        TrainingSample.write(to: data, count: 200)
        let plain = try run(
            "train", "mnist", "--data", data.path, "--epochs", "3", "--batch-size", "20", "--output", output.path)
        #expect(plain.code == 0, "\(plain)")
        let last = try #require(plain.output.split(separator: "\n").last)
        #expect(last.hasPrefix("MNIST test accuracy: ") && last.hasSuffix(" %"))
        let evaluation = try run("evaluate", "--checkpoint", output.path("checkpoint.safetensors"), "--data", data.path)
        #expect(evaluation.output.split(separator: "\n").last == last)
        let json = try run("train", "mnist", "--data", data.path, "--epochs", "3", "--batch-size", "20", "--json")
        let lines = json.output.split(separator: "\n")
        #expect(lines.count == 5)
        for line in lines {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        }
        let result = try #require(
            try JSONSerialization.jsonObject(with: Data(lines.last!.utf8)) as? [String: Any])
        for key in [
            "event", "device", "model", "parameters", "epochs", "train_seconds", "step_ms_median",
            "test_accuracy", "plans_built", "plan_hits", "launches_per_step",
        ] {
            #expect(result[key] != nil, "no \(key)")
        }
        #expect(result["parameters"] as? Int == 118_282)
    }

    @Test("training in bfloat16 is evaluated in it and in float32, and resumed in it alone")
    func trainsInBFloat16() throws {
        TrainingSample.write(to: data, count: 200)
        let common = ["train", "mnist", "--data", data.path, "--batch-size", "20", "--output", output.path]
        let first = try CommandLineTool(common + ["--dtype", "bfloat16", "--epochs", "2", "--json"]).finish()
        #expect(first.code == 0, "\(first)")
        #expect(first.output.contains("\"dtype\":\"bfloat16\""))
        let checkpoint = output.path("checkpoint.safetensors")
        #expect(try Checkpoint(contentsOf: checkpoint).dtype == .bfloat16)
        let resumed = try CommandLineTool(common + ["--resume", checkpoint, "--epochs", "3"]).finish()
        #expect(resumed.code == 0, "\(resumed)")
        #expect(resumed.output.contains(", bfloat16"))
        let last = try #require(resumed.output.split(separator: "\n").last)
        let evaluation = try run("evaluate", "--checkpoint", checkpoint, "--data", data.path)
        #expect(evaluation.output.split(separator: "\n").last == last)
        let wide = try run("evaluate", "--checkpoint", checkpoint, "--data", data.path, "--dtype", "float32")
        #expect(wide.code == 0, "\(wide)")
        try expectFailure(
            64, ["--dtype float32", "bfloat16"], ["--data", data.path, "--resume", checkpoint, "--dtype", "float32"])
        let wrong = try run("train", "mnist", "--data", data.path, "--dtype", "int64")
        #expect(wrong.code == 64 && wrong.errors.contains("--dtype"), "\(wrong)")
    }

    @Test("Ctrl-C saves and ends with 130, and the resumed run writes the file of an uninterrupted one")
    func resumesAfterInterruption() throws {
        TrainingSample.write(to: data, count: 2000)
        let common = ["train", "mnist", "--data", data.path, "--batch-size", "16", "--json"]
        let broken = try CommandLineTool(common + ["--epochs", "1000", "--output", output.path])
        _ = broken.waitForOutput()
        kill(broken.process.processIdentifier, SIGINT)
        let interrupted = broken.finish()
        #expect(interrupted.code == 130, "\(interrupted)")
        #expect(
            output.contents.filter { $0 != "best.safetensors" } == [
                "checkpoint.safetensors", "history.csv", "report.html",
            ])
        let checkpoint = output.path("checkpoint.safetensors")
        let epochs = String(try Checkpoint(contentsOf: checkpoint).position.epoch + 1)
        let resumed = try CommandLineTool(
            [
                "train", "mnist", "--data", data.path, "--epochs", epochs, "--json", "--resume", checkpoint, "--output",
                output.path,
            ]
        ).finish()
        #expect(resumed.code == 0, "\(resumed)")
        let straight = TemporaryDirectory()
        let whole = try CommandLineTool(common + ["--epochs", epochs, "--output", straight.path]).finish()
        #expect(whole.code == 0, "\(whole)")
        var files = try [checkpoint, straight.path("checkpoint.safetensors")].map {
            try SafeTensorsFile(contentsOf: $0)
        }
        // How long it took is all that differs.
        for index in files.indices { files[index].metadata["seconds"] = nil }
        #expect(files[0] == files[1])
    }

    @Test("two processes make the same plan")
    func plansAreTheSameInTwoProcesses() throws {
        let dumps = try (0..<2).map { _ in try run("kernels", "dump", "--device", "cpu", "--model", "cnn") }
        #expect(dumps[0].code == 0 && dumps[0].output.count > 500, "\(dumps[0].errors)")
        #expect(dumps[0].output == dumps[1].output)
    }

    @Test("the list of devices has the CPU and the choice")
    func listsDevices() throws {
        let plain = try run("devices")
        #expect(plain.code == 0)
        #expect(plain.output.contains("cpu") && plain.output.contains("chosen: "))
        let json = try run("devices", "--json")
        #expect(json.output.contains(#""event":"choice""#))
        #expect(json.output.contains(#""quirks":[]"#))
    }

    @Test("devices lists the faults that are worked around", .enabled(if: OpenCLTesting.areWanted))
    func listsQuirks() throws {
        // PoCL, or any other driver that is said to have it.
        let forced = ["NEEDLETAIL_QUIRKS": "opencl.one-queue=on"]
        let plain = try NeedletailTool.run(["devices"], environment: forced)
        #expect(plain.output.contains("    works around opencl.one-queue"))
        let json = try NeedletailTool.run(["devices", "--json"], environment: forced)
        #expect(json.output.contains(#""quirks":["opencl.one-queue"]"#))
    }
}
