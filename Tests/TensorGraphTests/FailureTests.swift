import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

@Suite struct FailureTests {
    @Test func runningOutOfMemoryLeavesEveryValueAsItWas() throws {
        let context = try DeviceContext(
            device: FragileDevice(largestAllocation: 4096), configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2], [2, 1], in: context)
        let big = x.expand([2, 4096]).binary(.add, 1.0)
        #expect(throws: TensorError.self) { try context.evaluate([big.handle]) }
        do { _ = try big.floats() } catch let error as TensorError {
            #expect(error.kind == .outOfMemory)
            #expect(error.message.contains("requested") && error.message.contains("4096"))
        }
        #expect(try x.floats() == [1, 2])
        #expect(big.slice(axis: 1, start: 0, count: 2).handle.failure == nil)
    }

    @Test func noContextOpensInAnEnvironmentThatCannotBeRead() {
        let configuration = RuntimeConfiguration(environment: ["NEEDLETAIL_FUSION": "perhaps"])
        let error = #expect(throws: TensorError.self) {
            try DeviceContext(device: ReferenceDevice(), configuration: configuration)
        }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains("NEEDLETAIL_FUSION is 'perhaps'") == true)
    }

    @Test func aDeviceFailurePoisonsWhatDependsOnItAndNothingElse() throws {
        let device = FragileDevice(launchesLeft: 1)
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2], [2], in: context)
        let good = x.binary(.add, 1.0)
        #expect(try good.floats() == [2, 3])
        let lost = x.binary(.add, 2.0)
        #expect(throws: TensorError.self) { try context.evaluate([lost.handle]) }
        let later = lost.binary(.multiply, 3.0)
        do {
            _ = try later.floats()
            Issue.record("a value computed from a lost one was read")
        } catch let error as TensorError {
            #expect(error.kind == .deviceFailure)
            #expect(error.message.contains("lost"))
        }
        #expect(try good.floats() == [2, 3])
        #expect(try x.floats() == [1, 2])
    }

    @Test func aMissingFamilyIsNamedBeforeAnyWork() throws {
        var description = ReferenceDevice().description
        description.families = [.fused, .scatterAdd]
        let context = try DeviceContext(device: FragileDevice(description), configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2, 3, 4], [2, 2], in: context)
        do {
            _ = try x.unary(.exp).matmul(x).floats()
            Issue.record("matmul ran on a device without it")
        } catch let error as TensorError {
            #expect(error.kind == .unsupported)
            #expect(error.message.contains("matmul"))
        }
        #expect(context.statistics.launches == 0)
    }

    @Test func scalarsNeverChangeThePlan() throws {
        func step(_ context: DeviceContext, _ p: Value, _ s: Double) -> Value {
            let decayed = p.binary(.multiply, s).binary(.add, s * s)
            return decayed.reduce(.sum, axes: [0]).expand([3]).binary(.multiply, decayed).binary(.power, s)
        }
        let context = try makeContext()
        let p = try Value.make([1, 2, 3], [3], in: context)
        for s in [0, 1, -1, 0.5, 2, .infinity, 1e-30] {
            let fresh = try makeContext()
            let q = try Value.make([1, 2, 3], [3], in: fresh)
            let got = try step(context, p, s).floats()
            let expected = try step(fresh, q, s).floats()
            #expect(difference(got, expected) == 0)
        }
        #expect(context.statistics.plansBuilt == 1)
    }

    @Test func aNaNIsTracedToTheOperationThatMadeIt() throws {
        let context = try makeContext { $0.checksNaN = true }
        let x = try Value.make([1, -1], [2], in: context)
        let y = x.binary(.add, 1.0).unary(.log).binary(.multiply, 0.0)
        do {
            _ = try y.floats()
            Issue.record("the NaN was not found")
        } catch let error as TensorError {
            #expect(error.message.hasPrefix("multiply"))
        }
        #expect(try x.binary(.add, 3.0).floats() == [4, 2])
    }

    @Test func everyModeComputesTheSame() throws {
        var results: [[Float]] = []
        for change in [{ _ in }, { $0.eager = true }, { $0.fusion = false }, { $0.checksNaN = true }]
            as [(inout RuntimeConfiguration) -> Void]
        {
            let context = try makeContext(change)
            let x = try Value.make([0.5, -1, 2, 3], [2, 2], in: context)
            let y = x.matmul(x).unary(.relu).binary(.add, x).reduce(.sum, axes: [1])
            results.append(try y.floats())
        }
        for result in results { #expect(difference(result, results[0]) < 1e-6) }
    }
}
