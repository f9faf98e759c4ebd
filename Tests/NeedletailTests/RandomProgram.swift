import Needletail
import TensorRuntime

/// A program over tensors made of every kind of node, the same for a seed on any device, in any mode and float type.
///
/// Its values begin as small whole numbers and stay whole as long as they are marked exact: only those are compared,
/// ranked and rounded, so that a difference between two runs is never a rounding that tipped a decision.
struct RandomProgram {
    struct Value {
        var tensor: Tensor
        /// Whole numbers, the same in every float type.
        var isExact: Bool
        /// No element is larger.
        var bound: Double
    }

    var random: SplitMix
    let dtype: DType
    let isLarge: Bool
    /// Whether there are only fused programs and copies: no families that not every device has for every type.
    let isPlain: Bool
    /// Values beyond it are moved back to small ones.
    private let greatest: Double
    private var hasLarge = false
    var pool: [Value] = []
    private var leaves: [Tensor] = []

    /// What the program computed: values, gradients and second gradients.
    private(set) var results: [(name: String, isExact: Bool, tensor: Tensor)] = []

    /// - Parameters:
    ///   - isLarge: one extent may be some hundreds.
    ///   - isPlain: there are only pointwise operations, reductions, views, concatenations and casts.
    ///   - phases: after each but the last, a value is evaluated and a part of the others forgotten; nil chooses one or two.
    ///   - streams: what the steps are spread over; none are spread where there is none.
    init(
        seed: UInt64, dtype: DType, isLarge: Bool = false, isPlain: Bool = false, phases: Int? = nil,
        streams: [Accelerator.Stream] = []
    ) throws {
        random = SplitMix(state: seed &* 0x9E37_79B9 &+ 12345)
        var choice = SplitMix(state: seed)
        func onSomeStream(_ body: () throws -> Void) rethrows {
            if streams.isEmpty { return try body() }
            try Accelerator.Stream.with(streams[choice.below(streams.count)], body)
        }
        self.dtype = dtype
        self.isLarge = isLarge
        self.isPlain = isPlain
        // float16 ends at 65504.
        greatest = dtype.isShortFloat ? 6e4 : 1e5
        onSomeStream { makeLeaves() }
        let chosen = random.below(3) == 0 ? 2 : 1
        let phases = phases ?? chosen
        for phase in 0..<phases {
            for _ in 0..<3 + random.below(18) { onSomeStream { grow() } }
            if phase < phases - 1 { try onSomeStream { try settle() } }
        }
        onSomeStream { choose() }
        onSomeStream { differentiate() }
        pool = []
        leaves = []
    }

    // MARK: Leaves

    private mutating func extent(_ most: Int) -> Int {
        if isLarge && !hasLarge && random.below(3) == 0 {
            hasLarge = true
            return 100 + random.below(400)
        }
        return random.below(4) == 0 ? 1 : 1 + random.below(most)
    }

    private mutating func makeLeaves() {
        let (n, c, h, w) = (extent(3), 1 + random.below(4), extent(6), extent(7))
        var shapes: [Shape] = [[n, c, h, w], [n, c, h, w]]
        for _ in 0..<2 + random.below(3) {
            let options: [Shape] = [
                [n, 1, 1, 1], [1, c, 1, 1], [n, c, 1, 1], [1, c, h, w], [n, 1, h, w], [1, 1, 1, w], [h, w], [w, h], [c],
                [n, c], [c, n], [w], [n * c, h * w], [],
            ]
            shapes.append(options[random.below(options.count)])
        }
        for shape in shapes { addLeaf(shape) }
    }

    /// A stored value: as it is, or lying otherwise in memory.
    mutating func addLeaf(_ shape: Shape) {
        var made = shape
        let form = random.below(4)
        if form == 1, shape.rank >= 2 { made = Shape(shape.reversed()) }
        if form == 2, shape.rank >= 1 { made[shape.rank - 1] += 2 }
        let numbers = (0..<made.elementCount).map { _ in Double(random.below(7) - 3) }
        var tensor = Tensor(numbers, shape: made).to(dtype)
        if form == 1, shape.rank >= 2 { tensor = tensor.permute(Array((0..<shape.rank).reversed())) }
        if form == 2, shape.rank >= 1 { tensor = tensor.narrow(axis: -1, start: 1, count: shape[shape.rank - 1]) }
        if random.below(3) > 0 {
            tensor = tensor.requiringGrad()
            leaves.append(tensor)
        }
        pool.append(Value(tensor: tensor, isExact: true, bound: 3))
    }

    // MARK: Growth

    mutating func pick(where isFit: (Value) -> Bool = { _ in true }) -> Value? {
        let fitting = pool.indices.filter { isFit(pool[$0]) && pool[$0].tensor.elementCount > 0 }
        if fitting.isEmpty { return nil }
        // The newest more often: long chains.
        if random.below(2) == 0 { return pool[fitting[fitting.count - 1 - random.below(min(3, fitting.count))]] }
        return pool[fitting[random.below(fitting.count)]]
    }

    mutating func add(_ tensor: Tensor, exact: Bool, bound: Double) {
        if tensor.elementCount > 60_000 || tensor.rank > 6 { return }
        var value = Value(tensor: tensor, isExact: exact, bound: bound)
        if !(bound < greatest) {
            value.tensor = exact ? tensor.clamp(min: -4, max: 4) : tensor.tanh()
            value.bound = exact ? 4 : 1
        }
        pool.append(value)
    }

    private mutating func grow() {
        guard let x = pick() else { return }
        let kind = random.below(30)
        if isPlain, (13...21).contains(kind) || (25...28).contains(kind) { return binary(x) }
        switch kind {
        case 0, 1, 2: binary(x)
        case 3, 4: unary(x)
        case 5: scalar(x)
        case 6, 7: reduce(x)
        case 8, 9: view(x)
        case 10: reshape(x)
        case 11, 12: join(x)
        case 13, 14: matmul(x)
        case 15, 16, 17: pool2d()
        case 18, 19: convolution()
        case 20: gather(x)
        case 21: scatter(x)
        case 22: mask(x)
        case 23: cast(x)
        case 24: normalise(x)
        case 25, 26: sort()
        case 27, 28: scan(x)
        default: spread(x)
        }
    }

    static func broadcast(_ a: Shape, _ b: Shape) -> Shape? {
        let (long, short) = a.rank >= b.rank ? (a, b) : (b, a)
        var result = long
        for axis in 0..<short.rank {
            let place = long.rank - short.rank + axis
            if short[axis] == long[place] || short[axis] == 1 { continue }
            guard long[place] == 1 else { return nil }
            result[place] = short[axis]
        }
        return result
    }

    // MARK: Results

    /// Evaluates what there is of some values and forgets the others: what goes on reads, and may overwrite, stored ones.
    private mutating func settle() throws {
        pool = pool.filter { _ in random.below(3) > 0 }
        guard !pool.isEmpty else { return }
        try pool[random.below(pool.count)].tensor.evaluate()
        // Detached, they are leaves.
        leaves = leaves.filter { _ in random.below(2) == 0 }
        for index in pool.indices where random.below(2) == 0 { pool[index].tensor = pool[index].tensor.detach() }
    }

    private mutating func choose() {
        for (index, value) in pool.enumerated() where random.below(5) == 0 {
            results.append(("value \(index)", value.isExact, value.tensor.detach()))
        }
        if results.isEmpty, let last = pool.last {
            results.append(("the last value", last.isExact, last.tensor.detach()))
        }
    }

    private mutating func differentiate() {
        // The gradients of some views add up by index.
        if isPlain { return }
        let tracked = pool.filter { $0.tensor.requiresGrad && $0.tensor.elementCount < 20_000 }
        guard !tracked.isEmpty, random.below(4) > 0 else { return }
        var loss: Tensor?
        for _ in 0..<1 + random.below(3) {
            let value = tracked[tracked.count - 1 - random.below(min(tracked.count, 5))]
            let part = random.below(2) == 0 ? value.tensor.tanh().sum() : value.tensor.sum()
            loss = loss.map { $0 + part } ?? part
        }
        guard let loss, loss.requiresGrad else { return }
        let twice = random.below(3) == 0
        let first = gradients(of: loss, withRespectTo: leaves, createGraph: twice)
        for (index, gradient) in first.enumerated() {
            if let gradient { results.append(("gradient \(index)", false, gradient.detach())) }
        }
        guard twice else { return }
        let again = first.compactMap { $0 }.filter(\.requiresGrad).map { $0.tanh().sum() }
        guard let sum = again.dropFirst().reduce(again.first, { $0! + $1 }) else { return }
        for (index, gradient) in gradients(of: sum, withRespectTo: leaves).enumerated() {
            if let gradient { results.append(("second gradient \(index)", false, gradient)) }
        }
    }
}
