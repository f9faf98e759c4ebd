import Foundation
import Needletail
import NeedletailTraining
import TestSupport
import Testing

/// Every bad input of the `needletail` command, in a subprocess: one line that names it and the remedy, the right exit
/// code, and nothing left behind.
@Suite(.serialized, .enabled(if: NeedletailTool.path != nil, "needletail has not been built"))
struct CommandLineInputTests {
    /// Expects one line of error with these texts, the exit code, and no file in the output directory.
    private func expectFailure(
        _ arguments: [String], code: Int32, naming texts: [String], output: TemporaryDirectory? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try NeedletailTool.run(arguments)
        #expect(result.code == code, "\(result.errors)", sourceLocation: sourceLocation)
        // Beside it, a device may have been told of.
        let lines = result.errorLines.filter { $0.hasPrefix("needletail: error: ") }
        #expect(lines.count == 1, "\(result.errors)", sourceLocation: sourceLocation)
        #expect(result.errorLines.count <= 2, "\(result.errors)", sourceLocation: sourceLocation)
        #expect(result.output == "", sourceLocation: sourceLocation)
        for text in texts {
            #expect(result.errors.contains(text), "no \(text) in: \(result.errors)", sourceLocation: sourceLocation)
        }
        // The remedy stands behind a semicolon or colon.
        #expect(
            result.errors.contains(";") || result.errors.contains(": give"), "no remedy in: \(result.errors)",
            sourceLocation: sourceLocation)
        if let output { #expect(output.contents == [], sourceLocation: sourceLocation) }
    }

    private func train(_ data: String, _ output: TemporaryDirectory, _ more: String...) -> [String] {
        ["train", "mnist", "--device", "cpu", "--data", data, "--output", output.path] + more
    }

    // MARK: Data

    @Test func aTruncatedGzipIsBadData() throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        let whole = [UInt8](
            FileManager.default.contents(atPath: NeedletailTool.datasets + "/train-images-idx3-ubyte.gz")!)
        try FileManager.default.removeItem(atPath: data.directory.path("train-images-idx3-ubyte"))
        let path = data.directory.write(Array(whole.prefix(50_000)), to: "train-images-idx3-ubyte.gz")
        try expectFailure(train(data.path, output), code: 65, naming: [path], output: output)
    }

    @Test func aWrongMagicIsBadData() throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        let path = data.directory.write([1, 2, 3, 4, 5, 6, 7, 8], to: "train-labels-idx1-ubyte")
        try expectFailure(train(data.path, output), code: 65, naming: [path], output: output)
    }

    @Test func aLabelOfTenIsBadData() throws {
        let data = MadeUpMNIST(wrongLabel: 10)
        let output = TemporaryDirectory()
        try expectFailure(
            train(data.path, output), code: 65, naming: ["train-labels-idx1-ubyte", "label 10"], output: output)
    }

    @Test func imagesAndLabelsOfDifferentCountsAreBadData() throws {
        let data = MadeUpMNIST(train: 20, labelCount: 19)
        let output = TemporaryDirectory()
        try expectFailure(
            train(data.path, output), code: 65, naming: ["train-images-idx3-ubyte", "20", "19"], output: output)
    }

    @Test func anEmptyDirectoryIsBadData() throws {
        let data = TemporaryDirectory()
        let output = TemporaryDirectory()
        try expectFailure(train(data.path, output), code: 65, naming: [data.path, "--data"], output: output)
        try expectFailure(
            train(data.path("absent"), output), code: 65, naming: [data.path("absent"), "--data"], output: output)
    }

    // MARK: Options

    @Test func anUnwritableOutputDirectoryFailsBeforeTraining() throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        // A file where the directory should be: nobody can write there, root neither.
        let file = output.write([1], to: "file")
        for directory in [file + "/run", "/proc/needletail"] {
            try expectFailure(
                ["train", "mnist", "--data", data.path, "--output", directory], code: 1, naming: [directory])
        }
        #expect(output.contents == ["file"])
    }

    @Test func anUnknownDeviceIsUnavailable() throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        for device in ["warp:9", "cpu:7", "not a device"] {
            let arguments = ["train", "mnist", "--data", data.path, "--output", output.path, "--device", device]
            try expectFailure(arguments, code: 69, naming: [device], output: output)
        }
        let result = try NeedletailTool.run(
            ["train", "mnist", "--data", data.path], environment: ["NEEDLETAIL_DEVICE": "warp:9"])
        #expect(result.code == 69 && result.errors.contains("warp:9"), "\(result.errors)")
    }

    @Test(arguments: ["NEEDLETAIL_THREADS", "NEEDLETAIL_ISA", "NEEDLETAIL_EAGER"], [["devices"], ["train", "mnist"]])
    func anUnreadableVariableIsAUsageError(_ name: String, command: [String]) throws {
        let result = try NeedletailTool.run(command, environment: [name: "maybe"])
        #expect(result.code == 64)
        #expect(result.output.isEmpty)
        #expect(result.errorLines.count == 1, "\(result.errors)")
        #expect(result.errors.contains("\(name) is 'maybe', but must be"), "\(result.errors)")
    }

    @Test func aWrongVariableForTheDeviceLeavesTheList() throws {
        let plain = try NeedletailTool.run(["devices"], environment: ["NEEDLETAIL_DEVICE": "metal"])
        #expect(plain.code == 69, "\(plain)")
        #expect(plain.output.contains("  cpu  ") && plain.output.contains("chosen: none, because"), "\(plain)")
        #expect(plain.errors.contains("error: NEEDLETAIL_DEVICE is 'metal': "), "\(plain)")
        let json = try NeedletailTool.run(["devices", "--json"], environment: ["NEEDLETAIL_DEVICE": "metal"])
        let events = try json.events()
        #expect(events.contains { $0["event"]?.text == "device" && $0["device"]?.text == "cpu" }, "\(json)")
        #expect(events.last?["reason"]?.text?.contains("NEEDLETAIL_DEVICE is 'metal'") == true, "\(json)")
    }

    @Test(arguments: [
        ["NEEDLETAIL_BLAS": "/etc/passwd"], ["NEEDLETAIL_THREADS": "2147483648"], ["NEEDLETAIL_THREADS": "200000"],
    ]) func aDeviceThatCannotBeOpenedIsASentence(_ environment: [String: String]) throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        let (name, value) = try #require(environment.first)
        for device in [[], ["--device", "cpu"], ["--device", "auto"]] {
            let result = try NeedletailTool.run(
                ["train", "mnist", "--data", data.path, "--output", output.path] + device, environment: environment)
            #expect(result.code == 64, "\(result)")
            #expect(result.errorLines.count == 1 && result.output.isEmpty, "\(result)")
            #expect(result.errors.contains(name) && result.errors.contains(value), "\(result)")
        }
        #expect(output.contents == [])
    }

    @Test func aCheckpointThatIsADirectoryIsFoundBeforeTraining() throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        let path = output.path("checkpoint.safetensors")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try expectFailure(train(data.path, output), code: 1, naming: [path, "is a directory"])
        #expect(output.contents == ["checkpoint.safetensors"])
    }

    @Test func twoRunsDoNotWriteIntoOneDirectory() throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        do {
            let lock = try DirectoryLock(output.path)
            try expectFailure(train(data.path, output), code: 1, naming: [output.path, "another run"], output: output)
            withExtendedLifetime(lock) {}
        }
        #expect(try NeedletailTool.run(train(data.path, output, "--model", "mlp-small")).code == 0)
    }

    @Test func whatCannotBeWrittenIsAnError() throws {
        let data = MadeUpMNIST()
        let commands: [[String]] = [
            ["train", "mnist", "--device", "cpu", "--model", "mlp-small", "--data", data.path],
            ["train", "mnist", "--device", "cpu", "--model", "mlp-small", "--data", data.path, "--quiet"],
            ["train", "mnist", "--device", "cpu", "--model", "mlp-small", "--data", data.path, "--json"],
            ["devices"], ["--help"], ["kernels", "dump", "--device", "cpu", "--model", "mlp-small"],
        ]
        for command in commands {
            let result = try NeedletailTool.run(command, outputPath: "/dev/full")
            #expect(result.code == 1, "\(command): \(result)")
            #expect(
                result.errors.contains("standard output: cannot be written: no space left"), "\(command): \(result)")
        }
    }

    @Test func theHelpNamesEveryKindOfDevice() throws {
        let result = try NeedletailTool.run(["--help"])
        #expect(result.code == 0 && result.output.contains("OpenCL and Vulkan devices"), "\(result)")
    }

    @Test(arguments: [
        "--batch-size=0", "--batch-size=-3", "--epochs=0", "--limit=0", "--learning-rate=-1", "--learning-rate=nan",
        "--model=resnet", "--optimizer=lion", "--batch-size=many", "--seed=-1",
    ]) func aWrongValueIsAUsageError(_ option: String) throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        let result = try NeedletailTool.run(train(data.path, output, option))
        #expect(result.code == 64)
        #expect(result.errorLines.count == 1, "\(result.errors)")
        for part in option.split(separator: "=") { #expect(result.errors.contains(part), "\(result.errors)") }
        #expect(output.contents == [])
    }

    @Test func theLargestNumbersCrashNothing() throws {
        let data = MadeUpMNIST()
        let output = TemporaryDirectory()
        let most = String(Int.max)
        let result = try NeedletailTool.run(
            train(data.path, output, "--batch-size", most, "--seed", String(UInt64.max)))
        #expect(result.code == 0, "\(result.errors)")
    }

    // MARK: Checkpoints

    /// What a checkpoint says of an optimizer.
    private static func optimizers(
        _ hyperparameters: String =
            #""dampening":0.0,"lr":0.01,"maximize":0.0,"momentum":0.0,"nesterov":0.0,"weight_decay":0.0"#,
        steps: String = "2,2,2,2,2,2"
    ) -> String {
        #"[{"name":"optimizer","groups":[{"rule":"sgd","hyperparameters":{\#(hyperparameters)}}],"steps":[\#(steps)]}]"#
    }

    @Test(arguments: [
        ("batch_size", "\(Int.max)"), ("step", "\(Int.max)"), ("step", "3"), ("epoch", "\(Int.max - 1)"),
        ("metrics", #"[{"name":"accuracy","numbers":{"count":[\#(Int.max)],"sum":[1]}}]"#),
        ("metrics", #"[{"name":"accuracy"}]"#), ("history", "[1]"), ("callbacks", "{}"), ("losses", "["),
        ("optimizers", "[]"), ("optimizers", optimizers(steps: "\(Int.max),1,1,1,1,1")),
        ("optimizers", optimizers(steps: "1,1")), ("optimizers", optimizers(#""lr":"nan","momentum":0.0"#)),
        ("optimizers", optimizers(#""lr":0.01"#)),
        (
            "optimizers",
            optimizers(
                #""dampening":0.0,"lr":0.01,"maximize":0.0,"momentum":0.0,"nesterov":1.0,"weight_decay":0.0"#)
        ),
    ])
    func aCheckpointWithAWrongNumberIsBadData(_ key: String, _ value: String) throws {
        let data = MadeUpMNIST()
        let made = TemporaryDirectory()
        let first = try NeedletailTool.run(train(data.path, made, "--model", "mlp-small", "--quiet"))
        #expect(first.code == 0, "\(first.errors)")
        let path = made.path("checkpoint.safetensors")
        var file = try SafeTensorsFile(contentsOf: path)
        file.metadata[key] = value
        let changed = made.path("changed.safetensors")
        try file.write(to: changed)
        let output = TemporaryDirectory()
        let arguments = train(data.path, output, "--resume", changed, "--epochs", "2")
        try expectFailure(arguments, code: 65, naming: [changed], output: output)
    }

    @Test func aCheckpointOfAnotherModelIsRefused() throws {
        let data = MadeUpMNIST()
        let first = TemporaryDirectory()
        let output = TemporaryDirectory()
        let made = try NeedletailTool.run(train(data.path, first, "--model", "mlp-small", "--quiet"))
        #expect(made.code == 0, "\(made.errors)")
        #expect(first.contents == ["best.safetensors", "checkpoint.safetensors", "history.csv", "report.html"])
        let path = first.path("checkpoint.safetensors")
        try expectFailure(
            train(data.path, output, "--model", "mlp", "--resume", path), code: 65, naming: [path, "mlp-small"],
            output: output)
        var file = try SafeTensorsFile(contentsOf: path)
        file.metadata["model"] = "lenet"
        let renamed = first.path("renamed.safetensors")
        try file.write(to: renamed)
        try expectFailure(["evaluate", "--checkpoint", renamed, "--data", data.path], code: 65, naming: [renamed])
        try expectFailure(train(data.path, output, "--resume", renamed), code: 65, naming: [renamed], output: output)
    }

    @Test func aCorruptCheckpointIsBadData() throws {
        let data = MadeUpMNIST()
        let files = TemporaryDirectory()
        let output = TemporaryDirectory()
        func header(_ json: String, dataCount: Int) -> [UInt8] {
            let text = Array(json.utf8)
            return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
                + [UInt8](repeating: 0, count: dataCount)
        }
        let overlap =
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#
        let corrupt: [(name: String, bytes: [UInt8])] = [
            // A header of 2^60 bytes.
            ("long", [0, 0, 0, 0, 0, 0, 0, 0x10] + [UInt8](repeating: 32, count: 64)),
            ("overlap", header(overlap, dataCount: 12)),
            ("range", header(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#, dataCount: 8)),
            (
                "huge",
                header(#"{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,8]}}"#, dataCount: 8)
            ),
            ("cut", [9, 0, 0]),
            ("text", Array("this is no checkpoint at all".utf8)),
            ("empty", []),
            // A good file, and no checkpoint.
            ("plain", header(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, dataCount: 8)),
        ]
        for (name, bytes) in corrupt {
            let path = files.write(bytes, to: "\(name).safetensors")
            try expectFailure(["evaluate", "--checkpoint", path, "--data", data.path], code: 65, naming: [path])
            try expectFailure(train(data.path, output, "--resume", path), code: 65, naming: [path], output: output)
        }
        let absent = files.path("absent.safetensors")
        try expectFailure(["evaluate", "--checkpoint", absent, "--data", data.path], code: 1, naming: [absent])
    }

    // MARK: Whole runs

    @Test func jsonIsOneObjectALineAndEndsWithTheResult() throws {
        let result = try NeedletailTool.run([
            "train", "mnist", "--device", "cpu", "--data", NeedletailTool.datasets, "--limit", "2000", "--epochs", "2",
            "--json",
        ])
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.errors == "")
        let events = try result.events()
        #expect(events.filter { $0["event"]?.text == "epoch" }.count == 2)
        let last = try #require(events.last)
        #expect(last["event"]?.text == "result")
        #expect(last["device"]?.text == "cpu")
        #expect(last["model"]?.text == "mlp")
        #expect(last["parameters"]?.number == 118_282)
        #expect(last["epochs"]?.number == 2)
        for name in ["train_seconds", "step_ms_median", "plans_built", "plan_hits", "launches_per_step"] {
            #expect(try #require(last[name]?.number, "\(name)") > 0, "\(name)")
        }
        let accuracy = try #require(last["test_accuracy"]?.number)
        #expect(accuracy > 0.75 && accuracy <= 1)
    }

    @Test func aRunInterruptedInTheMiddleGoesOnBitForBit() throws {
        // Few images to test with: most of the time goes into steps, where the signal should fall.
        let data = MadeUpMNIST(train: 2100)
        let whole = TemporaryDirectory()
        let parted = TemporaryDirectory()
        func arguments(_ output: TemporaryDirectory) -> [String] {
            train(data.path, output, "--limit", "2000", "--epochs", "40", "--json")
        }
        let uninterrupted = try NeedletailTool.run(arguments(whole))
        #expect(uninterrupted.code == 0, "\(uninterrupted.errors)")
        let interrupted = try NeedletailTool.run(arguments(parted), interruptAfter: #""event":"epoch""#)
        #expect(interrupted.code == 130, "\(interrupted.errors)")
        #expect(interrupted.errors.contains("--resume"), "\(interrupted.errors)")
        #expect(parted.contents == ["best.safetensors", "checkpoint.safetensors", "history.csv", "report.html"])
        let checkpoint = parted.path("checkpoint.safetensors")
        let resumed = try NeedletailTool.run(arguments(parted) + ["--resume", checkpoint])
        #expect(resumed.code == 0, "\(resumed.errors)")
        var files = try [whole, parted].map { try SafeTensorsFile(contentsOf: $0.path("checkpoint.safetensors")) }
        // How long it took is all that differs.
        for index in files.indices { files[index].metadata["seconds"] = nil }
        #expect(files[0] == files[1])
        #expect(try uninterrupted.events().last?["test_accuracy"] == resumed.events().last?["test_accuracy"])
    }

    @Test func aRunThatIsToldToEndSavesAndGoesOn() throws {
        let data = MadeUpMNIST(train: 2100)
        let output = TemporaryDirectory()
        let arguments = train(data.path, output, "--limit", "2000", "--epochs", "400", "--json")
        let ended = try NeedletailTool.run(arguments, interruptAfter: #""event":"epoch""#, signal: SIGTERM)
        #expect(ended.code == 143, "\(ended.errors)")
        #expect(ended.errors.contains("--resume"), "\(ended.errors)")
        #expect(output.contents == ["best.safetensors", "checkpoint.safetensors", "history.csv", "report.html"])
        let saved = try Checkpoint(contentsOf: output.path("checkpoint.safetensors"))
        #expect(saved.position.epoch >= 1)
    }
}
