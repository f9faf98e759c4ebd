import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TestSupport
import Testing

/// What becomes of a run of pictures whose directory is another, or has changed.
@Suite(.serialized, .enabled(if: NeedletailTool.path != nil, "needletail has not been built"))
struct SavedPicturesCommandTests: CommandSuite {
    private let folder = TemporaryDirectory()
    private let output = TemporaryDirectory()

    /// Five pictures a class, in a folder of a directory: shades of a class lie beside each other.
    private func pictures(_ classes: [String], in directory: TemporaryDirectory, _ part: String = ".") throws {
        for (label, name) in classes.enumerated() {
            try FileManager.default.createDirectory(
                atPath: directory.path("\(part)/\(name)"), withIntermediateDirectories: true)
            for number in 0..<5 {
                var image = PixelImage(width: 9, height: 9)
                for place in image.pixels.indices {
                    image.pixels[place] = place % 4 == 3 ? 255 : UInt8(60 * label + 10 * number + place % 7)
                }
                directory.write([UInt8](PNGWriter.png(image)), to: "\(part)/\(name)/\(number).png")
            }
        }
    }

    private func train(_ directory: TemporaryDirectory) throws -> String {
        let result = try run([
            "train", "images", directory.path, "--model", "mlp-small", "--size", "8", "--epochs", "1", "--output",
            output.path,
        ])
        #expect(result.code == 0, "\(result)")
        return output.path("checkpoint.safetensors")
    }

    @Test func aRunGoesOnWithItsOwnPicturesOnly() throws {
        try pictures(["blue", "red"], in: folder)
        let checkpoint = try train(folder)
        let other = TemporaryDirectory()
        try pictures(["cat", "dog"], in: other)
        let go = ["--resume", checkpoint, "--epochs", "2"]
        try expectFailure(65, [other.path, checkpoint, "other pictures"], ["train", "images", other.path] + go)
        try expectFailure(
            64, ["--augment: ", "leave the option out"], ["train", "images", folder.path, "--augment"] + go)
        // The same files under another name of the directory, with other pixels.
        let lighter = TemporaryDirectory()
        try pictures(["blue", "red"], in: lighter)
        for number in 0..<5 {
            let path = lighter.path("blue/\(number).png")
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.copyItem(atPath: lighter.path("red/\(number).png"), toPath: path)
        }
        try expectFailure(65, [lighter.path, "other pictures"], ["train", "images", lighter.path] + go)
        let same = TemporaryDirectory()
        try pictures(["blue", "red"], in: same)
        let resumed = try run(["train", "images", same.path + "/"] + go)
        #expect(resumed.code == 0, "\(resumed)")
    }

    @Test func picturesThatWereTrainedOnAreNotHeldOutOnes() throws {
        try pictures(["blue", "red"], in: folder)
        let checkpoint = try train(folder)
        #expect(try run(["evaluate", "--checkpoint", checkpoint]).code == 0)
        try FileManager.default.copyItem(atPath: folder.path("blue/1.png"), toPath: folder.path("blue/0a.png"))
        try expectFailure(65, [folder.path, "other pictures", "--data"], ["evaluate", "--checkpoint", checkpoint])
        let report = try run(["report", output.path])
        #expect(report.code == 0 && report.errors.contains("no predictions: "), "\(report)")
        #expect(try run(["evaluate", "--checkpoint", checkpoint, "--data", folder.path]).code == 0)
    }

    @Test func aReportOfAPictureThatIsBrokenNowHasNoPredictions() throws {
        try pictures(["blue", "red"], in: folder)
        _ = try train(folder)
        for name in ["blue", "red"] {
            for number in 0..<5 { folder.write("no picture", to: "\(name)/\(number).png") }
        }
        let report = try run(["report", output.path])
        #expect(report.code == 0 && report.errors.contains("no predictions: "), "\(report)")
    }

    @Test func trainingPicturesWithoutOthersAreNoClass() throws {
        try pictures(["blue", "red"], in: folder, "train")
        let command = ["train", "images", folder.path, "--model", "mlp-small", "--size", "8", "--json"]
        try expectFailure(65, ["validation, valid, val, test", folder.path("train")], command)
        try pictures(["blue", "red"], in: folder, "valid")
        let trained = try run(command)
        #expect(try trained.events().first?["validation_images"]?.number == 10, "\(trained)")
        // Trains may be a class.
        let vehicles = TemporaryDirectory()
        try pictures(["car", "train"], in: vehicles)
        #expect(try run(["train", "images", vehicles.path, "--model", "mlp-small", "--size", "8"]).code == 0)
    }
}
