import Foundation
import Needletail
import TensorRuntime

/// An event file on disk, which grows by whole records.
enum TensorBoardFile {
    /// Where records of some events lie in a file, by step: those whose time is the step's. Ends at what is no record, as one that a
    /// killed process left half written.
    ///
    /// - Parameter times: of steps 0, 1, ...
    static func records(
        in file: FileReader, at times: [Double]
    ) throws(TensorError) -> [Int: [(start: Int, count: Int)]] {
        var result: [Int: [(start: Int, count: Int)]] = [:]
        var place = 0
        while file.size - place >= 16 {
            let head = try file.read(12, at: place)
            let length = number(head[..<8])
            guard length <= UInt64(file.size - place - 16),
                UInt32(truncatingIfNeeded: number(head[8...])) == TensorBoardEvents.masked(Array(head[..<8]))
            else { break }
            let count = Int(length) + 16
            let record = try file.read(Int(length) + 4, at: place + 12)
            let event = Array(record.dropLast(4))
            guard UInt32(truncatingIfNeeded: number(record.suffix(4))) == TensorBoardEvents.masked(event) else { break }
            if let (time, step) = stamp(of: event), times.indices.contains(step), times[step].bitPattern == time {
                result[step, default: []].append((place, count))
            }
            place += count
        }
        return result
    }

    /// Time and step, with which an event of ``TensorBoardEvents`` begins; one without a step is of step 0.
    private static func stamp(of event: [UInt8]) -> (time: UInt64, step: Int)? {
        guard event.count > 9, event[0] == 1 << 3 | 1 else { return nil }
        let time = number(event[1..<9])
        guard event[9] == 2 << 3 else { return (time, 0) }
        var step = 0
        for (index, byte) in event[10...].prefix(8).enumerated() {
            step |= Int(byte & 127) << (7 * index)
            if byte < 128 { return (time, step) }
        }
        return nil
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Appends bytes, all or none of them.
    static func append(_ bytes: [UInt8], to path: String) throws(TensorError) {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw TensorError(
                .file, "\(path): \(systemMessage(errno)); leave the file where it is while training goes on")
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
