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
            1, ["error: train-images-idx3-ubyte.gz: could not be downloaded", "put it into \(output.path)"],
            ["train", "mnist", "--data", output.path, "--download"], environment: nowhere)
        #expect(output.contents == [])
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
