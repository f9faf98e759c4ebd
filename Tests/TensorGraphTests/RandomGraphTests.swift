import TensorGraph
import TensorRuntime
import Testing

@Suite struct RandomGraphTests {
    /// Builds the same random graph of pointwise, view, reduction, matmul and slice nodes in any context.
    static func build(seed: UInt64, in context: DeviceContext) throws -> (live: [Value], matmuls: Int, reductions: Int)
    {
        var random = TestRandom(state: seed)
        var pool: [Value] = []
        for _ in 0..<3 {
            let shape: Shape = [Int.random(in: 1...4, using: &random), Int.random(in: 1...5, using: &random)]
            pool.append(try Value.make(random.floats(shape.elementCount), shape, in: context))
        }
        var matmuls = 0
        var reductions = 0
        for _ in 0..<Int.random(in: 3...40, using: &random) {
            let x = pool[Int.random(in: 0..<pool.count, using: &random)]
            switch Int.random(in: 0..<10, using: &random) {
            case 0: pool.append(x.unary(.tanh))
            case 1: pool.append(x.binary(.multiply, 0.5))
            case 2, 3:
                let partners = pool.filter { $0.shape == x.shape }
                let y = partners[Int.random(in: 0..<partners.count, using: &random)]
                pool.append(x.binary([.add, .multiply, .maximum].randomElement(using: &random)!, y))
            case 4:
                reductions += 1
                let axis = Int.random(in: 0...1, using: &random)
                let row = x.reduce([.sum, .maximum].randomElement(using: &random)!, axes: [axis])
                pool.append(Bool.random(using: &random) ? row.expand(x.shape) : row)
            case 5:
                reductions += 1
                pool.append(x.reduce(.sum, axes: [0, 1]).binary(.multiply, 0.1))
            case 6: pool.append(x.transposed())
            case 7:
                guard let y = pool.last(where: { $0.shape[0] == x.shape[1] }) else { continue }
                matmuls += 1
                pool.append(x.matmul(y))
            case 8:
                let count = Int.random(in: 1...x.shape[1], using: &random)
                pool.append(
                    x.slice(axis: 1, start: Int.random(in: 0...(x.shape[1] - count), using: &random), count: count))
            default: pool.append(x.reshape([x.shape[1], x.shape[0]]))
            }
        }
        var live = pool.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
        if live.isEmpty { live = [pool.last!] }
        return (live, matmuls, reductions)
    }

    @Test(arguments: 0..<30)
    func fusedGraphsEqualUnfusedOnes(hundred: Int) throws {
        for seed in hundred * 100..<(hundred + 1) * 100 {
            let fused = try makeContext()
            let plain = try makeContext { $0.fusion = false }
            let a = try RandomGraphTests.build(seed: UInt64(seed), in: fused)
            let b = try RandomGraphTests.build(seed: UInt64(seed), in: plain)
            for (x, y) in zip(a.live, b.live) {
                let distance = difference(try x.floats(), try y.floats())
                #expect(distance < 1e-5, "seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<60)
    func launchesStayWithinTheBoundOfMatmulsReductionsAndOutputs(seed: Int) throws {
        let context = try makeContext()
        let graph = try RandomGraphTests.build(seed: UInt64(seed) + 1000, in: context)
        try context.evaluate(graph.live.map(\.handle))
        let spaces = Set(graph.live.map { $0.shape })
        // A view or a copy between two kernels may need one launch of its own.
        let bound = graph.matmuls * 3 + graph.reductions * 2 + spaces.count * 2 + 4
        #expect(context.statistics.launches <= bound)
    }
}
