import Foundation
import TensorRuntime

/// Writes files that exist in full or not at all.
package enum AtomicFile {
    /// Writes `chunks` one after the other to `path`: under a temporary name in the same directory, synchronised, then
    /// renamed. Whatever fails, the file that was at `path` stays as it was and nothing else is left.
    package static func write(_ chunks: some Sequence<[UInt8]>, to path: String) throws(TensorError) {
        try write(to: path) { output throws(TensorError) in
            for chunk in chunks { try output.append(chunk) }
        }
    }

    /// As ``write(_:to:)``, with a body that appends. An error from `body` leaves nothing behind.
    package static func write(to path: String, _ body: (Output) throws(TensorError) -> Void) throws(TensorError) {
        try checkTarget(path)
        let output = try Output(target: path)
        output.removeLeftovers()
        try body(output)
        try output.commit()
    }

    private static func checkTarget(_ path: String) throws(TensorError) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            throw TensorError(.file, "\(path): is a directory; name a file in it, or move the directory away")
        }
        throw TensorError(.file, "\(path): is a device or a pipe, which cannot be replaced; name a file")
    }

    /// Makes `directory` where it is missing, with those above it, finds out whether `file` can be made in it, and clears away
    /// what a killed process left half written there.
    ///
    /// To be called before long work whose result will be written there.
    package static func prepare(directory: String, file: String = "file") throws(TensorError) {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw TensorError(
                .file, "\(directory): this directory cannot be made; name one that exists or whose parent is writable")
        }
        try checkTarget("\(directory)/\(file)")
        // Never committed: its deinit takes the file away.
        try Output(target: "\(directory)/\(file)").removeLeftovers()
    }

    /// The temporary file. Unless it is committed, it is removed when this is released.
    ///
    /// It is locked while it is written, and a lock goes with its process: what a killed one left is known by having none.
    package final class Output {
        private static let prefix = ".needletail-"
        private static let suffix = ".partial"

        private let target: String
        private let temporary: String
        private let directory: String
        private var descriptor: Int32

        fileprivate init(target: String) throws(TensorError) {
            let parent = target.lastIndex(of: "/").map { String(target[..<$0]) }
            directory = parent.map { $0.isEmpty ? "/" : $0 } ?? "."
            temporary = "\(directory)/\(Output.prefix)\(getpid())-\(UInt64.random(in: 0...UInt64.max))\(Output.suffix)"
            self.target = target
            while true {
                descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
                guard descriptor >= 0 else {
                    let code = errno
                    throw TensorError(
                        .file,
                        "\(target): cannot be written: \(systemMessage(code)) (\(directory)); name a writable directory"
                    )
                }
                // A file system without locks removes no leftovers either.
                flock(descriptor, LOCK_EX)
                var status = stat()
                if fstat(descriptor, &status) != 0 || status.st_nlink > 0 { return }
                // Another process took the file for a leftover before it was locked.
                close(descriptor)
            }
        }

        /// Removes the temporary files beside this one that no process writes.
        fileprivate func removeLeftovers() {
            guard let folder = opendir(directory) else { return }
            defer { closedir(folder) }
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                guard name.hasPrefix(Output.prefix), name.hasSuffix(Output.suffix) else { continue }
                let path = "\(directory)/\(name)"
                let found = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
                guard found >= 0 else { continue }
                if flock(found, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
                close(found)
            }
        }

        deinit {
            guard descriptor >= 0 else { return }
            close(descriptor)
            unlink(temporary)
        }

        /// Appends bytes.
        package func append(_ bytes: [UInt8]) throws(TensorError) {
            let code: Int32 = bytes.withUnsafeBufferPointer { buffer in
                var written = 0
                while written < buffer.count {
                    let count = Foundation.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                    if count > 0 {
                        written += count
                    } else if count == 0 || errno != EINTR {
                        return count == 0 ? EIO : errno
                    }
                }
                return 0
            }
            if code != 0 { throw failure(code) }
        }

        fileprivate func commit() throws(TensorError) {
            if fsync(descriptor) != 0 { throw failure(errno) }
            if rename(temporary, target) != 0 { throw failure(errno) }
            close(descriptor)
            descriptor = -1
            // The rename is durable once the directory is; file systems that cannot do this lose nothing else.
            let parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if parent >= 0 {
                fsync(parent)
                close(parent)
            }
        }

        private func failure(_ code: Int32) -> TensorError {
            let remedy = code == ENOSPC || code == EDQUOT ? "free space or name another directory" : "name another file"
            return TensorError(.file, "\(target): cannot be written: \(systemMessage(code)); \(remedy)")
        }
    }
}
