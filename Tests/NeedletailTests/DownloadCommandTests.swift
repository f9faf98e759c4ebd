import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime
import TestSupport
import Testing

/// `needletail train --download`, without a network.
@Suite(.serialized, .enabled(if: NeedletailTool.path != nil, "needletail has not been built"))
struct DownloadCommandTests: CommandSuite {
    private let folder = TemporaryDirectory()
    private let output = TemporaryDirectory()

    @Test func onlyFilesThatAreMissingAreDownloaded() throws {
        let trained = try run([
            "train", "mnist", "--data", NeedletailTool.datasets, "--download", "--limit", "64", "--model", "mlp-small",
            "--quiet",
        ])
        #expect(trained.code == 0 && trained.errors == "", "\(trained)")
        try expectFailure(
            1, ["error: train-images-idx3-ubyte.gz: could not be downloaded", "put it into \(output.path("mnist"))"],
            ["train", "mnist", "--data", output.path, "--download"], environment: nowhere)
        #expect(output.contents == [])
    }

    /// Files of two collections have the same names: each is downloaded into a folder of its own, and a run is judged by the files
    /// that it was trained on.
    @Test func collectionsDoNotShareADirectory() throws {
        try link(".")
        let data = ["--data", folder.path]
        try expectFailure(
            65,
            [
                "\(folder.path): these are the files of mnist",
                "put fashion-mnist's into \(folder.path("fashion-mnist"))",
            ],
            ["train", "fashion-mnist"] + data)
        try expectFailure(
            1,
            ["could not be downloaded", "put it into \(folder.path("fashion-mnist"))"],
            ["train", "fashion-mnist", "--download"] + data, environment: nowhere)
        let command = ["train", "mnist", "--limit", "64", "--model", "mlp-small", "--epochs", "1", "--quiet"]
        let trained = try run(command + data + ["--output", output.path])
        #expect(trained.code == 0, "\(trained)")
        let checkpoint = output.path("checkpoint.safetensors")
        // A folder of MNIST's name that comes later, with other files.
        try FileManager.default.createDirectory(atPath: folder.path("mnist"), withIntermediateDirectories: true)
        for (part, count) in [("train", 70), ("t10k", 3)] {
            let (extent, pixels) = ([0, 0, 0, UInt8(count)], [UInt8](repeating: 1, count: count * 784))
            folder.write(
                [0, 0, 8, 3] + extent + [0, 0, 0, 28, 0, 0, 0, 28] + pixels, to: "mnist/\(part)-images-idx3-ubyte")
            folder.write(
                [0, 0, 8, 1] + extent + (0..<count).map { UInt8($0 % 10) }, to: "mnist/\(part)-labels-idx1-ubyte")
        }
        func count(_ more: [String]) throws -> Double? {
            try run(["evaluate", "--checkpoint", checkpoint, "--json"] + more).events().first?["images"]?.number
        }
        #expect(try count([]) == 10_000 && count(data) == 3)
        let resumed = try run(
            ["train", "mnist", "--resume", checkpoint, "--epochs", "2", "--json", "--output", output.path])
        #expect(try resumed.events().first?["test_images"]?.number == 10_000, "\(resumed)")
        // Where one of its files is gone, the recorded directory is passed over.
        let labels = folder.path(ImageCollection.mnist.files[3].name)
        try FileManager.default.moveItem(atPath: labels, toPath: "\(labels).away")
        let elsewhere = try run(
            ["evaluate", "--checkpoint", checkpoint, "--json"], environment: ["NEEDLETAIL_DATA": folder.path("mnist")])
        #expect(try elsewhere.events().first?["images"]?.number == 3, "\(elsewhere)")
        try FileManager.default.moveItem(atPath: "\(labels).away", toPath: labels)
        // Files of one's own are trained on, and a line says so.
        try FileManager.default.moveItem(atPath: folder.path("mnist"), toPath: folder.path("own"))
        let own = try run(
            ["train", "mnist", "--data", folder.path("own"), "--model", "mlp-small", "--epochs", "1"])
        #expect(own.code == 0 && own.output.contains("neither mnist's nor fashion-mnist's"), "\(own)")
    }

    /// Who has asked for a download is not told to.
    @Test func noSecondDownloadIsAdvised() throws {
        try link(".")
        var subject = CollectionSubject(.fashionMNIST)
        subject.dataDirectory = folder.path
        subject.downloads = true
        subject.download = { _, _ in }
        let error = #expect(throws: TensorError.self) { try TrainingRun(subject, RunOptions()) }
        #expect(error?.message.contains("these are the files of mnist") == true)
        #expect(error?.message.contains("--download") == false)
    }

    /// No network, whether there is one or not.
    private let nowhere = ["https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"]

    /// MNIST's four files in a folder of the directory, without copying them.
    private func link(_ part: String) throws {
        try FileManager.default.createDirectory(atPath: folder.path(part), withIntermediateDirectories: true)
        for file in ImageCollection.mnist.files {
            try FileManager.default.createSymbolicLink(
                atPath: folder.path("\(part)/\(file.name)"),
                withDestinationPath: "\(NeedletailTool.datasets)/\(file.name)")
        }
    }

    @Test func aBrokenFileDoesNotHideADownload() throws {
        let path = folder.path("t10k-labels-idx1-ubyte.gz")
        try link(".")
        try FileManager.default.removeItem(atPath: path)
        folder.write("broken", to: "t10k-labels-idx1-ubyte.gz")
        let command = ["train", "mnist", "--download", "--limit", "64", "--model", "mlp-small", "--quiet"]
        let environment = nowhere.merging(["NEEDLETAIL_DATA": folder.path]) { $1 }
        // The broken file, what could not be had, and where it is to be put.
        try expectFailure(
            1,
            [
                "\(path): ", "train-images-idx3-ubyte.gz: could not be downloaded",
                "put it into \(folder.path("mnist"))",
            ], command,
            environment: environment)
        // Where downloads go is looked at first.
        try link("mnist")
        let trained = try run(command, environment: environment)
        #expect(trained.code == 0 && trained.errors == "", "\(trained)")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "broken")
        // A plain file is read before a packed one, and is not one of those that are downloaded.
        let plain = folder.write("broken", to: "mnist/train-images-idx3-ubyte")
        let asked = Lock<[String]>([])
        var subject = CollectionSubject(.mnist)
        subject.dataDirectory = folder.path
        subject.downloads = true
        subject.download = { _, directory in asked.withLock { $0.append(directory) } }
        let error = #expect(throws: TensorError.self) { try TrainingRun(subject, RunOptions()) }
        #expect(error?.message.hasPrefix("\(plain): magic") == true)
        #expect(
            error?.message.contains("read before those that were downloaded into \(folder.path("mnist")); remove it")
                == true)
        // The files are in the folder of the collection's name, so that is where they are brought to.
        #expect(asked.withLock { $0 } == [folder.path("mnist")])
    }
}
