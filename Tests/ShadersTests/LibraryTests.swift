import Foundation
import KernelIR
import Shaders
import TensorConformance
import TensorRuntime
import Testing

/// The whole kernel library on the interpreter. Serial, as the targets share the reference's results.
@Suite(.serialized) struct LibraryTests {
    private static let suite = ConformanceSuite()

    /// What the kernels are checked for: both classes of devices, and the wider vectors of a processor.
    private static let targets: [ShaderTarget] = [.common(.gpu), .common(.cpu), .wide]

    @Test(arguments: targets) func theCataloguePassesAndNothingIsLeftOut(_ target: ShaderTarget) {
        let device = InterpreterDevice(target)
        let rows = ConformanceCatalogue.cases(for: device.description)
        let results = rows.map { Self.suite.run($0, on: device) }
        Self.expectPassed(results, "\(target.deviceClass)")
        #expect(device.schedulesRun.isSuperset(of: Self.firstSchedules(of: rows, target)))
        let uncovered = ConformanceSuite.coverage(of: results, on: device.description)
        #expect(uncovered.isEmpty, "\(uncovered)")
        print("\(target.deviceClass), \(target.vectorWidth) lanes: \(rows.count) rows, \(device.programCount) programs")
    }

    /// On devices without 8-, 16- and 64-bit types and wide vectors, whose products and sums round twice.
    @Test(arguments: ShaderTarget.DeviceClass.allCases) func theCataloguePassesOnThePoorestDevices(
        _ deviceClass: ShaderTarget.DeviceClass
    ) {
        let device = InterpreterDevice(.poor(deviceClass), subgroupSize: 4, fusesMultiplyAdd: false)
        let rows = ConformanceCatalogue.cases(for: device.description)
        let results = rows.map { Self.suite.run($0, on: device) }
        Self.expectPassed(results, "poor \(deviceClass)")
        let uncovered = ConformanceSuite.coverage(of: results, on: device.description)
        #expect(uncovered.isEmpty, "\(uncovered)")
        print("poor \(deviceClass): \(rows.count) rows, \(device.programCount) programs")
    }

    /// A `multiplyAdd` may round twice: a kernel that needs one rounding has to say so.
    @Test(arguments: [ShaderTarget.common(.gpu), .wide]) func theCataloguePassesWithUnfusedProductsAndSums(
        _ target: ShaderTarget
    ) {
        let device = InterpreterDevice(target, fusesMultiplyAdd: false)
        let rows = ConformanceCatalogue.cases(for: device.description)
        Self.expectPassed(rows.map { Self.suite.run($0, on: device) }, "unfused \(target.deviceClass)")
    }

    /// A sixth of the rows for each size, so that each row runs; `NEEDLETAIL_WHOLE_CATALOGUE=1` runs all for each.
    @Test(arguments: [4, 8, 16, 32, 64, 128]) func theCataloguePassesWithSubgroupsOfEverySize(_ size: Int) {
        var target = ShaderTarget.common(.gpu)
        target.features.insert(.subgroups)
        target.subgroupSize = size
        let device = InterpreterDevice(target, subgroupSize: size)
        let rows = ConformanceCatalogue.cases(for: device.description).enumerated()
            .filter { Self.runsAll || $0.offset % 6 == size.trailingZeroBitCount - 2 }
            .map(\.element)
        Self.expectPassed(rows.map { Self.suite.run($0, on: device) }, "subgroups of \(size)")
    }

    /// What a device lacks is refused before a driver sees the kernel.
    @Test func aKernelThatADeviceCannotRunIsRefusedByName() throws {
        let library = ShaderLibrary(target: .common(.gpu))
        let row = ConformanceCatalogue.cases(for: InterpreterDevice(.common(.gpu)).description)
            .first { $0.family == .matmul && $0.spec.description.contains("float32") }!
        let launch = try library.plan(row.spec).launches[0]
        var target = library.target
        target.maximumWorkgroupSize = 1
        do throws(TensorError) {
            _ = try launch.kernel(for: target)
            Issue.record("a workgroup of one work-item is enough")
        } catch {
            #expect(error.kind == .unsupported)
            #expect(error.message.contains("work-items, and the device has at most 1"), "\(error.message)")
        }
    }

    /// Each operation on each dtype is refused when it is planned, or gives what the reference gives.
    @Test(arguments: targets) func aPairOfOperationAndDTypeIsRefusedOrRight(_ target: ShaderTarget) {
        let device = InterpreterDevice(target)
        let rows = ConformanceCatalogue.pairs()
        for row in rows {
            let reason = device.unsupportedReason(row.spec)
            #expect((reason == nil) == (row.spec.typeComplaint == nil), "\(row.name): \(reason ?? "is taken")")
        }
        let defined = rows.filter { $0.spec.typeComplaint == nil }
        #expect(defined.count < rows.count - 20)
        Self.expectPassed(defined.map { Self.suite.run($0, on: device) }, "\(target.deviceClass) pairs")
    }

    /// A device whose workgroups are a quarter of what others have runs the same rows; some of them here.
    @Test func smallWorkgroupsAreEnough() {
        var target = ShaderTarget.common(.gpu)
        target.maximumWorkgroupSize = 64
        let device = InterpreterDevice(target)
        let rows = ConformanceCatalogue.cases(for: device.description).enumerated()
            .filter { $0.offset % 16 == 5 && $0.element.operations < 300_000 }.map(\.element)
        Self.expectPassed(rows.map { Self.suite.run($0, on: device) }, "workgroups of 64")
        #expect(device.schedulesRun.contains("fused/gpu pointwise of 64"))
    }

    /// Every schedule that a row may be run with beside the first, on rows that are small, and on one row at least.
    @Test(arguments: targets) func everyOtherScheduleGivesTheSame(_ target: ShaderTarget) {
        let library = ShaderLibrary(target: target)
        var rows: [String: [ConformanceCase]] = [:]
        for row in ConformanceCatalogue.cases(for: InterpreterDevice(target).description) {
            for schedule in library.schedules(for: row.spec).dropFirst() {
                rows["\(row.family)/\(schedule)", default: []].append(row)
            }
        }
        for (name, rows) in rows.sorted(by: { $0.key < $1.key }) {
            let schedule = String(name.split(separator: "/", maxSplits: 1)[1])
            let device = InterpreterDevice(target) { _ in schedule }
            let results = Self.sample(of: rows).map { Self.suite.run($0, on: device) }
            Self.expectPassed(results, "\(target.deviceClass) \(name)")
            #expect(device.schedulesRun == [name])
        }
    }

    /// Products whose work-items pass on what they read, which other targets do not take: with each such schedule, on rows that
    /// are small. The sums are those of one work-item that reads all, bit for bit.
    @Test(arguments: ["lanes32x64", "lanes16x64", "lanes8x64", "lanes16x32", "lanes8x32"])
    func productsWhoseWorkItemsPassOnWhatTheyReadAreTheSame(_ schedule: String) {
        let library = ShaderLibrary(target: .software)
        let rows = ConformanceCatalogue.cases(for: InterpreterDevice(.software).description).filter {
            $0.family == .matmul && $0.operations < 30_000 && library.schedules(for: $0.spec).contains(schedule)
        }
        let device = InterpreterDevice(.software) { _ in schedule }
        let other = InterpreterDevice(.software) { _ in "block4x16" }
        let sample = stride(from: 0, to: rows.count, by: max(rows.count / 8, 1)).map { rows[$0] }
        let results = sample.map { Self.suite.run($0, on: device) }
        Self.expectPassed(results, schedule)
        #expect(device.schedulesRun == ["matmul/\(schedule)"])
        #expect(results.map(\.digest) == sample.map { Self.suite.run($0, on: other).digest })
    }

    /// They are taken where they can be, and nowhere else.
    @Test func workItemsPassOnWhatTheyReadInSubgroupsOfTheirNumber() {
        var wide = ShaderTarget.software
        wide.subgroupSize = 16
        let rows = ConformanceCatalogue.cases(for: InterpreterDevice(.software).description).filter {
            $0.family == .matmul
        }
        for row in rows {
            let taken = ShaderLibrary(target: .software).schedules(for: row.spec)
            let isWide = (row.spec.body as? MatmulKernel)?.dtype == .int64
            #expect(taken.isEmpty || taken[0].hasPrefix(isWide ? "block" : "lanes"), "\(row.name): \(taken)")
            for other in [wide, .common(.gpu)] {
                let names = ShaderLibrary(target: other).schedules(for: row.spec)
                #expect(!names.contains { $0.hasPrefix("lanes") }, "\(row.name): \(names)")
            }
        }
    }

    /// The tables of the families name no schedule that none of the tests above runs.
    @Test func everyScheduleOfTheTablesIsRun() {
        var listed: Set<String> = []
        for target in Self.targets + [.software] {
            let library = ShaderLibrary(target: target)
            for row in ConformanceCatalogue.cases(for: InterpreterDevice(target).description) {
                listed.formUnion(library.schedules(for: row.spec).map { "\(row.family)/\($0)" })
            }
        }
        for (family, names) in ShaderLibrary.scheduleTables {
            let never = names.filter { !listed.contains("\(family)/\($0)") }
            #expect(never.isEmpty, "\(family) schedules that no row of the catalogue can run with: \(never)")
        }
    }

    /// Whether every row runs where by itself a sample does.
    private static let runsAll = ProcessInfo.processInfo.environment["NEEDLETAIL_WHOLE_CATALOGUE"] == "1"

    private static func expectPassed(
        _ results: [ConformanceResult], _ what: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let others = results.filter { !$0.passed }
        guard let first = others.first else { return }
        for other in others.prefix(20) { print("\(what): \(other)") }
        Issue.record(
            "\(what): \(others.count) of \(results.count) rows do not pass, the first: \(first)",
            sourceLocation: sourceLocation)
    }

    private static func firstSchedules(of rows: [ConformanceCase], _ target: ShaderTarget) -> Set<String> {
        let library = ShaderLibrary(target: target)
        return Set(rows.map { "\($0.family)/\(library.schedules(for: $0.spec)[0])" })
    }

    /// At most 300 small rows, spread over all; the smallest where none is small.
    private static func sample(of rows: [ConformanceCase]) -> [ConformanceCase] {
        let small = rows.filter { $0.operations < 300_000 }
        if small.isEmpty { return [rows.min { $0.operations < $1.operations }!] }
        return stride(from: 0, to: small.count, by: (small.count + 299) / 300).map { small[$0] }
    }
}
