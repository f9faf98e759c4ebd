import Foundation

/// Times of products in a file of the cache, for one processor and one library.
///
/// The file is written under another name and then renamed, so that processes may share it: the last one's stays, and what
/// it lacks is measured again. One that is damaged, or of another identity, is as none.
struct BLASTimesFile: Sendable {
    private struct Contents: Codable {
        var identity: String
        var times: [String: BLASSelection.Times]
    }

    let path: String
    private let folder: String
    private let identity: String

    init(directory: String, identity: String) {
        folder = "\(directory)/cpu"
        path = "\(folder)/blas-\(BLASTimesFile.name(identity)).json"
        self.identity = identity
    }

    /// The times in the file.
    func read() -> [BLASSelection.SizeClass: BLASSelection.Times] {
        guard let data = FileManager.default.contents(atPath: path) else { return [:] }
        let contents: Contents
        do {
            contents = try JSONDecoder().decode(Contents.self, from: data)
        } catch {
            // A damaged file costs a measurement, no more.
            return [:]
        }
        guard contents.identity == identity else { return [:] }
        var result: [BLASSelection.SizeClass: BLASSelection.Times] = [:]
        for (name, times) in contents.times where times.own > 0 && times.library > 0 {
            if let sizeClass = BLASSelection.SizeClass(rawValue: name) { result[sizeClass] = times }
        }
        return result
    }

    /// Adds the times of a class. Where the file cannot be written, the next process measures again.
    func add(_ times: BLASSelection.Times, of sizeClass: BLASSelection.SizeClass) {
        var all = read()
        all[sizeClass] = times
        let named = Dictionary(uniqueKeysWithValues: all.map { ($0.key.rawValue, $0.value) })
        let temporary = "\(path).\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            let data = try encoder.encode(Contents(identity: identity, times: named))
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try data.write(to: URL(fileURLWithPath: temporary))
        } catch {
            unlink(temporary)
            return
        }
        if rename(temporary, path) != 0 { unlink(temporary) }
    }

    /// 64-bit FNV-1a, in hexadecimal digits. Identities that share it take each other's place, no more.
    private static func name(_ identity: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in identity.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
