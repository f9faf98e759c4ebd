import TensorRuntime

extension SafeTensorsFile {
    /// Writes the file: under a temporary name beside `path`, synchronised, then renamed, so that `path` is the old
    /// file or the new one and never a part.
    ///
    /// Wide dtypes come first, as the format's reference implementation has it, so that all data is aligned; arrays of
    /// one width keep their order. Equal contents give equal bytes. Throws `.invalidArgument` where a name occurs twice,
    /// bytes do not fit a shape, or an array would be lost because it is ``unreadable``, before anything is written; `.file`
    /// where the file cannot be written.
    public func write(to path: String) throws(TensorError) {
        if let lost = unreadable.first {
            throw TensorError(
                .invalidArgument,
                "\(path): tensor \(quoted(lost.name)) of the file that was read would be lost, because \(lost.dtype) "
                    + "\(lost.shape) cannot be read here; empty `unreadable` to leave it out")
        }
        let ordered = tensors.enumerated().sorted { a, b in
            (-a.element.dtype.byteCount, a.offset) < (-b.element.dtype.byteCount, b.offset)
        }.map(\.element)
        let header = try header(of: ordered, path: path)
        try AtomicFile.write(to: path) { output throws(TensorError) in
            try output.append(header)
            for entry in ordered { try output.append(entry.bytes) }
        }
    }

    /// The header's length and the header, padded with spaces so that the data begins at a multiple of 8.
    private func header(of ordered: [Entry], path: String) throws(TensorError) -> [UInt8] {
        var names: Set<String> = [SafeTensorsFile.metadataKey]
        var members: [JSONValue.Member] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
            members.append(JSONValue.Member(SafeTensorsFile.metadataKey, .object(pairs)))
        }
        var offset = 0
        for entry in ordered {
            try check(entry, names: &names, path: path)
            let end = offset + entry.bytes.count
            members.append(
                JSONValue.Member(
                    entry.name,
                    [
                        "dtype": .string(entry.dtype.safeTensorsName),
                        "shape": .array(entry.shape.map(JSONValue.integer)),
                        "data_offsets": [.integer(offset), .integer(end)],
                    ]))
            offset = end
        }
        var text = Array(JSONValue.object(members).description.utf8)
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        guard text.count <= SafeTensorsFile.maximumHeaderLength else {
            throw TensorError(
                .invalidArgument,
                "\(path): header of \(text.count) bytes exceeds \(SafeTensorsFile.maximumHeaderLength); "
                    + "write fewer names"
            )
        }
        return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
    }

    private func check(_ entry: Entry, names: inout Set<String>, path: String) throws(TensorError) {
        guard names.insert(entry.name).inserted else {
            throw TensorError(
                .invalidArgument, "\(path): tensor name \(quoted(entry.name)) is reserved or occurs twice; rename it")
        }
        let needed = entry.shape.count <= Shape.maximumRank ? entry.dtype.byteCount(ofShape: entry.shape) : nil
        guard needed == entry.bytes.count else {
            throw TensorError(
                .invalidArgument,
                "\(path): tensor \(quoted(entry.name)) has \(entry.bytes.count) bytes, which do not fit "
                    + "\(entry.dtype) \(entry.shape); give \(needed.map(String.init) ?? "a shape that exists")")
        }
        if entry.dtype == .bool, let wrong = entry.bytes.first(where: { $0 > 1 }) {
            throw TensorError(
                .invalidArgument, "\(path): bool tensor \(quoted(entry.name)) holds \(wrong); give bytes 0 and 1")
        }
    }
}
