import CZlib
import Needletail
import NeedletailTraining
import TensorRuntime

/// Reads gzip data ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)) through zlib.
package enum Gzip {
    /// Bytes that a file decompresses to at most, unless the caller says otherwise.
    package static let defaultLimit = 1 << 31

    /// Whether the bytes begin as gzip data does.
    package static func isCompressed(_ bytes: [UInt8]) -> Bool { begins(bytes, at: 0) }

    private static func begins(_ bytes: [UInt8], at position: Int) -> Bool {
        bytes.count - position >= 2 && bytes[position] == 0x1F && bytes[position + 1] == 0x8B
    }

    /// All members of a gzip file, decompressed and joined.
    ///
    /// Throws `.data` where the bytes are no gzip data, end early, fail their checksum or length, are followed by
    /// something else than zeros, or come to more than `limit` bytes. `path` is for the messages.
    package static func decompress(
        _ bytes: [UInt8], path: String, limit: Int = Gzip.defaultLimit
    ) throws(TensorError) -> [UInt8] {
        guard !bytes.isEmpty else { throw TensorError(.data, "\(path): is empty; get it again") }
        guard isCompressed(bytes) else {
            throw TensorError(.data, "\(path): is no gzip file; take .gz from its name, or get it again")
        }
        var output: [UInt8] = []
        // The length that the file claims, as far as it can be true: deflate never exceeds 1032 to 1.
        let claimed = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        output.reserveCapacity(min(claimed, limit, bytes.count.multipliedReportingOverflow(by: 1032).partialValue))
        var position = 0
        repeat {
            let stream = try InflateStream(path: path)
            try stream.inflate(bytes, from: &position, into: &output, limit: limit)
            // Tapes and some tools fill up with zeros; gzip and Python skip them too.
            while position < bytes.count, bytes[position] == 0 { position += 1 }
        } while begins(bytes, at: position)
        guard position == bytes.count else {
            throw TensorError(
                .data, "\(path): \(bytes.count - position) bytes follow the end of the gzip data; get the file again")
        }
        return output
    }
}

/// One gzip member being decompressed. zlib keeps the address of its state, so the state lives on the heap.
private final class InflateStream {
    private let stream: UnsafeMutablePointer<z_stream>
    private let path: String

    init(path: String) throws(TensorError) {
        self.path = path
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 bits of window, and 16 to expect a gzip header and trailer.
        let code = inflateInit2_(stream, 15 + 16, zlibVersion(), Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else {
            stream.deallocate()
            throw TensorError(.outOfMemory, "\(path): zlib cannot start (code \(code)); free some memory")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Appends what the member that begins at `position` holds, and moves `position` behind it.
    func inflate(
        _ bytes: [UInt8], from position: inout Int, into output: inout [UInt8], limit: Int
    ) throws(TensorError) {
        let chunk = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 << 18)
        defer { chunk.deallocate() }
        while true {
            let (code, used, made) = step(bytes, from: position, into: chunk)
            position += used
            guard made <= limit - output.count else {
                throw TensorError(.data, "\(path): decompresses to more than \(limit) bytes; name a smaller file")
            }
            output.append(contentsOf: chunk[..<made])
            switch code {
            case Z_STREAM_END: return
            case Z_OK where used > 0 || made > 0: continue
            case Z_OK, Z_BUF_ERROR:
                throw TensorError(
                    .data,
                    "\(path): gzip data ends early, after \(bytes.count) bytes; the file is truncated: get it again")
            case Z_MEM_ERROR:
                throw TensorError(.outOfMemory, "\(path): no memory to decompress it; free some memory")
            default:
                let reason = stream.pointee.msg.map { String(cString: $0) } ?? "code \(code)"
                throw TensorError(.data, "\(path): gzip data is corrupt (\(reason)); get the file again")
            }
        }
    }

    private func step(
        _ bytes: [UInt8], from position: Int, into chunk: UnsafeMutableBufferPointer<UInt8>
    ) -> (code: Int32, used: Int, made: Int) {
        bytes.withUnsafeBufferPointer { input in
            let available = min(input.count - position, 1 << 30)
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress! + position)
            stream.pointee.avail_in = UInt32(available)
            stream.pointee.next_out = chunk.baseAddress
            stream.pointee.avail_out = UInt32(chunk.count)
            let code = CZlib.inflate(stream, Z_NO_FLUSH)
            return (code, available - Int(stream.pointee.avail_in), chunk.count - Int(stream.pointee.avail_out))
        }
    }
}
