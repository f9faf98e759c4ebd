/// An operation on one operand, lane by lane.
public enum UnaryOperation: UInt8, CaseIterable, Hashable, Sendable {
    /// Of numbers; integers wrap.
    case negate
    /// Of floats and signed integers.
    case absolute
    /// Of bools the logical, of integers the bitwise complement.
    case not
    /// Of floats, rounded correctly where the device can.
    case squareRoot
    /// Of floats, exact. `roundEven` takes halves to the even neighbour.
    case floor, ceil, roundEven, truncate
    /// The device's own functions, as exact as the device makes them. The library takes them for float64 alone.
    case exp, exp2, expm1, log, log2, log10, log1p
    case sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, erf, erfc, lgamma

    public var isTranscendental: Bool {
        switch self {
        case .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh,
            .tanh, .erf, .erfc, .lgamma:
            true
        case .negate, .absolute, .not, .squareRoot, .floor, .ceil, .roundEven, .truncate: false
        }
    }
}

/// An operation on two operands of one type, lane by lane.
public enum BinaryOperation: UInt8, CaseIterable, Hashable, Sendable {
    /// Of numbers; integers wrap.
    case add, subtract, multiply
    /// Of floats; of integers it truncates, and the divisor must not be 0.
    case divide
    /// The remainder with the dividend's sign, of floats (exact) and of integers, whose divisor must not be 0.
    case remainder
    /// The upper 32 bits of a product of two uint32.
    case multiplyHigh
    /// Of integers. For floats, `select` says what becomes of NaN.
    case minimum, maximum
    /// Of integers, and of bools as logical operations.
    case and, or, xor
    /// Of integers by 0..<bits; to the right, signed types keep their sign.
    case shiftLeft, shiftRight
    /// To bools. A comparison with NaN is false, but for `notEqual`.
    case equal, notEqual, less, lessEqual, greater, greaterEqual
    /// The device's own power, for float64.
    case power

    public var isComparison: Bool {
        switch self {
        case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual: true
        case .add, .subtract, .multiply, .divide, .remainder, .multiplyHigh, .minimum, .maximum, .and, .or, .xor,
            .shiftLeft, .shiftRight, .power:
            false
        }
    }
}

/// An operation across the lanes of a subgroup; every lane of it must take part.
public enum SubgroupOperation: Hashable, Sendable {
    case add, minimum, maximum
    /// The value of the lane whose number differs by these bits.
    case shuffleXor(mask: Int)
}

/// What a work-item knows of its place, as int32. Axes are 0, 1, 2.
public enum Builtin: Hashable, Sendable {
    case workgroupID(Int)
    case localID(Int)
    case workgroupCount(Int)
    case subgroupLane, subgroupSize
}

/// The bits of a constant: an integer's two's complement, a Double's pattern for floats, 0 or 1 for bools.
public struct Constant: Hashable, Sendable {
    public let bits: UInt64
    public init(bits: UInt64) { self.bits = bits }
    public init(_ value: Int) { bits = UInt64(bitPattern: Int64(value)) }
    public init(_ value: Double) { bits = value.bitPattern }

    public var integer: Int { Int(Int64(bitPattern: bits)) }
    public var double: Double { Double(bitPattern: bits) }
}

/// What makes a value. Operands are numbers of earlier values; the result's type stands in ``Kernel/types``.
public enum Operation: Hashable, Sendable {
    /// In every lane.
    case constant(Constant)
    case argument(Int)
    case builtin(Builtin)
    /// The present content of a variable.
    case read(variable: Int)
    /// As many elements as the result has lanes, from element `index` on.
    case load(buffer: Int, index: Int)
    /// The bits of an int32 element that are set in the mask (uint32, whole bytes), as uint32; the others are 0. Other
    /// work-items may write the element's other bytes meanwhile.
    case loadBits(buffer: Int, index: Int, mask: Int)
    case loadShared(array: Int, index: Int)
    case unary(UnaryOperation, Int)
    case binary(BinaryOperation, Int, Int)
    /// `a * b + c`, rounded once or twice, as the device does it best: for sums of products.
    case multiplyAdd(Int, Int, Int)
    /// `a * b + c`, rounded once: for what is right by the bits that two roundings would lose.
    case fusedMultiplyAdd(Int, Int, Int)
    /// The second operand where the first (bool) is true, the third elsewhere.
    case select(Int, Int, Int)
    /// A number as another type. A float becomes an integer towards zero; out of range, the result is unspecified.
    case convert(Int)
    /// The same bits as another type of the same size.
    case bitcast(Int)
    /// One number in every lane.
    case splat(Int)
    /// A vector from its lanes.
    case construct([Int])
    case extract(Int, lane: Int)
    case subgroup(SubgroupOperation, Int)

    /// Whether equal operations on equal operands give equal values anywhere in the kernel.
    public var isPure: Bool {
        switch self {
        case .read, .load, .loadBits, .loadShared, .subgroup: false
        case .constant, .argument, .builtin, .unary, .binary, .multiplyAdd, .fusedMultiplyAdd, .select, .convert,
            .bitcast, .splat, .construct, .extract:
            true
        }
    }

    /// The values it reads.
    public var operands: [Int] {
        switch self {
        case .constant, .argument, .builtin, .read: []
        case .load(_, let index), .loadShared(_, let index): [index]
        case .unary(_, let a), .convert(let a), .bitcast(let a), .splat(let a), .extract(let a, _), .subgroup(_, let a):
            [a]
        case .loadBits(_, let index, let mask): [index, mask]
        case .binary(_, let a, let b): [a, b]
        case .multiplyAdd(let a, let b, let c), .fusedMultiplyAdd(let a, let b, let c), .select(let a, let b, let c):
            [a, b, c]
        case .construct(let lanes): lanes
        }
    }
}
