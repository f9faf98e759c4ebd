import TensorRuntime

/// Writes a zip archive, whole or not at all. Equal contents give equal bytes: each file is of 1980-01-01.
package enum ZipWriter {
    /// What the directory says of a file that was written.
    private struct Row {
        let name: [UInt8]
        let isDeflated: Bool
        let checksum: UInt32
        let stored: Int
        let size: Int
        let offset: Int
    }

    /// The largest number that a field of 32 bits holds; it itself points to the field of 64 bits.
    private static let limit = 0xFFFF_FFFF

    /// - Parameters:
    ///   - names: of the files, each once.
    ///   - deflates: whether they are compressed.
    ///   - contents: of a file, asked for in turn, so that one at a time is in memory.
    /// - Throws: `file` where it cannot be written; what `contents` throws.
    package static func write(
        _ names: [String], deflates: Bool, to path: String, contents: (Int) throws(TensorError) -> [UInt8]
    ) throws(TensorError) {
        try AtomicFile.write(to: path) { output throws(TensorError) in
            var rows: [Row] = []
            var offset = 0
            for (index, name) in names.enumerated() {
                let bytes = try contents(index)
                let stored = deflates ? try Deflate.deflate(bytes, what: path) : bytes
                let row = Row(
                    name: Array(name.utf8), isDeflated: deflates, checksum: Deflate.checksum(bytes),
                    stored: stored.count, size: bytes.count, offset: offset)
                let header = local(row)
                try output.append(header)
                try output.append(stored)
                offset += header.count + stored.count
                rows.append(row)
            }
            let directory = rows.flatMap(central)
            try output.append(directory)
            try output.append(end(count: rows.count, size: directory.count, offset: offset))
        }
    }

    private static func number(_ value: Int, _ length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func field(_ value: Int) -> [UInt8] { number(Swift.min(value, limit), 4) }

    /// From the version on, what both headers of a file have: flags (names are UTF-8), method, time, date, checksum.
    private static func common(_ row: Row, isLarge: Bool) -> [UInt8] {
        number(isLarge ? 45 : 20, 2) + number(1 << 11, 2) + number(row.isDeflated ? 8 : 0, 2) + number(0, 2)
            + number(0x21, 2) + number(Int(row.checksum), 4)
    }

    private static func local(_ row: Row) -> [UInt8] {
        // A local header has both sizes in its field, or none.
        let isLarge = Swift.max(row.size, row.stored) >= limit
        let extra = isLarge ? number(1, 2) + number(16, 2) + number(row.size, 8) + number(row.stored, 8) : []
        let sizes = isLarge ? number(limit, 4) + number(limit, 4) : number(row.stored, 4) + number(row.size, 4)
        return number(0x0403_4B50, 4) + common(row, isLarge: isLarge) + sizes + number(row.name.count, 2)
            + number(extra.count, 2) + row.name + extra
    }

    private static func central(_ row: Row) -> [UInt8] {
        let values = [row.size, row.stored, row.offset].filter { $0 >= limit }.flatMap { number($0, 8) }
        let extra = values.isEmpty ? [] : number(1, 2) + number(values.count, 2) + values
        let head = number(0x0201_4B50, 4) + number(45, 2) + common(row, isLarge: !values.isEmpty)
        let lengths = number(row.name.count, 2) + number(extra.count, 2) + number(0, 2)
        // Disk, attributes inside and outside.
        return head + field(row.stored) + field(row.size) + lengths + number(0, 8) + field(row.offset) + row.name
            + extra
    }

    private static func end(count: Int, size: Int, offset: Int) -> [UInt8] {
        var result: [UInt8] = []
        if count >= 0xFFFF || size >= limit || offset >= limit {
            result += number(0x0606_4B50, 4) + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 8)
            result += number(count, 8) + number(count, 8) + number(size, 8) + number(offset, 8)
            result += number(0x0706_4B50, 4) + number(0, 4) + number(offset + size, 8) + number(1, 4)
        }
        let counts = number(Swift.min(count, 0xFFFF), 2)
        return result + number(0x0605_4B50, 4) + number(0, 4) + counts + counts + field(size) + field(offset)
            + number(0, 2)
    }
}
