import Needletail
import NeedletailTraining
import TensorRuntime

/// The regular files of a tar archive
/// ([pax](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html), section ustar), by their names.
package struct TarArchive {
    package struct File {
        package let name: String
        /// Where its contents lie.
        package let bytes: ArraySlice<UInt8>
    }

    package let files: [File]

    private static let block = 512

    /// Reads headers and nothing else: contents are slices of `bytes`.
    ///
    /// Throws `.data` where a header's checksum is wrong, or a file ends behind the archive's end. `path` is for the messages.
    package init(_ bytes: [UInt8], path: String) throws(TensorError) {
        var files: [File] = []
        var position = 0
        var longName: String?
        while position < bytes.count {
            guard bytes.count - position >= TarArchive.block else { throw TarArchive.truncated(path, bytes.count) }
            let header = bytes[position..<(position + TarArchive.block)]
            // Blocks of zeros end an archive.
            if header.allSatisfy({ $0 == 0 }) { break }
            let size = try TarArchive.size(header, position, path)
            let start = position + TarArchive.block
            guard size <= bytes.count - start else { throw TarArchive.truncated(path, bytes.count) }
            let contents = bytes[start..<(start + size)]
            switch header[header.startIndex + 156] {
            case UInt8(ascii: "0"), 0:
                files.append(File(name: longName ?? TarArchive.name(header), bytes: contents))
                longName = nil
            // GNU tar's way to say the name of the next file.
            case UInt8(ascii: "L"): longName = TarArchive.text(contents)
            // Folders, links, and what pax says beside.
            default: longName = nil
            }
            position = start + (size + TarArchive.block - 1) / TarArchive.block * TarArchive.block
        }
        // Contents are filled up to whole blocks.
        guard position <= bytes.count else { throw TarArchive.truncated(path, bytes.count) }
        self.files = files
    }

    /// The contents of the file whose path ends with a name.
    package func file(_ name: String) -> ArraySlice<UInt8>? {
        files.first { $0.name == name || $0.name.hasSuffix("/\(name)") }?.bytes
    }

    private static func truncated(_ path: String, _ count: Int) -> TensorError {
        TensorError(.data, "\(path): tar archive ends early, at byte \(count); the file is truncated: get it again")
    }

    private static func field(_ header: ArraySlice<UInt8>, _ range: Range<Int>) -> ArraySlice<UInt8> {
        header[(header.startIndex + range.lowerBound)..<(header.startIndex + range.upperBound)]
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func name(_ header: ArraySlice<UInt8>) -> String {
        let prefix = text(field(header, 257..<262)) == "ustar" ? text(field(header, 345..<500)) : ""
        let name = text(field(header, 0..<100))
        return prefix.isEmpty ? name : "\(prefix)/\(name)"
    }

    /// An octal number.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        let digits = text(bytes).split(separator: " ").first.map(String.init) ?? ""
        return digits.isEmpty ? nil : Int(digits, radix: 8)
    }

    private static func size(
        _ header: ArraySlice<UInt8>, _ position: Int, _ path: String
    ) throws(TensorError) -> Int {
        // The sum of the header's bytes, its own eight as spaces.
        let sum =
            header.reduce(0) { $0 + Int($1) } - field(header, 148..<156).reduce(0) { $0 + Int($1) } + 8 * 32
        guard number(field(header, 148..<156)) == sum, let size = number(field(header, 124..<136)), size >= 0 else {
            throw TensorError(
                .data, "\(path): no header of a tar archive at byte \(position); the file is corrupt: get it again")
        }
        return size
    }
}
