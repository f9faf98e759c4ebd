import DeviceSupport
import KernelIR
import Shaders
import TensorRuntime
import Testing

/// Launches on devices that lack something: the kernel as the device runs it, its parameters, and grids in pieces.
@Suite struct LegalLaunchTests {
    /// Bytes and a wide number: `y[i] = x[i] + n`.
    private static func launch(workgroups: Int = 4) -> ShaderLaunch {
        ShaderLaunch(
            key: ShaderKey(code: Sample.spec().code, schedule: "bytes"), workgroups: [workgroups, 1, 1],
            buffers: ["x": .operand(0), "y": .operand(1)],
            arguments: ["n": .integer(0x3_0000_0007), "shift": .offset(operand: 0)]
        ) {
            KernelBuilder.build("bytes") { k in
                let x = k.buffer("x", .uint8, .read)
                let y = k.buffer("y", .uint8, .write)
                let n = k.argument("n", .int64)
                let shift = k.argument("shift", .int64)
                let i = k.workgroupID(0)
                y[i] = (x[i].convert(to: .int64) + n + shift).convert(to: .int32)
            }
        }
    }

    private static func programs(_ target: ShaderTarget) -> DevicePrograms<SampleDriver> {
        var configuration = RuntimeConfiguration()
        configuration.cacheDirectory = nil
        return DevicePrograms(SampleDriver(), device: Sample.device, target: target, configuration: configuration)
    }

    private static var poor: ShaderTarget {
        var target = Sample.target
        target.hasInt64 = false
        target.has8BitStorage = false
        return target
    }

    @Test func aDeviceThatHasAllRunsTheKernelAsItIs() throws {
        let program = try Self.programs(Sample.target).make(Self.launch()).program
        #expect(program.signature == program.source)
        #expect(program.source.arguments.map(\.name) == ["n", "shift"])
    }

    @Test func wordsAndPositionsFollowFromTheLaunch() throws {
        let launch = Self.launch()
        let program = try Self.programs(Self.poor).make(launch).program
        #expect(program.signature.buffers.map(\.element) == [.int32, .int32])
        let binding = try LaunchBinding(launch, of: program.source, as: program.form, spec: Sample.spec())
        let names = program.signature.arguments.map(\.name)
        #expect(names == ["n_low", "n_high", "shift_low", "shift_high", "x_position", "y_position"])
        #expect(binding.constants.map(\.bits) == [7, 3])
        #expect(binding.varying.map(\.argument) == [2, 3, 4, 5])
        let buffers = (0..<2).map { _ in SampleBuffer() }
        let bindings = [
            BufferBinding(buffer: buffers[0], offset: 13), BufferBinding(buffer: buffers[1], offset: 6),
        ]
        bindings.withUnsafeBufferPointer { bindings in
            let scalars = UnsafeBufferPointer<UInt64>(start: nil, count: 0)
            // Bytes 13 and 6 lie in words 3 and 1.
            #expect((0..<2).map { binding.buffer($0, bindings).offset } == [3, 1])
            #expect(binding.varying.map { binding.bits($0, bindings, scalars) } == [13, 0, 1, 2])
        }
    }

    @Test func aGridThatFitsStaysWhole() {
        let pieces = Self.launch(workgroups: 8).pieces(maximumGrid: [8, 1, 1])
        #expect(pieces.count == 1 && pieces[0].key == Self.launch().key)
    }

    @Test func aLargeGridIsCutAndItsWorkgroupsKeepTheirNumbers() throws {
        let pieces = Self.launch(workgroups: 10).pieces(maximumGrid: [4, 1, 1])
        #expect(pieces.map { $0.workgroups[0] } == [4, 4, 2])
        let name = Kernel.firstWorkgroup(0)
        #expect(pieces.map { $0.arguments[name] } == [.integer(0), .integer(4), .integer(8)])
        // One program for all of them, and another one than the whole's.
        #expect(Set(pieces.map(\.key)).count == 1 && pieces[0].key != Self.launch().key)
        let kernel = pieces[0].build()
        try kernel.validate()
        #expect(kernel.arguments.last?.name == name)
        let program = try Self.programs(Self.poor).make(pieces[2])
        let binding = try LaunchBinding(
            pieces[2], of: program.program.source, as: program.program.form, spec: Sample.spec())
        #expect(binding.constants.map(\.bits) == [7, 3, 8])
    }

    @Test func programsAreBuiltSideBySideAndFailuresAreSaidWhenTheyAreMade() throws {
        let driver = SampleDriver()
        var configuration = RuntimeConfiguration()
        configuration.cacheDirectory = nil
        let programs = DevicePrograms(
            driver, device: Sample.device, target: Sample.target, configuration: configuration)
        let launches = ["a", "b", "c"].map { Sample.launch($0) }
        programs.announce(launches)
        programs.build(launches)
        #expect(driver.compiled.all.sorted() == ["a", "b", "c"])
        for launch in launches { _ = try programs.make(launch) }
        #expect(programs.counts == ProgramCounts(compiled: 3))
        driver.failure.withLock { $0 = ProgramFailure(reason: "BROKEN") }
        let broken = ["d", "e"].map { Sample.launch($0) }
        programs.announce(broken)
        programs.build(broken)
        #expect(throws: TensorError.self) { try programs.make(broken[0]) }
    }
}
