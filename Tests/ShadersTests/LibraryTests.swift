import KernelIR
import Shaders
import TensorConformance
import TensorRuntime
import Testing

/// The whole kernel library on the interpreter. Serial, as the classes share the reference's results.
@Suite(.serialized) struct LibraryTests {
    /// Whether every family has its kernels: then no row may be left out but those of `mayBeUnsupported`.
    private static let isComplete = false

    private static let suite = ConformanceSuite()

    /// Families other than fused need neither sum in 16 bits nor in types that do not sum.
    private static func mayBeUnsupported(_ row: ConformanceCase) -> Bool {
        row.family != .fused && !row.dtypes.isDisjoint(with: [.float16, .bfloat16, .uint8, .bool])
    }

    @Test(arguments: ShaderTarget.DeviceClass.allCases)
    func theCataloguePasses(_ deviceClass: ShaderTarget.DeviceClass) {
        let device = InterpreterDevice(deviceClass)
        let rows = ConformanceCatalogue.cases(for: device.description)
        let results = rows.map { Self.suite.run($0, on: device) }
        let failures = results.filter { $0.failure != nil }
        for failure in failures.prefix(20) { print("\(deviceClass): \(failure)") }
        #expect(failures.isEmpty, "\(failures.count) of \(rows.count) rows fail, the first: \(failures.first!)")

        let skipped = zip(rows, results).filter { $1.skipReason != nil }
        for (reason, rows) in Dictionary(grouping: skipped, by: { "\($0.family): \($1.skipReason!)" }).sorted(by: { $0.key < $1.key }) {
            print("\(deviceClass): \(rows.count) rows skipped, \(reason)")
        }
        if Self.isComplete {
            let missing = skipped.filter { !Self.mayBeUnsupported($0.0) }
            #expect(missing.isEmpty, "\(missing.map(\.1).prefix(10))")
            let uncovered = ConformanceSuite.coverage(of: results, on: device.description)
            #expect(uncovered.isEmpty, "\(uncovered)")
        }
        print("\(deviceClass): \(results.filter(\.passed).count) rows passed with \(device.programCount) programs")
    }

    /// Every schedule that a row may be run with beside the first, on the rows that are small, and on one row at least.
    @Test(arguments: ShaderTarget.DeviceClass.allCases)
    func everyScheduleGivesTheSame(_ deviceClass: ShaderTarget.DeviceClass) {
        let library = ShaderLibrary(target: .common(deviceClass))
        let first = InterpreterDevice(deviceClass)
        var rows: [String: [ConformanceCase]] = [:]
        for row in ConformanceCatalogue.cases(for: first.description) where first.unsupportedReason(row.spec) == nil {
            for schedule in library.schedules(for: row.spec).dropFirst() {
                rows["\(row.family)/\(schedule)", default: []].append(row)
            }
        }
        for (name, rows) in rows.sorted(by: { $0.key < $1.key }) {
            let schedule = String(name.split(separator: "/", maxSplits: 1)[1])
            let device = InterpreterDevice(deviceClass) { _ in schedule }
            let small = rows.filter { $0.operations < 300_000 }
            let chosen = small.isEmpty ? [rows.min { $0.operations < $1.operations }!] : small
            let results = chosen.map { Self.suite.run($0, on: device) }
            let failures = results.filter { !$0.passed }
            #expect(failures.isEmpty, "\(deviceClass) \(name): \(failures.count) of \(chosen.count), the first: \(failures.first!)")
            print("\(deviceClass): \(name) passed \(results.filter(\.passed).count) of \(rows.count) rows")
        }
    }
}
