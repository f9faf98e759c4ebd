import Needletail
import TensorRuntime

/// Operations by elements, and reductions.
extension RandomProgram {
    mutating func unary(_ x: Value) {
        let t = x.tensor
        if x.isExact {
            switch random.below(9) {
            case 0: return add(-t, exact: true, bound: x.bound)
            case 1: return add(t.relu(), exact: true, bound: x.bound)
            case 2: return add(t.abs(), exact: true, bound: x.bound)
            case 3: return add(t.square(), exact: true, bound: x.bound * x.bound)
            case 4: return add(t.clamp(min: -2, max: 2), exact: true, bound: 2)
            case 5: return add(t.fmod(3), exact: true, bound: 2)
            case 6: return add(t.floorDivide(2), exact: true, bound: x.bound)
            case 7: return add(((t.to(.int64) & 6) ^ 3).to(dtype), exact: true, bound: 7)
            default: break
            }
        }
        switch random.below(15) {
        case 0: add(t.tanh(), exact: false, bound: 1)
        case 1: add(t.sigmoid(), exact: false, bound: 1)
        case 2: add((t.square() + 1).sqrt(), exact: false, bound: x.bound + 1)
        case 3: add(t.tanh().exp(), exact: false, bound: 3)
        case 4: add(t.atan(), exact: false, bound: 1.6)
        case 5: add((t.tanh() * 0.9).asin(), exact: false, bound: 1.2)
        case 6: add(t.tanh().sinh(), exact: false, bound: 1.2)
        case 7: add(t.tanh().cosh(), exact: false, bound: 1.6)
        case 8: add((t.square() + 1).log2(), exact: false, bound: x.bound + 1)
        case 9: add(t.tanh().exp2(), exact: false, bound: 2)
        case 10: add(t.erfc(), exact: false, bound: 2)
        case 11: add((t.tanh() * 0.7).erfinv(), exact: false, bound: 1)
        case 12: add(t.atan2(t.square() + 1), exact: false, bound: 1.6)
        case 13: add((t.tanh() + 2).lgamma(), exact: false, bound: 1)
        default: add((t.tanh() * 0.5).sin(), exact: false, bound: 1)
        }
    }

    mutating func binary(_ x: Value) {
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

    mutating func scalar(_ x: Value) {
        let number = random.below(5) - 2
        switch random.below(3) {
        case 0: add(x.tensor + number, exact: x.isExact, bound: x.bound + 2)
        case 1: add(x.tensor * number, exact: x.isExact, bound: x.bound * 2)
        default: add(number - x.tensor, exact: x.isExact, bound: x.bound + 2)
        }
    }

    mutating func mask(_ x: Value) {
        guard let y = pick(where: { $0.isExact && $0.tensor.shape == x.tensor.shape }) else { return }
        let mask = random.below(2) == 0 ? y.tensor .> 0 : (y.tensor .== 1).logicalNot()
        if random.below(2) == 0 {
            add(x.tensor.masked(where: mask, with: 2), exact: x.isExact, bound: max(x.bound, 2))
        } else {
            add(Tensor.where(mask, x.tensor, y.tensor), exact: x.isExact, bound: max(x.bound, y.bound))
        }
    }

    mutating func cast(_ x: Value) {
        guard x.isExact else { return }
        let types: [DType] = [.int32, .int64, dtype == .float32 ? .float64 : .float32]
        let there = x.tensor.to(types[random.below(types.count)])
        add((there + there).to(dtype), exact: true, bound: 2 * x.bound)
    }

    mutating func reduce(_ x: Value) {
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

    mutating func normalise(_ x: Value) {
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
}
