import DeviceSupport
import Foundation
import Shaders
import TensorRuntime
import TestSupport
import Testing

/// How programs are announced, built and kept, whatever the driver.
@Suite struct DeviceProgramTests {
    private static func programs(
        _ driver: SampleDriver, target: ShaderTarget = Sample.target,
        _ change: (inout RuntimeConfiguration) -> Void = { _ in }
    ) -> DevicePrograms<SampleDriver> {
        var configuration = RuntimeConfiguration()
        configuration.cacheDirectory = nil
        change(&configuration)
        return DevicePrograms(driver, device: Sample.device, target: target, configuration: configuration)
    }

    /// Tells `programs` that one was launched, and that it is done.
    private static func launch(
        _ program: DeviceProgram<SampleHandle>, _ variant: UInt8, _ programs: DevicePrograms<SampleDriver>
    ) {
        var launched = LaunchedPrograms<SampleDriver>()
        launched.add(program, variant: variant)
        launched.store(in: programs)
    }

    @Test func aProgramIsBuiltOnceForItsKey() throws {
        let driver = SampleDriver()
        let programs = Self.programs(driver)
        let first = try programs.make(Sample.launch())
        let second = try programs.make(Sample.launch(workgroups: 3))
        #expect(first.handle === second.handle && first.program === second.program)
        #expect(first.program.signature.buffers.map(\.name) == ["x", "y", "partial"])
        #expect(first.program.signature.body.isEmpty)
        _ = try programs.make(Sample.launch("other"))
        #expect(driver.compiled.all == ["scale", "other"])
        #expect(programs.counts == ProgramCounts(compiled: 2))
    }

    @Test func whatMustBeCompiledIsAnnouncedOnce() throws {
        let lines = Lines()
        let programs = Self.programs(SampleDriver()) { $0.notice = { lines.add($0) } }
        programs.announce([Sample.launch("a"), Sample.launch("b"), Sample.launch("empty", workgroups: 0)])
        #expect(lines.all == ["compiling 2 kernels for Sample"])
        _ = try programs.make(Sample.launch("a"))
        _ = try programs.make(Sample.launch("c"))
        programs.announce([Sample.launch("a"), Sample.launch("b"), Sample.launch("c")])
        #expect(lines.all == ["compiling 2 kernels for Sample", "compiling 1 kernel for Sample"])
    }

    @Test func anotherProcessTakesWhatOneKept() throws {
        let scratch = TemporaryDirectory()
        let lines = Lines()
        func open(_ driver: SampleDriver) -> DevicePrograms<SampleDriver> {
            Self.programs(driver) {
                $0.cacheDirectory = scratch.path
                $0.notice = { lines.add($0) }
            }
        }
        let first = open(SampleDriver())
        let made = try first.make(Sample.launch())
        #expect(made.program.isUnstored(1) && !made.program.isUnstored(2))
        Self.launch(made.program, 1, first)
        #expect(!made.program.isUnstored(1))
        Self.launch(made.program, 1, first)
        #expect(first.counts == ProgramCounts(compiled: 1, loaded: 0, stored: 1))
        #expect(scratch.files(in: "sample").count == 1)
        #expect(lines.all == ["compiling 1 kernel for Sample, cached for next time"])

        let driver = SampleDriver()
        let second = open(driver)
        let found = try second.make(Sample.launch())
        #expect(found.handle.text == made.handle.text && !found.program.isUnstored(1))
        #expect(second.counts == ProgramCounts(compiled: 0, loaded: 1, stored: 0) && driver.compiled.all.isEmpty)
        #expect(lines.all.count == 1)
        // A grid of another width is another code.
        let large = try second.make(Sample.launch(workgroups: 101))
        #expect(large.program.isUnstored(2))
        Self.launch(large.program, 2, second)
        let third = open(SampleDriver())
        #expect(try !third.make(Sample.launch(workgroups: 101)).program.isUnstored(2))
        #expect(try !third.make(Sample.launch()).program.isUnstored(1))
    }

    @Test func anotherDriverAndOneThatTakesNothingCompileAgain() throws {
        let scratch = TemporaryDirectory()
        let first = Self.programs(SampleDriver()) { $0.cacheDirectory = scratch.path }
        Self.launch(try first.make(Sample.launch()).program, 1, first)
        for driver in [SampleDriver(identity: "driver 2"), SampleDriver(takesBinaries: false)] {
            let programs = Self.programs(driver) { $0.cacheDirectory = scratch.path }
            _ = try programs.make(Sample.launch())
            #expect(programs.counts == ProgramCounts(compiled: 1))
        }
    }

    @Test func aProgramThatCannotBeBuiltNamesKernelDeviceAndFile() throws {
        let scratch = TemporaryDirectory()
        let driver = SampleDriver()
        let programs = Self.programs(driver) { $0.cacheDirectory = scratch.path }
        driver.failure.withLock { $0 = ProgramFailure(reason: "BROKEN", log: "one\ntwo\nthree\nfour\nfive") }
        let error = try #require(#expect(throws: TensorError.self) { try programs.make(Sample.launch()) })
        let file = try #require(scratch.files(in: "sample").first)
        #expect(error.kind == .deviceFailure)
        #expect(
            error.message == "sample:0: Sample cannot build kernel scale: BROKEN; source and log are in \(file)\n"
                + "one\ntwo\nthree\nfour")
        #expect(
            try String(contentsOfFile: file, encoding: .utf8)
                == "driver 1\nBROKEN\n\none\ntwo\nthree\nfour\nfive\n\nscale")
        driver.failure.withLock { $0 = nil }
        #expect(try programs.make(Sample.launch()).handle.text == Array("scale".utf8))
    }

    @Test func whatTheDeviceIsTooSmallForIsUnsupported() throws {
        var target = Sample.target
        target.maximumWorkgroupSize = 8
        let small = Self.programs(SampleDriver(), target: target)
        #expect(try small.make(Sample.launch(workgroupSize: 8)).program.signature.workgroupSize[0] == 8)
        let error = #expect(throws: TensorError.self) { try small.make(Sample.launch(workgroupSize: 16)) }
        #expect(error?.kind == .unsupported)
        target.argumentBytes = 16
        let narrow = Self.programs(SampleDriver(), target: target)
        #expect(throws: TensorError.self) { try narrow.make(Sample.launch()) }
    }

    /// Two threads build two programs: neither can end before both have begun. A third wants one of them, and waits.
    @Test func differentProgramsAreBuiltSideBySideAndEachOnce() throws {
        let both = Meeting(count: 2)
        let driver = SampleDriver { both.arrive() }
        let programs = Self.programs(driver)
        let handles = Lines()
        let threads = ["a", "b", "a", "b"].map { name in
            Thread {
                do {
                    handles.add("\(name) \(ObjectIdentifier(try programs.make(Sample.launch(name)).handle))")
                } catch {
                    Issue.record(error)
                }
                both.leave()
            }
        }
        for thread in threads { thread.start() }
        both.awaitDepartures(of: 4)
        #expect(driver.compiled.all.sorted() == ["a", "b"])
        #expect(handles.all.count == 4 && Set(handles.all).count == 2)
        #expect(programs.counts == ProgramCounts(compiled: 2))
    }
}

/// Threads that wait until so many have arrived.
private final class Meeting: @unchecked Sendable {
    // Safety: the numbers are touched only under `condition`.
    private let condition = NSCondition()
    private let count: Int
    private var arrived = 0
    private var left = 0

    init(count: Int) { self.count = count }

    func arrive() {
        condition.lock()
        defer { condition.unlock() }
        arrived += 1
        condition.broadcast()
        while arrived < count { condition.wait() }
    }

    func leave() {
        condition.lock()
        defer { condition.unlock() }
        left += 1
        condition.broadcast()
    }

    func awaitDepartures(of number: Int) {
        condition.lock()
        defer { condition.unlock() }
        while left < number { condition.wait() }
    }
}
