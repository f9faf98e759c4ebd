import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime
import Testing

@Suite("Data sets by name")
struct ImageCollectionTests {
    /// A record of CIFAR: classes, and pixels that are the record's number and their place.
    private func record(_ number: Int, _ classes: [UInt8]) -> [UInt8] {
        classes + (0..<3072).map { UInt8(truncatingIfNeeded: number &* 7 &+ $0) }
    }

    /// An archive of files, as tar writes it.
    private func tar(_ files: [(String, [UInt8])]) -> [UInt8] {
        var archive: [UInt8] = []
        for (name, bytes) in files {
            var header = [UInt8](repeating: 0, count: 512)
            header.replaceSubrange(0..<name.utf8.count, with: Array(name.utf8))
            header.replaceSubrange(124..<135, with: Array(octal(bytes.count, 11).utf8))
            header[156] = UInt8(ascii: "0")
            header.replaceSubrange(257..<262, with: Array("ustar".utf8))
            header.replaceSubrange(148..<156, with: Array("        ".utf8))
            let sum = header.reduce(0) { $0 + Int($1) }
            header.replaceSubrange(148..<154, with: Array(octal(sum, 6).utf8))
            archive += header + bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
        }
        return archive + [UInt8](repeating: 0, count: 1024)
    }

    private func octal(_ value: Int, _ digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: digits - text.count) + text
    }

    /// The system's gzip of bytes.
    private func gzip(_ bytes: [UInt8], in scratch: ScratchDirectory, as name: String) throws {
        let plain = scratch.write(bytes, to: name)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-f", plain]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    private func header(_ extents: [Int]) -> [UInt8] {
        [0, 0, 8, UInt8(extents.count)]
            + extents.flatMap { extent in (0..<4).map { UInt8(truncatingIfNeeded: extent >> (24 - 8 * $0)) } }
    }

    @Test("MD5 is that of the RFC's examples, however the bytes come")
    func sums() {
        let known = [
            ("", "d41d8cd98f00b204e9800998ecf8427e"), ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a"
            ),
        ]
        for (text, sum) in known { #expect(MD5.digest(of: Array(text.utf8)) == sum) }
        // Python's hashlib.md5(bytes(n)).hexdigest() at the ends of blocks.
        let zeros = [
            55: "c9ea3314b91c9fd4e38f9432064fd1f2", 56: "e3c4dd21a9171fd39d208efa09bf7883",
            63: "65cecfb980d72fde57d175d6ec1c3f64", 64: "3b5d3c7d207e37dceeedd301e35e2e58",
        ]
        for (count, sum) in zeros { #expect(MD5.digest(of: Array(repeating: 0, count: count)) == sum, "\(count)") }
        var pieces = MD5()
        for byte in known[2].0.utf8 { pieces.update([byte]) }
        #expect(pieces.digest() == known[2].1)
    }

    @Test("CIFAR-10 and CIFAR-100 are read unpacked and from their archives")
    func readsCIFAR() throws {
        let files = (1...5).map { file in
            ("cifar-10-batches-bin/data_batch_\(file).bin", record(2 * file, [UInt8(file)]) + record(2 * file + 1, [9]))
        }
        let test = ("cifar-10-batches-bin/test_batch.bin", record(0, [3]))
        let unpacked = ScratchDirectory()
        for (name, bytes) in files + [test] { unpacked.write(bytes, to: name) }
        let packed = ScratchDirectory()
        try gzip(tar(files + [test]), in: packed, as: "cifar-10-binary.tar")
        for scratch in [unpacked, packed] {
            #expect(try ImageCollection.cifar10.directory(scratch.path) == scratch.path)
            let split = try ImageCollection.cifar10.load(.train, from: scratch.path)
            #expect(split.labels == [1, 9, 2, 9, 3, 9, 4, 9, 5, 9] && split.shape == [3, 32, 32])
            #expect(Array(split.images[(3 * 3072)..<(4 * 3072)]) == Array(record(5, [])))
            #expect(try split.example(at: 3).arrays[1] == HostArray(Int64(9)))
            #expect(try ImageCollection.cifar10.load(.test, from: scratch.path).labels == [3])
            #expect(DeviceDataset(split.prefix(4)).features.shape == [4, 3, 32, 32])
        }
        let hundred = ScratchDirectory()
        hundred.write(record(1, [4, 77]) + record(2, [5, 99]), to: "train.bin")
        #expect(try ImageCollection.cifar100.load(.train, from: hundred.path).labels == [77, 99])
        hundred.write(record(1, [4, 100]), to: "test.bin")
        expectDataError(.data, "test.bin: class 100 of record 0 is not below 100") {
            _ = try ImageCollection.cifar100.load(.test, from: hundred.path)
        }
        hundred.write(Array(record(1, [4, 9]).dropLast()), to: "test.bin")
        expectDataError(.data, "test.bin: 3073 bytes are no records of 3074") {
            _ = try ImageCollection.cifar100.load(.test, from: hundred.path)
        }
        expectDataError(.data, "has neither data_batch_1.bin nor cifar-10-binary.tar.gz") {
            _ = try ImageCollection.cifar10.load(.train, from: hundred.path)
        }
    }

    @Test("broken archives are refused")
    func refusesArchives() throws {
        let archive = tar([("a/b.bin", [1, 2, 3]), ("c", [])])
        #expect(try TarArchive(archive, path: "x.tar").files.map(\.name) == ["a/b.bin", "c"])
        #expect(try TarArchive(archive, path: "x.tar").file("b.bin").map { Array($0) } == [1, 2, 3])
        expectDataError(.data, "x.tar: tar archive ends early") {
            _ = try TarArchive(Array(archive[..<600]), path: "x.tar")
        }
        expectDataError(.data, "x.tar: tar archive ends early") {
            _ = try TarArchive(Array(archive[..<514]), path: "x.tar")
        }
        var damaged = archive
        damaged[3] = 7
        expectDataError(.data, "no header of a tar archive at byte 0") { _ = try TarArchive(damaged, path: "x.tar") }
        expectDataError(.data, "no header") { _ = try TarArchive([UInt8](repeating: 65, count: 512), path: "x.tar") }
        let scratch = ScratchDirectory()
        try gzip(tar([("train.bin", [1])]), in: scratch, as: "cifar-10-binary.tar")
        expectDataError(.data, "cifar-10-binary.tar.gz: holds no data_batch_1.bin") {
            _ = try ImageCollection.cifar10.load(.train, from: scratch.path)
        }
    }

    @Test("Fashion-MNIST is read as MNIST is")
    func readsFashion() throws {
        let scratch = ScratchDirectory()
        scratch.write(
            header([2, 28, 28]) + Array(repeating: 7, count: 1568), to: "fashion-mnist/t10k-images-idx3-ubyte")
        scratch.write(header([2]) + [9, 0], to: "fashion-mnist/t10k-labels-idx1-ubyte")
        let directory = try ImageCollection.fashionMNIST.directory(scratch.path)
        #expect(directory == "\(scratch.path)/fashion-mnist")
        let split = try ImageCollection.fashionMNIST.load(.test, from: directory)
        #expect(split.labels == [9, 0] && split.shape == [1, 28, 28])
        #expect(ImageCollection.fashionMNIST.classNames[9] == "Ankle boot")
        expectDataError(.data, "cifar10 is not in", "put cifar-10-binary.tar.gz there", "--data") {
            _ = try ImageCollection.cifar10.directory(scratch.path)
        }
        for collection in ImageCollection.allCases {
            #expect(collection.classNames.count == collection.classCount)
            #expect(collection.files.allSatisfy { $0.md5.count == 32 } && collection.mirrors.count > 1)
        }
    }

    @Test("a download leaves a file of the user's own alone where it can be read")
    func keepsReadableFiles() throws {
        let scratch = ScratchDirectory()
        let name = "train-labels-idx1-ubyte"
        try gzip(header([2]) + [9, 0], in: scratch, as: name)
        let path = "\(scratch.path)/\(name).gz"
        let own = try FileReader(path: path).readAll(limit: 1000)
        let file = ImageCollection.File(name: "\(name).gz", md5: MD5.digest(of: [1]))
        try ImageCollection.mnist.download([file], to: scratch.path, from: [])
        #expect(try FileReader(path: path).readAll(limit: 1000) == own)
        // One that is cut off is asked for again.
        scratch.write(Array(own.dropLast(4)), to: "\(name).gz")
        expectDataError(.file, "\(name).gz: could not be downloaded") {
            try ImageCollection.mnist.download([file], to: scratch.path, from: [])
        }
    }

    @Test("MNIST's files are not left in the place of Fashion-MNIST's, nor read as such", arguments: [0, 1, 2, 3])
    func refusesTheOthersFiles(_ number: Int) throws {
        let scratch = ScratchDirectory()
        let known = try ImageCollection.mnist.directory()
        // Labels as the page gives them, packed anew and unpacked; images packed anew.
        let file = ImageCollection.mnist.files[number == 3 ? 2 : 3]
        let plainName = String(file.name.dropLast(3))
        let packed = try FileReader(path: "\(known)/\(file.name)").readAll(limit: 1 << 24)
        let plain = try Gzip.decompress(packed, path: file.name)
        switch number {
        case 0: scratch.write(packed, to: file.name)
        case 1, 3: try gzip(plain, in: scratch, as: plainName)
        default: scratch.write(plain, to: plainName)
        }
        let before = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
        expectDataError(.data, "is of mnist, by its sum", "fashion-mnist's files have the same names; name another") {
            try ImageCollection.fashionMNIST.download(to: scratch.path, from: [])
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == before)
        guard number == 0 else { return }
        let images = ImageCollection.mnist.files[2].name
        scratch.write(try FileReader(path: "\(known)/\(images)").readAll(limit: 1 << 24), to: images)
        expectDataError(.data, "the labels are those of mnist", "not those of fashion-mnist") {
            _ = try ImageCollection.fashionMNIST.load(.test, from: scratch.path)
        }
        #expect(try ImageCollection.mnist.load(.test, from: scratch.path).labels.count == 10_000)
    }

    @Test("a place that has all files comes before one that has some")
    func findsTheWhole() throws {
        let scratch = ScratchDirectory()
        for collection in [ImageCollection.fashionMNIST, .cifar10] {
            let folder = "\(scratch.path)/\(collection.rawValue)"
            let stray = collection == .cifar10 ? "test_batch.bin" : collection.files[3].name
            scratch.write([1], to: "\(collection.rawValue)/\(stray)")
            #expect(try collection.directory(scratch.path) == folder)
            for file in collection.files { scratch.write([1], to: file.name) }
            #expect(try collection.directory(scratch.path) == scratch.path)
            for file in collection.files { scratch.write([1], to: "\(collection.rawValue)/\(file.name)") }
            #expect(try collection.directory(scratch.path) == folder)
        }
    }

    /// MNIST's labels in a folder, packed and unpacked, and something in the place of its images.
    private func mnist(_ folder: String, in scratch: ScratchDirectory) throws {
        let known = try ImageCollection.mnist.directory()
        for file in ImageCollection.mnist.files {
            guard file.name.contains("labels") else {
                scratch.write([1], to: "\(folder)/\(file.name)")
                continue
            }
            let packed = try FileReader(path: "\(known)/\(file.name)").readAll(limit: 1 << 20)
            if file.name.contains("train") {
                scratch.write(packed, to: "\(folder)/\(file.name)")
            } else {
                scratch.write(
                    try Gzip.decompress(packed, path: file.name), to: "\(folder)/\(file.name.dropLast(3))")
            }
        }
    }

    @Test("MNIST's files are not taken for Fashion-MNIST's, whose names are the same")
    func tellsCollectionsApart() throws {
        let scratch = ScratchDirectory()
        try mnist(".", in: scratch)
        #expect(try ImageCollection.mnist.directory(scratch.path) == scratch.path)
        #expect(try MNISTFiles.directory(scratch.path) == scratch.path)
        let own = "\(scratch.path)/fashion-mnist"
        expectDataError(
            .data, "\(scratch.path): these are the files of mnist", "not those of fashion-mnist",
            "put fashion-mnist's into \(own)"
        ) { _ = try ImageCollection.fashionMNIST.directory(scratch.path) }
        // The collection's own folder is found beside them, and what is in it may be the other's as little.
        scratch.write([1], to: "fashion-mnist/t10k-labels-idx1-ubyte.gz")
        #expect(try ImageCollection.fashionMNIST.directory(scratch.path) == own)
        try mnist("fashion-mnist", in: scratch)
        expectDataError(.data, "\(own): these are the files of mnist") {
            _ = try ImageCollection.fashionMNIST.directory(scratch.path)
        }
        // A file in the place of MNIST's that is none of either is the user's to know.
        let other = ScratchDirectory()
        try gzip(header([2]) + [9, 0], in: other, as: "train-labels-idx1-ubyte")
        for collection in [ImageCollection.mnist, .fashionMNIST] {
            #expect(try collection.directory(other.path) == other.path)
        }
    }

    @Test("a download is compared with its sum, tries each address, and leaves nothing half done")
    func downloads() throws {
        let source = ScratchDirectory()
        let target = ScratchDirectory()
        source.write("wrong", to: "first/data.bin")
        source.write("right", to: "second/data.bin")
        let file = ImageCollection.File(name: "data.bin", md5: MD5.digest(of: Array("right".utf8)))
        let addresses = ["file://\(source.path)/none", "file://\(source.path)/first", "file://\(source.path)/second"]
        let directory = "\(target.path)/new"
        try ImageCollection.mnist.download([file], to: directory, from: addresses)
        #expect(try FileReader(path: "\(directory)/data.bin").readAll(limit: 100) == Array("right".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["data.bin"])
        // What is there and right is not asked for again; what is wrong is.
        try ImageCollection.mnist.download([file], to: directory, from: [])
        target.write("wrong", to: "new/data.bin")
        try ImageCollection.mnist.download([file], to: directory, from: Array(addresses[2...]))
        #expect(try FileReader(path: "\(directory)/data.bin").readAll(limit: 100) == Array("right".utf8))
        let other = "\(target.path)/other"
        expectDataError(
            .file, "data.bin: could not be downloaded", "none/data.bin", "of MD5", "not \(file.md5)",
            "put it into \(other)"
        ) {
            try ImageCollection.mnist.download([file], to: other, from: Array(addresses[..<2]))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: other).isEmpty)
    }
}
