import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

@Suite("Safetensors files")
struct SafeTensorsTests {
    private let directory = TemporaryDirectory()
    private var path: String { directory.path("file.safetensors") }

    /// Writes a file of this header and as many data bytes, and gives the path.
    private func write(_ header: String, data: Int = 0, length: UInt64? = nil) -> String {
        let length = length ?? UInt64(header.utf8.count)
        let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) }
        return directory.write(prefix + Array(header.utf8) + [UInt8](repeating: 0, count: data), to: "file.safetensors")
    }

    private func expectRefusal(
        _ header: String, data: Int = 0, length: UInt64? = nil, containing text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let path = write(header, data: data, length: length)
        expectError(.data, containing: path, text, sourceLocation: sourceLocation) { () throws(TensorError) in
            try SafeTensorsFile(contentsOf: path)
        }
    }

    private func row(_ name: String, _ dtype: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
        "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
    }

    private static let sample = SafeTensorsFile(
        tensors: [
            .init(name: "step", dtype: .int64, shape: [], bytes: [7, 0, 0, 0, 0, 0, 0, 0]),
            .init(name: "linear1.weight", dtype: .float32, shape: [1, 2], bytes: [0, 0, 128, 63, 0, 0, 0, 64]),
            .init(name: "nothing", dtype: .float32, shape: [0, 3], bytes: []),
            .init(name: "half", dtype: .bfloat16, shape: [1], bytes: [128, 63]),
            .init(name: "ä \"quoted\"\n\\\u{1}", dtype: .uint8, shape: [3], bytes: [1, 2, 255]),
            .init(name: "mask", dtype: .bool, shape: [2], bytes: [0, 1]),
        ],
        metadata: ["model": "mlp", "epoch": "3", "note": "tab\tand \u{1F426}"])

    @Test("what is written is read back")
    func roundTrip() throws {
        try Self.sample.write(to: path)
        let read = try SafeTensorsFile(contentsOf: path)
        #expect(read.metadata == Self.sample.metadata)
        #expect(read.tensors.sorted { $0.name < $1.name } == Self.sample.tensors.sorted { $0.name < $1.name })
        #expect(read["half"] == Self.sample["half"])
        #expect(read["none"] == nil)
    }

    @Test("every dtype keeps its name", arguments: DType.allCases)
    func keepsDTypes(_ dtype: DType) throws {
        #expect(DType(safeTensorsName: dtype.safeTensorsName) == dtype)
        let entry = SafeTensorsFile.Entry(
            name: "a", dtype: dtype, shape: [3], bytes: [UInt8](repeating: 1, count: 3 * dtype.byteCount))
        try SafeTensorsFile(tensors: [entry]).write(to: path)
        #expect(try SafeTensorsFile(contentsOf: path).tensors == [entry])
    }

    @Test("equal contents give equal bytes, aligned, and an empty file is one")
    func isDeterministic() throws {
        try Self.sample.write(to: path)
        let first = try Data(contentsOf: URL(fileURLWithPath: path))
        try SafeTensorsFile(tensors: Self.sample.tensors, metadata: Self.sample.metadata).write(to: path)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == first)
        let length = first[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(length % 8 == 0)
        #expect(String(decoding: first[8..<30], as: UTF8.self) == "{\"__metadata__\":{\"epoc")
        try SafeTensorsFile().write(to: path)
        #expect(try SafeTensorsFile(contentsOf: path) == SafeTensorsFile())
    }

    @Test("a file of another writer's layout is read: any order of keys, and padding")
    func readsForeignFiles() throws {
        let foreign = write(
            "{ \"a\" : {\"shape\":[ 1 ],\"data_offsets\":[0, 1],\"dtype\":\"U8\"} }   ", data: 1)
        #expect(
            try SafeTensorsFile(contentsOf: foreign).tensors == [
                .init(name: "a", dtype: .uint8, shape: [1], bytes: [0])
            ])
    }

    @Test("a header length beyond the file, 2^60 and all ones included, is an error")
    func findsHugeHeaders() {
        for length in [3, 1 << 20, 1 << 31, 1 << 60, UInt64(1) << 63, .max] {
            expectRefusal("{}", length: length, containing: "header of \(length) bytes")
        }
        for count in 0..<8 {
            let short = directory.write([UInt8](repeating: 0, count: count), to: "short")
            expectError(.data, containing: short, "too few") { () throws(TensorError) in
                try SafeTensorsFile(contentsOf: short)
            }
        }
    }

    @Test("a header that is not JSON, or other JSON, is an error")
    func findsInvalidHeaders() {
        let deep = String(repeating: "[", count: 100_000)
        for header in [
            "", "{", "{]", "[]", "1", "{\"a\":1,}", "{} {}", "{\"a\" 1}", "{\"a\":01}", "{\"\\q\":1}", "nul", deep,
        ] {
            expectRefusal(header, containing: "header is")
        }
        let invalid = directory.write([6, 0, 0, 0, 0, 0, 0, 0, 123, 34, 255, 34, 58, 125], to: "file.safetensors")
        expectError(.data, containing: "UTF-8") { () throws(TensorError) in try SafeTensorsFile(contentsOf: invalid) }
        for header in ["{\"a\":1}", "{\"a\":{}}", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}"] {
            expectRefusal(header, containing: "lacks a dtype")
        }
        expectRefusal("{\(row("a", "U8", "true", 0, 1))}", data: 1, containing: "lacks a dtype")
        expectRefusal("{\(row("a", "U8", "1.0", 0, 1))}", data: 1, containing: "lacks a dtype")
        expectRefusal("{\(row("a", "U8", "-1", 0, 1))}", data: 1, containing: "lacks a dtype")
        expectRefusal("{\(row("a", "U8", "18446744073709551617", 0, 1))}", data: 1, containing: "lacks a dtype")
        expectRefusal("{\"__metadata__\":{\"a\":1}}", containing: "no string")
        expectRefusal("{\"__metadata__\":[]}", containing: "__metadata__")
    }

    @Test("overlapping, gapped, reversed and out-of-range offsets are errors")
    func findsWrongOffsets() {
        let first = row("a", "U8", "4", 0, 4)
        expectRefusal("{\(first),\(row("b", "U8", "4", 2, 6))}", data: 6, containing: "overlaps")
        expectRefusal("{\(first),\(row("b", "U8", "4", 0, 4))}", data: 4, containing: "overlaps")
        expectRefusal("{\(first),\(row("b", "U8", "4", 5, 9))}", data: 9, containing: "gap")
        expectRefusal("{\(row("a", "U8", "4", 1, 5))}", data: 5, containing: "gap")
        expectRefusal("{\(first)}", data: 3, containing: "out of range")
        expectRefusal("{\(first)}", data: 5, containing: "behind the last tensor")
        expectRefusal("{\(row("a", "U8", "\(Int.max)", 0, .max))}", data: 5, containing: "out of range")
        expectRefusal("{\(row("a", "U8", "4", 4, 0))}", data: 4, containing: "before its 4")
    }

    @Test("shapes that do not fit their bytes, or overflow, are errors")
    func findsWrongShapes() {
        expectRefusal("{\(row("a", "F32", "2", 0, 4))}", data: 4, containing: "needs 8 bytes")
        expectRefusal("{\(row("a", "F32", "4294967296,4294967296", 0, 0))}", containing: "over 2^63")
        expectRefusal("{\(row("a", "F64", "\(Int.max)", 0, 8))}", data: 8, containing: "over 2^63")
        let shape = [String](repeating: "1", count: 65).joined(separator: ",")
        expectRefusal("{\(row("a", "U8", shape, 0, 1))}", data: 1, containing: "more than 64")
    }

    @Test("a long header of something else is refused at its first member")
    func refusesHostileHeadersEarly() {
        // What follows is not even JSON: who reads on complains of that.
        let rest = String(repeating: "\u{1}", count: 1 << 20)
        for (start, text) in [
            ("{\"a\":{\"x\":[1],", "'x', which no tensor has"), ("{\"a\":[[", "lacks a dtype"),
            ("{\"a\":1,", "lacks a dtype"), ("{\"a\":{\"dtype\":{", "lacks a dtype"),
            ("{\"a\":{\"shape\":[[", "lacks a dtype"), ("{\"a\":{\"shape\":{", "lacks a dtype"),
            ("{\"a\":{\"data_offsets\":[0,1,2,", "more than 2"), ("{\"__metadata__\":{\"a\":{", "no string"),
            ("{\"__metadata__\":[", "__metadata__"), ("[", "no object"), ("\"", "no object"),
        ] {
            expectRefusal(start + rest, containing: text)
        }
    }

    @Test("metadata of more strings than anyone writes is refused")
    func boundsMetadata() throws {
        func header(_ count: Int) -> String {
            "{\"__metadata__\":{" + (0..<count).map { "\"\($0)\":\"\"" }.joined(separator: ",") + "}}"
        }
        expectRefusal(header(65_537), containing: "more than 65536 strings")
        #expect(try SafeTensorsFile(contentsOf: write(header(65_536))).metadata.count == 65_536)
    }

    @Test("arrays that cannot be read here leave the others, and are errors when they are asked for")
    func keepsReadableArrays() throws {
        let rows = [
            row("byte", "I8", "2", 0, 2), row("good", "F32", "1", 2, 6), row("eight", "F8_E4M3", "3", 6, 9),
            row("deep", "U8", "1,1,1,1,1,1,1,1,1", 9, 10), row("other", "U8", "1", 10, 11),
        ]
        let target = write("{\(rows.joined(separator: ","))}", data: 11)
        var file = try SafeTensorsFile(contentsOf: target)
        #expect(file.tensors.map(\.name) == ["good", "other"])
        #expect(file.unreadable.map(\.name) == ["byte", "eight", "deep"])
        #expect(try file.tensor(named: "good").bytes == [0, 0, 0, 0])
        for (name, text) in [
            ("byte", "'I8'"), ("eight", "'F8_E4M3'"), ("deep", "9 dimensions"), ("none", "no tensor 'none'"),
        ] {
            expectError(.data, containing: "'\(name)'", text) { () throws(TensorError) in try file.tensor(named: name) }
        }
        // Their places in the file are checked all the same.
        expectRefusal("{\(row("a", "I8", "1", 0, 1)),\(row("b", "U8", "1", 2, 3))}", data: 3, containing: "gap")
        expectRefusal(
            "{\(row("a", "F32", "1,1,1,1,1,1,1,1,1", 0, 1))}", data: 1, containing: "needs 4 bytes")

        // What was not read is not lost in silence.
        let copy = directory.path("copy.safetensors")
        let whole = file
        expectError(.invalidArgument, containing: copy, "'byte'", "lost") { () throws(TensorError) in
            try whole.write(to: copy)
        }
        file.unreadable = []
        try file.write(to: copy)
        #expect(try SafeTensorsFile(contentsOf: copy) == file)
    }

    @Test("a checkpoint with an array that cannot be read is refused by its name")
    func refusesCheckpointsWithUnreadableArrays() {
        let header =
            "{\"__metadata__\":{\"format\":\"needletail-checkpoint\"},\(row("0.weight", "I8", "1", 0, 1))}"
        let path = write(header, data: 1)
        expectError(.data, containing: path, "'0.weight'", "'I8'") { () throws(TensorError) in
            try Checkpoint(contentsOf: path)
        }
    }

    @Test("a name that occurs twice and a bool of 2 are errors")
    func findsWrongEntries() {
        expectRefusal("{\(row("a", "U8", "1", 0, 1)),\(row("a", "U8", "1", 0, 1))}", data: 1, containing: "twice")
        let header = Array("{\(row("a", "BOOL", "1", 0, 1))}".utf8)
        let path = directory.write([UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header + [2], to: "file.safetensors")
        expectError(.data, containing: path, "holds 2") { () throws(TensorError) in
            try SafeTensorsFile(contentsOf: path)
        }
    }

    @Test("a file cut or with a byte changed anywhere never crashes")
    func survivesDamage() throws {
        try Self.sample.write(to: path)
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        for count in stride(from: 0, to: whole.count, by: 3) {
            let cut = directory.write(Array(whole[..<count]), to: "cut")
            expectError(.data, containing: cut) { () throws(TensorError) in try SafeTensorsFile(contentsOf: cut) }
        }
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 0x11
            let damaged = directory.write(bytes, to: "damaged")
            do {
                _ = try SafeTensorsFile(contentsOf: damaged)
            } catch {
                #expect(error.kind == .data)
                #expect(!error.message.contains("\n"))
            }
        }
    }

    @Test("a missing file and a directory are errors")
    func findsUnreadableFiles() {
        let missing = path
        expectError(.file, containing: missing) { () throws(TensorError) in try SafeTensorsFile(contentsOf: missing) }
        let folder = directory.path
        expectError(.file, containing: "is a directory") { () throws(TensorError) in
            try SafeTensorsFile(contentsOf: folder)
        }
    }

    @Test("a file that cannot be written is an error and leaves the old one and nothing else")
    func leavesNothingBehind() throws {
        try Self.sample.write(to: path)
        let target = path
        let body: (AtomicFile.Output) throws(TensorError) -> Void = { output throws(TensorError) in
            try output.append([1, 2, 3])
            throw TensorError(.file, "the disk is full")
        }
        expectError(.file, containing: "full") { () throws(TensorError) in try AtomicFile.write(to: target, body) }
        #expect(try SafeTensorsFile(contentsOf: path).metadata == Self.sample.metadata)
        let folder = directory.path
        for bad in [folder, "\(folder)/none/file", "\(target)/file", "/proc/file"] {
            expectError(.file, containing: bad) { () throws(TensorError) in try Self.sample.write(to: bad) }
        }
        #expect(directory.contents == ["file.safetensors"])
    }

    @Test("entries that make no file are refused before anything is written")
    func refusesWrongEntries() {
        let a = SafeTensorsFile.Entry(name: "a", dtype: .uint8, shape: [1], bytes: [1])
        let target = path
        for (entries, text) in [
            ([a, a], "twice"),
            ([.init(name: "__metadata__", dtype: .uint8, shape: [], bytes: [1])], "reserved"),
            ([.init(name: "a", dtype: .float32, shape: [2], bytes: [1])], "give 8"),
            ([.init(name: "a", dtype: .uint8, shape: [-1, -1], bytes: [1])], "a shape that exists"),
            ([.init(name: "a", dtype: .bool, shape: [1], bytes: [3])], "holds 3"),
        ] as [([SafeTensorsFile.Entry], String)] {
            expectError(.invalidArgument, containing: target, text) { () throws(TensorError) in
                try SafeTensorsFile(tensors: entries).write(to: target)
            }
        }
        #expect(directory.contents == [])
    }

    @Test("what killed processes left is removed by the next save, and what others write is not")
    func removesLeftovers() throws {
        let left = directory.write([1, 2], to: ".needletail-1-2.partial")
        let busy = directory.write([3], to: ".needletail-3-4.partial")
        directory.write([5], to: ".needletail-notes")
        let writer = open(busy, O_WRONLY)
        #expect(flock(writer, LOCK_EX | LOCK_NB) == 0)
        try Self.sample.write(to: path)
        #expect(directory.contents == [".needletail-3-4.partial", ".needletail-notes", "file.safetensors"], "\(left)")
        // The lock ends with the process that had it.
        close(writer)
        try Self.sample.write(to: path)
        #expect(directory.contents == [".needletail-notes", "file.safetensors"])
    }

    @Test("a save that goes on is not taken for a leftover by another one")
    func keepsRunningSaves() throws {
        let (outer, inner) = (path, directory.path("other.safetensors"))
        try AtomicFile.write(to: outer) { (output) throws(TensorError) in
            try output.append([1])
            try Self.sample.write(to: inner)
            try output.append([2])
        }
        #expect(FileManager.default.contents(atPath: outer) == Data([1, 2]))
        #expect(directory.contents == ["file.safetensors", "other.safetensors"])
    }

    @Test("a directory is locked for one at a time, and nothing is left in it")
    func locksDirectories() throws {
        let folder = directory.path
        do {
            let lock = try DirectoryLock(folder)
            expectError(.file, containing: folder, "another run") { () throws(TensorError) in try DirectoryLock(folder)
            }
            withExtendedLifetime(lock) {}
        }
        _ = try DirectoryLock(folder)
        #expect(directory.contents == [])
        expectError(.file, containing: "/nowhere") { () throws(TensorError) in try DirectoryLock("/nowhere") }
    }

    @Test("an output directory is made and found writable, or is an error")
    func preparesDirectories() throws {
        let made = directory.path("a/b")
        try AtomicFile.prepare(directory: made)
        #expect(try FileManager.default.contentsOfDirectory(atPath: made) == [])
        let file = directory.write([1], to: "file")
        for bad in [file, file + "/below", "/proc/none"] {
            expectError(.file, containing: bad) { () throws(TensorError) in try AtomicFile.prepare(directory: bad) }
        }
        let (folder, taken) = (directory.path, directory.path("a"))
        expectError(.file, containing: taken, "is a directory") { () throws(TensorError) in
            try AtomicFile.prepare(directory: folder, file: "a")
        }
    }
}
