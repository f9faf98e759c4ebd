import Foundation
import Needletail
import TensorConformance
import TensorRuntime
import Testing

/// The contract and the catalogue on a device of this machine, for hardware that no test run has: `NEEDLETAIL_TEST_DEVICE=vulkan:0`,
/// with `NEEDLETAIL_SCHEDULE_CLASS` and the rest of the environment as for a program. `NEEDLETAIL_WHOLE_CATALOGUE=1` runs all rows,
/// else one of twelve does.
@Suite(.serialized, .enabled(if: namedDevice != nil, "NEEDLETAIL_TEST_DEVICE names no device"))
struct NamedDeviceTests {
    private func open() throws -> any Device {
        _ = Accelerator.isAvailable
        let name = try #require(namedDevice)
        return try BackendRegistry.shared.open(#require(DeviceID(name), "\(name) is no device"))
    }

    @Test func theContractIsKept() throws {
        let complaints = ConformanceSuite().runContract(on: try open()).filter { !$0.passed }
        #expect(complaints.isEmpty, "\(complaints)")
    }

    @Test func theCataloguePasses() throws {
        let device = try open()
        let step = ProcessInfo.processInfo.environment["NEEDLETAIL_WHOLE_CATALOGUE"] == "1" ? 1 : 12
        let all = ConformanceCatalogue.cases(for: device.description)
        let rows = stride(from: 0, to: all.count, by: step).map { all[$0] }
        let (left, run) = (
            rows.filter { device.unsupportedReason($0.spec) != nil },
            rows.filter { device.unsupportedReason($0.spec) == nil }
        )
        for row in left { print("left out \(row.name): \(device.unsupportedReason(row.spec) ?? "")") }
        let wrong = ConformanceSuite().run(device: device, cases: run).filter { !$0.passed }
        for row in wrong.prefix(40) { print("\(row)") }
        print("\(device.description.name): \(run.count) rows, \(left.count) left out, \(wrong.count) wrong")
        #expect(wrong.isEmpty, "\(wrong.count) of \(run.count) rows do not pass")
    }
}

private let namedDevice = ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_DEVICE"]
