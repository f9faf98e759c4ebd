import KernelIR
import TensorRuntime

/// What a scan makes of two neighbouring parts of a line.
///
/// A part's state is a value, and of an extreme its place; of a logarithm of a sum, its largest element and the sum of
/// exponentials beside that.
struct ScanEmitter {
    let k: KernelBuilder
    let operation: ScanKernel.Operation
    let dtype: DType
    let index: ScalarType

    private var scalar: ScalarType { dtype == .bool ? .int32 : dtype.valueScalar }

    /// The state of one element.
    func element(_ loaded: Value, place: Value?) -> [Value] {
        switch operation {
        case .sum, .product: return [loaded]
        case .maximum, .minimum:
            return [dtype == .bool ? loaded.convert(to: .int32) : loaded] + (place.map { [$0] } ?? [])
        case .logSumExp: return [loaded, k.constant(1, loaded.type)]
        }
    }

    /// The state of nothing, before the first element.
    func neutral(hasPlaces: Bool) -> [Value] {
        let type = ValueType(scalar)
        let places = hasPlaces ? [k.constant(0, ValueType(index))] : []
        switch operation {
        case .sum: return [k.constant(0, type)]
        case .product: return [k.constant(1, type)]
        case .maximum: return [lowest(type)] + places
        case .minimum: return [highest(type)] + places
        case .logSumExp: return [lowest(type), k.constant(0, type)]
        }
    }

    private func lowest(_ type: ValueType) -> Value {
        if type.scalar.isFloat { return k.constant(-Double.infinity, type) }
        return k.constant(type.scalar == .int64 ? Int.min : Int(Int32.min), type)
    }

    private func highest(_ type: ValueType) -> Value {
        if type.scalar.isFloat { return k.constant(Double.infinity, type) }
        return k.constant(type.scalar == .int64 ? Int.max : Int(Int32.max), type)
    }

    /// The state of `a` with `b` behind it.
    func combined(_ a: [Value], _ b: [Value]) -> [Value] {
        switch operation {
        case .sum: return [a[0].wrapping(.add, b[0])]
        case .product: return [a[0].wrapping(.multiply, b[0])]
        case .maximum, .minimum: return select(key(b[0]) >= key(a[0]), b, a)
        case .logSumExp:
            let largest = emit(.maximum, a[0], b[0])
            return [largest, a[1] * share(of: a[0], largest) + b[1] * share(of: b[0], largest)]
        }
    }

    private func key(_ value: Value) -> Value {
        k.orderKey(value, dtype == .bool ? .int32 : dtype, turnsNumbers: operation == .minimum)
    }

    /// The exponential of a part's largest element by that of the whole's: of equal infinities it is 1.
    private func share(of part: Value, _ largest: Value) -> Value {
        let distance = k.select(part == largest, k.constant(0, part.type), part - largest)
        return emit(.exp, distance)
    }

    private func emit(_ function: PointwiseOperation, _ operands: Value...) -> Value {
        PointwiseEmitter(k: k).emit(function, operands, computeType: dtype, source: dtype, dtype: dtype)
    }

    func select(_ condition: Value, _ a: [Value], _ b: [Value]) -> [Value] {
        zip(a, b).map { k.select(condition, $0, $1) }
    }

    /// What is written of a state, beside the place.
    func value(of state: [Value]) -> Value {
        switch operation {
        case .sum, .product: return state[0]
        case .maximum, .minimum: return dtype == .bool ? state[0] != 0 : state[0]
        case .logSumExp: return state[0] + emit(.log, state[1])
        }
    }
}

/// The state of a line so far. A sum of float32 also keeps what rounding took from it
/// ([Knuth's TwoSum](https://en.wikipedia.org/wiki/2Sum)).
struct ScanCarry {
    private let emitter: ScanEmitter
    private let parts: [Variable]
    private let lost: Variable?

    init(_ emitter: ScanEmitter, hasPlaces: Bool) {
        self.emitter = emitter
        let k = emitter.k
        let neutral = emitter.neutral(hasPlaces: hasPlaces)
        parts = neutral.map { k.variable($0) }
        let isRounded = emitter.operation == .sum && neutral[0].type == .float32
        lost = isRounded ? k.variable(k.constant(0, .float32)) : nil
    }

    private var kept: [Value] { parts.map(\.value) }

    /// Beside an infinite sum what was lost is NaN, and nothing.
    private var remainder: Value? {
        lost.map { lost in
            let value = lost.value
            return emitter.k.select(value == value, value, emitter.k.constant(0, .float32))
        }
    }

    var state: [Value] { remainder.map { [kept[0] + $0] } ?? kept }

    func state(followedBy next: [Value]) -> [Value] {
        remainder.map { [kept[0] + ($0 + next[0])] } ?? emitter.combined(kept, next)
    }

    func advance(_ next: [Value]) {
        if let lost {
            let sum = parts[0].value
            let result = sum + next[0]
            let added = result - sum
            lost.value = lost.value + ((sum - (result - added)) + (next[0] - added))
            parts[0].value = result
            return
        }
        for (part, value) in zip(parts, emitter.combined(kept, next)) { part.value = value }
    }
}
