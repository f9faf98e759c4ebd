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

    private var random: SplitMix
    private let dtype: DType
    private let isLarge: Bool
    /// Whether there are only fused programs and copies: no families that not every device has for every type.
    private let isPlain: Bool
    /// Values beyond it are moved back to small ones.
    private let greatest: Double
    private var hasLarge = false
    private var pool: [Value] = []
    private var leaves: [Tensor] = []

    /// What the program computed: values, gradients and second gradients.
    private(set) var results: [(name: String, isExact: Bool, tensor: Tensor)] = []

    /// - Parameters:
    ///   - isLarge: one extent may be some hundreds.
    ///   - isPlain: there are only pointwise operations, reductions, views, concatenations and casts.
    ///   - phases: after each but the last, a value is evaluated and a part of the others forgotten; nil chooses one or two.
    init(seed: UInt64, dtype: DType, isLarge: Bool = false, isPlain: Bool = false, phases: Int? = nil) throws {
        random = SplitMix(state: seed &* 0x9E37_79B9 &+ 12345)
        self.dtype = dtype
        self.isLarge = isLarge
        self.isPlain = isPlain
        // float16 ends at 65504.
        greatest = dtype.isShortFloat ? 6e4 : 1e5
        makeLeaves()
        let chosen = random.below(3) == 0 ? 2 : 1
        let phases = phases ?? chosen
        for phase in 0..<phases {
            for _ in 0..<3 + random.below(18) { grow() }
            if phase < phases - 1 { try settle() }
        }
        choose()
        differentiate()
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
    private mutating func addLeaf(_ shape: Shape) {
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

    private mutating func pick(where isFit: (Value) -> Bool = { _ in true }) -> Value? {
        let fitting = pool.indices.filter { isFit(pool[$0]) && pool[$0].tensor.elementCount > 0 }
        if fitting.isEmpty { return nil }
        // The newest more often: long chains.
        if random.below(2) == 0 { return pool[fitting[fitting.count - 1 - random.below(min(3, fitting.count))]] }
        return pool[fitting[random.below(fitting.count)]]
    }

    private mutating func add(_ tensor: Tensor, exact: Bool, bound: Double) {
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

    private mutating func unary(_ x: Value) {
        let t = x.tensor
        if x.isExact {
            switch random.below(6) {
            case 0: return add(-t, exact: true, bound: x.bound)
            case 1: return add(t.relu(), exact: true, bound: x.bound)
            case 2: return add(t.abs(), exact: true, bound: x.bound)
            case 3: return add(t.square(), exact: true, bound: x.bound * x.bound)
            case 4: return add(t.clamp(min: -2, max: 2), exact: true, bound: 2)
            default: break
            }
        }
        switch random.below(5) {
        case 0: add(t.tanh(), exact: false, bound: 1)
        case 1: add(t.sigmoid(), exact: false, bound: 1)
        case 2: add((t.square() + 1).sqrt(), exact: false, bound: x.bound + 1)
        case 3: add(t.tanh().exp(), exact: false, bound: 3)
        default: add((t.tanh() * 0.5).sin(), exact: false, bound: 1)
        }
    }

    private mutating func binary(_ x: Value) {
        let fits = { (y: Value) in RandomProgram.broadcast(x.tensor.shape, y.tensor.shape) != nil }
        guard let y = pick(where: fits) else { return }
        let exact = x.isExact && y.isExact
        let (a, b) = random.below(2) == 0 ? (x, y) : (y, x)
        switch random.below(exact ? 6 : 4) {
        case 0, 1: add(a.tensor + b.tensor, exact: exact, bound: a.bound + b.bound)
        case 2: add(a.tensor - b.tensor, exact: exact, bound: a.bound + b.bound)
        case 3: add(a.tensor * b.tensor, exact: exact, bound: a.bound * b.bound)
        case 4: add(Tensor.maximum(a.tensor, b.tensor), exact: true, bound: max(a.bound, b.bound))
        default: add(Tensor.minimum(a.tensor, b.tensor), exact: true, bound: max(a.bound, b.bound))
        }
    }

    private static func broadcast(_ a: Shape, _ b: Shape) -> Shape? {
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

    private mutating func scalar(_ x: Value) {
        let number = random.below(5) - 2
        switch random.below(3) {
        case 0: add(x.tensor + number, exact: x.isExact, bound: x.bound + 2)
        case 1: add(x.tensor * number, exact: x.isExact, bound: x.bound * 2)
        default: add(number - x.tensor, exact: x.isExact, bound: x.bound + 2)
        }
    }

    private mutating func reduce(_ x: Value) {
        let t = x.tensor
        guard t.rank > 0 else { return }
        let axes = (0..<t.rank).filter { _ in random.below(2) == 0 }
        let chosen = axes.isEmpty ? [random.below(t.rank)] : axes
        let keeps = random.below(2) == 0
        let count = Double(chosen.reduce(1) { $0 * t.shape[$1] })
        switch random.below(x.isExact ? 6 : 3) {
        case 0, 1: add(t.sum(axes: chosen, keepDims: keeps), exact: x.isExact, bound: x.bound * count)
        case 2: add(t.mean(axes: chosen, keepDims: keeps), exact: false, bound: x.bound)
        case 3: add(t.max(axes: chosen, keepDims: keeps), exact: true, bound: x.bound)
        case 4: add(t.min(axes: chosen, keepDims: keeps), exact: true, bound: x.bound)
        default:
            let place = t.argmax(chosen[0], keepDims: keeps).to(dtype)
            add(place, exact: true, bound: Double(t.shape[chosen[0]]))
        }
        if keeps && random.below(3) == 0 { pool[pool.count - 1].tensor = pool[pool.count - 1].tensor.expand(t.shape) }
    }

    private mutating func view(_ x: Value) {
        let t = x.tensor
        guard t.rank > 0 else { return }
        let axis = random.below(t.rank)
        let result: Tensor
        switch random.below(5) {
        case 0:
            var axes = Array(0..<t.rank)
            for place in stride(from: t.rank - 1, to: 0, by: -1) { axes.swapAt(place, random.below(place + 1)) }
            result = t.permute(axes)
        case 1:
            let count = 1 + random.below(t.shape[axis])
            result = t.narrow(axis: axis, start: random.below(t.shape[axis] - count + 1), count: count)
        case 2: result = t.flip(axis)
        case 3: result = t.slice(axis: axis, from: random.below(t.shape[axis]), by: 1 + random.below(3))
        default: result = t.unsqueeze(axis)
        }
        add(result, exact: x.isExact, bound: x.bound)
    }

    private mutating func reshape(_ x: Value) {
        var rest = x.tensor.elementCount
        var shape = Shape()
        while rest > 1 && shape.rank < 3 {
            let divisors = (1...min(rest, 12)).filter { rest % $0 == 0 }
            let extent = divisors[random.below(divisors.count)]
            shape.append(extent)
            rest /= extent
        }
        shape.append(rest)
        add(x.tensor.reshape(shape), exact: x.isExact, bound: x.bound)
    }

    private mutating func join(_ x: Value) {
        let t = x.tensor
        guard t.rank > 0 else { return }
        let axis = random.below(3) == 0 ? random.below(t.rank) : 0
        func fits(_ y: Value) -> Bool {
            y.tensor.rank == t.rank && (0..<t.rank).allSatisfy { $0 == axis || y.tensor.shape[$0] == t.shape[$0] }
        }
        guard let y = pick(where: fits) else { return }
        let exact = x.isExact && y.isExact
        let bound = max(x.bound, y.bound)
        switch random.below(4) {
        case 0 where y.tensor.shape == t.shape: add(Tensor.stack([t, y.tensor]), exact: exact, bound: bound)
        case 1:
            add(t.pad([(before: random.below(3), after: random.below(2))], value: 1), exact: x.isExact, bound: bound)
        case 2: add(Tensor.concatenate([t, y.tensor, t], axis: axis), exact: exact, bound: bound)
        default: add(Tensor.concatenate([y.tensor, t], axis: axis), exact: exact, bound: bound)
        }
        // Beside one of its parts.
        if random.below(2) == 0, let whole = pool.last, RandomProgram.broadcast(whole.tensor.shape, t.shape) != nil {
            add(whole.tensor - t, exact: whole.isExact && x.isExact, bound: whole.bound + x.bound)
        }
    }

    private mutating func matmul(_ x: Value) {
        let t = x.tensor
        guard t.rank >= 2 else { return }
        let k = t.shape[t.rank - 1]
        func fits(_ y: Value) -> Bool { y.tensor.rank == 2 && (y.tensor.shape[0] == k || y.tensor.shape[1] == k) }
        guard let y = pick(where: fits) else { return }
        let other = y.tensor.shape[0] == k ? y.tensor : y.tensor.transpose(0, 1)
        add(t.matmul(other), exact: x.isExact && y.isExact, bound: x.bound * y.bound * Double(k))
    }

    private mutating func pool2d() {
        guard let x = pick(where: { $0.tensor.rank == 4 && $0.tensor.elementCount < 8000 }) else { return }
        let t = x.tensor
        let kernel: SIMD2<Int> = [1 + random.below(min(3, t.shape[2])), 1 + random.below(min(3, t.shape[3]))]
        let stride: SIMD2<Int> = [1 + random.below(2), 1 + random.below(2)]
        let padding: SIMD2<Int> = [random.below(kernel[0] / 2 + 1), random.below(kernel[1] / 2 + 1)]
        if x.isExact && random.below(2) == 0 {
            if random.below(4) == 0 {
                let places = Tensor.maxPool2dIndices(t, kernel: kernel, stride: stride, padding: padding)
                add(places.to(dtype), exact: true, bound: Double(t.elementCount))
            } else {
                add(
                    Tensor.maxPool2d(t, kernel: kernel, stride: stride, padding: padding), exact: true,
                    bound: x.bound)
            }
        } else {
            add(
                Tensor.avgPool2d(
                    t, kernel: kernel, stride: stride, padding: padding, countsPadding: random.below(2) == 0),
                exact: false, bound: x.bound)
        }
        // Beside what has its shape: here batch and channels have to be told apart.
        if random.below(2) == 0, let pooled = pool.last { binary(pooled) }
    }

    private mutating func convolution() {
        guard let x = pick(where: { $0.tensor.rank == 4 && $0.tensor.elementCount < 3000 }) else { return }
        let t = x.tensor
        let c = t.shape[1]
        let groups = random.below(3) == 0 ? c : 1
        let kernel: SIMD2<Int> = [1 + random.below(min(3, t.shape[2])), 1 + random.below(min(3, t.shape[3]))]
        let shape: Shape = [groups * (1 + random.below(2)), c / groups, kernel[0], kernel[1]]
        addLeaf(shape)
        guard let weight = pool.last, weight.tensor.shape == shape else { return }
        add(
            Tensor.conv2d(
                t, weight: weight.tensor, stride: [1 + random.below(2), 1 + random.below(2)],
                padding: [random.below(2), random.below(2)], groups: groups),
            exact: x.isExact, bound: x.bound * 3 * Double(shape.dropFirst().reduce(1, *)))
        if random.below(2) == 0, let made = pool.last { binary(made) }
    }

    private mutating func indices(_ count: Int, below bound: Int) -> [Int64] {
        (0..<count).map { _ in Int64(random.below(bound)) }
    }

    private mutating func gather(_ x: Value) {
        let t = x.tensor
        guard t.rank > 0 else { return }
        let axis = random.below(t.rank)
        let count = 1 + random.below(5)
        if random.below(2) == 0 {
            let places = Tensor(indices(count, below: t.shape[axis]))
            add(t.indexSelect(axis: axis, index: places), exact: x.isExact, bound: x.bound)
        } else {
            var shape = t.shape
            shape[axis] = count
            guard shape.elementCount < 5000 else { return }
            let places = Tensor(indices(shape.elementCount, below: t.shape[axis]), shape: shape)
            add(t.gather(axis: axis, index: places), exact: x.isExact, bound: x.bound)
        }
    }

    private mutating func scatter(_ x: Value) {
        let t = x.tensor
        guard t.rank > 0, t.elementCount < 5000 else { return }
        let axis = random.below(t.rank)
        let places = Tensor(indices(t.elementCount, below: t.shape[axis]), shape: t.shape)
        let fits = { (y: Value) in y.tensor.shape == t.shape }
        let target = pick(where: fits) ?? x
        add(
            target.tensor.scatterAdd(axis: axis, index: places, source: t), exact: x.isExact && target.isExact,
            bound: target.bound + x.bound * Double(t.shape[axis]))
    }

    /// An operation with two results, of which both, one or none are used. Only exact values have an order of which no
    /// rounding decides.
    private mutating func sort() {
        guard let x = pick(where: { $0.isExact && $0.tensor.rank > 0 && $0.tensor.elementCount < 20_000 }) else {
            return
        }
        let t = x.tensor
        let axis = random.below(t.rank)
        let count = t.shape[axis]
        let turns = random.below(2) == 0
        let (values, indices): (Tensor, Tensor) =
            switch random.below(4) {
            case 0: t.topk(1 + random.below(count), axis: axis, largest: turns)
            case 1: turns ? t.max(axis: axis, keepDims: true) : t.min(axis: axis, keepDims: true)
            default: t.sort(axis: axis, descending: turns)
            }
        switch random.below(5) {
        case 0: add(values, exact: true, bound: x.bound)
        case 1: add(indices.to(dtype), exact: true, bound: Double(count))
        case 2: break
        case 3:
            add(values, exact: true, bound: x.bound)
            add(indices.to(dtype), exact: true, bound: Double(count))
        default:
            // Both in one, and beside what was sorted.
            add(values * indices.to(dtype), exact: true, bound: x.bound * Double(count))
            add(t.gather(axis: axis, index: indices) - values, exact: true, bound: 2 * x.bound)
            if let whole = pool.last, RandomProgram.broadcast(whole.tensor.shape, t.shape) != nil {
                add(whole.tensor + t, exact: true, bound: 3 * x.bound)
            }
        }
    }

    /// Running sums and their like in both directions; of extremes both results, one or none are used.
    private mutating func scan(_ x: Value) {
        let t = x.tensor
        guard t.rank > 0, t.elementCount < 20_000 else { return }
        let axis = random.below(t.rank)
        let count = Double(t.shape[axis])
        let reverse = random.below(2) == 0
        switch random.below(5) {
        case 0: add(t.cumsum(axis: axis, reverse: reverse), exact: x.isExact, bound: x.bound * count)
        case 1: add(t.tanh().cumprod(axis: axis, reverse: reverse), exact: false, bound: 1)
        case 2: add(t.tanh().logcumsumexp(axis: axis, reverse: reverse), exact: false, bound: 20)
        default:
            // Only exact values have an extreme of which no rounding decides.
            guard x.isExact else { return }
            let (values, indices) =
                random.below(2) == 0
                ? t.cummax(axis: axis, reverse: reverse) : t.cummin(axis: axis, reverse: reverse)
            let uses = random.below(4)
            if uses != 1 { add(values, exact: true, bound: x.bound) }
            if uses > 0 { add(indices.to(dtype), exact: true, bound: count) }
        }
    }

    private mutating func mask(_ x: Value) {
        guard let y = pick(where: { $0.isExact && $0.tensor.shape == x.tensor.shape }) else { return }
        let mask = random.below(2) == 0 ? y.tensor .> 0 : (y.tensor .== 1).logicalNot()
        if random.below(2) == 0 {
            add(x.tensor.masked(where: mask, with: 2), exact: x.isExact, bound: max(x.bound, 2))
        } else {
            add(Tensor.where(mask, x.tensor, y.tensor), exact: x.isExact, bound: max(x.bound, y.bound))
        }
    }

    private mutating func cast(_ x: Value) {
        guard x.isExact else { return }
        let types: [DType] = [.int32, .int64, dtype == .float32 ? .float64 : .float32]
        let there = x.tensor.to(types[random.below(types.count)])
        add((there + there).to(dtype), exact: true, bound: 2 * x.bound)
    }

    private mutating func normalise(_ x: Value) {
        let t = x.tensor
        guard t.rank > 0 else { return }
        let axis = random.below(t.rank)
        switch random.below(4) {
        case 0: add(t.tanh().softmax(axis: axis), exact: false, bound: 1)
        case 1: add(t.tanh().logSoftmax(axis: axis), exact: false, bound: 20)
        case 2:
            let centred = t - t.mean(axes: [axis], keepDims: true)
            let spread = (centred.square().mean(axes: [axis], keepDims: true) + 1).sqrt()
            add(centred / spread, exact: false, bound: 2 * x.bound)
        default: add(t.tanh().logSumExp(axes: axis, keepDims: true) + t.tanh(), exact: false, bound: 20)
        }
    }

    /// The value expanded over new leading dimensions, or filled with a constant of its shape.
    private mutating func spread(_ x: Value) {
        let t = x.tensor
        if random.below(2) == 0, t.rank < 4 {
            var shape: Shape = [1 + random.below(3)]
            for extent in t.shape { shape.append(extent) }
            add(t.expand(shape), exact: x.isExact, bound: x.bound)
        } else {
            add(t + Tensor.full(t.shape, 2, dtype: dtype) * t, exact: x.isExact, bound: 3 * x.bound)
        }
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

/// SplitMix64 of [Steele et al.](https://doi.org/10.1145/2714064.2660195).
private struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }
}
