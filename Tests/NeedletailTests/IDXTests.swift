import Foundation
import Needletail
import NeedletailVision
import TensorRuntime
import TestSupport
import Testing

/// The bytes of an IDX file.
private func idx(_ element: UInt8, _ dimensions: [UInt32], _ bytes: [UInt8]) -> [UInt8] {
    [0, 0, element, UInt8(dimensions.count)]
        + dimensions.flatMap { extent in (0..<4).map { UInt8(truncatingIfNeeded: extent >> (24 - 8 * UInt32($0))) } }
        + bytes
}

@Suite("IDX files")
struct IDXTests {
    private let directory = TemporaryDirectory()

    @Test("a file is read the same plain and compressed")
    func readsPlainAndCompressed() throws {
        let bytes = idx(8, [2, 3], [1, 2, 3, 4, 5, 6])
        for path in [
            directory.write(bytes, to: "plain"), directory.write(GzipSample.stored(bytes), to: "packed.gz"),
            directory.write(GzipSample.stored(bytes), to: "packed"),
        ] {
            let file = try IDXFile(contentsOf: path)
            #expect(file.element == .uint8)
            #expect(file.dimensions == [2, 3])
            #expect(file.bytes == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test("elements of several bytes come out little-endian")
    func swapsBytes() throws {
        #expect(try IDXFile(parsing: idx(0x0B, [2], [1, 2, 3, 4]), path: "a").bytes == [2, 1, 4, 3])
        #expect(try IDXFile(parsing: idx(0x0D, [1], [1, 2, 3, 4]), path: "a").bytes == [4, 3, 2, 1])
        #expect(
            try IDXFile(parsing: idx(0x0E, [1], [1, 2, 3, 4, 5, 6, 7, 8]), path: "a").bytes == [8, 7, 6, 5, 4, 3, 2, 1])
    }

    @Test("a wrong magic is named in the error")
    func findsWrongMagic() {
        let path = directory.write([0x89, 0x50, 0x4E, 0x47, 0, 0, 0, 0], to: "image")
        expectError(.data, containing: path, "89504e47") { () throws(TensorError) in try IDXFile(contentsOf: path) }
        expectError(.data, containing: "00000a01") { () throws(TensorError) in
            try IDXFile(parsing: idx(0x0A, [1], [0]), path: "a")
        }
    }

    @Test("a file cut at any byte, or with a byte too many, is an error")
    func findsWrongLengths() {
        let bytes = idx(8, [2, 3], [1, 2, 3, 4, 5, 6])
        for count in 0..<bytes.count {
            expectError(.data, containing: "again") { () throws(TensorError) in
                try IDXFile(parsing: Array(bytes[..<count]), path: "cut")
            }
        }
        expectError(.data, containing: "need 6 bytes", "found 7") { () throws(TensorError) in
            try IDXFile(parsing: bytes + [7], path: "long")
        }
    }

    @Test("dimensions whose product overflows are an error and allocate nothing")
    func survivesHostileDimensions() {
        let largest = UInt32.max
        expectError(.data, containing: "more than 2^63") { () throws(TensorError) in
            try IDXFile(parsing: idx(0x0E, [largest, largest, largest], []), path: "a")
        }
        expectError(.data, containing: "4294967295") { () throws(TensorError) in
            try IDXFile(parsing: idx(8, [largest], [1]), path: "a")
        }
        expectError(.data, containing: "200 dimensions") { () throws(TensorError) in
            try IDXFile(parsing: [0, 0, 8, 200], path: "a")
        }
        expectError(.data, containing: "0 dimensions") { () throws(TensorError) in
            try IDXFile(parsing: [0, 0, 8, 0, 1], path: "a")
        }
    }

    @Test("a missing file, a directory and a truncated gzip file are errors that name it")
    func findsUnreadableFiles() {
        let missing = directory.path("nothing")
        expectError(.file, containing: missing) { () throws(TensorError) in try IDXFile(contentsOf: missing) }
        let folder = directory.path
        expectError(.file, containing: folder, "is a directory") { () throws(TensorError) in
            try IDXFile(contentsOf: folder)
        }
        let cut = directory.write(Array(GzipSample.stored(idx(8, [1], [1])).dropLast(9)), to: "cut.gz")
        expectError(.data, containing: cut, "truncated") { () throws(TensorError) in try IDXFile(contentsOf: cut) }
        let large = directory.write([UInt8](repeating: 0, count: 100), to: "large")
        expectError(.data, containing: large, "limit of 99") { () throws(TensorError) in
            try IDXFile(contentsOf: large, limit: 99)
        }
    }
}

@Suite("MNIST's files")
struct MNISTFilesTests {
    private let directory = TemporaryDirectory()

    /// Writes a training part of images that count up, with these labels.
    private func write(labels: [UInt8], images: UInt32? = nil, rows: UInt32 = 28) {
        let count = images ?? UInt32(labels.count)
        let pixels = (0..<Int(count * rows * 28)).map { UInt8(truncatingIfNeeded: $0) }
        directory.write(GzipSample.stored(idx(8, [count, rows, 28], pixels)), to: "train-images-idx3-ubyte.gz")
        directory.write(idx(8, [UInt32(labels.count)], labels), to: "train-labels-idx1-ubyte")
    }

    private func load() throws(TensorError) -> MNISTSplit { try MNISTFiles.load(.train, from: directory.path) }

    @Test("a part is read from plain and compressed files beside each other")
    func readsAPart() throws {
        write(labels: [3, 9, 0])
        #expect(try MNISTFiles.directory(directory.path) == directory.path)
        let split = try load()
        #expect(split.count == 3)
        #expect(split.rows == 28)
        #expect(split.columns == 28)
        #expect(split.labels == [3, 9, 0])
        #expect(split.images == (0..<(3 * 784)).map { UInt8(truncatingIfNeeded: $0) })
        #expect(split.prefix(2).labels == [3, 9])
        #expect(split.prefix(2).images.count == 2 * 784)
        #expect(split.prefix(9) == split)
    }

    @Test("label 10 is an error")
    func findsLabelTen() {
        write(labels: [1, 10, 2])
        expectError(.data, containing: "train-labels-idx1-ubyte", "label 10 at index 1", body: load)
    }

    @Test("images and labels of different counts are an error")
    func findsDifferentCounts() {
        write(labels: [1, 2, 3], images: 2)
        expectError(.data, containing: "2 images", "3 labels", "train-images-idx3-ubyte.gz", body: load)
    }

    @Test("images of another size, labels in the images' place and no images are errors")
    func findsOtherShapes() {
        write(labels: [1], rows: 27)
        expectError(.data, containing: "1x27x28", body: load)
        write(labels: [])
        expectError(.data, containing: "no image", body: load)
        directory.write(GzipSample.stored(idx(8, [1], [1])), to: "train-images-idx3-ubyte.gz")
        expectError(.data, containing: "28x28 images", body: load)
    }

    @Test("an empty directory, a missing one and a file in its place are errors with the remedy")
    func findsNoFiles() {
        let empty = directory.path
        for (path, text) in [(empty, "no MNIST file"), (empty + "/none", "no such directory")] {
            expectError(.data, containing: path, text, "--data") { () throws(TensorError) in
                try MNISTFiles.directory(path)
            }
        }
        expectError(.data, containing: "train-images-idx3-ubyte", "missing", body: load)
        let file = directory.write([1], to: "file")
        expectError(.data, containing: file, "is no directory") { () throws(TensorError) in
            try MNISTFiles.directory(file)
        }
    }

    @Test("a directory that holds the directory mnist is taken too")
    func findsMNISTWithin() throws {
        try FileManager.default.createDirectory(atPath: directory.path("mnist"), withIntermediateDirectories: false)
        directory.write([], to: "mnist/t10k-labels-idx1-ubyte.gz")
        #expect(try MNISTFiles.directory(directory.path) == directory.path("mnist"))
        // What has all files comes before what has some.
        for name in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels.idx1"] {
            directory.write([], to: "\(name)-ubyte")
        }
        #expect(try MNISTFiles.directory(directory.path) == directory.path)
    }

    @Test("the package's own copy is found and whole")
    func readsTheRealFiles() throws {
        let found = try MNISTFiles.directory()
        let train = try MNISTFiles.load(.train, from: found)
        let test = try MNISTFiles.load(.test, from: found)
        #expect(train.count == 60_000)
        #expect(train.images.count == 60_000 * 784)
        #expect(test.count == 10_000)
        #expect(Array(train.labels.prefix(5)) == [5, 0, 4, 1, 9])
        #expect(Array(test.labels.prefix(5)) == [7, 2, 1, 0, 4])
        // The mean that every tutorial divides out: 0.1307.
        let sum = train.images.withUnsafeBufferPointer { pixels in pixels.reduce(0) { $0 + Int($1) } }
        #expect(abs(Double(sum) / Double(train.images.count) / 255 - 0.1307) < 0.0001)
    }
}
