import KernelIR
import TensorRuntime

/// Emits one reduction: an accumulator for each vector width in use, then their lanes in a fixed order.
struct FoldEmitter {
    /// A value, and for argmax and argmin its place.
    private struct Candidate {
        var value: Value
        var place: Value?
    }

    private struct Accumulator {
        let value: Variable
        let place: Variable?
        /// The sum of the blocks so far, and what rounding took from it; nil where blocks make no difference.
        let blocks: (sum: Variable, lost: Variable)?

        var candidate: Candidate {
            get { Candidate(value: value.value, place: place?.value) }
            nonmutating set {
                value.value = newValue.value
                if let place, let newPlace = newValue.place { place.value = newPlace }
            }
        }
    }

    private let k: KernelBuilder
    private let operation: ReductionOperation
    /// The type of what is folded, and of the result.
    private let source: DType
    private let result: DType
    private let indexScalar: ScalarType
    private var accumulators: [(width: Int, accumulator: Accumulator)] = []

    /// Starts with the neutral element for each width of ``accumulate(_:width:place:)``.
    ///
    /// - Parameter inBlocks: whether ``endBlock()`` is called after each block of elements.
    init(
        _ k: KernelBuilder, _ operation: ReductionOperation, source: DType, result: DType, indexScalar: ScalarType,
        widths: [Int], inBlocks: Bool = false
    ) {
        self.k = k
        self.operation = operation
        self.source = source
        self.result = result
        self.indexScalar = indexScalar
        for width in widths {
            let type = ValueType(source == .bool ? .int32 : source.valueScalar, width: width)
            // Behind every place, so that any element wins.
            let last = indexScalar == .int64 ? Int.max : Int(Int32.max)
            let place =
                operation.yieldsIndex
                ? k.variable(k.constant(last, ValueType(indexScalar, width: width))) : nil
            let zero = k.constant(0, type)
            let blocks =
                inBlocks && operation == .sum && type.scalar == .float32
                ? (sum: k.variable(zero), lost: k.variable(zero)) : nil
            accumulators.append((width, Accumulator(value: k.variable(neutral(type)), place: place, blocks: blocks)))
        }
    }

    private func neutral(_ type: ValueType) -> Value {
        switch operation {
        case .sum: return k.constant(0, type)
        case .product: return k.constant(1, type)
        case .maximum, .argmax:
            if type.scalar.isFloat { return k.constant(-Double.infinity, type) }
            return k.constant(type.scalar == .int64 ? Int.min : Int(Int32.min), type)
        case .minimum, .argmin:
            if type.scalar.isFloat { return k.constant(Double.infinity, type) }
            return k.constant(type.scalar == .int64 ? Int.max : Int(Int32.max), type)
        }
    }

    /// Folds `width` values in; `place` is the number of the first lane's along the reduction, the others follow.
    func accumulate(_ value: Value, width: Int, place: Value, areLanesPlaces: Bool) {
        let accumulator = accumulators.first { $0.width == width }!.accumulator
        var lanes = value.broadcast(to: value.type.vector(width))
        if source == .bool {
            let type = lanes.type.with(.int32)
            lanes = k.select(lanes, k.constant(1, type), k.constant(0, type))
        }
        var places: Value?
        if operation.yieldsIndex {
            let first = place.broadcast(to: ValueType(indexScalar, width: width))
            let numbers = k.construct((0..<width).map { k.constant($0, ValueType(indexScalar)) })
            places = areLanesPlaces && width > 1 ? first + numbers : first
        }
        accumulator.candidate = combined(accumulator.candidate, Candidate(value: lanes, place: places))
    }

    /// Adds what was accumulated since the last block to the sum of blocks, with the exact error of that addition
    /// ([Knuth's TwoSum](https://en.wikipedia.org/wiki/2Sum)): so a sum of any length is as good as one of a block.
    func endBlock() {
        for (_, accumulator) in accumulators {
            guard let blocks = accumulator.blocks else { continue }
            let sum = blocks.sum.value
            let block = accumulator.value.value
            let next = sum + block
            let added = next - sum
            blocks.lost.value = blocks.lost.value + ((sum - (next - added)) + (block - added))
            blocks.sum.value = next
            accumulator.value.value = k.constant(0, block.type)
        }
    }

    /// What an accumulator holds, all blocks included. Beside an infinite sum what was lost is NaN, and nothing.
    private func candidate(of accumulator: Accumulator) -> Candidate {
        guard let blocks = accumulator.blocks else { return accumulator.candidate }
        let sum = blocks.sum.value
        let lost = blocks.lost.value
        return Candidate(value: k.select(lost == lost, sum + lost, sum))
    }

    private func combined(_ a: Candidate, _ b: Candidate) -> Candidate {
        switch operation {
        case .sum: return Candidate(value: a.value.wrapping(.add, b.value))
        case .product: return Candidate(value: a.value.wrapping(.multiply, b.value))
        case .maximum, .minimum:
            let pointwise: PointwiseOperation = operation == .maximum ? .maximum : .minimum
            let dtype: DType = source == .bool ? .int32 : source
            return Candidate(
                value: PointwiseEmitter(k: k).emit(
                    pointwise, [a.value, b.value], computeType: dtype, source: dtype, dtype: dtype))
        case .argmax, .argmin: return winner(a, b)
        }
    }

    /// NaN is the extreme; of equal values the lower place wins.
    private func winner(_ a: Candidate, _ b: Candidate) -> Candidate {
        guard let placeA = a.place, let placeB = b.place else { preconditionFailure("argmax without places") }
        let isBetter = operation == .argmax ? b.value > a.value : b.value < a.value
        var wins = isBetter | ((b.value == a.value) & (placeB < placeA))
        if source.isFloat {
            let isNaN = b.value != b.value
            let wasNaN = a.value != a.value
            wins = (wins & !wasNaN) | (isNaN & (!wasNaN | (placeB < placeA)))
        }
        return Candidate(value: k.select(wins, b.value, a.value), place: k.select(wins, placeB, placeA))
    }

    /// Folds the lanes of each accumulator, and these, into one number.
    private func folded() -> Candidate {
        var total: Candidate?
        for (width, accumulator) in accumulators {
            let candidate = candidate(of: accumulator)
            var lanes = (0..<width).map { Candidate(value: candidate.value.lane($0), place: candidate.place?.lane($0)) }
            while lanes.count > 1 {
                let half = lanes.count / 2
                lanes = (0..<half).map { combined(lanes[$0], lanes[$0 + half]) }
            }
            total = total.map { combined($0, lanes[0]) } ?? lanes[0]
        }
        return total!
    }

    /// The result as the reduction's type.
    private func finished(_ candidate: Candidate) -> Value {
        if let place = candidate.place { return place.convert(to: .int64) }
        switch result {
        case .bool: return candidate.value != k.constant(0, candidate.value.type)
        case .uint8: return candidate.value & 255
        case .int32, .int64, .float16, .bfloat16, .float32, .float64: return candidate.value
        }
    }

    /// The result of each lane by itself; there is one accumulator.
    func lanes() -> Value { finished(candidate(of: accumulators[0].accumulator)) }

    /// The result of one work-item.
    func total() -> Value { finished(folded()) }

    /// The result of all work-items of a workgroup of `size`, a power of two, known to all of them.
    func total(acrossWorkgroupOf size: Int, local: Value, name: String) -> Value {
        let own = folded()
        let values = k.shared("\(name)_values", own.value.type.scalar, count: size)
        let places = own.place.map { k.shared("\(name)_places", $0.type.scalar, count: size) }
        values[local] = own.value
        if let place = own.place { places?[local] = place }
        var half = size / 2
        while half > 0 {
            k.barrier()
            k.if(local < half) {
                let a = Candidate(value: values[local], place: places?[local])
                let b = Candidate(value: values[local + half], place: places?[local + half])
                let both = combined(a, b)
                values[local] = both.value
                if let place = both.place { places?[local] = place }
            }
            half /= 2
        }
        k.barrier()
        let zero = k.int(0)
        return finished(Candidate(value: values[zero], place: places?[zero]))
    }
}
