import TensorRuntime

/// The contents of a [safetensors](https://github.com/huggingface/safetensors) file: named arrays and a map of strings.
///
/// The file is the header's length as a little-endian 64-bit integer, the header as JSON, then the arrays' bytes.
public struct SafeTensorsFile: Hashable, Sendable {
    /// One array.
    public struct Entry: Hashable, Sendable {
        /// Unique within a file.
        public var name: String
        /// The elements' type.
        public var dtype: DType
        /// Extents; empty of a single number.
        public var shape: [Int]
        /// The elements in row-major order, each little-endian; a bool is one byte, 0 or 1.
        public var bytes: [UInt8]

        /// An array of elements that lie row-major, little-endian.
        public init(name: String, dtype: DType, shape: [Int], bytes: [UInt8]) {
            self.name = name
            self.dtype = dtype
            self.shape = shape
            self.bytes = bytes
        }
    }

    /// An array of a file that cannot be read here: of a dtype that there is not, or of too many dimensions.
    public struct Unreadable: Hashable, Sendable {
        /// Unique within a file.
        public var name: String
        /// The dtype's name in the file: `I8`, `F8_E4M3`, ...
        public var dtype: String
        /// Extents as the header has them.
        public var shape: [Int]
    }

    /// The arrays; names are unique. A file that was read has them in the order of their bytes.
    public var tensors: [Entry]
    /// The arrays of the file that was read which are not among ``tensors``.
    public var unreadable: [Unreadable] = []
    /// `__metadata__`: what the writer wanted to say.
    public var metadata: [String: String]

    /// The longest header that is read, as in the format's reference implementation.
    public static let maximumHeaderLength = 100_000_000
    static let metadataKey = "__metadata__"

    /// A file of these arrays, in order, and strings.
    public init(tensors: [Entry] = [], metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// The array of that name; nil where there is none. Linear in the number of arrays.
    public subscript(name: String) -> Entry? { tensors.first { $0.name == name } }

    /// The array of that name. Linear in the number of arrays.
    ///
    /// Throws `.data` where there is none, or where it is ``unreadable``.
    public func tensor(named name: String) throws(TensorError) -> Entry {
        if let entry = self[name] { return entry }
        if let found = unreadable.first(where: { $0.name == name }) { throw found.error }
        throw TensorError(.data, "safetensors: there is no tensor \(quoted(name)); name one of the file's")
    }
}

extension SafeTensorsFile.Unreadable {
    /// Why the array is not read.
    package var error: TensorError {
        let cause =
            DType(safeTensorsName: dtype) == nil
            ? "has dtype \(quoted(dtype)); convert it to one of \(DType.allSafeTensorsNames)"
            : "has \(shape.count) dimensions; reshape it to at most \(Shape.maximumRank)"
        return TensorError(.data, "safetensors: tensor \(quoted(name)) \(cause)")
    }
}

extension DType {
    private static let safeTensorsNames: [(name: String, dtype: DType)] = [
        ("F64", .float64), ("F32", .float32), ("F16", .float16), ("BF16", .bfloat16), ("I64", .int64), ("I32", .int32),
        ("U8", .uint8), ("BOOL", .bool),
    ]

    /// The names that a safetensors file may use here, for messages.
    static var allSafeTensorsNames: String { safeTensorsNames.map(\.name).joined(separator: ", ") }

    /// The type's name in a safetensors file: `F32`, `BF16`, `I64`, `U8`, `BOOL`, ...
    package var safeTensorsName: String { DType.safeTensorsNames.first { $0.dtype == self }!.name }

    /// The type with that name in a safetensors file.
    package init?(safeTensorsName name: String) {
        guard let row = DType.safeTensorsNames.first(where: { $0.name == name }) else { return nil }
        self = row.dtype
    }

    /// Bytes of an array of this shape; nil where an extent is negative or the number does not fit an `Int`.
    func byteCount(ofShape shape: [Int]) -> Int? {
        // An extent of 0 empties the array whatever the others are, so it must not hide behind their overflow.
        if shape.contains(where: { $0 < 0 }) { return nil }
        if shape.contains(0) { return 0 }
        var total = byteCount
        for extent in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: extent)
            if overflow { return nil }
            total = product
        }
        return total
    }
}
