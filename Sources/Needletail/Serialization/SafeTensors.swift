import TensorRuntime

/// The contents of a [safetensors](https://github.com/huggingface/safetensors) file: named arrays and a map of strings.
///
/// The file is the header's length as a little-endian 64-bit integer, the header as JSON, then the arrays' bytes.
public struct SafeTensorsFile: Hashable, Sendable {
    /// One array.
    public struct Entry: Hashable, Sendable {
        public var name: String
        public var dtype: DType
        public var shape: [Int]
        /// The elements in row-major order, each little-endian; a bool is one byte, 0 or 1.
        public var bytes: [UInt8]

        public init(name: String, dtype: DType, shape: [Int], bytes: [UInt8]) {
            self.name = name
            self.dtype = dtype
            self.shape = shape
            self.bytes = bytes
        }
    }

    /// The arrays; names are unique. A file that was read has them in the order of their bytes.
    public var tensors: [Entry]
    /// `__metadata__`: what the writer wanted to say.
    public var metadata: [String: String]

    /// The longest header that is read, as in the format's reference implementation.
    public static let maximumHeaderLength = 100_000_000
    static let metadataKey = "__metadata__"

    public init(tensors: [Entry] = [], metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// The array of that name; nil where there is none. Linear in the number of arrays.
    public subscript(name: String) -> Entry? { tensors.first { $0.name == name } }
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
