import TensorRuntime

extension SafeTensorsFile {
    /// Reads a file.
    ///
    /// The header is checked in full before an array is read: shapes, and that the arrays' bytes follow each other from the
    /// first byte behind the header to the file's end. Arrays of a dtype or rank that there is not here are left in the file
    /// (``unreadable``). Throws `.file` where the file cannot be read, `.data` where its contents are not what they should
    /// be. Nothing is allocated that the file has no bytes for.
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
            guard let dtype = row.dtype else { continue }
            let bytes = try reader.read(row.range.count, at: dataStart + row.range.lowerBound)
            if dtype == .bool, let wrong = bytes.first(where: { $0 > 1 }) {
                throw SafeTensorsFile.corrupt(path, "tensor \(quoted(row.name)) is BOOL and holds \(wrong)")
            }
            tensors.append(Entry(name: row.name, dtype: dtype, shape: row.shape, bytes: bytes))
        }
        self.init(tensors: tensors, metadata: header.metadata)
        unreadable = header.unreadable
    }

    static func corrupt(_ path: String, _ reason: String) -> TensorError {
        TensorError(.data, "\(path): \(reason); the file is corrupt or of another kind: name another or write it again")
    }
}
