import Foundation
import Needletail
import TensorRuntime
import TestSupport
import Testing

/// NumPy's and PyTorch's files (`make_golden_files.py`), and models in files.
@Suite struct FileOfArraysTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden").path
    private static let expected = GoldenFile("files")
    private let directory = TemporaryDirectory()

    private func golden(_ name: String) -> String { "\(Self.folder)/\(name)" }

    private func expectSame(_ array: NumPyArray, _ name: String) throws {
        let entry = try Self.expected.entry(name)
        #expect(array.dtype == entry.dtype && array.shape == entry.shape, "\(name)")
        #expect(array.bytes == entry.bytes, "\(name)")
    }

    // MARK: NumPy

    @Test(arguments: ["numpy_arrays.npz", "numpy_deflated.npz"]) func archivesOfNumPyAreRead(_ name: String) throws {
        let archive = try NumPyArchive(contentsOf: golden(name))
        #expect(archive.arrays.count >= 11)
        for entry in archive.arrays { try expectSame(entry.array, entry.name) }
    }

    @Test func arraysOfEveryVersionAreRead() throws {
        for name in ["numpy_fortran", "numpy_version2", "numpy_version3"] {
            try expectSame(try NumPyArray(contentsOf: golden("\(name).npy")), "float32")
        }
    }

    @Test func whatIsNoNumberHereIsRefusedByItsType() {
        let files = [
            ("records", "('x', '<f4')"), ("complex", "'<c8'"), ("objects", "'|O'"), ("huge", "uint64 above 2^63 - 1"),
        ]
        for (name, text) in files {
            expectError(.data, containing: "numpy_\(name).npy", text) { () throws(TensorError) in
                try NumPyArray(contentsOf: golden("numpy_\(name).npy"))
            }
        }
    }

    @Test func whatIsWrittenIsWhatNumPyWrites() throws {
        // The same bytes as numpy.save gives, so that numpy.load reads them.
        let path = directory.path("a.npy")
        try NumPyArray(contentsOf: golden("numpy_version3.npy")).write(to: path)
        let written = try Data(contentsOf: URL(fileURLWithPath: path))
        let header = Array(written[..<128])
        #expect(header.starts(with: [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]))
        #expect(
            String(decoding: header[10...], as: UTF8.self).hasPrefix(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), }"))
        #expect(Array(written[128...]) == (try Self.expected.entry("float32")).bytes)
        for isCompressed in [false, true] {
            let archive = try NumPyArchive(contentsOf: golden("numpy_arrays.npz"))
            let copy = directory.path("copy.npz")
            try archive.write(to: copy, isCompressed: isCompressed)
            #expect(try NumPyArchive(contentsOf: copy) == archive)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: copy))
            try archive.write(to: copy, isCompressed: isCompressed)
            #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == bytes)
        }
        #expect(directory.contents == ["a.npy", "copy.npz"])
    }

    @Test func tensorsBecomeArraysAndBack() throws {
        let tensors = [
            Tensor([1, 2, 3] as [Float]), Tensor([[true], [false]]), Tensor(Int64(7)),
            Tensor.zeros([0, 2], dtype: .uint8),
            Tensor([1.5, -2] as [Double], dtype: .float16), Tensor([1.5, -2] as [Double], dtype: .bfloat16),
        ]
        for tensor in tensors {
            let path = directory.path("a.npy")
            try NumPyArray(tensor).write(to: path)
            let back = try NumPyArray(contentsOf: path).tensor()
            #expect(back.dtype == (tensor.dtype == .bfloat16 ? .float32 : tensor.dtype) && back.shape == tensor.shape)
            #expect(try back.scalars(as: Float.self) == tensor.scalars(as: Float.self))
        }
        expectError(.invalidArgument, containing: "bfloat16", "float32") { () throws(TensorError) in
            try NumPyArray(dtype: .bfloat16, shape: [1], bytes: [0, 0]).write(to: directory.path("b.npy"))
        }
        expectError(.invalidArgument, containing: "3 bytes do not fit float32[1]") { () throws(TensorError) in
            try NumPyArray(dtype: .float32, shape: [1], bytes: [0, 0, 0]).write(to: directory.path("b.npy"))
        }
        expectError(.invalidArgument, containing: "'x' occurs twice") { () throws(TensorError) in
            let entry = NumPyArchive.Entry(name: "x", array: NumPyArray(dtype: .bool, shape: [1], bytes: [1]))
            try NumPyArchive(arrays: [entry, entry]).write(to: directory.path("b.npz"))
        }
        #expect(directory.contents == ["a.npy"])
    }

    /// Each prefix, and each byte changed, is read as something or refused by a `data` error; nothing traps or asks for much.
    @Test(arguments: ["numpy_fortran.npy", "numpy_deflated.npz", "torch_state.pt", "torch_tensors.pt"])
    func brokenFilesAreErrors(_ name: String) throws {
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: golden(name))))
        func read(_ bytes: [UInt8]) throws -> Bool {
            do throws(TensorError) {
                _ = try StateDictionary(contentsOf: directory.write(bytes, to: "broken"))
                return true
            } catch {
                #expect(error.kind == .data, "\(error)")
                #expect(error.message.contains("broken"), "\(error)")
                return false
            }
        }
        #expect(try read(whole))
        for length in stride(from: 0, to: whole.count, by: max(1, whole.count / 150)) {
            #expect(try !read(Array(whole[..<length])), "\(length) bytes")
        }
        var generator = SplitMix(state: 4)
        for _ in 0..<600 {
            var bytes = whole
            for _ in 0...generator.below(3) { bytes[generator.below(whole.count)] = UInt8(generator.below(256)) }
            _ = try read(bytes)
        }
    }

    @Test func hugeClaimsAllocateNothing() throws {
        func npy(_ shape: String) -> [UInt8] {
            let text = Array("{'descr': '<f8', 'fortran_order': False, 'shape': \(shape), }\n".utf8)
            return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.count), 0] + text
        }
        for shape in ["(99999999999,)", "(4294967296, 4294967296)", "(9223372036854775807, 2)", "(-1,)", "(1 2)", "(1"]
        {
            let path = directory.write(npy(shape), to: "a.npy")
            expectError(.data, containing: "a.npy") { () throws(TensorError) in try NumPyArray(contentsOf: path) }
        }
        let empty = try NumPyArray(contentsOf: directory.write(npy("(9223372036854775807, 0)"), to: "a.npy"))
        #expect(empty.bytes.isEmpty)
        expectError(.data, containing: "no tensor") { () throws(TensorError) in
            try NumPyArray(dtype: .float32, shape: [Int.max, Int.max], bytes: []).tensor()
        }
    }

    // MARK: PyTorch

    @Test func extentsThatOverflowBesideAZeroAreAnEmptyArray() throws {
        for shape in ["(4611686018427387904, 0)", "(4611686018427387904, 4, 0)"] {
            let header = "{'descr': '<f4', 'fortran_order': True, 'shape': \(shape), }\n"
            let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
            let read = try NumPyArray(contentsOf: directory.write(bytes, to: "overflow.npy"))
            #expect(read.bytes.isEmpty)
        }
    }

    @Test func moreDimensionsThanNumPyHasAreRefused() {
        let many = NumPyArray(dtype: .uint8, shape: Array(repeating: 1, count: 30_000), bytes: [0])
        #expect(throws: TensorError.self) { try many.write(to: directory.path + "/many.npy") }
    }

    /// A pipe, or a device such as /dev/null, is not replaced by a file.
    @Test func whatIsNoFileIsNotReplaced() throws {
        let pipe = directory.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: TensorError.self) {
            try NumPyArray(dtype: .uint8, shape: [1], bytes: [0]).write(to: pipe)
        }
        var status = stat()
        #expect(stat(pipe, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    }

    @Test func tensorsOfPyTorchAreRead() throws {
        let expected = GoldenFile("torch_files")
        for (file, prefix) in [
            ("torch_state.pt", "state/"), ("torch_checkpoint.pt", "state/"), ("torch_tensors.pt", "tensors/"),
        ] {
            let dictionary = try StateDictionary(contentsOf: golden(file))
            #expect(
                dictionary.names.sorted()
                    == expected.names.filter { $0.hasPrefix(prefix) }.map {
                        String($0.dropFirst(prefix.count))
                    })
            for entry in dictionary.entries {
                let wanted = try expected.tensor(prefix + entry.name)
                #expect(entry.tensor.dtype == wanted.dtype && entry.tensor.shape == wanted.shape, "\(entry.name)")
                #expect(try entry.tensor.bytes() == wanted.bytes(), "\(entry.name)")
            }
        }
    }

    @Test func expandedTensorsOfPyTorchAreRead() throws {
        let dictionary = try StateDictionary(contentsOf: golden("torch_expanded.pt"))
        func numbers(_ name: String) throws -> [Double] {
            try #require(dictionary[name], "\(name)").scalars(as: Double.self)
        }
        #expect(dictionary["row"]?.shape == [3, 4] && dictionary["wide"]?.shape == [1000, 100])
        #expect(try numbers("row") == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
        #expect(try numbers("wide").allSatisfy { $0 == 2.5 })
        #expect(try numbers("window") == [0, 1, 2, 1, 2, 3, 2, 3, 4])
    }

    /// Small files that claim gigabytes: of one element, of one storage under many names, of zeros that deflate well.
    @Test func bombsOfPyTorchAreRefused() throws {
        let bombs = [
            ("expanded", "4398046511104 bytes of tensors"), ("often", "75497472 bytes of tensors"),
            ("storage", "bytes of storages"),
        ]
        for (name, text) in bombs {
            expectError(.data, containing: "torch_bomb_\(name).pt", text) { () throws(TensorError) in
                try StateDictionary(contentsOf: golden("torch_bomb_\(name).pt"))
            }
        }
        let path = directory.path("pickle.pt")
        try ZipWriter.write(["a/data.pkl"], deflates: true, to: path) { _ in [UInt8](repeating: 0, count: 1 << 21) }
        expectError(.data, containing: "pickle.pt", "a pickle of 2097152 bytes") { () throws(TensorError) in
            try StateDictionary(contentsOf: path)
        }
    }

    /// A directory that names one place often, as a bomb of little depth does.
    @Test func filesOfAnArchiveThatLieInEachOtherAreRefused() throws {
        let path = directory.path("overlapping.npz")
        let large = NumPyArray(dtype: .uint8, shape: [4096], bytes: [UInt8](repeating: 1, count: 4096))
        let small = NumPyArray(dtype: .uint8, shape: [1], bytes: [1])
        let arrays = [NumPyArchive.Entry(name: "a", array: large), NumPyArchive.Entry(name: "b", array: small)]
        try NumPyArchive(arrays: arrays).write(to: path)
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        let rows = bytes.indices.dropLast(3).filter { Array(bytes[$0..<$0 + 4]) == [0x50, 0x4B, 1, 2] }
        #expect(rows.count == 2)
        // Checksum, sizes and place of the first file for the second.
        for field in [16..<28, 42..<46] {
            for place in field { bytes[rows[1] + place] = bytes[rows[0] + place] }
        }
        let broken = directory.write(bytes, to: "overlapping.npz")
        expectError(.data, containing: "overlapping.npz", "lie in each other") { () throws(TensorError) in
            try StateDictionary(contentsOf: broken)
        }
    }

    @Test func whatIsNoDictionaryOfTensorsIsRefused() {
        let files = [
            ("module", "nothing of a file is run here"), ("short", "torch.ShortStorage"), ("list", "holds a list"),
        ]
        for (name, text) in files {
            expectError(.data, containing: "torch_\(name).pt", text) { () throws(TensorError) in
                try StateDictionary(contentsOf: golden("torch_\(name).pt"))
            }
        }
        let old = directory.write([0x80, 2, 0x8A, 0x0A], to: "old.pt")
        expectError(.data, containing: "before 1.6", "safetensors") { () throws(TensorError) in
            try StateDictionary(contentsOf: old)
        }
    }

    /// Containers in containers, a hundred thousand deep, are given back without one stack frame for each.
    @Test func deepPicklesDoNotOverflow() throws {
        func archive(_ pickle: [UInt8]) throws -> String {
            let path = directory.path("deep.pt")
            try ZipWriter.write(["deep/data.pkl"], deflates: false, to: path) { _ in pickle }
            return path
        }
        let lists = [UInt8](repeating: UInt8(ascii: "]"), count: 100_000)
        let appends = [UInt8](repeating: UInt8(ascii: "a"), count: 99_999)
        let tuples: [UInt8] = [UInt8(ascii: ")")] + [UInt8](repeating: 0x85, count: 100_000) + [UInt8(ascii: ".")]
        for (pickle, text) in [(lists + appends + [UInt8(ascii: ".")], "holds a list"), (tuples, "tuples")] {
            let path = try archive(pickle)
            expectError(.data, containing: text) { () throws(TensorError) in try StateDictionary(contentsOf: path) }
        }
    }

    // MARK: Models

    private func makeModel(seed: UInt64) -> Sequential {
        let generator = Generator(seed: seed)
        return Sequential {
            Conv2d(2, 3, kernel: 3, generator: generator)
            BatchNorm2d(3)
            ReLU()
            Flatten()
            Linear(12, 2, generator: generator)
        }
    }

    @Test(arguments: ["a.safetensors", "a.npz", "weights"]) func aModelIsSavedAndLoaded(_ name: String) throws {
        let (model, other) = (makeModel(seed: 1), makeModel(seed: 2))
        try model.save(to: directory.path(name))
        let report = try other.load(from: directory.path(name))
        #expect(report.applied == model.stateDictionary().names)
        #expect(report.missing.isEmpty && report.unexpected.isEmpty)
        for (a, b) in zip(model.stateDictionary().entries, other.stateDictionary().entries) {
            #expect(try a.name == b.name && a.tensor.bytes() == b.tensor.bytes())
        }
    }

    @Test func aModelOfPyTorchIsLoaded() throws {
        let model = makeModel(seed: 1)
        let expected = GoldenFile("torch_files")
        for file in ["torch_state.pt", "torch_checkpoint.pt"] {
            let report = try model.load(from: golden(file))
            #expect(report.applied.count == 9 && report.unexpected.isEmpty && report.missing.isEmpty)
            for entry in model.stateDictionary().entries {
                #expect(try entry.tensor.bytes() == expected.tensor("state/\(entry.name)").bytes(), "\(entry.name)")
            }
        }
    }

    @Test func whatDoesNotFitIsReported() throws {
        let model = makeModel(seed: 1)
        let path = directory.path("a.safetensors")
        var dictionary = model.stateDictionary()
        dictionary["4.bias"] = nil
        dictionary["extra"] = Tensor.ones([2])
        try dictionary.write(to: path)
        let report = try model.load(from: path, strict: false)
        #expect(report.missing == ["4.bias"] && report.unexpected == ["extra"] && report.applied.count == 8)
        expectError(.data, containing: path, "'4.bias'", "strict: false") { () throws(TensorError) in
            try model.load(from: path)
        }
        expectError(.file, containing: "none.safetensors") { () throws(TensorError) in
            try model.load(from: directory.path("none.safetensors"))
        }
        for name in ["a.pt", "a.PTH", "a.npy"] {
            expectError(.invalidArgument, containing: name, ".safetensors") { () throws(TensorError) in
                try model.save(to: directory.path(name))
            }
        }
        #expect(directory.contents == ["a.safetensors"])
    }

    // MARK: What a killed process leaves

    @Test func whatAKilledProcessLeftIsClearedAtTheNextStart() throws {
        for round in 0..<5 {
            // A process that writes as AtomicFile does, and holds its lock, until it is killed.
            let left = directory.path(".needletail-\(round)-1.partial")
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "exec 9> \"$0\"; flock 9; echo half >&9; echo ready; exec sleep 60", left]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            _ = pipe.fileHandleForReading.availableData
            // It lives: its file stays.
            try AtomicFile.prepare(directory: directory.path)
            #expect(directory.contents == [".needletail-\(round)-1.partial"])
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            try AtomicFile.prepare(directory: directory.path)
            #expect(directory.contents.isEmpty)
        }
    }
}
