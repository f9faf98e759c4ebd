import Foundation
import Needletail
import TensorConformance
import TensorRuntime
import TestSupport
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
        let strides = Dictionary(uniqueKeysWithValues: ConformanceCatalogue.families.map { ($0, 12) })
        let rows = CatalogueRun.rows(for: device.description, oneIn: strides)
        let run = CatalogueRun(rows, on: device, suite: ConformanceSuite(), title: device.description.name)
        #expect(run.wrong.isEmpty, "\(run.wrong.count) rows do not pass")
    }
}

private let namedDevice = ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_DEVICE"]
