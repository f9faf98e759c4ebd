import Needletail
import NeedletailTraining
import TensorRuntime

/// An array from an IDX file, the format of [MNIST](http://yann.lecun.com/exdb/mnist/): two zero bytes, the type of an
/// element, the number of dimensions, the dimensions as big-endian 32-bit integers, the elements in row-major order.
public struct IDXFile: Hashable, Sendable {
    /// The type of an element, by its code in the file.
    public enum Element: UInt8, Hashable, Sendable, CaseIterable {
        case uint8 = 0x08
        case int8 = 0x09
        case int16 = 0x0B
        case int32 = 0x0C
        case float32 = 0x0D
        case float64 = 0x0E

        /// Bytes of one element.
        public var byteCount: Int {
            switch self {
            case .uint8, .int8: 1
            case .int16: 2
            case .int32, .float32: 4
            case .float64: 8
            }
        }
    }

    /// The elements' type.
    public let element: Element
    /// The extents, outermost first; 1 to 8 of them.
    public let dimensions: [Int]
    /// The elements in row-major order, each little-endian.
    public let bytes: [UInt8]

    /// Reads a file, plain or gzip: its first bytes and its name's `.gz` tell which.
    ///
    /// Throws `.file` where it cannot be read; `.data` where magic, dimensions and length do not fit each other, or
    /// where its contents exceed `limit` bytes. Nothing is allocated on the word of the file's dimensions.
    public init(contentsOf path: String, limit: Int = 1 << 31) throws(TensorError) {
        var contents = try FileReader(path: path).readAll(limit: limit)
        if path.hasSuffix(".gz") || Gzip.isCompressed(contents) {
            contents = try Gzip.decompress(contents, path: path, limit: limit)
        }
        try self.init(parsing: contents, path: path)
    }

    /// Parses the bytes of a plain IDX file. `path` is for the messages.
    package init(parsing contents: [UInt8], path: String) throws(TensorError) {
        guard contents.count >= 4 else {
            throw TensorError(.data, "\(path): \(contents.count) bytes are too few for an IDX file; get it again")
        }
        guard contents[0] == 0, contents[1] == 0, let element = Element(rawValue: contents[2]) else {
            let magic = contents[..<4].map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
            throw TensorError(.data, "\(path): magic 0x\(magic) is not an IDX file's; name an IDX file or get it again")
        }
        let rank = Int(contents[3])
        guard (1...Shape.maximumRank).contains(rank) else {
            throw TensorError(
                .data, "\(path): IDX file of \(rank) dimensions; name one of 1 to \(Shape.maximumRank) or get it again")
        }
        let start = 4 + 4 * rank
        guard contents.count >= start else {
            throw TensorError(
                .data, "\(path): IDX header of \(start) bytes ends early at \(contents.count); get the file again")
        }
        var dimensions: [Int] = []
        var total: Int? = element.byteCount
        for index in 0..<rank {
            let extent = contents[(4 + 4 * index)..<(8 + 4 * index)].reduce(0) { $0 << 8 | Int($1) }
            dimensions.append(extent)
            total = total.flatMap { (value: Int) -> Int? in
                let (product, overflow) = value.multipliedReportingOverflow(by: extent)
                return overflow ? nil : product
            }
        }
        guard total == contents.count - start else {
            let shape = dimensions.map(String.init).joined(separator: "x")
            throw TensorError(
                .data,
                "\(path): dimensions \(shape) of \(element) need \(total.map(String.init) ?? "more than 2^63") bytes, "
                    + "found \(contents.count - start); the file is truncated or corrupt: get it again")
        }
        self.element = element
        self.dimensions = dimensions
        self.bytes = IDXFile.littleEndian(contents[start...], size: element.byteCount)
    }

    private static func littleEndian(_ bytes: ArraySlice<UInt8>, size: Int) -> [UInt8] {
        var result = Array(bytes)
        guard size > 1 else { return result }
        for start in stride(from: 0, to: result.count, by: size) {
            for index in 0..<(size / 2) { result.swapAt(start + index, start + size - 1 - index) }
        }
        return result
    }
}
