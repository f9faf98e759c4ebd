import CZlib
import TensorRuntime

/// The files of a zip archive, as NumPy's `.npz` and PyTorch's `.pt` are: stored or deflated, of any size.
///
/// Source: [APPNOTE.TXT](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3 to 4.5.
package struct ZipArchive {
    /// Where a file lies, as the central directory says.
    package struct Member {
        package let name: String
        /// Bytes, once it is decompressed.
        package let size: Int
        let method: UInt16
        let checksum: UInt32
        let compressedSize: Int
        let offset: Int
    }

    /// In the order of the directory; names are unique.
    package private(set) var members: [Member] = []
    private let reader: FileReader

    /// More than any archive of arrays has.
    private static let maximumMembers = 1 << 20
    /// The end record, with the longest comment.
    private static let longestEnd = 22 + 65535

    /// Reads the directory, and checks it whole.
    ///
    /// - Throws: `file` where the file cannot be read; `data` where it is no zip archive, or a broken one.
    package init(contentsOf path: String) throws(TensorError) {
        reader = try FileReader(path: path)
        let directory = try findDirectory()
        var bytes = ZipBytes(bytes: try reader.read(directory.size, at: directory.offset), path: path)
        var names: Set<String> = []
        var stored = 0
        for _ in 0..<directory.count {
            let member = try member(&bytes)
            guard names.insert(member.name).inserted else {
                throw corrupt("holds \(quoted(member.name)) twice")
            }
            stored += member.compressedSize
            guard stored <= reader.size else { throw corrupt("holds files that lie in each other") }
            members.append(member)
        }
    }

    /// Whether a file begins as a zip archive does.
    package static func isArchive(_ path: String) throws(TensorError) -> Bool {
        let reader = try FileReader(path: path)
        return reader.size >= 4
            ? [[0x50, 0x4B, 3, 4], [0x50, 0x4B, 5, 6]].contains(try reader.read(4, at: 0)) : false
    }

    package var path: String { reader.path }

    /// Of the whole file.
    var byteCount: Int { reader.size }

    package func corrupt(_ reason: String) -> TensorError {
        TensorError(.data, "\(reader.path): \(reason); the archive is corrupt or of another kind: get it again")
    }

    /// The directory's place: from the end record, or the larger one before it.
    private func findDirectory() throws(TensorError) -> (offset: Int, size: Int, count: Int) {
        let tailSize = Swift.min(reader.size, ZipArchive.longestEnd)
        let tailStart = reader.size - tailSize
        let tail = try reader.read(tailSize, at: tailStart)
        var place = tail.count - 22
        while place >= 0,
            !(tail[place] == 0x50 && tail[place + 1] == 0x4B && tail[place + 2] == 5 && tail[place + 3] == 6)
        {
            place -= 1
        }
        guard place >= 0 else { throw corrupt("has no end record of a zip archive") }
        var end = ZipBytes(bytes: Array(tail[(place + 4)...]), path: path)
        let disks = (try end.uint16(), try end.uint16())
        _ = try end.uint16()
        var count = Int(try end.uint16())
        var size = Int(try end.uint32())
        var offset = Int(try end.uint32())
        guard disks == (0, 0) else { throw corrupt("is a part of an archive on several disks") }
        if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF, place + tailStart >= 20 {
            var locator = ZipBytes(bytes: try reader.read(20, at: place + tailStart - 20), path: path)
            if try locator.uint32() == 0x0706_4B50 {
                _ = try locator.uint32()
                let large = try locator.size("the end record")
                var record = ZipBytes(bytes: try reader.read(56, at: large), path: path)
                guard try record.uint32() == 0x0606_4B50 else {
                    throw corrupt("has no zip64 end record at byte \(large)")
                }
                try record.skip(28)
                count = try record.size("the number of files")
                size = try record.size("the directory")
                offset = try record.size("the directory's place")
            }
        }
        guard count <= ZipArchive.maximumMembers, count <= size / 46, offset <= reader.size,
            size <= reader.size - offset
        else {
            throw corrupt(
                "has a directory of \(count) files in \(size) bytes at \(offset), in a file of \(reader.size)")
        }
        return (offset, size, count)
    }

    private func member(_ bytes: inout ZipBytes) throws(TensorError) -> Member {
        guard try bytes.uint32() == 0x0201_4B50 else { throw corrupt("has a damaged directory") }
        try bytes.skip(4)
        let flags = try bytes.uint16()
        let method = try bytes.uint16()
        try bytes.skip(4)
        let checksum = try bytes.uint32()
        var compressedSize = Int(try bytes.uint32())
        var size = Int(try bytes.uint32())
        let nameLength = Int(try bytes.uint16())
        let extraLength = Int(try bytes.uint16())
        let commentLength = Int(try bytes.uint16())
        try bytes.skip(8)
        var offset = Int(try bytes.uint32())
        let nameBytes = try bytes.take(nameLength)
        guard let name = String(validating: nameBytes, as: UTF8.self) else {
            throw corrupt("has a name that is no UTF-8")
        }
        var extra = ZipBytes(bytes: try bytes.take(extraLength), path: path)
        try bytes.skip(commentLength)
        while extra.count >= 4 {
            let kind = try extra.uint16()
            var field = ZipBytes(bytes: try extra.take(Int(try extra.uint16())), path: path)
            guard kind == 1 else { continue }
            // Only what does not fit 32 bits stands here, in this order.
            if size == 0xFFFF_FFFF { size = try field.size(quoted(name)) }
            if compressedSize == 0xFFFF_FFFF { compressedSize = try field.size(quoted(name)) }
            if offset == 0xFFFF_FFFF { offset = try field.size(quoted(name)) }
        }
        guard flags & 1 == 0 else { throw corrupt("file \(quoted(name)) is encrypted") }
        guard method == 0 || method == 8 else {
            throw TensorError(
                .data, "\(path): file \(quoted(name)) is compressed by method \(method); store or deflate it")
        }
        guard offset <= reader.size, compressedSize <= reader.size - offset,
            method == 8 ? size / 1032 <= compressedSize : size == compressedSize
        else {
            throw corrupt("file \(quoted(name)) of \(size) bytes cannot come from \(compressedSize) at \(offset)")
        }
        return Member(
            name: name, size: size, method: method, checksum: checksum, compressedSize: compressedSize, offset: offset)
    }

    /// The member of that name; nil where there is none. Linear in the number of members.
    package subscript(name: String) -> Member? { members.first { $0.name == name } }

    /// The bytes of a file, decompressed, of which the checksum is right.
    ///
    /// - Throws: `data` where they are not what the directory says; `file`, `outOfMemory`.
    package func contents(of member: Member) throws(TensorError) -> [UInt8] {
        var header = ZipBytes(bytes: try reader.read(30, at: member.offset), path: path)
        guard try header.uint32() == 0x0403_4B50 else {
            throw corrupt("file \(quoted(member.name)) does not begin at byte \(member.offset)")
        }
        try header.skip(22)
        let skipped = 30 + Int(try header.uint16()) + Int(try header.uint16())
        let stored = try reader.read(member.compressedSize, at: member.offset + skipped)
        let bytes =
            member.method == 0
            ? stored : try Deflate.inflate(stored, size: member.size, what: "\(path): file \(quoted(member.name))")
        guard Deflate.checksum(bytes) == member.checksum else {
            throw corrupt("file \(quoted(member.name)) fails its checksum")
        }
        return bytes
    }
}

/// Bytes of an archive's records, read from the front; numbers are little-endian.
struct ZipBytes {
    private let bytes: [UInt8]
    private let path: String
    private var place = 0

    init(bytes: [UInt8], path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// How many are left.
    var count: Int { bytes.count - place }

    mutating func take(_ length: Int) throws(TensorError) -> [UInt8] {
        guard length <= count else {
            throw TensorError(.data, "\(path): a record of the archive ends early; the file is truncated: get it again")
        }
        defer { place += length }
        return Array(bytes[place..<place + length])
    }

    mutating func skip(_ length: Int) throws(TensorError) { _ = try take(length) }

    private mutating func number(_ length: Int) throws(TensorError) -> UInt64 {
        try take(length).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func uint16() throws(TensorError) -> UInt16 { UInt16(try number(2)) }
    mutating func uint32() throws(TensorError) -> UInt32 { UInt32(try number(4)) }

    /// A size of 64 bits.
    mutating func size(_ what: String) throws(TensorError) -> Int {
        let value = try number(8)
        guard let size = Int(exactly: value) else {
            throw TensorError(.data, "\(path): \(what) is said to be of \(value) bytes; the archive is corrupt")
        }
        return size
    }
}
