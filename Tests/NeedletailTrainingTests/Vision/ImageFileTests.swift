import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime
import Testing

@Suite("Picture files")
struct ImageFileTests {
    private static let cases = [
        "png_rgb", "png_gray", "png_alpha", "png_gray_alpha", "png_palette", "png_bits", "png_16", "jpeg_rgb",
        "jpeg_420", "jpeg_gray", "jpeg_progressive", "jpeg_cmyk",
    ]

    @Test("PNG and JPEG files of all kinds have Pillow's pixels", arguments: ImageFileTests.cases)
    func readsAsPillow(name: String) throws {
        let golden = try TrainingGolden("images")
        let scratch = ScratchDirectory()
        let path = scratch.write(try golden.array("\(name)/file").bytes, to: "picture")
        // Libraries of JPEG may round a transform's last bit, which colour makes two.
        let tolerance = name.hasPrefix("jpeg") ? 2 : 0
        let rgb = try ImageFile.read(path)
        #expect(rgb.dtype == .uint8 && rgb.shape == [3, 13, 17])
        #expect(largestDifference(rgb, try golden.array("\(name)/rgb")) <= tolerance)
        let gray = try ImageFile.read(path, channels: .gray)
        #expect(largestDifference(gray, try golden.array("\(name)/gray")) <= tolerance)
    }

    @Test("pictures are resized as Pillow and torchvision resize, bit for bit")
    func resizes() throws {
        let golden = try TrainingGolden("images")
        let scratch = ScratchDirectory()
        let path = scratch.write(try golden.array("png_rgb/file").bytes, to: "picture.png")
        for (height, width) in [(5, 6), (13, 4), (29, 40), (7, 31), (1, 1), (26, 17)] {
            let resized = try ImageFile.read(path, size: (height, width))
            let expected = try golden.array("resized_\(height)_\(width)")
            // Where the rows alone get fewer, Pillow 13 resizes along the columns first, earlier ones as here.
            let tolerance = height < 13 && width > 17 ? 1 : 0
            #expect(largestDifference(resized, expected) <= tolerance, "\(height) x \(width)")
        }
        // 13 x 17 covers 6 x 6 as 6 x 8, of which the middle is cut.
        let cut = try ImageFile.read(path, size: (6, 6), fit: .crop)
        let whole = try ImageFile.read(path, size: (6, 8))
        #expect(cut.shape == [3, 6, 6])
        for row in 0..<18 { #expect(cut.bytes[row * 6] == whole.bytes[row * 8 + 1]) }
        #expect(try ImageFile.read(path, size: (13, 17)) == ImageFile.read(path))
    }

    @Test("every file that ends early is refused or whole, and never read beyond its end")
    func refusesTruncatedFiles() throws {
        let golden = try TrainingGolden("images")
        let scratch = ScratchDirectory()
        for name in ["png_rgb", "png_palette", "jpeg_420", "jpeg_progressive"] {
            let whole = try golden.array("\(name)/file").bytes
            var refused = 0
            for count in Set([0, 1, 3, 8, 20, 33, 40] + Array(stride(from: 50, to: whole.count - 20, by: 37))) {
                let path = scratch.write(Array(whole[..<count]), to: "cut")
                do throws(TensorError) {
                    _ = try ImageFile.read(path)
                } catch {
                    #expect(error.kind == .data && error.message.hasPrefix("\(path): "), "\(error)")
                    refused += 1
                }
            }
            #expect(refused >= 8, "\(name): \(refused)")
        }
    }

    @Test("random damage never ends the process")
    func survivesDamage() throws {
        let golden = try TrainingGolden("images")
        let scratch = ScratchDirectory()
        var random = SeededRandom(5)
        for name in ["png_rgb", "png_16", "jpeg_420", "jpeg_cmyk"] {
            let whole = try golden.array("\(name)/file").bytes
            for _ in 0..<60 {
                var bytes = whole
                for _ in 0..<3 {
                    bytes[Int.random(in: 2..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                let path = scratch.write(bytes, to: "damaged")
                do throws(TensorError) {
                    #expect(try ImageFile.read(path, limit: 10_000).shape[0] == 3)
                } catch {
                    #expect(error.kind == .data, "\(error)")
                }
            }
        }
    }

    @Test("what is no picture, or too large a one, is said")
    func refusesOthers() throws {
        let golden = try TrainingGolden("images")
        let scratch = ScratchDirectory()
        expectDataError(.data, "text.png: is neither PNG nor JPEG") {
            _ = try ImageFile.read(scratch.write("hello", to: "text.png"))
        }
        let path = scratch.write(try golden.array("png_rgb/file").bytes, to: "small.png")
        expectDataError(.data, "small.png: 17 x 13 pixels exceed the limit of 220") {
            _ = try ImageFile.read(path, limit: 220)
        }
        // A header of 60000 x 60000, its checksum set right, in front of a few bytes.
        var huge = try golden.array("png_rgb/file").bytes
        huge.replaceSubrange(16..<24, with: [0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60])
        huge.replaceSubrange(29..<33, with: pngChecksum(Array(huge[12..<29])))
        expectDataError(.data, "huge.png: 60000 x 60000 pixels exceed the limit of 67108864") {
            _ = try ImageFile.read(scratch.write(huge, to: "huge.png"))
        }
        var wide = try golden.array("jpeg_rgb/file").bytes
        let frame = try #require(wide.indices.first { wide[$0] == 0xFF && wide[$0 + 1] == 0xC0 })
        wide.replaceSubrange((frame + 5)..<(frame + 9), with: [0xFF, 0xDC, 0xFF, 0xDC])
        expectDataError(.data, "wide.jpg: 65500 x 65500 pixels exceed") {
            _ = try ImageFile.read(scratch.write(wide, to: "wide.jpg"))
        }
        expectDataError(.file, "none.png") { _ = try ImageFile.read("\(scratch.path)/none.png") }
        expectDataError(.invalidArgument, "a size of 0 x 4") { _ = try ImageFile.read(path, size: (0, 4)) }
    }

    /// The CRC-32 of a chunk's kind and contents, as PNG stores it.
    private func pngChecksum(_ bytes: [UInt8]) -> [UInt8] {
        var sum: UInt32 = .max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        return (0..<4).map { UInt8(truncatingIfNeeded: ~sum >> (24 - 8 * UInt32($0))) }
    }
}

@Suite("Folders of pictures")
struct ImageFolderTests {
    private func folder() throws -> ScratchDirectory {
        let golden = try TrainingGolden("images")
        let scratch = ScratchDirectory()
        scratch.write(try golden.array("jpeg_rgb/file").bytes, to: "dog/b.JPG")
        scratch.write(try golden.array("png_rgb/file").bytes, to: "dog/a.png")
        scratch.write(try golden.array("png_gray/file").bytes, to: "cat/old/x.jpeg")
        scratch.write("notes", to: "cat/readme.txt")
        scratch.write("hidden", to: ".git/x.png")
        scratch.write("top", to: "top.png")
        return scratch
    }

    @Test("classes and pictures come in the order of their names")
    func lists() throws {
        let scratch = try folder()
        let pictures = try ImageFolder(scratch.path, size: (8, 9))
        #expect(pictures.classNames == ["cat", "dog"] && pictures.labels == [0, 1, 1])
        #expect(
            pictures.pictures.map { $0.path.dropFirst(scratch.path.count) } == [
                "/cat/old/x.jpeg", "/dog/a.png", "/dog/b.JPG",
            ])
        let batch = Array(DataLoader(pictures, batchSize: 3, workers: 2).epoch(0))[0]
        #expect(batch.features.shape == [3, 3, 8, 9] && batch.features.dtype == .uint8)
        #expect(try batch.labels.scalars(as: Int.self) == [0, 1, 1])
        let device = try DeviceDataset(loading: pictures, scale: 1 / 255.0)
        let scaled = Array(device.batches(of: 3))[0].features
        let difference = try (scaled * 255 - batch.features.to(.float32)).abs().max().item()
        #expect(scaled.dtype == .float32 && difference < 1e-4)
    }

    @Test("a broken picture is named by what reads the batch")
    func namesBrokenFiles() throws {
        let scratch = try folder()
        let whole = try TrainingGolden("images").array("png_rgb/file").bytes
        scratch.write(Array(whole.dropLast(60)), to: "dog/a.png")
        expectDataError(.data, "example 1: \(scratch.path)/dog/a.png: broken PNG file") {
            for batch in DataLoader(try ImageFolder(scratch.path), batchSize: 2).epoch(0) {
                _ = try batch.features.to(.float32).mean().item()
            }
        }
    }

    @Test("a directory that is none, or without pictures, is said")
    func refusesDirectories() throws {
        let scratch = ScratchDirectory()
        expectDataError(.file, "nowhere: cannot be read") { _ = try ImageFolder("\(scratch.path)/nowhere") }
        scratch.write("x", to: "x.png")
        expectDataError(.data, "holds no folder") { _ = try ImageFolder(scratch.path) }
        scratch.write("x", to: "birds/x.gif")
        expectDataError(.data, "birds: holds no .png") { _ = try ImageFolder(scratch.path) }
        scratch.write("x", to: "birds/x.png")
        do {
            try FileManager.default.createSymbolicLink(
                atPath: "\(scratch.path)/birds/again", withDestinationPath: "\(scratch.path)/birds")
        }
        expectDataError(.data, "folders lie too deep") { _ = try ImageFolder(scratch.path) }
    }
}
