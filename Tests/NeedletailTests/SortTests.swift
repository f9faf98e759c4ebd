import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// Sorting and its relatives, with results worked out by hand from PyTorch's rules.
@Suite struct SortTests {
    private static let nan = Float.nan

    /// Equal, or both NaN, with the same sign of zeros.
    private func same(_ a: [Float], _ b: [Float]) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { ($0.isNaN && $1.isNaN) || ($0 == $1 && $0.sign == $1.sign) }
    }

    // MARK: Values

    @Test func theLastAxisIsSortedUnlessOneIsNamed() throws {
        let x = Tensor([3, 1, 2, 0, 5, 4] as [Float], shape: [2, 3])
        let (values, indices) = x.sort()
        #expect(values.shape == [2, 3] && indices.shape == [2, 3] && indices.dtype == .int64)
        #expect(try values.scalars(as: Float.self) == [1, 2, 3, 0, 4, 5])
        #expect(try indices.scalars(as: Int64.self) == [1, 2, 0, 0, 2, 1])
        let columns = x.sort(axis: 0, descending: true)
        #expect(try columns.values.scalars(as: Float.self) == [3, 5, 4, 0, 1, 2])
        #expect(try columns.indices.scalars(as: Int64.self) == [0, 1, 1, 1, 0, 0])
        #expect(try x.sort(axis: -2).values.scalars(as: Float.self) == [0, 1, 2, 3, 5, 4])
        #expect(try x.argsort(axis: 0).scalars(as: Int64.self) == [1, 0, 0, 0, 1, 1])
    }

    @Test func equalElementsStayInTheirOrderInBothDirections() throws {
        let x = Tensor([1, 0, 1, 0, 1] as [Float])
        #expect(try x.argsort().scalars(as: Int64.self) == [1, 3, 0, 2, 4])
        #expect(try x.argsort(descending: true).scalars(as: Int64.self) == [0, 2, 4, 1, 3])
        let zeros = Tensor([0.0, -0.0, 0.0, -0.0] as [Float]).sort()
        #expect(try zeros.indices.scalars(as: Int64.self) == [0, 1, 2, 3])
        #expect(same(try zeros.values.scalars(as: Float.self), [0.0, -0.0, 0.0, -0.0]))
    }

    @Test func nanIsTheLargest() throws {
        let x = Tensor([2, Self.nan, -.infinity, .infinity, -Self.nan, 1] as [Float])
        let up = x.sort()
        #expect(same(try up.values.scalars(as: Float.self), [-.infinity, 1, 2, .infinity, Self.nan, Self.nan]))
        #expect(try up.indices.scalars(as: Int64.self) == [2, 5, 0, 3, 1, 4])
        let down = x.sort(descending: true)
        #expect(same(try down.values.scalars(as: Float.self), [Self.nan, Self.nan, .infinity, 2, 1, -.infinity]))
        #expect(try down.indices.scalars(as: Int64.self) == [1, 4, 3, 0, 5, 2])
        #expect(same(try x.topk(2).values.scalars(as: Float.self), [Self.nan, Self.nan]))
        #expect(same(try x.topk(2, largest: false).values.scalars(as: Float.self), [-.infinity, 1]))
    }

    @Test(arguments: DType.allCases)
    func everyDTypeIsSorted(_ dtype: DType) throws {
        let x = Tensor([1, 0, 3, 1, 0, 2] as [Float]).to(dtype)
        let expected: [Double] = dtype == .bool ? [0, 0, 1, 1, 1, 1] : [0, 0, 1, 1, 2, 3]
        let (values, indices) = x.sort()
        #expect(values.dtype == dtype)
        #expect(try values.to(.float64).scalars(as: Double.self) == expected)
        #expect(try indices.scalars(as: Int64.self) == (dtype == .bool ? [1, 4, 0, 2, 3, 5] : [1, 4, 0, 3, 5, 2]))
        #expect(try x.sort(descending: true).values.to(.float64).scalars(as: Double.self) == expected.reversed())
    }

    @Test func longRowsAreSortedWithAnyNumberOfThreads() throws {
        for threads in [1, 3] {
            var configuration = RuntimeConfiguration()
            configuration.threads = threads
            try ObservedContext.run(configuration) { _ in
                for (rows, length) in [(1, 300_000), (7, 20_000), (1000, 33)] {
                    let numbers = (0..<rows * length).map { Float(($0 &* 7919) % 4001 - 2000) }
                    let (values, indices) = Tensor(numbers, shape: [rows, length]).sort()
                    let places = try indices.scalars(as: Int64.self)
                    let found = try values.scalars(as: Float.self)
                    for row in 0..<rows {
                        let own = Array(numbers[row * length..<(row + 1) * length])
                        let order = own.indices.sorted { (own[$0], $0) < (own[$1], $1) }
                        #expect(places[row * length..<(row + 1) * length].elementsEqual(order.lazy.map { Int64($0) }))
                        #expect(found[row * length..<(row + 1) * length].elementsEqual(order.lazy.map { own[$0] }))
                    }
                }
            }
        }
    }

    @Test func aTensorOfRank0IsOneElement() throws {
        let x = Tensor(3.0 as Float)
        let (values, indices) = x.sort()
        #expect(values.shape == [] && indices.shape == [])
        #expect(try values.item(as: Float.self) == 3)
        #expect(try indices.item(as: Int64.self) == 0)
        #expect(try x.topk(1, axis: 0).values.item(as: Float.self) == 3)
        #expect(try x.argsort().item(as: Int64.self) == 0)
        let largest = x.max(axis: 0)
        #expect(try largest.values.item(as: Float.self) == 3)
        #expect(try largest.indices.item(as: Int64.self) == 0)
    }

    @Test func emptyTensorsAreSorted() throws {
        let (values, indices) = Tensor.zeros([2, 0]).sort()
        #expect(values.shape == [2, 0] && indices.shape == [2, 0] && indices.dtype == .int64)
        #expect(try values.scalars(as: Float.self) == [])
        #expect(try Tensor.zeros([0, 2]).sort().values.scalars(as: Float.self) == [])
        let none = Tensor.ones([2, 3]).topk(0, axis: 0)
        #expect(none.values.shape == [0, 3] && none.indices.shape == [0, 3])
        #expect(try none.indices.scalars(as: Int64.self) == [])
    }

    @Test func viewsAreSorted() throws {
        let x = Tensor((0..<12).map { Float(($0 * 5) % 12) }, shape: [3, 4])
        #expect(try x.transpose(0, 1).sort().values.scalars(as: Float.self) == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
        #expect(try x.flip(1).sort().indices.scalars(as: Int64.self) == [3, 0, 2, 1, 2, 1, 3, 0, 1, 3, 0, 2])
        #expect(
            try x.narrow(axis: 1, start: 1, count: 2).sort(descending: true).values.scalars(as: Float.self)
                == [10, 5, 6, 1, 9, 2])
        #expect(
            try Tensor([7] as [Float]).expand([2, 3]).sort().indices.scalars(as: Int64.self) == [0, 1, 2, 0, 1, 2])
        #expect(try Tensor.full([3], 2.0).sort().values.scalars(as: Float.self) == [2, 2, 2])
    }

    @Test func topkGivesTheFirstOfTheOrder() throws {
        let x = Tensor([4, 1, 5, 3, 5, 2, 9, 7] as [Int32], shape: [2, 4])
        let (values, indices) = x.topk(2)
        #expect(values.shape == [2, 2] && values.dtype == .int32)
        #expect(try values.scalars(as: Int32.self) == [5, 4, 9, 7])
        #expect(try indices.scalars(as: Int64.self) == [2, 0, 2, 3])
        let least = x.topk(1, axis: 0, largest: false)
        #expect(try least.values.scalars(as: Int32.self) == [4, 1, 5, 3])
        #expect(try least.indices.scalars(as: Int64.self) == [0, 0, 0, 0])
        #expect(try x.topk(4).values.scalars(as: Int32.self) == [5, 4, 3, 1, 9, 7, 5, 2])
    }

    @Test func extremesAlongAnAxisComeWithTheirPlaces() throws {
        let x = Tensor([1, 3, 3, Self.nan, 0, 2] as [Float], shape: [2, 3])
        let (values, indices) = x.max(axis: 1)
        #expect(values.shape == [2] && indices.shape == [2])
        #expect(same(try values.scalars(as: Float.self), [3, Self.nan]))
        #expect(try indices.scalars(as: Int64.self) == [1, 0])
        let least = x.min(axis: 1, keepDims: true)
        #expect(least.values.shape == [2, 1] && least.indices.shape == [2, 1])
        #expect(same(try least.values.scalars(as: Float.self), [1, Self.nan]))
        #expect(try least.indices.scalars(as: Int64.self) == [0, 0])
    }

    @Test func indicesGatherWhatTheySort() throws {
        let x = Tensor([3, 1, 2, 0, 5, 4] as [Float], shape: [2, 3])
        let (values, indices) = x.sort(descending: true)
        #expect(try x.gather(axis: 1, index: indices).scalars(as: Float.self) == values.scalars(as: Float.self))
        let labels = Tensor([2, 0, 1] as [Int])
        #expect(try labels.sort().values.oneHot(classes: 3).scalars(as: Float.self) == [1, 0, 0, 0, 1, 0, 0, 0, 1])
    }

    // MARK: Gradients

    @Test func theGradientGoesWhereTheElementStood() throws {
        let x = Tensor([3, 1, 2] as [Float]).requiringGrad()
        let weights = Tensor([10, 20, 30] as [Float])
        let gradient = gradients(of: (x.sort().values * weights).sum(), withRespectTo: [x])[0]
        #expect(try gradient?.scalars(as: Float.self) == [30, 10, 20])
        let top = gradients(of: x.topk(1).values.sum(), withRespectTo: [x])[0]
        #expect(try top?.scalars(as: Float.self) == [1, 0, 0])
        #expect(!x.sort().indices.requiresGrad && !x.argsort().requiresGrad)
    }

    /// `max(axes:)` shares its gradient among equal elements; with its place, an extreme has one.
    @Test func theGradientOfAnExtremeGoesToTheFirst() throws {
        let x = Tensor([2, 5, 5, 1] as [Float], shape: [2, 2]).transpose(0, 1).requiringGrad()
        let gradient = gradients(of: x.max(axis: 1).values.sum(), withRespectTo: [x])[0]
        #expect(try gradient?.scalars(as: Float.self) == [0, 1, 1, 0])
        let tied = Tensor([5, 5] as [Float]).requiringGrad()
        #expect(
            try gradients(of: tied.max(axis: 0).values, withRespectTo: [tied])[0]?.scalars(as: Float.self) == [1, 0])
        #expect(
            try gradients(of: tied.max(axes: 0), withRespectTo: [tied])[0]?.scalars(as: Float.self) == [0.5, 0.5])
    }

    static let checks: [GradientCheck] = [
        GradientCheck(name: "sort", inputs: [GradientCheck.sample([3, 4])]) { $0[0].sort().values.square() },
        GradientCheck(name: "sort along axis 0, descending", inputs: [GradientCheck.sample([4, 3])]) {
            $0[0].sort(axis: 0, descending: true).values.exp()
        },
        GradientCheck(name: "topk", inputs: [GradientCheck.sample([2, 5])]) { $0[0].topk(2).values.square() * 3 },
        GradientCheck(name: "max along an axis", inputs: [GradientCheck.sample([3, 4])]) {
            $0[0].max(axis: 0).values.square()
        },
        GradientCheck(
            name: "sort beside its operand", inputs: [GradientCheck.sample([6]), GradientCheck.sample([6], seed: 2)]
        ) { ($0[0].sort().values * $0[1] + $0[0]).sin() },
    ]

    @Test(arguments: checks) func gradientsAgreeWithDifferences(_ check: GradientCheck) throws { try check.run() }

    // MARK: Launches

    @Test func aSortIsOneLaunchWhicheverResultsAreUsed() throws {
        try ObservedContext.run { observed in
            let x = Tensor([3, 1, 2, 0] as [Float], shape: [2, 2])
            _ = observed.device.takeLaunches()
            let (values, indices) = x.sort()
            _ = try (values.scalars(as: Float.self), indices.scalars(as: Int64.self))
            #expect(observed.device.takeLaunches() == [.sort])
            _ = try x.topk(1).values.scalars(as: Float.self)
            #expect(observed.device.takeLaunches() == [.sort])
            _ = try (x * 2).argsort().scalars(as: Int64.self)
            #expect(observed.device.takeLaunches() == [.fused, .sort])
        }
    }

    // MARK: Wrong calls

    /// What a wrong call says.
    private func complaint(_ body: () throws -> Tensor) -> String {
        do {
            _ = try checked(body)
            return "nothing"
        } catch {
            return (error as? TensorError)?.message ?? "\(error)"
        }
    }

    @Test func wrongCallsNameTheOperationTheValueAndTheBound() {
        let x = Tensor.ones([2, 3])
        #expect(complaint { x.sort(axis: 2).values }.hasPrefix("sort: axis 2 is outside the rank of shape [2, 3]; use"))
        #expect(complaint { x.sort(axis: 2).indices }.hasPrefix("sort: axis 2 is outside"))
        #expect(complaint { x.argsort(axis: -3) }.hasPrefix("argsort: axis -3 is outside"))
        #expect(
            complaint { x.topk(4).values } == "topk: 4 elements of axis 1 of shape [2, 3], which has 3; use 0 to 3")
        #expect(complaint { x.topk(-1, axis: 0).indices }.hasSuffix("which has 2; use 0 to 2"))
        #expect(complaint { Tensor(1.0).topk(0).values }.hasSuffix("use 1"))
        #expect(complaint { x.topk(1, axis: 2).values }.hasPrefix("topk: axis 2 is outside"))
        #expect(complaint { x.max(axis: 5).indices }.hasPrefix("max: axis 5 is outside"))
        #expect(
            complaint { Tensor.zeros([0, 2]).min(axis: 0).values }.hasPrefix("min: shape [0, 2] has no element to"))
    }

    @Test func aDeviceWithoutSortingSaysSo() throws {
        let cpu = try deviceContext(.cpu).device
        var description = cpu.description
        description.families.remove(.sort)
        let context = try DeviceContext(
            device: ForwardingDevice(cpu, description: description), configuration: RuntimeConfiguration())
        try withDeviceContext(context) { () throws(any Error) in
            let error = #expect(throws: TensorError.self) {
                try Tensor([3, 1] as [Float]).sort().values.scalars(as: Float.self)
            }
            #expect(error?.kind == .unsupported)
            #expect(error?.message.contains(": cpu has no sort kernels; move the tensors") == true)
        }
    }
}
