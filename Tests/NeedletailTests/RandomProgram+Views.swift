import Needletail
import TensorRuntime

/// Views, copies and joined values.
extension RandomProgram {
    mutating func view(_ x: Value) {
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

    mutating func reshape(_ x: Value) {
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

    mutating func join(_ x: Value) {
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

    /// The value expanded over new leading dimensions, or filled with a constant of its shape.
    mutating func spread(_ x: Value) {
        let t = x.tensor
        if random.below(2) == 0, t.rank < 4 {
            var shape: Shape = [1 + random.below(3)]
            for extent in t.shape { shape.append(extent) }
            add(t.expand(shape), exact: x.isExact, bound: x.bound)
        } else {
            add(t + Tensor.full(t.shape, 2, dtype: dtype) * t, exact: x.isExact, bound: 3 * x.bound)
        }
    }
}
