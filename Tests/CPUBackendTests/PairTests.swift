import CPUBackend
import TensorConformance
import TensorRuntime
import Testing

/// Every operation on every dtype: refused when a kernel is made, or as the reference says.
@Suite struct PairTests {
    private static func devices() throws -> [any Device] {
        var baseline = RuntimeConfiguration()
        baseline.instructionSet = .baseline
        return [
            try CPUBackend().open(index: 0, configuration: RuntimeConfiguration()),
            try CPUBackend().open(index: 0, configuration: baseline), ReferenceDevice(),
        ]
    }

    @Test func aPairIsRefusedOrRight() throws {
        let suite = ConformanceSuite()
        for device in try Self.devices() {
            var refused = 0
            for row in ConformanceCatalogue.pairs() {
                let reason = device.unsupportedReason(row.spec)
                #expect((reason == nil) == (row.spec.typeComplaint == nil), "\(row.name): \(reason ?? "is taken")")
                guard let reason else {
                    let result = suite.run(row, on: device)
                    #expect(result.passed, "\(device.description.driver): \(result)")
                    continue
                }
                refused += 1
                let error = #expect(throws: TensorError.self) { _ = try device.makeKernel(row.spec) }
                #expect(error?.kind == .unsupported && error?.message == reason)
            }
            #expect(refused > 20)
        }
    }

    @Test func whatIsRefusedIsSaidWithItsTypes() {
        let row = ConformanceCatalogue.pairs().first { $0.name == "fused/pair/negate/bool" }!
        #expect(row.spec.typeComplaint == "fused: step 1, negate of bool, does not exist; cast the operands first")
    }

    @Test func anEpilogueIsCheckedToo() throws {
        let pair = ConformanceCatalogue.pairs().first { $0.name == "fused/pair/bitwiseNot/float32" }!
        let epilogue = try #require(pair.spec.body as? FusedKernel)
        let product = MatmulKernel(
            dtype: .float32, batch: [], m: 3, n: 11, k: 2, aStrides: [2, 1], bStrides: [11, 1], epilogue: epilogue)
        for device in try Self.devices() {
            let reason = device.unsupportedReason(KernelSpec(product))
            #expect(reason?.contains("bitwiseNot of float32") == true, "\(reason ?? "taken")")
        }
    }
}
