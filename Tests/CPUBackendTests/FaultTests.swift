import TensorConformance
import TensorRuntime
import Testing

/// The catalogue's own tests: the reference passes it whole, and a device with any fault fails it.
@Suite struct FaultTests {
    private static let device = ReferenceDevice()
    private static let cases = ConformanceCatalogue.cases(for: device.description)

    @Test func theNamesOfTheRowsAreUnique() {
        var seen: Set<String> = []
        let twice = Self.cases.map(\.name).filter { !seen.insert($0).inserted }
        #expect(twice.isEmpty, "\(twice.prefix(10))")
    }

    @Test func theReferencePassesEveryRowAndCoversTheContract() {
        let results = ConformanceSuite().run(device: Self.device, cases: Self.cases)
        let others = results.filter { !$0.passed }
        #expect(others.isEmpty, "\(others.count) rows: \(others.prefix(10))")
        #expect(ConformanceSuite.coverage(of: results, on: Self.device.description).isEmpty)
    }

    @Test func anOperationWithoutARowFailsTheCoverage() {
        let results = ConformanceSuite().run(
            device: Self.device, cases: Self.cases.filter { $0.name.hasPrefix("fused/exp/float32") })
        let missing = ConformanceSuite.coverage(of: results, on: Self.device.description)
        #expect(missing.contains("operation tanh"))
        #expect(missing.contains("reduction argmin"))
        #expect(missing.contains("family matmul"))
        #expect(missing.contains("dtype int32"))
        #expect(missing.contains("layout flipped"))
        #expect(!missing.contains("operation exp"))
    }

    @Test func everyRowFailsUnderEveryFaultThatAppliesToIt() throws {
        let faulty = FaultyDevice(Self.device)
        let suite = ConformanceSuite()
        var unnoticed: [String] = []
        var checked = 0
        // Long rows have the same faults as short ones, and take the reference long.
        for row in Self.cases where row.operations < 1_000_000 && row.bytes < 1 << 18 {
            for fault in try FaultyDevice.faults(for: row) {
                faulty.fault = fault
                checked += 1
                if suite.run(row, on: faulty).failure == nil { unnoticed.append("\(row.name): \(fault)") }
            }
        }
        #expect(unnoticed.isEmpty, "\(unnoticed.count) of \(checked): \(unnoticed.prefix(20))")
        #expect(checked > 5000)
    }

    @Test func aDeviceWithoutADTypeSkipsItsRowsWithAReason() {
        let narrow = ReferenceDevice(dtypes: [.bool, .uint8, .int32, .int64, .float32])
        let row = Self.cases.first { $0.name.hasPrefix("fused/exp/float64") }!
        let result = ConformanceSuite().run(row, on: narrow)
        #expect(result.skipReason == "reference:0 has no float64")
        #expect(ConformanceCatalogue.cases(for: narrow.description).allSatisfy { !$0.name.contains("float64/") })
    }
}
