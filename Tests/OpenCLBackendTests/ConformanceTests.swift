import OpenCLBackend
import TensorConformance
import TensorRuntime
import Testing

/// The whole catalogue on the first OpenCL device, with the schedules of both classes of devices. Serial, as the driver
/// uses the whole machine itself; one suite, so that the reference runs once.
@Suite(.serialized, .enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
struct ConformanceTests {
    private static let suite = ConformanceSuite()

    @Test(arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func theCataloguePasses(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        let device = try OpenCLTesting.open { $0.scheduleClass = scheduleClass }.device
        let results = Self.suite.run(device: device)
        let skipped = Dictionary(grouping: results.filter { $0.skipReason != nil }) {
            "\($0.family): \($0.skipReason!)"
        }
        for (reason, rows) in skipped.sorted(by: { $0.key < $1.key }) {
            print("\(scheduleClass): \(rows.count) of \(results.count) rows skipped, \(reason)")
        }
        let failures = results.filter { $0.failure != nil }
        for failure in failures.prefix(40) { print("\(scheduleClass): \(failure)") }
        #expect(failures.isEmpty, "\(failures.count) of \(results.count) rows fail")
        print(
            "\(scheduleClass): \(results.filter(\.passed).count) rows passed with \(device.programCounts.compiled) programs"
        )
    }
}
