import CPUBackend
import TensorConformance
import TensorRuntime
import Testing

/// The whole catalogue on CPU devices of every configuration. Serial, as the rows fill the machine themselves; one
/// suite, so that the reference runs once.
@Suite(.serialized) struct ConformanceTests {
    private static let suite = ConformanceSuite()

    private static func open(_ configure: (inout RuntimeConfiguration) -> Void = { _ in }) throws -> any Device {
        var configuration = RuntimeConfiguration()
        configure(&configuration)
        return try CPUBackend().open(index: 0, configuration: configuration)
    }

    /// Runs all rows and reports those that failed.
    @discardableResult
    private static func check(_ device: any Device, _ what: String) -> [ConformanceResult] {
        let results = suite.run(device: device)
        let failures = results.filter { $0.failure != nil }
        let skipped = Dictionary(grouping: results.compactMap(\.skipReason)) { $0 }
        for (reason, rows) in skipped.sorted(by: { $0.key < $1.key }) {
            print("\(what): \(rows.count) of \(results.count) rows skipped: \(reason)")
        }
        if let first = failures.first {
            for failure in failures.prefix(40) { print("\(what): \(failure)") }
            Issue.record("\(what): \(failures.count) of \(results.count) rows fail, the first: \(first)")
        }
        return results
    }

    @Test func theDefaultDevicePassesTheCatalogueAndLeavesNothingOut() throws {
        let device = try Self.open()
        let results = Self.check(device, "default")
        // The contract is a part of the suite.
        let contract = ContractCheck.allCases.map { "contract/\($0)" }
        #expect(Array(results.prefix(contract.count).map(\.name)) == contract)
        let missing = ConformanceSuite.coverage(of: results, on: device.description)
        #expect(missing.isEmpty, "\(missing)")
    }

    @Test func theBaselinePassesTheCatalogue() throws {
        Self.check(try Self.open { $0.instructionSet = .baseline }, "baseline")
    }

    @Test(.enabled(if: CPUDevice.supports(.avx2), "this processor has no AVX2"))
    func avx2PassesTheCatalogue() throws { Self.check(try Self.open { $0.instructionSet = .avx2 }, "avx2") }

    @Test(.enabled(if: CPUDevice.supports(.avx512), "this processor has no AVX-512"))
    func avx512PassesTheCatalogue() throws { Self.check(try Self.open { $0.instructionSet = .avx512 }, "avx512") }

    @Test func theBuiltInMatmulPassesTheCatalogue() throws {
        Self.check(try Self.open { $0.blas = "none" }, "blas none")
    }

    @Test func oneTwoAndThreeThreadsWriteTheSameBits() throws {
        let runs = try [1, 2, 3].map { (threads: Int) in
            Self.check(try Self.open { $0.threads = threads }, "\(threads) threads")
        }
        for (one, others) in zip(runs[0], zip(runs[1], runs[2])) {
            #expect(one.digest == others.0.digest, "\(one.name) with 2 threads")
            #expect(one.digest == others.1.digest, "\(one.name) with 3 threads")
        }
    }
}
