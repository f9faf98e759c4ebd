import Foundation
import TensorRuntime

/// Compiled programs in files, one each, by what they depend on: text, options, device, driver and their versions.
///
/// Files are written under another name and then renamed, so that processes may share the directory. A file that is cut
/// short, spoilt or of another program is as none.
public struct ProgramCache: Sendable {
    /// A compiled program, and for which variants of its launches it holds machine code.
    public struct Entry: Equatable, Sendable {
        public var binary: [UInt8]
        public var variants: UInt8

        public init(binary: [UInt8], variants: UInt8) {
            self.binary = binary
            self.variants = variants
        }
    }

    public let directory: String
    /// Why nothing is kept, if so.
    public let complaint: String?

    private let magic: [UInt8]

    /// - Parameters:
    ///   - directory: nil keeps nothing.
    ///   - backend: the backend's name; its programs have a folder of their own.
    public init(directory: String?, backend: String) {
        self.directory = directory.map { "\($0)/\(backend)" } ?? ""
        magic = Array("needletail/\(backend)/1\n".utf8)
        complaint = directory == nil ? "compiled programs are not kept" : ProgramCache.complaint(self.directory)
    }

    /// Why a directory cannot be written, judged by the nearest part of its path that is there; it need not be made yet.
    ///
    /// Permissions do not say it all (nobody can make a directory in `/proc`), so that one is made there and removed.
    private static func complaint(_ directory: String) -> String? {
        var path = directory
        while !FileManager.default.fileExists(atPath: path), path != "/", !path.isEmpty {
            path = (path as NSString).deletingLastPathComponent
        }
        var name = Array("\(path)/.needletail-XXXXXX".utf8CString)
        let isMade = name.withUnsafeMutableBufferPointer { name in
            mkdtemp(name.baseAddress!) != nil && rmdir(name.baseAddress!) == 0
        }
        if isMade { return nil }
        return
            "compiled programs are not kept: \(directory) cannot be written; set NEEDLETAIL_CACHE to another directory"
    }

    /// The path of the file for a key.
    public func path(_ key: [UInt8]) -> String { "\(directory)/\(ProgramCache.name(key)).bin" }

    /// 128-bit FNV-1a, as 32 digits. Keys that share it take each other's place, no more: a file holds its whole key.
    public static func name(_ key: [UInt8]) -> String {
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        for byte in key { hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }

    // MARK: Files

    public func load(_ key: [UInt8]) -> Entry? {
        guard !directory.isEmpty, let data = FileManager.default.contents(atPath: path(key)) else { return nil }
        let entry = entry([UInt8](data), key: key)
        if entry != nil { touch(path(key)) }
        return entry
    }

    /// Keeps a program; whether that worked is no one's concern.
    public func store(_ key: [UInt8], _ entry: Entry) {
        guard complaint == nil else { return }
        write(file(entry, key: key), to: path(key))
    }

    /// Keeps the text and log of a program that could not be built; the path, or nil where nothing can be written.
    func storeFailure(_ text: [UInt8], key: [UInt8]) -> String? {
        let name = "failed-\(ProgramCache.name(key)).txt"
        let folder = complaint == nil ? directory : FileManager.default.temporaryDirectory.path
        let path = "\(folder)/\(complaint == nil ? "" : "needletail-")\(name)"
        return write(text, to: path) ? path : nil
    }

    @discardableResult
    private func write(_ bytes: [UInt8], to path: String) -> Bool {
        let folder = (path as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            return false
        }
        let temporary = "\(path).\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max)).tmp"
        guard FileManager.default.createFile(atPath: temporary, contents: Data(bytes)) else { return false }
        if rename(temporary, path) == 0 { return true }
        unlink(temporary)
        return false
    }

    // MARK: Format: magic, checksum of the rest, variants, length of the key, key, binary

    private func file(_ entry: Entry, key: [UInt8]) -> [UInt8] {
        let rest = [entry.variants] + ProgramCache.bytes(UInt64(key.count)) + key + entry.binary
        return magic + ProgramCache.bytes(ProgramCache.checksum(rest[...])) + rest
    }

    private func entry(_ file: [UInt8], key: [UInt8]) -> Entry? {
        let head = magic.count + 8
        guard file.count > head + 9, file.starts(with: magic),
            ProgramCache.number(file[magic.count...]) == ProgramCache.checksum(file[head...])
        else { return nil }
        let keyStart = head + 9
        guard ProgramCache.number(file[(head + 1)...]) == UInt64(key.count), file[keyStart...].starts(with: key) else {
            return nil
        }
        return Entry(binary: Array(file[(keyStart + key.count)...]), variants: file[head])
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.withUnsafeBufferPointer { bytes in
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            return hash
        }
    }
}
