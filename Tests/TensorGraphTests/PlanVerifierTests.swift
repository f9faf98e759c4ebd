import Foundation
import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

/// Programs whose plans were wrong, and the verifier's own reach.
@Suite struct PlanVerifierTests {
    /// Without it, a fault of the planner would show only where it happens to change a number that a test looks at.
    @Test func testsVerifyTheirPlans() {
        #expect(
            RuntimeConfiguration().verifiesPlans,
            "run the tests by Scripts/test.sh, or with NEEDLETAIL_VERIFY_PLANS=1")
    }

    private func pooled(_ value: Value, _ kind: PoolingKernel.Kind, kernel: Int = 1) -> Value {
        let window = Window(kernel: [kernel, kernel])
        let size = window.outputSize(for: [value.shape[2], value.shape[3]])
        return Value(
            handle: value.context.trace(
                .pooling(kind, window, countsPadding: false),
                shape: [value.shape[0], value.shape[1], size[0], size[1]],
                dtype: .float32, value.handle))
    }

    /// A pooling kernel sees `[N*C, H, W]`, in which a value of one number a channel has no place.
    @Test func poolingBesideAValueBroadcastOverBatchOrChannels() throws {
        for kind in [PoolingKernel.Kind.maximum, .average] {
            let context = try makeContext()
            let z = pooled(try .make([0, 0, 0, 0], [2, 2, 1, 1], in: context), kind)
            let full = try Value.make([0, 0, 0, 0], [2, 2, 1, 1], in: context)
            let c = try Value.make([1, 2], [1, 2, 1, 1], in: context)
            let b = try Value.make([10, 20], [2, 1, 1, 1], in: context)
            let byChannel = z.binary(.add, full.binary(.add, c.expand([2, 2, 1, 1])))
            #expect(try byChannel.floats() == [1, 2, 1, 2])
            let byBatch = z.binary(.add, full.binary(.add, b.expand([2, 2, 1, 1])))
            #expect(try byBatch.floats() == [10, 10, 20, 20])
        }
    }

    @Test func poolingBesidePermutedAndScaledValues() throws {
        let context = try makeContext()
        var random = TestRandom(state: 7)
        let x = try Value.make(random.floats(2 * 3 * 4 * 5), [2, 3, 4, 5], in: context)
        let gamma = try Value.make([1, 2, 3], [1, 3, 1, 1], in: context).expand([2, 3, 4, 5])
        let beta = try Value.make([3, 2, 1], [1, 3, 1, 1], in: context).expand([2, 3, 4, 5])
        let side = x.binary(.multiply, gamma).binary(.add, beta).unary(.relu)
        let sum = pooled(x, .average).binary(.add, side)
        let plain = try makeContext { $0.eager = true }
        let y = try Value.make(try x.floats(), x.shape, in: plain)
        let g = try Value.make([1, 2, 3], [1, 3, 1, 1], in: plain).expand(x.shape)
        let h = try Value.make([3, 2, 1], [1, 3, 1, 1], in: plain).expand(x.shape)
        let expected = pooled(y, .average).binary(.add, y.binary(.multiply, g).binary(.add, h).unary(.relu))
        #expect(try difference(sum.floats(), expected.floats()) < 1e-6)
    }

    /// The part lies in the memory of the whole, which is then overwritten by what is computed from both. Nothing else
    /// may hold them.
    @Test(arguments: [true, false])
    func aPartOfAConcatenationReadBesideTheWhole(fusion: Bool) throws {
        let context = try makeContext { $0.fusion = fusion }
        func make() throws -> Value {
            let w = try Value.make([1, 0, 0, 1], [2, 2], in: context)
            let part = try Value.make([1, 2], [1, 2], in: context).matmul(w)
            let rest = try Value.make([3, 4, 5, 6, 7, 8], [3, 2], in: context).matmul(w)
            return Value.concatenate([part, rest], axis: 0).binary(.subtract, part.expand([4, 2])).matmul(w)
        }
        #expect(try make().floats() == [0, 0, 2, 2, 4, 4, 6, 6])
    }

    @Test(arguments: [true, false])
    func aStackOfAValueWithItselfReadBesideIt(fusion: Bool) throws {
        let context = try makeContext { $0.fusion = fusion }
        func make() throws -> Value {
            let y = try Value.make([0, 1], [1, 2], in: context).unary(.exp)
            let sum = y.expand([2, 2]).binary(.add, Value.concatenate([y, y], axis: 0))
            return sum.unary(.exp).reduce(.sum, axes: [0])
        }
        let plain = try makeContext { $0.eager = true }
        let y = try Value.make([0, 1, 0, 1], [2, 2], in: plain).unary(.exp)
        let expected = y.binary(.add, y).unary(.exp).reduce(.sum, axes: [0])
        #expect(try difference(make().floats(), expected.floats()) < 1e-5)
    }

    /// Ways in which a kernel with two results can be the wrong one.
    enum SortMistake: CaseIterable {
        case otherOrder, resultsSwapped, resultMissing, rowsShifted, stepChanged, fewerKept

        func apply(_ body: any KernelBody) -> any KernelBody {
            guard var sort = body as? SortKernel else { return body }
            switch self {
            case .otherOrder: sort.descending.toggle()
            case .resultsSwapped: sort.results.reverse()
            case .resultMissing: sort.results.removeLast()
            case .rowsShifted: sort.strides[0] = 2
            case .stepChanged: sort.strides[1] = 0
            case .fewerKept: sort.kept -= 1
            }
            return sort
        }
    }

    @Test(arguments: SortMistake.allCases)
    func aMistakeInAKernelWithTwoResultsIsFound(_ mistake: SortMistake) throws {
        let configuration = RuntimeConfiguration()
        func evaluate(_ device: any Device) throws {
            let context = try DeviceContext(device: device, configuration: configuration)
            let x = try Value.make([3, 1, 2, 4, 6, 5], [2, 3], in: context)
            let (values, indices) = x.sorted()
            let sum = values.binary(.add, indices.cast(to: .float32))
            try context.evaluate([sum.handle, indices.handle])
        }
        try evaluate(ReferenceDevice())
        let error = #expect(throws: TensorError.self) { try evaluate(MistakenDevice { mistake.apply($0) }) }
        #expect(error?.kind == .internalFault && error?.message.contains("plan verifier") == true)
    }

    /// Ways in which a scan can be the wrong one.
    enum ScanMistake: CaseIterable {
        case otherWay, otherOperation, otherAxis, resultsSwapped, resultMissing, rowsShifted, stepChanged

        func apply(_ body: any KernelBody) -> any KernelBody {
            guard var scan = body as? ScanKernel else { return body }
            switch self {
            case .otherWay: scan.reverse.toggle()
            case .otherOperation: scan.operation = .minimum
            case .otherAxis: scan.axis = 0
            case .resultsSwapped: scan.results.reverse()
            case .resultMissing: scan.results.removeLast()
            case .rowsShifted: scan.strides[0] = 2
            case .stepChanged: scan.strides[1] = 0
            }
            return scan
        }
    }

    @Test(arguments: ScanMistake.allCases)
    func aMistakeInAScanIsFound(_ mistake: ScanMistake) throws {
        let configuration = RuntimeConfiguration()
        func evaluate(_ device: any Device) throws {
            let context = try DeviceContext(device: device, configuration: configuration)
            let x = try Value.make([3, 1, 2, 4, 6, 5], [2, 3], in: context)
            let handles = context.trace(
                [
                    (.scan(.maximum, axis: 1, reverse: false, .values), [2, 3], .float32),
                    (.scan(.maximum, axis: 1, reverse: false, .indices), [2, 3], .int64),
                ], of: x.handle)
            let sum = Value(handle: handles[0]).binary(.add, Value(handle: handles[1]).cast(to: .float32))
            try context.evaluate([sum.handle, handles[1]])
        }
        try evaluate(ReferenceDevice())
        let error = #expect(throws: TensorError.self) { try evaluate(MistakenDevice { mistake.apply($0) }) }
        #expect(error?.kind == .internalFault && error?.message.contains("plan verifier") == true)
    }
}
