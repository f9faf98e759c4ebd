import CPUBackend
import Foundation
import TensorRuntime
import Testing

/// Which of a BLAS library and the own kernels computes a product. Times are given to the tests, not taken.
@Suite struct BLASSelectionTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("needletail-\(UUID().uuidString)").path

    /// Gives times, and keeps which classes were asked for.
    private final class Stopwatch: Sendable {
        private let stored = Lock<[BLASSelection.SizeClass]>([])
        private let times: BLASSelection.Times?

        var asked: [BLASSelection.SizeClass] { stored.withLock { $0 } }

        init(own: Int, library: Int) { times = BLASSelection.Times(own: own, library: library) }
        init(nothing: Void) { times = nil }

        func selection(_ identity: String = "a processor", directory: String? = nil) -> BLASSelection {
            BLASSelection(identity: identity, directory: directory) { sizeClass in
                self.stored.withLock { $0.append(sizeClass) }
                return self.times
            }
        }
    }

    private static func product(_ size: Int, _ dtype: DType) -> KernelSpec {
        let strides = Shape([size, size]).contiguousStrides
        let access = FusedKernel.Access(strides: strides)
        return KernelSpec(
            MatmulKernel(
                dtype: dtype, batch: [], m: size, n: size, k: size, aStrides: strides, bStrides: strides,
                epilogue: FusedKernel(
                    program: .copy(from: dtype, to: dtype), extents: [size, size], outerRank: 2, inputs: [access],
                    outputs: [access])))
    }

    private static func device(_ selection: BLASSelection, blas: String? = nil) throws -> CPUDevice {
        var configuration = RuntimeConfiguration()
        configuration.blas = blas
        configuration.threads = 2
        return try CPUDevice(configuration: configuration, blasSelection: selection)
    }

    private var files: [String] {
        guard FileManager.default.fileExists(atPath: directory) else { return [] }
        return FileManager.default.enumerator(atPath: directory)!.compactMap { $0 as? String }
            .filter { $0.contains(".") }.map { "\(directory)/\($0)" }
    }

    // MARK: Which kernel

    @Test(arguments: [(1, 2, false), (2, 1, true), (1, 1, false)])
    func theFasterOneComputesLargeProducts(_ own: Int, _ library: Int, _ isLibrary: Bool) throws {
        let watch = Stopwatch(own: own, library: library)
        let device = try Self.device(watch.selection())
        for (size, dtype) in [(1024, DType.float32), (100, .float64), (300, .float64)] {
            let listing = try device.makeKernel(Self.product(size, dtype)).listing
            #expect(listing.hasSuffix("own kernels") == !isLibrary, "\(listing)")
            #expect(listing.contains("by the library /") == isLibrary, "\(listing)")
        }
        #expect(watch.asked == [.float32, .smallFloat64, .largeFloat64])
    }

    @Test func onlyAProductOfItsClassIsMeasuredAndOnlyOnce() throws {
        let watch = Stopwatch(own: 2, library: 1)
        let device = try Self.device(watch.selection())
        for size in [1, 64, 512] {
            #expect(try device.makeKernel(Self.product(size, .float32)).listing.hasSuffix("own kernels"))
        }
        _ = try device.makeKernel(Self.product(16, .float64))
        _ = try device.makeKernel(Self.product(1024, .int32))
        #expect(watch.asked.isEmpty)
        for size in [900, 1024, 2048] { _ = try device.makeKernel(Self.product(size, .float32)) }
        #expect(watch.asked == [.float32])
    }

    @Test func withoutALibraryNothingIsMeasured() throws {
        let watch = Stopwatch(own: 2, library: 1)
        let device = try Self.device(watch.selection(), blas: "none")
        #expect(try device.makeKernel(Self.product(1024, .float32)).listing.hasSuffix("own kernels"))
        #expect(watch.asked.isEmpty)
    }

    @Test func whatCannotBeMeasuredIsTheOwnKernels() {
        let watch = Stopwatch(nothing: ())
        #expect(!watch.selection(directory: directory).prefersLibrary(for: .float32))
        #expect(files.isEmpty)
    }

    @Test func bothComputeTheSameProductOfWholeNumbers() throws {
        let count = 100 * 100
        for times in [(1, 2), (2, 1)] {
            let device = try Self.device(Stopwatch(own: times.0, library: times.1).selection())
            let kernel = try device.makeKernel(Self.product(100, .float64))
            let stream = try device.makeStream()
            let buffers = try (0..<3).map { _ in try device.allocate(byteCount: 8 * count) }
            let a = (0..<count).map { Double($0 % 7) }
            let b = (0..<count).map { Double($0 % 5) }
            try a.withUnsafeBytes { try stream.copyIn($0, to: buffers[0], offset: 0) }
            try b.withUnsafeBytes { try stream.copyIn($0, to: buffers[1], offset: 0) }
            try buffers.map { BufferBinding(buffer: $0) }.withUnsafeBufferPointer {
                try stream.encode(kernel, bindings: $0, scalars: UnsafeBufferPointer(start: nil, count: 0))
            }
            var found = [Double](repeating: -1, count: count)
            try found.withUnsafeMutableBytes { try stream.copyOut(from: buffers[2], offset: 0, to: $0) }
            for place in stride(from: 0, to: count, by: 37) {
                let (row, column) = (place / 100, place % 100)
                let expected = (0..<100).reduce(0) { $0 + a[100 * row + $1] * b[100 * $1 + column] }
                #expect(found[place] == expected)
            }
        }
    }

    @Test func theProcessMeasuresForItself() throws {
        let device = try CPUDevice(configuration: RuntimeConfiguration())
        let other = try CPUDevice(configuration: RuntimeConfiguration())
        for (size, dtype) in [(1024, DType.float32), (100, .float64), (300, .float64)] {
            let spec = Self.product(size, dtype)
            // One answer for all devices of the process.
            #expect(try device.makeKernel(spec).listing == other.makeKernel(spec).listing)
        }
    }

    // MARK: What is kept

    @Test func timesAreKeptForLaterProcesses() throws {
        let first = Stopwatch(own: 20, library: 10)
        let selection = first.selection(directory: directory)
        #expect(selection.prefersLibrary(for: .float32) && selection.prefersLibrary(for: .smallFloat64))
        #expect(files.count == 1, "\(files)")
        let text = try String(contentsOfFile: try #require(files.first), encoding: .utf8)
        for part in ["a processor", "float32", "smallFloat64", "20", "10"] { #expect(text.contains(part), "\(text)") }

        let second = Stopwatch(own: 1, library: 2)
        let later = second.selection(directory: directory)
        #expect(later.prefersLibrary(for: .float32) && later.prefersLibrary(for: .smallFloat64))
        #expect(second.asked.isEmpty)
        // What the file lacks is measured, and the rest stays.
        #expect(!later.prefersLibrary(for: .largeFloat64))
        #expect(second.asked == [.largeFloat64])
        #expect(Stopwatch(nothing: ()).selection(directory: directory).prefersLibrary(for: .float32))
        try FileManager.default.removeItem(atPath: directory)
    }

    @Test func anotherProcessorOrLibraryMeasuresAgain() throws {
        #expect(Stopwatch(own: 2, library: 1).selection("one", directory: directory).prefersLibrary(for: .float32))
        let watch = Stopwatch(own: 1, library: 2)
        #expect(!watch.selection("two", directory: directory).prefersLibrary(for: .float32))
        #expect(watch.asked == [.float32])
        #expect(files.count == 2)
        try FileManager.default.removeItem(atPath: directory)
    }

    @Test(arguments: [
        "", "{", "[]", #"{"identity":"a processor"}"#,
        #"{"identity":"another","times":{"float32":{"own":2,"library":1}}}"#,
        #"{"identity":"a processor","times":{"float32":{"own":-2,"library":0}}}"#,
        #"{"identity":"a processor","times":{"float32":{"own":2}}}"#,
    ])
    func aDamagedFileIsAsNoneAndReplaced(_ text: String) throws {
        #expect(Stopwatch(own: 2, library: 1).selection(directory: directory).prefersLibrary(for: .float32))
        let file = try #require(files.first)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        let watch = Stopwatch(own: 1, library: 2)
        #expect(!watch.selection(directory: directory).prefersLibrary(for: .float32))
        #expect(watch.asked == [.float32])
        // The new times are in the file now, and no temporary one beside it.
        #expect(!Stopwatch(own: 2, library: 1).selection(directory: directory).prefersLibrary(for: .float32))
        #expect(files == [file])
        try FileManager.default.removeItem(atPath: directory)
    }

    @Test func aDirectoryThatCannotBeCostsNoMoreThanAMeasurement() {
        let watch = Stopwatch(own: 2, library: 1)
        let selection = watch.selection(directory: "/dev/null/cache")
        #expect(selection.prefersLibrary(for: .float32) && selection.prefersLibrary(for: .float32))
        #expect(watch.asked == [.float32])
    }

    // MARK: What the configuration names

    @Test(arguments: ["/etc/passwd", "libm.so.6", "/nowhere/libblas.so"])
    func aLibraryThatIsNoneIsRefused(_ name: String) {
        var configuration = RuntimeConfiguration()
        configuration.blas = name
        let error = #expect(throws: TensorError.self) { try CPUDevice(configuration: configuration) }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.hasPrefix("NEEDLETAIL_BLAS: '\(name)' is no BLAS library: ") == true, "\(error as Any)")
        #expect(error?.message.contains("\n") == false)
    }

    @Test(arguments: [0, -1, 4097, 1 << 31, Int.max]) func aNumberOfThreadsThatCannotBeIsRefused(_ threads: Int) {
        var configuration = RuntimeConfiguration()
        configuration.threads = threads
        let error = #expect(throws: TensorError.self) { try CPUDevice(configuration: configuration) }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message == "cpu: \(threads) threads; set NEEDLETAIL_THREADS to 1 to 4096")
    }
}
