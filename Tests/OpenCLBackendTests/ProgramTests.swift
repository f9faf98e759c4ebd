import DeviceSupport
import Foundation
import OpenCLBackend
import TensorRuntime
import TestSupport
import Testing

/// How programs are built, kept on disk and announced.
@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct ProgramTests {
    /// Makes the kernels, runs each once and reads a result, which is when programs are kept.
    @discardableResult
    private func run(_ kernels: [Scaling], on device: OpenCLDevice) throws -> [Float] {
        let stream = try device.makeStream()
        let input = try device.allocate(byteCount: 64)
        let output = try device.allocate(byteCount: 64)
        try stream.write((0..<16).map(Float.init), to: input)
        var found: [Float] = []
        for kernel in kernels {
            let bindings = [BufferBinding(buffer: input), BufferBinding(buffer: output)]
            try stream.launch(kernel.kernel(on: device), bindings, [2])
            found += try stream.read(output, count: 2)
        }
        return found
    }

    @Test func programsOfOneKeyAreBuiltOnce() throws {
        let (device, calls) = try OpenCLTesting.open()
        try run([Scaling(count: 16), Scaling(count: 8), Scaling(count: 16, salt: 1)], on: device)
        #expect(device.programCounts == .init(compiled: 2, loaded: 0, stored: 0))
        #expect(calls[.createProgramWithSource] == 2)
        #expect(calls[.createKernel] == 3)
    }

    @Test func aSecondDeviceBuildsNothingFromSource() throws {
        let cache = TemporaryDirectory()
        let kernels = [Scaling(count: 16), Scaling(count: 16, salt: 1)]
        let first = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
        #expect(try run(kernels, on: first.device) == [0, 2, 1, 3])
        #expect(first.device.programCounts == .init(compiled: 2, loaded: 0, stored: 2))
        #expect(cache.files(in: "opencl").count == 2)
        let second = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
        #expect(try run(kernels, on: second.device) == [0, 2, 1, 3])
        #expect(second.device.programCounts == .init(compiled: 0, loaded: 2, stored: 0))
        #expect(second.calls[.createProgramWithSource] == 0)
    }

    @Test func aLargeGridIsKeptBesideASmallOne() throws {
        let cache = TemporaryDirectory()
        func run(_ count: Int) throws -> ProgramCounts {
            let (device, _) = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
            let stream = try device.makeStream()
            let buffer = try device.allocate(byteCount: 4 * count)
            let bindings = [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)]
            // A program of its own: PoCL 3.1 aborts where queues run small and large grids of one program at a time.
            try stream.launch(Scaling(count: count, salt: 7).kernel(on: device), bindings, [2])
            try stream.synchronize()
            return device.programCounts
        }
        #expect(try run(16) == .init(compiled: 1, loaded: 0, stored: 1))
        #expect(try run(70_000) == .init(compiled: 0, loaded: 1, stored: 1))
        #expect(try run(70_000) == .init(compiled: 0, loaded: 1, stored: 0))
        #expect(try run(16) == .init(compiled: 0, loaded: 1, stored: 0))
    }

    @Test func aProgramIsKeptWhileAnotherStreamRunsIt() throws {
        let cache = TemporaryDirectory()
        let (device, _) = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
        let passes = 1 << 21
        let kernel = try Scaling(count: 16, salt: 1, passes: passes).kernel(on: device)
        let (first, second) = (try device.makeStream(), try device.makeStream())
        let buffer = try device.allocate(byteCount: 64)
        let bindings = [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)]
        try first.write([Float](repeating: 0, count: 16), to: buffer)
        try first.launch(kernel, bindings, [1])
        // Done, and not yet kept.
        try first.record().synchronize()
        // Long enough to be running while the program is asked for.
        for _ in 0..<7 { try second.launch(kernel, bindings, [1]) }
        try second.submit()
        try first.synchronize()
        #expect(device.programCounts == .init(compiled: 1, loaded: 0, stored: 1))
        #expect(try second.read(buffer, count: 1) == [Float(8 * passes)])
    }

    @Test func aProgramIsKeptWhenItsResultIsReadThroughAnotherStream() throws {
        let cache = TemporaryDirectory()
        let (device, _) = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
        let (stream, transfers) = (try device.makeStream(), try device.makeStream())
        let (input, output) = (try device.allocate(byteCount: 64), try device.allocate(byteCount: 64))
        try stream.write((0..<16).map(Float.init), to: input)
        let bindings = [BufferBinding(buffer: input), BufferBinding(buffer: output)]
        try stream.launch(Scaling(count: 16, salt: 3).kernel(on: device), bindings, [2])
        try stream.submit()
        try stream.record().synchronize()
        #expect(try transfers.read(output, count: 2) == [3, 5])
        // The process may end here.
        #expect(device.programCounts == .init(compiled: 1, loaded: 0, stored: 1))
        #expect(cache.files(in: "opencl").count == 1)
        withExtendedLifetime(stream) {}
    }

    @Test func aSpoiltFileIsCompiledAgainWithoutAWord() throws {
        let cache = TemporaryDirectory()
        func run() throws -> ProgramCounts {
            let (device, _) = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
            #expect(try self.run([Scaling(count: 16)], on: device) == [0, 2])
            return device.programCounts
        }
        #expect(try run().compiled == 1)
        let file = try #require(cache.files(in: "opencl").first)
        let whole = try #require(FileManager.default.contents(atPath: file))
        for spoilt in [Data(), whole.prefix(whole.count / 2), Data(whole.map { $0 ^ 1 })] {
            try spoilt.write(to: URL(fileURLWithPath: file))
            #expect(try run() == .init(compiled: 1, loaded: 0, stored: 1))
        }
        #expect(try run() == .init(compiled: 0, loaded: 1, stored: 0))
    }

    @Test func whatTheDriverDoesNotTakeIsCompiledAgain() throws {
        let cache = TemporaryDirectory()
        let first = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
        try run([Scaling(count: 16)], on: first.device)
        let second = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
        second.calls.fail(.createProgramWithBinary, with: -42)
        #expect(try run([Scaling(count: 16)], on: second.device) == [0, 2])
        #expect(second.device.programCounts.compiled == 1)
    }

    @Test func aDirectoryThatCannotBeWrittenIsNotedAndDoesNoHarm() throws {
        let lines = Lines()
        var configuration = RuntimeConfiguration()
        configuration.cacheDirectory = "/dev/null/cache"
        configuration.notice = { lines.add($0) }
        var options = OpenCLBackend.Options()
        options.testsDevices = false
        let backend = OpenCLBackend(configuration: configuration, options: options)
        let notes = backend.probe().notes.filter { $0.contains("/dev/null/cache") }
        #expect(
            notes == [
                "compiled programs are not kept: /dev/null/cache/opencl cannot be written; set NEEDLETAIL_CACHE to another "
                    + "directory"
            ])
        let device = try backend.openDevice(index: 0, configuration: configuration)
        #expect(try run([Scaling(count: 16)], on: device) == [0, 2])
        #expect(device.programCounts == .init(compiled: 1, loaded: 0, stored: 0))
        #expect(lines.all == ["compiling 1 kernel for \(device.description.name)"])
    }

    @Test func aDirectoryThatNobodyCanMakeIsNoted() {
        let complaint = ProgramCache(directory: "/proc/needletail", backend: "opencl").complaint
        #expect(
            complaint
                == "compiled programs are not kept: /proc/needletail/opencl cannot be written; set NEEDLETAIL_CACHE to "
                + "another directory")
    }

    @Test func aNoticeComesOnlyWhereSomethingIsCompiled() throws {
        let cache = TemporaryDirectory()
        let lines = Lines()
        func run(_ kernels: [Scaling]) throws -> String {
            let (device, _) = try OpenCLTesting.open {
                $0.cacheDirectory = cache.path
                $0.notice = { lines.add($0) }
            }
            try self.run(kernels, on: device)
            return device.description.name
        }
        let name = try run([Scaling(count: 16), Scaling(count: 8)])
        #expect(lines.all == ["compiling 1 kernel for \(name), cached for next time"])
        _ = try run([Scaling(count: 16)])
        #expect(lines.all.count == 1)
    }
}
