import TensorRuntime

/// Numbers of one dtype on the host, held wide: floats as Double, integers and bools as Int64.
///
/// The reference computes on these, so that what it expects is not rounded before it is compared.
public struct HostArray: Sendable {
    /// Of what the numbers stand for; it says which of the two arrays holds them.
    public let dtype: DType
    /// The values of a float type; empty otherwise.
    public var floats: [Double]
    /// The values of an integer or bool type; empty otherwise.
    public var integers: [Int64]

    /// Numbers of a float dtype; they are not rounded to it.
    public init(floats: [Double], dtype: DType) {
        self.dtype = dtype
        self.floats = floats
        self.integers = []
    }

    /// Numbers of an integer dtype, or bools as 0 and 1.
    public init(integers: [Int64], dtype: DType) {
        self.dtype = dtype
        self.floats = []
        self.integers = integers
    }

    /// An array without elements.
    public init(dtype: DType) {
        self.init(floats: [], dtype: dtype)
    }

    /// How many elements there are.
    public var count: Int { dtype.isFloat ? floats.count : integers.count }

    /// Element `index` as a Double; an Int64 above 2^53 is rounded.
    public func double(at index: Int) -> Double {
        dtype.isFloat ? floats[index] : Double(integers[index])
    }

    /// Appends all of `other`, which has the same dtype.
    mutating func append(_ other: HostArray) {
        if dtype.isFloat { floats += other.floats } else { integers += other.integers }
    }

    /// The elements at `offsets`; a precondition where one lies outside the array.
    func gathered(base: Int, offsets: [Int]) -> HostArray {
        if dtype.isFloat {
            return HostArray(floats: offsets.map { floats[base + $0] }, dtype: dtype)
        }
        return HostArray(integers: offsets.map { integers[base + $0] }, dtype: dtype)
    }
}

extension HostArray {
    /// Reads all elements that `bytes` holds.
    public init(bytes: UnsafeRawBufferPointer, dtype: DType) {
        let count = bytes.count / dtype.byteCount
        func read<T: BitwiseCopyable, R>(_: T.Type, _ convert: (T) -> R) -> [R] {
            (0..<count).map { convert(bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)) }
        }
        switch dtype {
        case .bool, .uint8: self.init(integers: read(UInt8.self) { Int64($0) }, dtype: dtype)
        case .int32: self.init(integers: read(Int32.self) { Int64($0) }, dtype: dtype)
        case .int64: self.init(integers: read(Int64.self) { $0 }, dtype: dtype)
        case .float16: self.init(floats: read(UInt16.self) { Double(Float16(bitPattern: $0)) }, dtype: dtype)
        case .bfloat16:
            self.init(floats: read(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }, dtype: dtype)
        case .float32: self.init(floats: read(Float.self) { Double($0) }, dtype: dtype)
        case .float64: self.init(floats: read(Double.self) { $0 }, dtype: dtype)
        }
    }

    /// Writes element `index`, rounded to the dtype, as element `place` of `bytes`.
    public func store(_ index: Int, to bytes: UnsafeMutableRawBufferPointer, place: Int) {
        dtype.store(
            dtype.isFloat ? .float(floats[index]) : .int(integers[index]),
            to: bytes.baseAddress! + place * dtype.byteCount)
    }
}

extension DType {
    /// `value` rounded to this float type; unchanged for integers.
    func rounded(_ value: Double) -> Double {
        isFloat ? Scalar.float(value).converted(to: self).doubleValue : value
    }

    /// `value` wrapped to this integer type's range; a bool is 0 or 1.
    func wrapped(_ value: Int64) -> Int64 {
        isFloat ? value : Scalar.int(value).converted(to: self).integerValue
    }

    /// Bits of the stored mantissa and the exponent of the smallest normal number; nil for integers.
    var floatFormat: (mantissaBits: Int, minimumExponent: Int)? {
        switch self {
        case .float16: (10, -14)
        case .bfloat16: (7, -126)
        case .float32: (23, -126)
        case .float64: (52, -1022)
        case .bool, .uint8, .int32, .int64: nil
        }
    }

    /// The largest finite value of a float type, or of an integer type.
    var greatest: Double {
        switch self {
        case .bool: 1
        case .uint8: 255
        case .int32: Double(Int32.max)
        case .int64: Double(Int64.max)
        case .float16: 65504
        case .bfloat16: Double(Float(bitPattern: 0x7F7F_0000))
        case .float32: Double(Float.greatestFiniteMagnitude)
        case .float64: Double.greatestFiniteMagnitude
        }
    }
}
