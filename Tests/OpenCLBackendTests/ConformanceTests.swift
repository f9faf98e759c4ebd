import Foundation
import OpenCLBackend
import Shaders
import TensorConformance
import TensorRuntime
import TestSupport
import Testing

/// The catalogue on the first OpenCL device, with the schedules of both classes of devices. Serial, as the driver uses the
/// whole machine itself; one suite, so that the reference runs once.
///
/// PoCL takes a third of a second to compile one of the catalogue's 1,900 programs, so that a part of the rows runs, from
/// every family and other ones for each class; `NEEDLETAIL_WHOLE_CATALOGUE=1` runs all. The interpreter of KernelIR runs all of
/// them in any case.
@Suite(.serialized, .enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
struct ConformanceTests {
    private static let suite = ConformanceSuite()

    @Test(arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func theCataloguePasses(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        let device = try OpenCLTesting.open { $0.openCLScheduleClass = scheduleClass }.device
        let rows = CatalogueRun.rows(
            for: device.description,
            oneIn: [.fused: 37, .matmul: 11, .convolution: 7, .pooling: 13, .scatterAdd: 11, .scan: 29, .sort: 23],
            offset: scheduleClass == .gpu ? 1 : 0)
        let run = CatalogueRun(rows, on: device, suite: Self.suite, title: "\(scheduleClass)")
        #expect(run.passed.count == rows.count, "\(run.wrong.count) rows do not pass, \(run.left.count) are left out")
        let counts = device.programCounts
        print("\(scheduleClass): \(counts.compiled) programs compiled, \(counts.loaded) loaded")
    }

    @Test(arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func theContractIsKept(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        let device = try OpenCLTesting.open { $0.openCLScheduleClass = scheduleClass }.device
        let complaints = Self.suite.runContract(on: device).filter { !$0.passed }
        #expect(complaints.isEmpty, "\(complaints)")
    }

    /// Rows whose faults may be the compiler's or the driver's: partial results that later launches read, arithmetic that
    /// overflows, scalars, signs of zeros, angles of any size, sums of many terms.
    @Test(arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func numbersAreTheSameOnTheDevice(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        let device = try OpenCLTesting.open { $0.openCLScheduleClass = scheduleClass }.device
        let functions = PointwiseOperation.allCases.filter { $0.row.rule == .sameFloat && $0.arity == 1 }.map(\.name)
        let names = Set(
            functions.map { "fused/\($0)/float32/special" } + ["sin", "cos", "tan"].map { "fused/\($0)/float32/large" })
        let rows = ConformanceCatalogue.cases(for: device.description).filter { row in
            if names.contains(row.name) || row.name.hasPrefix("fused/totals/") { return true }
            return row.name.hasPrefix("fused/numbers/") && !row.dtypes.contains(.float64)
        }
        #expect(rows.count > 60)
        let run = CatalogueRun(rows, on: device, suite: Self.suite, title: "\(scheduleClass)")
        #expect(run.passed.count == rows.count, "\(run.wrong.count) rows do not pass, \(run.left.count) are left out")
    }

    @Test func whatHasNoFormIsRefusedBeforeItIsBuilt() throws {
        let device = try OpenCLTesting.open().device
        for row in ConformanceCatalogue.pairs() where row.spec.typeComplaint != nil {
            let error = #expect(throws: TensorError.self) { _ = try device.makeKernel(row.spec) }
            #expect(error?.kind == .unsupported && device.unsupportedReason(row.spec) != nil, "\(row.name)")
        }
    }

    /// Every schedule of the tables that the class has, each on the smallest row that can run with it and, where it works in
    /// tiles, on a large one that fills some.
    @Test(arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func everySchedulePasses(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        let device = try OpenCLTesting.open { $0.openCLScheduleClass = scheduleClass }.device
        var smallest: [String: ConformanceCase] = [:]
        var largest: [String: ConformanceCase] = [:]
        for row in ConformanceCatalogue.cases(for: device.description) where row.dtypes.contains(.float32) {
            for schedule in device.schedules(for: row.spec) {
                // A product of nothing runs no schedule.
                guard row.operations > 100 else { continue }
                let name = "\(row.family)/\(schedule)"
                if row.operations < smallest[name]?.operations ?? .max { smallest[name] = row }
                guard row.family != .fused, row.operations < 10_000_000 else { continue }
                if row.operations > largest[name]?.operations ?? 0 { largest[name] = row }
            }
        }
        let missing = Self.schedules(of: device.target).filter { smallest[$0] == nil }
        #expect(missing.isEmpty, "schedules that no row runs with: \(missing)")
        if scheduleClass == .gpu { #expect(smallest.keys.contains { $0.contains("/k") }, "no split of k") }
        for (name, row) in (smallest.map { $0 } + largest.map { $0 }).sorted(by: { $0.key < $1.key }) {
            let schedule = String(name.drop { $0 != "/" }.dropFirst())
            let result = Self.suite.run(row, on: ScheduledDevice(device, schedule: schedule))
            #expect(result.passed, "\(name): \(result)")
        }
    }

    /// The names in the library's tables that are of a device's class.
    private static func schedules(of target: ShaderTarget) -> [String] {
        ShaderLibrary.scheduleTables.flatMap { family, names in
            names.filter { name in
                if family == .fused { return name.hasPrefix(target.deviceClass.rawValue) }
                if name == "direct12x2" && target.vectorWidth < 16 { return false }
                // Of subgroups, which the backend does not tell of.
                if name.hasPrefix("lanes") { return target.subgroupSize != nil }
                return (name.hasPrefix("tile") || name.hasPrefix("block")) == (target.deviceClass == .gpu)
            }.map { "\(family)/\($0)" }
        }
    }
}

/// A device that makes every kernel with one schedule.
private final class ScheduledDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: immutable.

    private let device: OpenCLDevice
    private let schedule: String

    init(_ device: OpenCLDevice, schedule: String) {
        self.device = device
        self.schedule = schedule
        super.init(device)
    }

    override func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        try device.makeKernel(spec, schedule: schedule)
    }
}
