import Shaders
import TensorConformance
import TensorRuntime
import Testing

/// Scans of a line a work-item and in tiles, on devices with workgroups of each size, and on those without wide and narrow
/// types: a quarter of the small rows each, so that each runs.
@Suite struct ScanScheduleTests {
    private static let suite = ConformanceSuite()

    static let targets: [ShaderTarget] = {
        var small = ShaderTarget.common(.gpu)
        small.maximumWorkgroupSize = 64
        var least = ShaderTarget.common(.gpu)
        least.maximumWorkgroupSize = 8
        return [.common(.gpu), small, .poor(.gpu), least]
    }()

    @Test(arguments: targets.indices) func everyScheduleGivesTheSame(_ number: Int) {
        let target = Self.targets[number]
        let library = ShaderLibrary(target: target)
        let all = ConformanceCatalogue.cases(for: InterpreterDevice(target).description)
            .filter { $0.family == .scan && $0.operations < 1000 }
        let rows = stride(from: number, to: all.count, by: Self.targets.count).map { all[$0] }
        #expect(rows.count > 100)
        let schedules = target.maximumWorkgroupSize < 32 ? ["lines"] : ["lines", "tiles"]
        #expect(rows.allSatisfy { library.schedules(for: $0.spec).sorted() == schedules })
        for schedule in schedules {
            let device = InterpreterDevice(target) { _ in schedule }
            let others = rows.map { Self.suite.run($0, on: device) }.filter { !$0.passed }
            for other in others.prefix(10) { print("\(schedule): \(other)") }
            #expect(others.isEmpty, "\(schedule): \(others.count) of \(rows.count) rows do not pass")
        }
    }
}
