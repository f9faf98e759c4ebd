import CPUBackend
import Foundation
import OpenCLBackend
import TensorGraph
import TensorRuntime
import Testing

/// A random graph of pointwise, view, reduction, matmul, random and slice nodes, the same for a seed in any context.
struct RandomGraph {
    /// A value, and what it takes to compute it.
    private struct Entry {
        let value: Value
        /// The shape of the nearest value that is no view.
        var space: Shape
        var matmuls: Set<Int> = []
        var reductions: Set<Int> = []
        /// Pointwise values that have to be in memory to be read: by a matmul, or through a view that moves elements; and
        /// the copies that reshapes of moved elements are views of.
        var stored: Set<Int> = []
        /// Where the nearest value that is no view stands in the pool.
        var root: Int
        /// Whether the value is computed element by element, so that its kernel could be its reader's.
        var isPointwise = false
        /// Whether elements lie elsewhere than in the root.
        var isMoved = false
        /// The operations that it is connected with; nil for a value that is there.
        var trace: Int?
    }

    private var random: TestRandom
    private var pool: [Entry] = []
    private var count = 0

    /// What of it is held; handles to everything else are gone.
    private(set) var live: [Value] = []
    /// The most launches of all its traces.
    private(set) var launchBound = 0

    /// - Parameter largest: bounds of the extents of the first values.
    init(seed: UInt64, in context: DeviceContext, largest: (Int, Int) = (4, 5)) throws {
        random = TestRandom(state: seed)
        for _ in 0..<3 {
            let shape: Shape = [
                Int.random(in: 1...largest.0, using: &random), Int.random(in: 1...largest.1, using: &random),
            ]
            let value = try Value.make(random.floats(shape.elementCount), shape, in: context)
            pool.append(Entry(value: value, space: shape, root: pool.count))
        }
        for _ in 0..<Int.random(in: 3...40, using: &random) { grow() }
        var chosen = pool.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
        if chosen.isEmpty { chosen = [pool[pool.count - 1]] }
        live = chosen.map(\.value)
        launchBound = Set(chosen.compactMap(\.trace)).reduce(0) { sum, trace in
            sum + RandomGraph.bound(of: chosen.filter { $0.trace == trace })
        }
        pool = []
    }

    /// The most launches for the live values of one trace: their matmuls, their reductions, one for each iteration space,
    /// and one for each value that has to be in memory for a reader though its kernel could be the reader's.
    private static func bound(of entries: [Entry]) -> Int {
        func count(_ numbers: KeyPath<Entry, Set<Int>>) -> Int {
            entries.reduce(into: Set<Int>()) { $0.formUnion($1[keyPath: numbers]) }.count
        }
        return count(\.matmuls) + count(\.reductions) + count(\.stored) + Set(entries.map(\.space)).count
    }

    private mutating func grow() {
        let source = Int.random(in: 0..<pool.count, using: &random)
        let x = pool[source].value
        switch Int.random(in: 0..<11, using: &random) {
        case 0: add(x.unary(.tanh), from: [source])
        case 1: add(x.binary(.multiply, 0.5), from: [source])
        case 2, 3:
            let partners = pool.indices.filter { pool[$0].value.shape == x.shape }
            let partner = partners[Int.random(in: 0..<partners.count, using: &random)]
            let operation: PointwiseOperation = [.add, .multiply, .maximum].randomElement(using: &random)!
            add(x.binary(operation, pool[partner].value), from: [source, partner])
        case 4:
            let axis = Int.random(in: 0...1, using: &random)
            add(x.reduce([.sum, .maximum].randomElement(using: &random)!, axes: [axis]), from: [source])
            pool[pool.count - 1].reductions.insert(count)
            pool[pool.count - 1].isPointwise = false
            if Bool.random(using: &random) { view(of: pool.count - 1, moves: true) { $0.expand(x.shape) } }
        case 5:
            add(x.reduce(.sum, axes: [0, 1]), from: [source])
            pool[pool.count - 1].reductions.insert(count)
            pool[pool.count - 1].isPointwise = false
            add(pool[pool.count - 1].value.binary(.multiply, 0.1), from: [pool.count - 1])
        case 6: view(of: source, moves: true) { $0.transposed() }
        case 7:
            guard let other = pool.lastIndex(where: { $0.value.shape[0] == x.shape[1] }) else { return }
            add(x.matmul(pool[other].value), from: [source, other])
            pool[pool.count - 1].matmuls.insert(count)
            pool[pool.count - 1].isPointwise = false
            for operand in [source, other] where pool[operand].isMoved || pool[pool[operand].root].isPointwise {
                pool[pool.count - 1].stored.insert(pool[operand].root)
            }
        case 8:
            let width = Int.random(in: 1...x.shape[1], using: &random)
            let start = Int.random(in: 0...(x.shape[1] - width), using: &random)
            view(of: source, moves: width < x.shape[1]) { $0.slice(axis: 1, start: start, count: width) }
        case 9:
            // Numbers of a shape of their own, from a stream of their own.
            let context = x.handle.context
            let places = context.trace(.index, shape: x.shape, dtype: .int64)
            let numbers = context.trace(
                .pointwise(.randomUniform), shape: x.shape, dtype: .float32, places, scalar0: .int(Int64(count)),
                scalar1: .int(Int64(Int.random(in: 0..<1000, using: &random))))
            add(Value(handle: numbers), from: [])
        default: reshape(source)
        }
    }

    private mutating func view(of source: Int, moves: Bool, _ make: (Value) -> Value) {
        let viewed = pool[source]
        add(make(viewed.value), from: [source])
        pool[pool.count - 1].space = viewed.space
        pool[pool.count - 1].root = viewed.root
        pool[pool.count - 1].isPointwise = false
        pool[pool.count - 1].isMoved = viewed.isMoved || moves
    }

    /// A reshape of moved elements is a view of a copy.
    private mutating func reshape(_ source: Int) {
        let shape = pool[source].value.shape
        if pool[source].isMoved {
            add(pool[source].value.reshape([shape[1], shape[0]]), from: [source])
            pool[pool.count - 1].stored.insert(pool.count - 1)
            pool[pool.count - 1].space = Shape(shape.filter { $0 != 1 })
        } else {
            view(of: source, moves: false) { $0.reshape([shape[1], shape[0]]) }
        }
    }

    private mutating func add(_ value: Value, from sources: [Int]) {
        count += 1
        var entry = Entry(
            value: value, space: Shape(value.shape.filter { $0 != 1 }), root: pool.count, isPointwise: true)
        if !value.handle.isEvaluated { entry.trace = count }
        for source in sources {
            entry.matmuls.formUnion(pool[source].matmuls)
            entry.reductions.formUnion(pool[source].reductions)
            entry.stored.formUnion(pool[source].stored)
            let root = pool[source].root
            if pool[source].isMoved && pool[root].isPointwise { entry.stored.insert(root) }
            if let trace = pool[source].trace {
                for index in pool.indices where pool[index].trace == trace { pool[index].trace = count }
            }
        }
        pool.append(entry)
    }
}

@Suite struct RandomGraphTests {
    @Test(arguments: 0..<30)
    func fusedGraphsEqualUnfusedOnes(hundred: Int) throws {
        for seed in hundred * 100..<(hundred + 1) * 100 {
            let fused = try makeContext()
            let plain = try makeContext { $0.fusion = false }
            let a = try RandomGraph(seed: UInt64(seed), in: fused)
            let b = try RandomGraph(seed: UInt64(seed), in: plain)
            for (x, y) in zip(a.live, b.live) {
                let distance = difference(try x.floats(), try y.floats())
                #expect(distance < 1e-5, "seed \(seed)")
            }
        }
    }

    /// The CPU backend's kernels on small graphs, and on some whose values are several blocks.
    @Test(arguments: 0..<10)
    func graphsOnTheCPUEqualThoseOfTheReference(hundred: Int) throws {
        let cpu = try CPUBackend().open(index: 0, configuration: RuntimeConfiguration())
        for number in 0..<115 {
            let seed = UInt64(20_000 + hundred * 200 + number)
            let largest = number < 100 ? (4, 5) : (12, 700)
            let context = try DeviceContext(device: cpu, configuration: RuntimeConfiguration())
            let a = try RandomGraph(seed: seed, in: context, largest: largest)
            let b = try RandomGraph(seed: seed, in: makeContext(), largest: largest)
            for (x, y) in zip(a.live, b.live) {
                let distance = difference(try x.floats(), try y.floats())
                #expect(distance < 1e-4, "seed \(seed)")
            }
        }
    }

    /// And the kernel library's, of both classes of schedules. A driver compiles for long, so that graphs are few.
    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_WITHOUT_OPENCL"] != "1",
            "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"),
        arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func graphsOnOpenCLEqualThoseOfTheReference(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        var configuration = RuntimeConfiguration()
        configuration.openCLScheduleClass = scheduleClass
        let device = try OpenCLBackend(configuration: configuration).open(index: 0, configuration: configuration)
        for seed in 30_000..<30_012 {
            let context = try DeviceContext(device: device, configuration: configuration)
            let a = try RandomGraph(seed: UInt64(seed), in: context)
            let b = try RandomGraph(seed: UInt64(seed), in: makeContext())
            for (x, y) in zip(a.live, b.live) {
                let distance = difference(try x.floats(), try y.floats())
                #expect(distance < 1e-4, "seed \(seed)")
            }
        }
    }

    @Test func launchesAreBoundedByMatmulsReductionsSpacesAndStoredValues() throws {
        var atBound = 0
        for seed in 10_000..<11_000 {
            let context = try makeContext()
            let graph = try RandomGraph(seed: UInt64(seed), in: context)
            try context.evaluate(graph.live.map(\.handle))
            let (launches, bound) = (context.statistics.launches, graph.launchBound)
            #expect(launches <= bound, "seed \(seed)")
            atBound += launches == bound ? 1 : 0
        }
        // The bound is tight: many graphs need just as many.
        #expect(atBound > 100)
    }
}
