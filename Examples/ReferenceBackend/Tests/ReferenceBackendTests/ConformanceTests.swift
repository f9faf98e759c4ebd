import ReferenceBackend
import TensorConformance
import TensorRuntime
import Testing

@Suite struct ConformanceTests {
    @Test func theBackendPassesTheContractAndTheWholeCatalogue() throws {
        let device = try ReferenceBackend().open(index: 0, configuration: RuntimeConfiguration())
        let results = ConformanceSuite().run(device: device)
        for result in results where !result.passed { Issue.record("\(result)") }
        #expect(ConformanceSuite.coverage(of: results, on: device.description).isEmpty)
        #expect(ContractCheck.allCases.allSatisfy { check in results.contains { $0.name == "contract/\(check)" } })
        print("reference: \(results.filter(\.passed).count) of \(results.count) rows passed")
    }

    @Test func operationsThatATypeDoesNotHaveAreRefused() throws {
        let device = try ReferenceBackend().open(index: 0, configuration: RuntimeConfiguration())
        let results = ConformanceSuite().run(device: device, cases: ConformanceCatalogue.pairs())
        for result in results { #expect(result.failure == nil, "\(result)") }
        #expect(results.contains { $0.passed } && results.contains { $0.skipReason != nil })
    }
}
