import Needletail
import TensorRuntime

/// Products, windows, and what takes elements by an index.
extension RandomProgram {
    mutating func matmul(_ x: Value) {
        let t = x.tensor
        guard t.rank >= 2 else { return }
        let k = t.shape[t.rank - 1]
        func fits(_ y: Value) -> Bool { y.tensor.rank == 2 && (y.tensor.shape[0] == k || y.tensor.shape[1] == k) }
        guard let y = pick(where: fits) else { return }
        let other = y.tensor.shape[0] == k ? y.tensor : y.tensor.transpose(0, 1)
        add(t.matmul(other), exact: x.isExact && y.isExact, bound: x.bound * y.bound * Double(k))
    }

    mutating func pool2d() {
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
        guard let pooled = pool.last else { return }
        switch random.below(4) {
        case 0, 1: binary(pooled)
        case 2: gather(beside: pooled)
        default: break
        }
    }

    /// Adds to a value a gather of its shape.
    private mutating func gather(beside value: Value) {
        let shape = value.tensor.shape
        let axis = random.below(shape.rank)
        var table = shape
        table[axis] = 1 + random.below(5)
        guard shape.elementCount < 5000, table.elementCount < 5000 else { return }
        addLeaf(table)
        guard let source = pool.last, source.tensor.shape == table else { return }
        let gathered = source.tensor.gather(axis: axis, index: places(shape, below: table[axis]))
        add(value.tensor + gathered, exact: value.isExact && source.isExact, bound: value.bound + source.bound)
    }

    /// Indices of a shape, sometimes with axes that are broadcast or exchanged.
    private mutating func places(_ shape: Shape, below bound: Int) -> Tensor {
        switch random.below(3) {
        case 0:
            var own = shape
            own[random.below(shape.rank)] = 1
            return Tensor(indices(own.elementCount, below: bound), shape: own).expand(shape)
        case 1 where shape.rank > 1:
            let (a, b) = (random.below(shape.rank), random.below(shape.rank))
            var own = shape
            (own[a], own[b]) = (own[b], own[a])
            return Tensor(indices(own.elementCount, below: bound), shape: own).transpose(a, b)
        default:
            return Tensor(indices(shape.elementCount, below: bound), shape: shape)
        }
    }

    mutating func convolution() {
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

    mutating func gather(_ x: Value) {
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
            add(
                t.gather(axis: axis, index: places(shape, below: t.shape[axis])), exact: x.isExact, bound: x.bound)
        }
    }

    mutating func scatter(_ x: Value) {
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
    mutating func sort() {
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
    mutating func scan(_ x: Value) {
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
}
