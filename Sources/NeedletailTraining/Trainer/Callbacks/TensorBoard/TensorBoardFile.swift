import Foundation
import Needletail
import TensorRuntime

/// An event file on disk, which one run writes and which grows by whole records.
struct TensorBoardFile {
    let path: String

    private static let prefix = "events.out.tfevents."

    /// Whether there are event files in a directory, of whichever program.
    static func areIn(_ directory: String) -> Bool { !names(directory).isEmpty }

    private static func names(_ directory: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return all.filter { $0.hasPrefix(prefix) }
    }

    /// Makes an empty file. Readers take the files of a directory in the order of their names: its name is behind those that are there.
    init(in directory: String) throws(TensorError) {
        func name(_ microseconds: Int) -> String {
            String(
                format: "%@%010ld.%06ld.needletail", TensorBoardFile.prefix, microseconds / 1_000_000,
                microseconds % 1_000_000)
        }
        var microseconds = Int(Date().timeIntervalSince1970 * 1e6)
        // Where a clock was set back.
        if let last = TensorBoardFile.names(directory).max(), last >= name(microseconds),
            let seconds = Int(last.dropFirst(TensorBoardFile.prefix.count).prefix { $0 != "." }),
            seconds < 1 << 40
        {
            microseconds = Swift.max(microseconds, (seconds + 1) * 1_000_000)
        }
        while true {
            let path = "\(directory)/\(name(microseconds))"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 {
                close(descriptor)
                self.path = path
                return
            }
            guard errno == EEXIST else {
                throw TensorError(.file, "\(path): cannot be made: \(systemMessage(errno)); name a writable directory")
            }
            microseconds += 1
        }
    }

    /// Whether it was not removed.
    var isThere: Bool { FileManager.default.fileExists(atPath: path) }

    /// Appends the records of events, all or none of them.
    func append(_ events: [[UInt8]]) throws(TensorError) {
        let bytes = events.flatMap { TensorBoardEvents.record($0) }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw TensorError(
                .file, "\(path): \(systemMessage(errno)); leave the file writable while training goes on")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw TensorError(.file, "\(path): \(systemMessage(errno)); check the path")
        }
        let code: Int32 = bytes.withUnsafeBufferPointer { buffer in
            var written = 0
            while written < buffer.count {
                let count = write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                if count > 0 {
                    written += count
                } else if count == 0 || errno != EINTR {
                    return count == 0 ? EIO : errno
                }
            }
            return 0
        }
        guard code != 0 else { return }
        _ = ftruncate(descriptor, status.st_size)
        throw TensorError(
            .file, "\(path): cannot be written: \(systemMessage(code)); free space or name another directory")
    }
}
