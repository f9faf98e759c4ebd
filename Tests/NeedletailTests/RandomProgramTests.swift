import CPUBackend
import Foundation
import Needletail
import OpenCLBackend
import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

/// Random programs on every device and in every mode against the Double reference: one operation at a time, in float64,
/// by the interpreter that imports no backend.
///
/// `NEEDLETAIL_RANDOM_PROGRAMS=100000 swift test -c release --filter RandomProgramTests` runs more (`Scripts/nightly.sh`).
@Suite struct RandomProgramTests {
    /// The number of programs on the CPU; OpenCL, whose compilers are slow, gets a twentieth.
    static let count = ProcessInfo.processInfo.environment["NEEDLETAIL_RANDOM_PROGRAMS"].flatMap { Int($0) } ?? 400
    static let first = ProcessInfo.processInfo.environment["NEEDLETAIL_RANDOM_FIRST"].flatMap { UInt64($0) } ?? 1
    static let parts = 8

    struct Outcome {
        var names: [String] = []
        var isExact: [Bool] = []
        var values: [[Double]] = []
    }

    static func run(
        _ seed: UInt64, _ dtype: DType, in context: DeviceContext, isLarge: Bool = false
    ) throws -> Outcome {
        try withDeviceContext(context) { () throws(any Error) in
            try checked {
                let program = try RandomProgram(seed: seed, dtype: dtype, isLarge: isLarge)
                var outcome = Outcome()
                for (name, isExact, tensor) in program.results {
                    outcome.names.append(name)
                    outcome.isExact.append(isExact)
                    outcome.values.append(try tensor.scalars(as: Double.self))
                }
                return outcome
            }
        }
    }

    static func context(_ device: any Device, _ change: (inout RuntimeConfiguration) -> Void = { _ in }) throws
        -> DeviceContext
    {
        var configuration = RuntimeConfiguration()
        change(&configuration)
        return try DeviceContext(device: device, configuration: configuration)
    }

    /// The largest error of each result, in parts of its largest element.
    static func errors(_ found: Outcome, _ expected: Outcome) -> [Double] {
        zip(found.values, expected.values).map { found, expected in
            guard found.count == expected.count else { return .infinity }
            let scale = max(expected.lazy.map(Swift.abs).filter(\.isFinite).max() ?? 0, 1)
            return zip(found, expected).reduce(0) { worst, pair in
                if pair.0 == pair.1 || (pair.0.isNaN && pair.1.isNaN) { return worst }
                let error = Swift.abs(pair.0 - pair.1) / scale
                return error.isFinite ? max(worst, error) : .infinity
            }
        }
    }

    /// What differs from the reference; nil where nothing does.
    ///
    /// float32 may round: it is held against the same program run one operation at a time on the same device.
    static func complaint(
        _ seed: UInt64, _ device: any Device, fusion: Bool, dtype: DType, isLarge: Bool = false
    ) throws -> String? {
        let reference = try context(ReferenceDevice()) { $0.eager = true }
        let expected = try run(seed, .float64, in: reference, isLarge: isLarge)
        let found = try run(seed, dtype, in: try context(device) { $0.fusion = fusion }, isLarge: isLarge)
        guard found.names == expected.names else { return "seed \(seed): other results: \(found.names)" }
        var limits = found.isExact.map { $0 ? 0.0 : 1e-9 }
        var errors = errors(found, expected)
        if dtype == .float32, !zip(errors, found.isExact).allSatisfy({ $1 ? $0 == 0 : $0 < 1e-5 }) {
            let plain = try run(seed, dtype, in: try context(device) { $0.eager = true }, isLarge: isLarge)
            let plainErrors = RandomProgramTests.errors(plain, expected)
            limits = zip(plainErrors, found.isExact).map { $1 ? 0 : 1e-5 + 64 * $0 }
        } else if dtype == .float32 {
            errors = errors.map { _ in 0 }
        }
        for (index, error) in errors.enumerated() where !(error <= limits[index]) {
            return "seed \(seed), \(dtype), fusion \(fusion): \(found.names[index]) is off by \(error)"
        }
        return nil
    }

    /// What differs in a program of float16 or bfloat16; nil where nothing does.
    ///
    /// Its whole numbers are rounded as soon as they are large, the same wherever each operation's result is rounded once: the
    /// reference, one operation at a time in the same type, has the same bits. Of the others, the last bits decide.
    static func shortFloatComplaint(
        _ seed: UInt64, _ device: any Device, dtype: DType,
        _ change: (inout RuntimeConfiguration) -> Void
    ) throws -> String? {
        let reference = try context(ReferenceDevice()) { $0.eager = true }
        let expected = try run(seed, dtype, in: reference)
        let found = try run(seed, dtype, in: try context(device, change))
        guard found.names == expected.names else { return "seed \(seed): other results: \(found.names)" }
        for (index, name) in found.names.enumerated()
        where found.isExact[index] && found.values[index] != expected.values[index] {
            return "seed \(seed), \(dtype): \(name) is \(found.values[index]), expected \(expected.values[index])"
        }
        return nil
    }

    private static func seeds(part: Int, of count: Int) -> Range<UInt64> {
        let each = UInt64((count + parts - 1) / parts)
        return first + UInt64(part) * each..<first + UInt64(part + 1) * each
    }

    @Test(arguments: 0..<RandomProgramTests.parts)
    func programsOnTheCPUEqualTheDoubleReference(part: Int) throws {
        let device = try deviceContext(.cpu).device
        for seed in RandomProgramTests.seeds(part: part, of: RandomProgramTests.count) {
            let isLarge = seed % 10 == 0
            for (dtype, fusion) in [(DType.float64, true), (.float64, false), (.float32, true)] {
                let complaint = try RandomProgramTests.complaint(
                    seed, device, fusion: fusion, dtype: dtype, isLarge: isLarge)
                #expect(complaint == nil)
            }
        }
    }

    @Test func programsWithoutConvolutionAndPoolingKernelsEqualTheDoubleReference() throws {
        let device = LackingDevice(try deviceContext(.cpu).device)
        for seed in RandomProgramTests.first..<RandomProgramTests.first + UInt64(RandomProgramTests.count / 8) {
            #expect(try RandomProgramTests.complaint(seed, device, fusion: true, dtype: .float64) == nil)
        }
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_WITHOUT_OPENCL"] != "1",
            "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"),
        arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func programsOnOpenCLEqualTheDoubleReference(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        var configuration = RuntimeConfiguration()
        configuration.openCLScheduleClass = scheduleClass
        let device = try OpenCLBackend(configuration: configuration).open(index: 0, configuration: configuration)
        for seed in RandomProgramTests.first..<RandomProgramTests.first + UInt64(RandomProgramTests.count / 40) {
            #expect(try RandomProgramTests.complaint(seed, device, fusion: true, dtype: .float32) == nil)
        }
    }

    @Test(arguments: [DType.float16, .bfloat16])
    func programsOfShortFloatsRoundEachOperationOnTheCPU(_ dtype: DType) throws {
        let device = try deviceContext(.cpu).device
        for seed in RandomProgramTests.first..<RandomProgramTests.first + UInt64(RandomProgramTests.count / 2) {
            for change in [{ _ in }, { $0.fusion = false }, { $0.eager = true }]
                as [(inout RuntimeConfiguration) -> Void]
            {
                let complaint = try RandomProgramTests.shortFloatComplaint(
                    seed, device, dtype: dtype, change)
                #expect(complaint == nil)
            }
        }
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_WITHOUT_OPENCL"] != "1",
            "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"),
        arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func programsOfShortFloatsRoundEachOperationOnOpenCL(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        var configuration = RuntimeConfiguration()
        configuration.openCLScheduleClass = scheduleClass
        let device = try OpenCLBackend(configuration: configuration).open(index: 0, configuration: configuration)
        for seed in RandomProgramTests.first..<RandomProgramTests.first + UInt64(RandomProgramTests.count / 40) {
            let complaint = try RandomProgramTests.shortFloatComplaint(
                seed, device, dtype: seed % 2 == 0 ? .float16 : .bfloat16
            ) { _ in }
            #expect(complaint == nil)
        }
    }
}
