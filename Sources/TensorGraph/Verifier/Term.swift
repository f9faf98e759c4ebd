import TensorRuntime

/// The hash of how an element is computed: from which elements of which leaves, by which operations.
///
/// Equal computations have equal terms, whichever way they are written: a view has its elements' terms, and an identity or
/// a reduction of one element those of its operand. Two different computations have equal terms once in 2^64.
typealias Term = UInt64

/// Builds a term out of words.
struct TermBuilder {
    private var state: UInt64

    init(_ kind: Kind) { state = 0x9E37_79B9_7F4A_7C15 &* (UInt64(kind.rawValue) &+ 1) }

    enum Kind: UInt8 {
        case leaf, scalar, index, pointwise, reduce, gather, matmul, convolution, pooling, scatterAdd, fiber, sort, scan
    }

    mutating func add(_ word: UInt64) {
        state = (state ^ word) &* 0xFF51_AFD7_ED55_8CCD
        state ^= state >> 29
        state = state &* 0xC4CE_B9FE_1A85_EC53
        state ^= state >> 32
    }

    mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }
    mutating func add(_ dtype: DType) { add(UInt64(dtype.rawValue)) }
    mutating func add(_ pair: SIMD2<Int>) {
        add(pair[0])
        add(pair[1])
    }
    mutating func add(_ window: Window) {
        add(window.kernel)
        add(window.stride)
        add(window.padding)
        add(window.dilation)
    }
    mutating func add(_ shape: Shape) {
        add(shape.rank)
        for extent in shape { add(extent) }
    }

    /// Never 0, which marks a term that is not known yet.
    var term: Term { state == 0 ? 1 : state }
}

extension TermBuilder {
    /// An element of a leaf's storage, by the byte at which it begins.
    static func leaf(storage: Int, byte: Int, dtype: DType) -> Term {
        var builder = TermBuilder(.leaf)
        builder.add(storage)
        builder.add(byte)
        builder.add(dtype)
        return builder.term
    }

    static func scalar(_ source: PlanStep.ScalarSource, _ dtype: DType) -> Term {
        var builder = TermBuilder(.scalar)
        switch source {
        case .traced(let number):
            builder.add(0)
            builder.add(number)
        case .constant(let value):
            builder.add(1)
            builder.add(value.bits(as: dtype))
        }
        builder.add(dtype)
        return builder.term
    }

    static func index(_ value: Int) -> Term {
        var builder = TermBuilder(.index)
        builder.add(value)
        return builder.term
    }

    static func pointwise(_ operation: PointwiseOperation, _ dtype: DType, _ operands: [Term]) -> Term {
        var builder = TermBuilder(.pointwise)
        builder.add(UInt64(operation.rawValue))
        builder.add(dtype)
        for operand in operands { builder.add(operand) }
        return builder.term
    }

    static func gather(_ dtype: DType, count: Int, index: Term, data: Term) -> Term {
        var builder = TermBuilder(.gather)
        builder.add(dtype)
        builder.add(count)
        builder.add(index)
        builder.add(data)
        return builder.term
    }

    static func matmul(_ dtype: DType, k: Int, row: Term, column: Term) -> Term {
        var builder = TermBuilder(.matmul)
        builder.add(dtype)
        builder.add(k)
        builder.add(row)
        builder.add(column)
        return builder.term
    }

    /// - Parameters:
    ///   - dtype: the source's.
    ///   - position: along the axis.
    ///   - source: of the row.
    static func sort(
        _ result: SortKernel.Result, descending: Bool, _ dtype: DType, position: Int, source: Term
    ) -> Term {
        var builder = TermBuilder(.sort)
        builder.add(UInt64(result.rawValue))
        builder.add(descending ? 1 : 0)
        builder.add(dtype)
        builder.add(position)
        builder.add(source)
        return builder.term
    }

    /// - Parameters:
    ///   - dtype: the source's.
    ///   - position: along the axis.
    ///   - line: of the source, along the axis.
    static func scan(
        _ operation: ScanKernel.Operation, reverse: Bool, _ result: ScanKernel.Result, _ dtype: DType, position: Int,
        line: Term
    ) -> Term {
        var builder = TermBuilder(.scan)
        builder.add(UInt64(operation.rawValue))
        builder.add(reverse ? 1 : 0)
        builder.add(UInt64(result.rawValue))
        builder.add(dtype)
        builder.add(position)
        builder.add(line)
        return builder.term
    }

    /// - Parameter place: row-major in the output.
    static func scatterAdd(_ dtype: DType, position: Int, count: Int, source: Term, index: Term) -> Term {
        var builder = TermBuilder(.scatterAdd)
        builder.add(dtype)
        builder.add(position)
        builder.add(count)
        builder.add(source)
        builder.add(index)
        return builder.term
    }

    /// - Parameters:
    ///   - shapes: of the two operands and of the result.
    ///   - place: row-major in the result.
    static func convolution(
        _ kind: ConvolutionKernel.Kind, _ window: Window, groups: Int, _ dtype: DType, shapes: [Shape], place: Int,
        operands: [Term]
    ) -> Term {
        var builder = TermBuilder(.convolution)
        builder.add(UInt64(kind.rawValue))
        builder.add(window)
        builder.add(groups)
        builder.add(dtype)
        for shape in shapes { builder.add(shape) }
        builder.add(place)
        for operand in operands { builder.add(operand) }
        return builder.term
    }

    /// - Parameters:
    ///   - dtype: the first operand's.
    ///   - sizes: of the window's input and output planes.
    ///   - place: row-major in the result's plane.
    ///   - operands: of the planes that the result's belongs to.
    static func pooling(
        _ kind: PoolingKernel.Kind, _ window: Window, countsPadding: Bool, _ dtype: DType, sizes: [SIMD2<Int>],
        place: Int, operands: [Term]
    ) -> Term {
        var builder = TermBuilder(.pooling)
        builder.add(UInt64(kind.rawValue))
        builder.add(window)
        builder.add(countsPadding ? 1 : 0)
        builder.add(dtype)
        for size in sizes { builder.add(size) }
        builder.add(place)
        for operand in operands { builder.add(operand) }
        return builder.term
    }
}

/// Which of many elements are looked at: all, or in a large plan some, the same for each count, so that what is asked of
/// one operation's operands is what was asked of its result.
final class TermSampling {
    let isExact: Bool
    private var known: [Int: [Int]] = [:]

    init(isExact: Bool) { self.isExact = isExact }

    /// Ascending places of `0..<count`.
    func places(of count: Int) -> [Int] {
        if let places = known[count] { return places }
        let places: [Int]
        if isExact || count <= 24 {
            places = Array(0..<count)
        } else {
            var chosen: Set<Int> = [0, 1, count / 2, count - 2, count - 1]
            for number in 0..<13 {
                var builder = TermBuilder(.index)
                builder.add(count)
                builder.add(number)
                chosen.insert(Int(builder.term % UInt64(count)))
            }
            places = chosen.sorted()
        }
        if known.count < 512 { known[count] = places }
        return places
    }

    /// The term of the elements that `element` gives for each place of `0..<count`.
    func fiber(_ count: Int, _ element: (Int) -> Term) -> Term {
        var builder = TermBuilder(.fiber)
        builder.add(count)
        for place in places(of: count) { builder.add(element(place)) }
        return builder.term
    }

    /// The term of a reduction over elements in row-major order.
    func reduction(
        _ operation: ReductionOperation, _ dtype: DType, of source: DType, count: Int, _ element: (Int) -> Term
    ) -> Term {
        if count == 1 {
            if operation.yieldsIndex { return TermBuilder.scalar(.constant(.int(0)), dtype) }
            return source == dtype ? element(0) : TermBuilder.pointwise(.cast, dtype, [element(0)])
        }
        var builder = TermBuilder(.reduce)
        builder.add(UInt64(operation.rawValue))
        builder.add(dtype)
        builder.add(fiber(count, element))
        return builder.term
    }
}

/// Terms by place; 0 where none is known yet.
struct TermTable {
    private var dense: [Term]
    private var sparse: [Int: Term] = [:]

    init(count: Int, isDense: Bool) { dense = isDense ? Array(repeating: 0, count: count) : [] }

    subscript(place: Int) -> Term {
        get { dense.isEmpty ? sparse[place] ?? 0 : dense[place] }
        set { if dense.isEmpty { sparse[place] = newValue } else { dense[place] = newValue } }
    }
}

extension Shape {
    /// The coordinates of a row-major place.
    func coordinates(of place: Int) -> Shape {
        var result = Shape(repeating: 0, rank: rank)
        var rest = place
        for axis in stride(from: rank - 1, through: 0, by: -1) {
            result[axis] = rest % self[axis]
            rest /= self[axis]
        }
        return result
    }

    /// The sum of coordinates times strides.
    func dot(_ strides: Strides) -> Int {
        var result = 0
        for axis in 0..<rank { result += self[axis] * strides[axis] }
        return result
    }
}
