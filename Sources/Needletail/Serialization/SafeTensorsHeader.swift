import TensorRuntime

/// A checked header: where each array lies, in the order of their bytes.
///
/// It is read member by member, so that a long header of something else is refused at its first member.
struct SafeTensorsHeader {
    struct Row {
        var name: String
        /// Nil where the array cannot be read here.
        var dtype: DType?
        var shape: [Int]
        /// Offsets from the end of the header.
        var range: Range<Int>
    }

    /// More than any model has, and few enough for a hostile header to cost no more than seconds.
    static let maximumTensors = 1 << 20
    static let maximumMetadata = 1 << 16
    /// Of an array that stays in the file; NumPy and PyTorch have no more dimensions.
    static let maximumRank = 64

    private(set) var rows: [Row] = []
    private(set) var metadata: [String: String] = [:]
    private(set) var unreadable: [SafeTensorsFile.Unreadable] = []
    private let path: String

    init(_ bytes: [UInt8], dataCount: Int, path: String) throws(TensorError) {
        self.path = path
        do {
            try JSONParser.read(bytes) { (parser) throws(JSONParser.Failure) in try read(&parser) }
        } catch {
            throw SafeTensorsFile.corrupt(path, "header is not valid at its byte \(error.offset): \(error.reason)")
        }
        try checkRanges(dataCount: dataCount)
    }

    private mutating func read(_ parser: inout JSONParser) throws(JSONParser.Failure) {
        try parser.readObject { (parser, name) throws(JSONParser.Failure) in
            if name == SafeTensorsFile.metadataKey {
                try readMetadata(&parser)
                return
            }
            guard rows.count < SafeTensorsHeader.maximumTensors else {
                throw parser.failure("more than \(SafeTensorsHeader.maximumTensors) tensors")
            }
            rows.append(try row(name, &parser))
        }
    }

    private mutating func readMetadata(_ parser: inout JSONParser) throws(JSONParser.Failure) {
        guard parser.isAtObject else { throw parser.failure("__metadata__ is no JSON object") }
        try parser.readObject(depth: 2) { (parser, key) throws(JSONParser.Failure) in
            guard metadata.count < SafeTensorsHeader.maximumMetadata else {
                throw parser.failure("__metadata__ has more than \(SafeTensorsHeader.maximumMetadata) strings")
            }
            guard let text = try parser.readString() else {
                throw parser.failure("__metadata__ \(quoted(key)) is no string")
            }
            metadata[key] = text
        }
    }

    private mutating func row(_ name: String, _ parser: inout JSONParser) throws(JSONParser.Failure) -> Row {
        let lacking =
            "tensor \(quoted(name)) lacks a dtype, a shape or two data_offsets of non-negative integers"
        guard parser.isAtObject else { throw parser.failure(lacking) }
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try parser.readObject(depth: 2) { (parser, key) throws(JSONParser.Failure) in
            switch key {
            case "dtype":
                guard let text = try parser.readString() else { throw parser.failure(lacking) }
                typeName = text
            case "shape":
                shape = try SafeTensorsHeader.counts(
                    &parser, atMost: SafeTensorsHeader.maximumRank, lacking: lacking)
            case "data_offsets": offsets = try SafeTensorsHeader.counts(&parser, atMost: 2, lacking: lacking)
            default: throw parser.failure("tensor \(quoted(name)) has \(quoted(key)), which no tensor has")
            }
        }
        guard let typeName, let shape, let offsets, offsets.count == 2 else { throw parser.failure(lacking) }
        guard offsets[0] <= offsets[1] else {
            throw parser.failure("tensor \(quoted(name)) ends at \(offsets[1]), before its \(offsets[0])")
        }
        let dtype = DType(safeTensorsName: typeName)
        if let dtype {
            let needed = dtype.byteCount(ofShape: shape)
            guard needed == offsets[1] - offsets[0] else {
                throw parser.failure(
                    "tensor \(quoted(name)) of \(typeName) \(shape) needs "
                        + "\(needed.map(String.init) ?? "over 2^63") bytes, its offsets give \(offsets[1] - offsets[0])"
                )
            }
        }
        let isReadable = dtype != nil && shape.count <= Shape.maximumRank
        if !isReadable { unreadable.append(SafeTensorsFile.Unreadable(name: name, dtype: typeName, shape: shape)) }
        return Row(name: name, dtype: isReadable ? dtype : nil, shape: shape, range: offsets[0]..<offsets[1])
    }

    /// The integers of an array; what is none is `lacking`.
    private static func counts(
        _ parser: inout JSONParser, atMost most: Int, lacking: String
    ) throws(JSONParser.Failure) -> [Int] {
        guard parser.isAtArray else { throw parser.failure(lacking) }
        var result: [Int] = []
        try parser.readArray(depth: 3) { (parser) throws(JSONParser.Failure) in
            guard let count = try parser.readCount() else { throw parser.failure(lacking) }
            guard result.count < most else { throw parser.failure("\(lacking): it has more than \(most) of them") }
            result.append(count)
        }
        return result
    }

    /// Sorts the rows by offset and checks that they cover the data without overlap or gap.
    private mutating func checkRanges(dataCount: Int) throws(TensorError) {
        // Empty arrays share an offset with the next one; the name settles their order.
        rows.sort { a, b in
            (a.range.lowerBound, a.range.upperBound, a.name) < (b.range.lowerBound, b.range.upperBound, b.name)
        }
        var end = 0
        for row in rows {
            guard row.range.upperBound <= dataCount else {
                throw SafeTensorsFile.corrupt(
                    path,
                    "tensor \(quoted(row.name)) ends at \(row.range.upperBound), out of range of \(dataCount) bytes")
            }
            guard row.range.lowerBound == end else {
                let found = row.range.lowerBound < end ? "overlaps the tensor before it" : "leaves a gap before it"
                throw SafeTensorsFile.corrupt(
                    path,
                    "tensor \(quoted(row.name)) begins at \(row.range.lowerBound) and \(found), which ends at \(end)")
            }
            end = row.range.upperBound
        }
        guard end == dataCount else {
            throw SafeTensorsFile.corrupt(path, "\(dataCount - end) bytes behind the last tensor belong to none")
        }
    }
}
