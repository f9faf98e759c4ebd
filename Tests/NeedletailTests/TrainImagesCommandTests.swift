import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime
import TestSupport
import Testing

/// `needletail train images`, `fashion-mnist` and `cifar10`, presets, and predictions of pictures.
@Suite(.serialized, .enabled(if: NeedletailTool.path != nil, "needletail has not been built"))
struct TrainImagesCommandTests: CommandSuite {
    private let folder = TemporaryDirectory()
    private let output = TemporaryDirectory()

    /// A picture of one colour, more or less.
    @discardableResult
    private func picture(_ path: String, _ color: [Int], number: Int, width: Int = 14, height: Int = 11) throws
        -> String
    {
        var image = PixelImage(width: width, height: height)
        for pixel in 0..<(width * height) {
            for channel in 0..<3 {
                image.pixels[4 * pixel + channel] = UInt8(color[channel] + (pixel * 7 + number * 13 + channel) % 40)
            }
            image.pixels[4 * pixel + 3] = 255
        }
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try Data(PNGWriter.png(image)).write(to: URL(fileURLWithPath: path))
        return path
    }

    private let colors = ["blue": [0, 40, 200], "green": [20, 200, 40], "red": [200, 30, 20]]

    /// Folders of pictures, in a folder of the directory.
    private func pictures(_ count: Int, in part: String = ".", classes: [String] = ["blue", "green", "red"]) throws {
        for name in classes {
            for number in 0..<count {
                try picture(folder.path("\(part)/\(name)/\(number).png"), colors[name] ?? [], number: number)
            }
        }
    }

    // MARK: Pictures of one's own

    @Test func picturesAreLearntAndPredicted() throws {
        try pictures(15)
        let trained = try run([
            "train", "images", folder.path, "--model", "mlp-small", "--size", "8", "--optimizer", "adam", "--epochs",
            "10", "--augment", "--output", output.path,
        ])
        #expect(trained.code == 0 && trained.output.hasSuffix("validation accuracy: 100.00 %\n"), "\(trained)")
        #expect(trained.output.contains("36 images"), "\(trained)")
        let checkpoint = output.path("checkpoint.safetensors")
        let evaluation = try run(["evaluate", "--checkpoint", checkpoint, "--json"])
        let event = try #require(try evaluation.events().first)
        #expect(event["images"]?.number == 9 && event["validation_accuracy"]?.number == 1, "\(evaluation)")
        // Of other pictures, of some of the classes.
        let other = TemporaryDirectory()
        try picture(other.path("red/x.png"), [210, 20, 10], number: 3)
        let elsewhere = try run(["evaluate", "--checkpoint", checkpoint, "--data", other.path, "--json"]).events()
        #expect(elsewhere.first?["images"]?.number == 1 && elsewhere.first?["validation_accuracy"]?.number == 1)
        let files = [other.path("red/x.png"), folder.path("green/2.png")]
        let predicted = try run(["predict", "--checkpoint", checkpoint, "--top", "2"] + files)
        let lines = predicted.output.split(separator: "\n")
        #expect(
            lines.count == 2 && lines[0].hasPrefix("\(files[0]): red (") && lines[1].hasPrefix("\(files[1]): green ("))
        #expect(lines.allSatisfy { $0.split(separator: "%").count == 3 }, "\(predicted)")
        let said = try run(["predict", "--checkpoint", checkpoint, "--json"] + files).events()
        #expect(said.map { $0["prediction"]?.text } == ["red", "green"], "\(said)")
        #expect(said.allSatisfy { ($0["probability"]?.number ?? 0) > 0.5 })
        let report = try run(["report", output.path])
        #expect(report.code == 0 && report.errors == "" && report.output == output.path("report.html") + "\n")
    }

    @Test func foldersOfTrainingAndValidationAreFound() throws {
        try pictures(4, in: "train")
        try pictures(2, in: "val", classes: ["green", "red"])
        let command = [
            "train", "images", folder.path, "--model", "lenet", "--size", "16", "--epochs", "8", "--learning-rate",
            "0.01", "--json", "--output", output.path,
        ]
        let trained = try run(command)
        let start = try #require(try trained.events().first, "\(trained)")
        #expect(start["train_images"]?.number == 12 && start["validation_images"]?.number == 4, "\(trained)")
        // Classes keep their numbers where the validation lacks one.
        #expect(try trained.events().last?["validation_accuracy"]?.number == 1, "\(trained)")
        try expectFailure(64, ["--validation 0.5", "val"], command + ["--validation", "0.5"])
        try pictures(1, in: "val", classes: ["blue"])
        try FileManager.default.moveItem(atPath: folder.path("val/blue"), toPath: folder.path("val/pink"))
        try expectFailure(65, ["the class 'pink'", "'blue', 'green', 'red'"], command)
    }

    @Test func anInterruptedRunGoesOnBitForBit() throws {
        try pictures(20)
        let whole = TemporaryDirectory()
        let common = [
            "train", "images", folder.path, "--model", "resnet20", "--size", "8", "--batch-size", "4", "--augment",
            "--json", "--device", "cpu",
        ]
        let broken = try NeedletailTool.run(
            common + ["--epochs", "100000", "--output", output.path], interruptAfter: #""event":"epoch""#)
        #expect(broken.code == 130, "\(broken)")
        let checkpoint = output.path("checkpoint.safetensors")
        let epochs = String(try Checkpoint(contentsOf: checkpoint).position.epoch + 1)
        let straight = try NeedletailTool.run(common + ["--epochs", epochs, "--output", whole.path])
        #expect(straight.code == 0, "\(straight)")
        let resumed = try run([
            "train", "images", folder.path, "--epochs", epochs, "--json", "--output", output.path, "--resume",
            checkpoint,
        ])
        #expect(resumed.code == 0, "\(resumed)")
        for name in ["checkpoint.safetensors", "best.safetensors"] {
            var files = try [whole, output].map { try SafeTensorsFile(contentsOf: $0.path(name)) }
            for index in files.indices {
                files[index].metadata["seconds"] = nil
                // The best epoch may have been in the run that was to be longer.
                files[index].metadata["callbacks"]?.replace(#/"epochs":\["\d+"\]/#, with: "")
            }
            #expect(files[0] == files[1], "\(name)")
        }
    }

    @Test func whatIsWrongWithPicturesIsSaid() throws {
        let command = ["train", "images", folder.path, "--output", output.path]
        try expectFailure(65, [folder.path, "holds no folder"], command)
        try expectFailure(1, ["absent"], ["train", "images", folder.path("absent")])
        try pictures(1, classes: ["red"])
        try expectFailure(65, ["one class, 'red'"], command)
        try FileManager.default.createDirectory(atPath: folder.path("blue"), withIntermediateDirectories: true)
        try expectFailure(65, ["blue: holds no .png"], command)
        folder.write("no picture", to: "blue/1.png")
        for number in 1..<4 { try picture(folder.path("red/\(number).png"), [200, 9, 9], number: number) }
        for number in 2..<4 { try picture(folder.path("blue/\(number).png"), [9, 9, 200], number: number) }
        try expectFailure(65, ["blue/1.png", "neither PNG nor JPEG"], command + ["--size", "8"])
        try expectFailure(64, ["--size 8", "16 or more"], command + ["--size", "8", "--model", "lenet"])
        try expectFailure(64, ["--size 5"], command + ["--size", "5"])
        try expectFailure(64, ["--validation 0.0"], command + ["--validation", "0"])
        #expect(output.contents == [])
    }

    @Test func picturesThatAreReadAgainInEachEpochTrainTheSameModel() throws {
        try pictures(6)
        let weights = try [1 << 20, 0].map { bytes in
            var subject = FolderSubject(folder.path)
            subject.model = .mlpSmall
            subject.size = 8
            subject.augments = true
            subject.residentBytes = bytes
            var options = RunOptions()
            options.device = .cpu
            options.epochs = 2
            options.batchSize = 4
            let training = try TrainingRun(subject, options)
            guard case .finished = try training.run() else { throw Unfinished() }
            return try training.trainer.model.parameters.map { try $0.value.bytes() } + [
                Array("\(training.result)".utf8)
            ]
        }
        #expect(weights[0] == weights[1])
    }

    private struct Unfinished: Error {}

    // MARK: Collections

    @Test func aCheckpointThatALibrarysTrainerWroteIsOfDigits() throws {
        let data = TemporaryDirectory()
        TrainingSample.write(to: data, count: 40)
        let model = MNISTModel.mlpSmall.make(generator: Generator(seed: 1))
        let trainer = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.01), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()], generator: Generator(seed: 2))
        try trainer.fit(DataLoader(TrainingSample.dataset(count: 40), batchSize: 8, shuffle: true))
        let path = output.path("own.safetensors")
        try Checkpoint(of: trainer, model: "mlp-small").write(to: path)
        let judged = try run(["evaluate", "--checkpoint", path, "--data", data.path])
        #expect(judged.output.contains("MNIST test accuracy: "), "\(judged)")
        let resumed = try run(["train", "mnist", "--data", data.path, "--resume", path, "--epochs", "2", "--quiet"])
        #expect(resumed.code == 0, "\(resumed)")
        try Checkpoint(of: trainer, model: "resnet20").write(to: path)
        try expectFailure(65, [path, "'resnet20'"], ["evaluate", "--checkpoint", path, "--data", data.path])
    }

    @Test func fashionIsTrainedAsDigitsAre() throws {
        let data = MadeUpMNIST(train: 40)
        let trained = try run([
            "train", "fashion-mnist", "--data", data.path, "--model", "lenet", "--augment", "--output", output.path,
        ])
        #expect(trained.code == 0, "\(trained)")
        let last = try #require(trained.output.split(separator: "\n").last)
        #expect(last.hasPrefix("Fashion-MNIST test accuracy: "), "\(trained)")
        let checkpoint = output.path("checkpoint.safetensors")
        for place in [["--data", data.path], []] {
            let evaluation = try run(["evaluate", "--checkpoint", checkpoint] + place)
            #expect(evaluation.output.split(separator: "\n").last == last, "\(evaluation)")
        }
        let file = try picture(folder.path("light.png"), [210, 210, 210], number: 1)
        let said = try run(["predict", "--checkpoint", checkpoint, file, "--json"]).output
        #expect(said.contains(#""inverted":true"#), "\(said)")
        #expect(ImageCollection.fashionMNIST.classNames.contains { said.contains("\"prediction\":\"\($0)\"") })
        let kept = try run(["predict", "--checkpoint", checkpoint, file, "--json", "--invert", "off"]).output
        #expect(kept.contains(#""inverted":false"#), "\(kept)")
        try expectFailure(
            65, ["of `needletail train fashion-mnist`"],
            ["train", "mnist", "--data", data.path, "--resume", checkpoint])
    }

    @Test func photographsOfTenClassesAreTrainedOn() throws {
        for (number, name) in ((1...5).map { "data_batch_\($0).bin" } + ["test_batch.bin"]).enumerated() {
            let bytes = (0..<20).flatMap { record -> [UInt8] in
                let label = UInt8((record + number) % 10)
                return [label] + (0..<3072).map { UInt8(truncatingIfNeeded: Int(label) * 25 + $0 % 13) }
            }
            folder.write(bytes, to: name)
        }
        let trained = try run([
            "train", "cifar10", "--data", folder.path, "--model", "lenet", "--json", "--output", output.path, "--limit",
            "90",
        ])
        let events = try trained.events()
        #expect(events.first?["train_images"]?.number == 90, "\(trained)")
        #expect(events.last?["test_accuracy"] != nil, "\(trained)")
        let file = try picture(folder.path("a.png"), [90, 90, 90], number: 2)
        let said = try run(["predict", "--checkpoint", output.path("checkpoint.safetensors"), file]).output
        #expect(ImageCollection.cifar10.classNames.contains { said.contains("a.png: \($0) (") }, "\(said)")
        try FileManager.default.removeItem(atPath: folder.path("data_batch_3.bin"))
        try expectFailure(65, ["data_batch_3.bin"], ["train", "cifar10", "--data", folder.path])
        let empty = TemporaryDirectory()
        try expectFailure(
            65, ["cifar-10-binary.tar.gz", "--data", "--download"], ["train", "cifar10", "--data", empty.path])
    }

    @Test func aPresetIsResumedAndEvaluated() throws {
        // So many that the signal comes before the last epoch.
        let data = MadeUpMNIST(train: 6000)
        let whole = TemporaryDirectory()
        let common = ["train", "mnist", "--data", data.path, "--preset", "fast99", "--json"]
        let straight = try run(common + ["--output", whole.path])
        let start = try #require(try straight.events().first, "\(straight)")
        #expect(start["model"]?.text == "fast99" && start["batch_size"]?.number == 128)
        #expect(start["epochs"]?.number == 4 && start["learning_rate"]?.number == 0.01)
        let broken = try NeedletailTool.run(
            common + ["--output", output.path, "--device", "cpu"], interruptAfter: #""event":"epoch""#)
        #expect(broken.code == 130, "\(broken)")
        let checkpoint = output.path("checkpoint.safetensors")
        let resumed = try run([
            "train", "mnist", "--data", data.path, "--json", "--output", output.path, "--resume", checkpoint,
        ])
        #expect(resumed.code == 0, "\(resumed)")
        var files = try [whole.path("checkpoint.safetensors"), checkpoint].map { try SafeTensorsFile(contentsOf: $0) }
        for index in files.indices { files[index].metadata["seconds"] = nil }
        #expect(files[0] == files[1])
        let judged = try run(["evaluate", "--checkpoint", checkpoint, "--data", data.path, "--json"]).events().first
        #expect(judged?["test_accuracy"] == (try straight.events().last?["test_accuracy"]))
        #expect(judged?["model"]?.text == "fast99")
        try expectFailure(65, ["fast99", "--model"], ["train", "mnist", "--resume", checkpoint, "--model", "mlp"])
        for options in [["--epochs", "9"], ["--learning-rate", "0.5"]] {
            try expectFailure(
                64, [options.joined(separator: " "), "leave the option out"],
                ["train", "mnist", "--data", data.path, "--resume", checkpoint] + options)
        }
        // Ten classes under twelve names.
        var hostile = try SafeTensorsFile(contentsOf: checkpoint)
        let changes = [
            (#""kind":["mnist"]"#, #""kind":["images"]"#), (#""mean":[]"#, #""mean":["0"]"#),
            (#""deviation":[]"#, #""deviation":["1"]"#), (#""classes":["#, #""classes":["ten","eleven","#),
        ]
        for (old, new) in changes {
            let callbacks = try #require(hostile.metadata["callbacks"])
            #expect(callbacks.contains(old), "\(callbacks)")
            hostile.metadata["callbacks"] = callbacks.replacing(old, with: new)
        }
        let path = output.path("hostile.safetensors")
        try hostile.write(to: path)
        let file = try picture(folder.path("a.png"), [90, 90, 90], number: 2)
        try expectFailure(65, [path, "'fast99'"], ["predict", "--checkpoint", path, file])
        hostile.metadata["model"] = "mlp"
        try hostile.write(to: path)
        try expectFailure(65, [path, "'classes'"], ["predict", "--checkpoint", path, file])
        let contradictions = [
            ["--model", "cnn"], ["--epochs", "2"], ["--batch-size", "64"], ["--optimizer", "sgd"],
            ["--learning-rate", "0.1"], ["--augment"], ["--patience", "2"],
        ]
        for options in contradictions {
            try expectFailure(
                64, [options.joined(separator: " "), "--preset fast98"],
                ["train", "mnist", "--preset", "fast98"] + options)
        }
        try expectFailure(64, ["--preset"], ["train", "mnist", "--preset", "fast97"])
    }

    @Test func aDrawingMayBeOfAnySizeAndDarkOnLight() throws {
        let data = TemporaryDirectory()
        TrainingSample.write(to: data, count: 600)
        let trained = try run([
            "train", "mnist", "--data", data.path, "--model", "mlp-small", "--optimizer", "adam", "--epochs", "6",
            "--output", output.path, "--quiet",
        ])
        #expect(trained.code == 0, "\(trained)")
        let checkpoint = output.path("best.safetensors")
        // Class k of the sample is bright in rows 2k and 2k + 1: drawn twice as large, and dark.
        for isDark in [false, true] {
            var image = PixelImage(width: 56, height: 56)
            for pixel in 0..<(56 * 56) {
                let isInk = (16..<20).contains(pixel / 56)
                for channel in 0..<3 { image.pixels[4 * pixel + channel] = isInk != isDark ? 205 : 40 }
                image.pixels[4 * pixel + 3] = 255
            }
            let file = folder.path("\(isDark).png")
            try Data(PNGWriter.png(image)).write(to: URL(fileURLWithPath: file))
            let said = try run(["predict", "--checkpoint", checkpoint, file])
            #expect(said.output.hasPrefix("\(file): 4 ("), "\(said)")
            #expect(said.output.contains("turned over") == isDark, "\(said)")
        }
        let rows = folder.write("x\n1\n", to: "rows.csv")
        try expectFailure(64, ["rows.csv", "is of pictures"], ["predict", "--checkpoint", checkpoint, rows])
        let odd = folder.write("no picture", to: "odd.png")
        try expectFailure(65, ["odd.png", "neither PNG nor JPEG"], ["predict", "--checkpoint", checkpoint, odd])
        try expectFailure(1, ["absent.png"], ["predict", "--checkpoint", checkpoint, folder.path("absent.png")])
        try expectFailure(64, ["--output"], ["predict", "--checkpoint", checkpoint, odd, "--output", "x.csv"])
        try expectFailure(64, ["--top 0"], ["predict", "--checkpoint", checkpoint, odd, "--top", "0"])
    }

    // MARK: Help

    @Test func theVersionIsThatOfTheChangelog() throws {
        let said = try NeedletailTool.run(["--version"], environment: ["NEEDLETAIL_DEVICE": "warp:9"])
        #expect(said.code == 0 && said.errors == "", "\(said)")
        let changelog = try String(
            contentsOf: ImportTests.root.appendingPathComponent("CHANGELOG.md"), encoding: .utf8)
        let heading = try #require(changelog.split(separator: "\n").first { $0.hasPrefix("## [") })
        let version = said.output.dropFirst("needletail ".count).dropLast()
        let isReleased = heading.contains("[\(version)]")
        #expect(isReleased || (heading == "## [Unreleased]" && version.hasSuffix("-dev")), "\(said.output) \(heading)")
    }

    @Test(arguments: [
        (["train", "mnist"], ["fast98 or fast99", "mlp, mlp-small, cnn, lenet", "sgd, adam or adamw", "--download"]),
        (["train", "cifar10"], ["resnet18 or resnet20", "float32, float64, float16 or bfloat16", "--patience"]),
        (
            ["train", "images"],
            ["of a preset its own", "valid, val, test", "default: 64", "default: 0.2", "--augment", "--tensorboard"]
        ),
        (["train", "csv"], ["classification or regression", "refuse:", "mean:", "drop:", "default: 64,32"]),
        (["predict"], ["auto, on or off", "default: 3"]), (["report"], ["--data"]), (["evaluate"], ["--dtype"]),
    ])
    func theHelpNamesEveryChoice(_ command: [String], _ texts: [String]) throws {
        let help = try NeedletailTool.run(command + ["--help"])
        #expect(help.code == 0)
        // Lines are broken to the terminal's width.
        let words = help.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for text in texts { #expect(words.contains(text), "no \(text) in \(words)") }
    }
}
