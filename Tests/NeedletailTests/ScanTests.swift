import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// Running sums and their relatives beyond what PyTorch's files say: long lines, views, reverse, launches, errors.
@Suite struct ScanTests {
    // MARK: Values

    @Test func everyPlaceHasWhatCameBeforeIt() throws {
        let x = Tensor([3, 1, 4, 1, 5, 9] as [Float], shape: [2, 3])
        #expect(try x.cumsum(axis: 1).scalars(as: Float.self) == [3, 4, 8, 1, 6, 15])
        #expect(try x.cumsum(axis: -2).scalars(as: Float.self) == [3, 1, 4, 4, 6, 13])
        #expect(try x.cumsum(axis: 1, reverse: true).scalars(as: Float.self) == [8, 5, 4, 15, 14, 9])
        #expect(try x.cumprod(axis: 1, reverse: true).scalars(as: Float.self) == [12, 4, 4, 45, 45, 9])
    }

    @Test func inReverseTheLastOnTheWayOfEqualElementsIsTaken() throws {
        let x = Tensor([2, 5, 1, 5, .nan, 5, 0] as [Float])
        let (values, indices) = x.cummax(axis: 0, reverse: true)
        #expect(try indices.scalars(as: Int64.self) == [4, 4, 4, 4, 4, 5, 6])
        #expect(try values.scalars(as: Float.self).suffix(2) == [5, 0])
        let least = Tensor([1, 0, 2, 0, 3] as [Int32]).cummin(axis: 0, reverse: true)
        #expect(try least.indices.scalars(as: Int64.self) == [1, 1, 3, 3, 4])
        #expect(try least.values.scalars(as: Int32.self) == [0, 0, 0, 0, 3])
    }

    /// A scan in reverse is one of what is flipped, flipped; all are those of copies.
    @Test func viewsAreScanned() throws {
        let numbers = (0..<60).map { Float(($0 * 37) % 23) / 8 - 1 }
        let x = Tensor(numbers, shape: [3, 4, 5])
        let views = [
            x, x.permute(2, 0, 1), x.flip(0, 2), x.narrow(axis: 1, start: 1, count: 2), x.transpose(0, 1).flip(1),
            x.slice(axis: 2, by: 2), x.narrow(axis: 0, start: 1, count: 1).expand(4, 4, 5),
        ]
        func same(_ a: Tensor, _ b: Tensor) throws -> Bool { try a.bytes() == b.bytes() && a.shape == b.shape }
        for view in views {
            let copy = Tensor(try view.scalars(as: Float.self), shape: view.shape)
            for axis in 0..<3 {
                #expect(try same(view.cumsum(axis: axis), copy.cumsum(axis: axis)))
                #expect(try same(view.cumsum(axis: axis, reverse: true), copy.flip(axis).cumsum(axis: axis).flip(axis)))
                #expect(try same(view.cumprod(axis: axis), copy.cumprod(axis: axis)))
                #expect(try same(view.cummax(axis: axis).indices, copy.cummax(axis: axis).indices))
                #expect(try same(view.logcumsumexp(axis: axis), copy.logcumsumexp(axis: axis)))
            }
        }
    }

    /// The bits are the same with any number of threads, however a line is cut.
    @Test func longLinesAreScannedWithAnyNumberOfThreads() throws {
        var found: [[[UInt8]]] = []
        for threads in [1, 3] {
            var configuration = RuntimeConfiguration()
            configuration.threads = threads
            try ObservedContext.run(configuration) { _ in
                var results: [[UInt8]] = []
                for (shape, axis) in [([300_001], 0), ([3, 40_000], 1), ([20_000, 9], 0), ([500, 70], 1)] {
                    let count = shape.reduce(1, *)
                    let x = Tensor(sampleNumbers(count), shape: Shape(shape))
                    let (values, indices) = x.cummax(axis: axis)
                    let sum = x.cumsum(axis: axis)
                    results += try [sum, values, indices, x.logcumsumexp(axis: axis)].map { try $0.bytes() }
                    let total = try sum.narrow(axis: axis, start: shape[axis] - 1, count: 1).scalars(as: Float.self)
                    let expected = try x.to(.float64).sum(axes: axis).scalars(as: Double.self)
                    #expect(isClose(total, expected, tolerance: 1e-6), "\(shape)")
                    let whole = try x.logSumExp(axes: axis).to(.float64).scalars(as: Double.self)
                    let last = x.logcumsumexp(axis: axis).narrow(axis: axis, start: shape[axis] - 1, count: 1)
                    #expect(isClose(try last.scalars(as: Float.self), whole, tolerance: 1e-6), "\(shape)")
                }
                found.append(results)
            }
        }
        #expect(found[0] == found[1])
    }

    /// A tenth is no float32: added up one by one in float32, a hundred thousand of them are 9,998.6.
    @Test(arguments: GraphDevice.wanted) func aLongSumIsExact(_ device: GraphDevice) throws {
        try device.run { _ in
            for shape: Shape in [[100_000], [100_000, 1], [100_000, 64]] {
                let sum = Tensor.full(shape, 0.1).cumsum(axis: 0)
                let last = try sum.narrow(axis: 0, start: shape[0] - 1, count: 1).scalars(as: Float.self)
                #expect(last.allSatisfy { abs($0 - 10_000) < 0.01 }, "\(shape): \(last[0])")
            }
        }
    }

    // MARK: Gradients

    static let checks: [GradientCheck] = [
        GradientCheck(name: "cumsum", inputs: [GradientCheck.sample([3, 4])]) { $0[0].cumsum(axis: 0).square() },
        GradientCheck(name: "cumprod", inputs: [GradientCheck.sample([2, 5])]) { $0[0].cumprod(axis: 1).sin() },
        GradientCheck(name: "cumprod in reverse", inputs: [GradientCheck.sample([7])]) {
            $0[0].cumprod(axis: 0, reverse: true).exp()
        },
        GradientCheck(
            name: "cumprod through zeros", inputs: [Tensor([0.5, 0, 2, -1.5, 0, 0.7] as [Double])]
        ) { $0[0].cumprod(axis: 0).square() + $0[0].cumprod(axis: 0) },
        GradientCheck(name: "cummax", inputs: [GradientCheck.sample([3, 4])]) {
            $0[0].cummax(axis: 1).values.square()
        },
        GradientCheck(name: "cummin in reverse", inputs: [GradientCheck.sample([3, 4])]) {
            $0[0].cummin(axis: 0, reverse: true).values.exp()
        },
        GradientCheck(name: "logcumsumexp", inputs: [GradientCheck.sample([2, 4])]) {
            $0[0].logcumsumexp(axis: 1).square()
        },
        GradientCheck(name: "logcumsumexp in reverse", inputs: [GradientCheck.sample([5])]) {
            $0[0].logcumsumexp(axis: 0, reverse: true).sin()
        },
    ]

    @Test(arguments: checks) func gradientsAgreeWithDifferences(_ check: GradientCheck) throws { try check.run() }

    @Test(arguments: [DType.float16, .bfloat16]) func halvesHaveGradients(_ dtype: DType) throws {
        let x = Tensor([2, 0.5, 0, 4] as [Float]).to(dtype).requiringGrad()
        func gradient(_ y: Tensor) throws -> [Float]? {
            let found = gradients(of: y.sum(), withRespectTo: [x])[0]
            #expect(found?.dtype == dtype)
            return try found?.to(.float32).scalars(as: Float.self)
        }
        #expect(try gradient(x.cumsum(axis: 0)) == [4, 3, 2, 1])
        #expect(try gradient(x.cumprod(axis: 0)) == [1.5, 2, 5, 0])
        #expect(try gradient(x.cummax(axis: 0).values) == [3, 0, 0, 1])
        let shares = try #require(try gradient(x.logcumsumexp(axis: 0)))
        #expect(abs(shares.reduce(0, +) - 4) < 0.05)
        #expect(!x.cummax(axis: 0).indices.requiresGrad)
    }

    // MARK: Launches

    @Test func aScanIsOneLaunchWhicheverResultsAreUsed() throws {
        try ObservedContext.run { observed in
            let x = Tensor([3, 1, 2, 0] as [Float], shape: [2, 2])
            _ = observed.device.takeLaunches()
            let (values, indices) = x.cummax(axis: 0)
            _ = try (values.scalars(as: Float.self), indices.scalars(as: Int64.self))
            #expect(observed.device.takeLaunches() == [.scan])
            _ = try x.cummin(axis: 1).indices.scalars(as: Int64.self)
            #expect(observed.device.takeLaunches() == [.scan])
            // The way and the operation tell scans of one tensor apart, and equal ones are one.
            let up = x.cumsum(axis: 1)
            let down = x.cumsum(axis: 1, reverse: true)
            #expect(try (up + down - x.cumsum(axis: 1)).scalars(as: Float.self) == [4, 1, 2, 0])
            #expect(observed.device.takeLaunches() == [.scan, .scan, .fused])
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

    @Test func wrongCallsNameTheOperationTheValueAndTheRemedy() {
        let x = Tensor.ones([2, 3])
        #expect(complaint { x.cumsum(axis: 2) }.hasPrefix("cumsum: axis 2 is outside the rank of shape [2, 3]; use"))
        #expect(complaint { x.cumprod(axis: -3) }.hasPrefix("cumprod: axis -3 is outside"))
        #expect(complaint { x.cummax(axis: 2).values }.hasPrefix("cummax: axis 2 is outside"))
        #expect(complaint { x.cummin(axis: 5).indices }.hasPrefix("cummin: axis 5 is outside"))
        #expect(complaint { x.logcumsumexp(axis: 2) }.hasPrefix("logcumsumexp: axis 2 is outside"))
        #expect(complaint { Tensor(1.0).cumsum(axis: 1) }.hasPrefix("cumsum: axis 1 is outside"))
        #expect(
            complaint { Tensor([1, 2] as [Int64]).logcumsumexp(axis: 0) }
                == "logcumsumexp: the tensor is int64; cast it, to(.float32)")
        #expect(complaint { x.cumsum(axis: 0, dtype: .bool) } == "cumsum: a result of dtype bool; use dtype .int64")
    }
}
