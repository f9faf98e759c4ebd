import Foundation

extension ProgramCache {
    /// What the directory may hold before the programs that were not used for the longest time go.
    public static let maximumByteCount = 512 << 20

    /// Removes the files that were longest unused until three quarters of the bound are left, and what processes that
    /// were killed left behind. Another process may do the same: a file that is gone is as none.
    public func prune(maximumByteCount: Int = ProgramCache.maximumByteCount) {
        guard complaint == nil else { return }
        let keys: [URLResourceKey] = [.fileSizeKey, .contentModificationDateKey]
        let folder = URL(fileURLWithPath: directory)
        let urls = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: keys)) ?? []
        var files = urls.map { url in
            let values = try? url.resourceValues(forKeys: Set(keys))
            return (url: url, size: values?.fileSize ?? 0, used: values?.contentModificationDate ?? .distantPast)
        }
        let yesterday = Date(timeIntervalSinceNow: -86400)
        for file in files where file.url.pathExtension == "tmp" && file.used < yesterday {
            try? FileManager.default.removeItem(at: file.url)
        }
        files.removeAll { $0.url.pathExtension == "tmp" }
        var total = files.reduce(0) { $0 + $1.size }
        guard total > maximumByteCount else { return }
        for file in files.sorted(by: { $0.used < $1.used }) where total > maximumByteCount / 4 * 3 {
            try? FileManager.default.removeItem(at: file.url)
            total -= file.size
        }
    }

    /// Marks a program as used now.
    func touch(_ path: String) {
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: path)
    }
}
