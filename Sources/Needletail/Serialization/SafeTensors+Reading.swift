import TensorRuntime

extension SafeTensorsFile {
    /// Reads a file.
    ///
    /// The header is checked in full before an array is read: dtypes, shapes, and that the arrays' bytes follow each
    /// other from the first byte behind the header to the file's end. Throws `.file` where the file cannot be read,
    /// `.data` where its contents are not what they should be. Nothing is allocated that the file has no bytes for.
    public init(contentsOf path: String) throws(TensorError) {
        let reader = try FileReader(path: path)
        guard reader.size >= 8 else {
            throw SafeTensorsFile.corrupt(path, "\(reader.size) bytes are too few for a safetensors file")
        }
        let length = try reader.read(8, at: 0).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(SafeTensorsFile.maximumHeaderLength), length <= UInt64(reader.size - 8) else {
            throw SafeTensorsFile.corrupt(path, "header of \(length) bytes in a file of \(reader.size)")
        }
        let dataStart = 8 + Int(length)
        let header = try SafeTensorsHeader(
            try reader.read(Int(length), at: 8), dataCount: reader.size - dataStart, path: path)
        var tensors: [Entry] = []
        tensors.reserveCapacity(header.rows.count)
        for row in header.rows {
            let bytes = try reader.read(row.range.count, at: dataStart + row.range.lowerBound)
            if row.dtype == .bool, let wrong = bytes.first(where: { $0 > 1 }) {
                throw SafeTensorsFile.corrupt(path, "tensor \(quoted(row.name)) is BOOL and holds \(wrong)")
            }
            tensors.append(Entry(name: row.name, dtype: row.dtype, shape: row.shape, bytes: bytes))
        }
        self.init(tensors: tensors, metadata: header.metadata)
    }

    static func corrupt(_ path: String, _ reason: String) -> TensorError {
        TensorError(.data, "\(path): \(reason); the file is corrupt or of another kind: name another or write it again")
    }
}

/// A checked header: where each array lies, in the order of their bytes.
struct SafeTensorsHeader {
    struct Row {
        var name: String
        var dtype: DType
        var shape: [Int]
        /// Offsets from the end of the header.
        var range: Range<Int>
    }

    private(set) var rows: [Row] = []
    private(set) var metadata: [String: String] = [:]
    private let path: String

    init(_ bytes: [UInt8], dataCount: Int, path: String) throws(TensorError) {
        self.path = path
        let parsed: JSONValue
        do {
            parsed = try JSONParser.parse(bytes)
        } catch {
            throw SafeTensorsFile.corrupt(path, "header is not valid at its byte \(error.offset): \(error.reason)")
        }
        guard case .object(let members) = parsed else {
            throw SafeTensorsFile.corrupt(path, "header is no JSON object")
        }
        for member in members {
            if member.key == SafeTensorsFile.metadataKey {
                try readMetadata(member.value)
            } else {
                rows.append(try row(member))
            }
        }
        try checkRanges(dataCount: dataCount)
    }

    private mutating func readMetadata(_ value: JSONValue) throws(TensorError) {
        guard case .object(let members) = value else {
            throw SafeTensorsFile.corrupt(path, "__metadata__ is no JSON object")
        }
        for member in members {
            guard case .string(let text) = member.value else {
                throw SafeTensorsFile.corrupt(path, "__metadata__ \(quoted(member.key)) is no string")
            }
            metadata[member.key] = text
        }
    }

    private func row(_ member: JSONValue.Member) throws(TensorError) -> Row {
        let name = member.key
        guard case .string(let typeName) = member.value["dtype"], let shape = integers(member.value["shape"]),
            let offsets = integers(member.value["data_offsets"]), offsets.count == 2
        else {
            throw SafeTensorsFile.corrupt(
                path, "tensor \(quoted(name)) lacks a dtype, a shape or two data_offsets of non-negative integers")
        }
        guard let dtype = DType(safeTensorsName: typeName) else {
            throw TensorError(
                .data,
                "\(path): tensor \(quoted(name)) has dtype \(quoted(typeName)); convert it to one of "
                    + DType.allSafeTensorsNames)
        }
        guard shape.count <= Shape.maximumRank else {
            throw TensorError(
                .data,
                "\(path): tensor \(quoted(name)) has \(shape.count) dimensions; reshape it to at most "
                    + "\(Shape.maximumRank)")
        }
        guard offsets[0] <= offsets[1] else {
            throw SafeTensorsFile.corrupt(
                path, "tensor \(quoted(name)) ends at \(offsets[1]), before its \(offsets[0])")
        }
        let needed = dtype.byteCount(ofShape: shape)
        guard needed == offsets[1] - offsets[0] else {
            throw SafeTensorsFile.corrupt(
                path,
                "tensor \(quoted(name)) of \(typeName) \(shape) needs \(needed.map(String.init) ?? "over 2^63") bytes, "
                    + "its offsets give \(offsets[1] - offsets[0])")
        }
        return Row(name: name, dtype: dtype, shape: shape, range: offsets[0]..<offsets[1])
    }

    private func integers(_ value: JSONValue?) -> [Int]? {
        guard case .array(let values) = value else { return nil }
        var result: [Int] = []
        for value in values {
            guard case .integer(let integer) = value, integer >= 0 else { return nil }
            result.append(integer)
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
