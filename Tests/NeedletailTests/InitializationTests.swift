import Foundation
import Needletail
import TensorRuntime
import Testing

/// Initial values: their bounds and spreads, what they keep, and where they are drawn.
@Suite struct InitializationTests {
    private func numbers(_ tensor: Tensor) throws -> [Double] { try tensor.scalars(as: Float.self).map(Double.init) }

    /// The largest absolute value, and the standard deviation.
    private func spread(_ tensor: Tensor) throws -> (bound: Double, std: Double) {
        let values = try numbers(tensor)
        let mean = values.reduce(0, +) / Double(values.count)
        let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        return (values.map(abs).max() ?? 0, square.squareRoot())
    }

    private let generator = Generator(seed: 11)

    @Test func gainsArePyTorchs() {
        // torch.nn.init.calculate_gain
        let gains: [(Initialization.Nonlinearity, Double)] = [
            (.linear, 1), (.convolution, 1), (.sigmoid, 1), (.tanh, 1.6666666666666667), (.relu, 1.4142135623730951),
            (.selu, 0.75), (.leakyReLU(slope: 0.2), 1.3867504905630728), (.leakyReLU(slope: 0), 1.4142135623730951),
        ]
        for (nonlinearity, gain) in gains { #expect(abs(nonlinearity.gain - gain) < 1e-15) }
    }

    @Test func uniformOnesFillTheirBounds() throws {
        // [outputs, inputs, kernel]: 30 * 4 in, 80 * 4 out.
        let shape: Shape = [80, 30, 2, 2]
        let rows: [(Tensor, Double)] = [
            (Initialization.uniform(shape, bound: 0.3, generator: generator), 0.3),
            (Initialization.xavierUniform(shape, gain: 2, generator: generator), 2 * (6 / 440.0).squareRoot()),
            (Initialization.kaimingUniform(shape, generator: generator), (6 / 120.0).squareRoot()),
            (
                Initialization.kaimingUniform(shape, mode: .fanOut, nonlinearity: .tanh, generator: generator),
                5.0 / 3 * (3 / 320.0).squareRoot()
            ),
            (Initialization.kaimingUniform(shape, fanIn: 120, generator: generator), 1 / 120.0.squareRoot()),
        ]
        for (tensor, bound) in rows {
            let found = try spread(tensor)
            #expect(found.bound <= bound * (1 + 1e-6) && found.bound > 0.99 * bound)
            #expect(abs(found.std / (bound / 3.0.squareRoot()) - 1) < 0.03)
            #expect(tensor.shape == shape && tensor.dtype == .float32)
        }
    }

    @Test func normalOnesHaveTheirSpread() throws {
        let shape: Shape = [80, 30, 2, 2]
        let rows: [(Tensor, Double)] = [
            (Initialization.normal(shape, std: 0.3, generator: generator), 0.3),
            (Initialization.xavierNormal(shape, gain: 2, generator: generator), 2 * (2 / 440.0).squareRoot()),
            (Initialization.kaimingNormal(shape, generator: generator), (2 / 120.0).squareRoot()),
            (
                Initialization.kaimingNormal(shape, mode: .fanOut, nonlinearity: .linear, generator: generator),
                (1 / 320.0).squareRoot()
            ),
        ]
        for (tensor, std) in rows { #expect(abs(try spread(tensor).std / std - 1) < 0.03) }
        #expect(try numbers(Initialization.constant([2], 0.5)) == [0.5, 0.5])
    }

    @Test func truncatedOnesStayWithin() throws {
        let tensor = Initialization.truncatedNormal([20000], generator: generator)
        let found = try spread(tensor)
        #expect(found.bound <= 2 && found.bound > 1.95)
        // Of the normal distribution cut at 2: sqrt(1 - 4 phi(2) / erf(sqrt 2)).
        #expect(abs(found.std - 0.87962566) < 0.015)
        let aside = Initialization.truncatedNormal(
            [5000], mean: 1, std: 0.5, low: 1.2, high: 1.4, generator: generator)
        let values = try numbers(aside)
        #expect(values.allSatisfy { (1.2...1.4001).contains($0 + 1e-6) })
        // The quantiles are those of the inverse function: half of the mass is below the middle one.
        let middle = values.sorted()[2500]
        let mass = { (x: Double) in erf((x - 1) / 0.5 / 2.0.squareRoot()) }
        let part = (mass(middle) - mass(1.2)) / (mass(1.4) - mass(1.2))
        #expect(abs(part - 0.5) < 0.03)
        let wide = try spread(Initialization.truncatedNormal([20000], low: -20, high: 20, generator: generator))
        #expect(abs(wide.std - 1) < 0.02)
    }

    @Test(arguments: [[12, 12], [20, 8], [8, 20], [6, 4, 3]] as [[Int]])
    func orthogonalOnesAre(_ extents: [Int]) throws {
        let shape = Shape(extents)
        let tensor = Initialization.orthogonal(shape, gain: 2, generator: generator)
        #expect(tensor.shape == shape)
        let matrix = tensor.reshape([extents[0], shape.elementCount / extents[0]])
        let isTall = matrix.shape[0] > matrix.shape[1]
        let gram = isTall ? matmul(matrix.T, matrix) : matmul(matrix, matrix.T)
        let expected = Tensor.eye(gram.shape[0]) * 4.0
        #expect(try (gram - expected).abs().max().item() < 1e-4)
    }

    @Test(arguments: GraphDevice.wanted) func sparseOnesHaveZerosInEachColumn(_ device: GraphDevice) throws {
        try device.run { _ in
            let tensor = Initialization.sparse([10, 7], sparsity: 0.25, std: 1, generator: Generator(seed: 3))
            let zeros = (tensor .== 0).to(.int64).sum(axes: [0])
            let counts = try zeros.scalars(as: Int64.self)
            #expect(counts == Array(repeating: 3, count: 7))
        }
    }

    @Test func identitiesKeepWhatFlowsThrough() throws {
        let x = Tensor(sampleNumbers(2 * 4 * 5 * 5), shape: [2, 4, 5, 5])
        let weight = Initialization.dirac([4, 4, 3, 3])
        let kept = Tensor.conv2d(x, weight: weight, padding: [1, 1])
        #expect(try kept.scalars(as: Float.self) == x.scalars(as: Float.self))
        let groups = Initialization.dirac([4, 2, 3, 3], groups: 2)
        let same = Tensor.conv2d(x, weight: groups, padding: [1, 1], groups: 2)
        #expect(try same.scalars(as: Float.self) == x.scalars(as: Float.self))
        #expect(Initialization.dirac([6, 2, 4]).shape == [6, 2, 4])
        #expect(try Initialization.dirac([6, 2, 4])[0, 0].scalars(as: Float.self) == [0, 0, 1, 0])
        #expect(try numbers(Initialization.eye([2, 3])) == [1, 0, 0, 0, 1, 0])
    }

    @Test(arguments: GraphDevice.wanted) func aSeedGivesTheSameBitsOnEveryDevice(_ device: GraphDevice) throws {
        func draw() throws -> [Float] {
            let layer = Linear(7, 5, generator: Generator(seed: 4))
            return try layer.parameters.flatMap { try $0.value.scalars(as: Float.self) }
        }
        let own = try device.run { _ in try draw() }
        let others = try GraphDevice.cpu.run { _ in try draw() }
        #expect(own == others)
    }

    @Test func valuesAreThereWhenALayerIsMade() throws {
        try withOwnDevice { context in
            let before = context.statistics.launches
            let layer = Linear(300, 200)
            #expect(context.statistics.launches == before + 2)
            let plan = try layer.weight.value.planDump()
            #expect(plan == "evaluated")
        }
    }

    @Test func wrongShapesSayWhatWasFound() {
        let calls: [(String, () -> Void)] = [
            ("xavierUniform: shape [3] has no inputs", { _ = Initialization.xavierUniform([3]) }),
            ("kaimingNormal: shape [] has no inputs", { _ = Initialization.kaimingNormal([]) }),
            ("uniform: a bound of -1.0", { _ = Initialization.uniform([3], bound: -1) }),
            ("truncatedNormal: a standard deviation of 0.0", { _ = Initialization.truncatedNormal([3], std: 0) }),
            ("orthogonal: shape [3] is no matrix", { _ = Initialization.orthogonal([3]) }),
            ("sparse: shape [3] with a sparsity of 0.5", { _ = Initialization.sparse([3], sparsity: 0.5) }),
            ("eye: shape [3]", { _ = Initialization.eye([3]) }),
            ("dirac: shape [4, 4, 3] in 3 groups", { _ = Initialization.dirac([4, 4, 3], groups: 3) }),
        ]
        for (text, call) in calls { expectWrongCall(containing: text) { call() } }
    }
}
