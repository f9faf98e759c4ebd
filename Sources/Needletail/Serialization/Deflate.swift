import CZlib
import TensorRuntime

/// Raw deflate data ([RFC 1951](https://www.rfc-editor.org/rfc/rfc1951)) through zlib, of buffers of any length.
enum Deflate {
    /// zlib counts in 32 bits.
    private static let longestStep = 1 << 30

    /// The CRC-32 of zip and gzip.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count)) }
    }

    /// The bytes that `data` decompresses to, which are `size` many.
    ///
    /// - Parameter what: for errors, the file and the part of it.
    static func inflate(_ data: [UInt8], size: Int, what: String) throws(TensorError) -> [UInt8] {
        let wrong = TensorError(.data, "\(what) does not decompress to its \(size) bytes; get the file again")
        return try run(data, capacity: size, what: what, wrong) { stream in
            // A negative number of window bits means that there is no header.
            inflateInit2_(stream, -15, zlibVersion(), Int32(MemoryLayout<z_stream>.size))
        } step: { stream, _ in
            CZlib.inflate(stream, Z_NO_FLUSH)
        } end: {
            inflateEnd($0)
        } isRight: {
            $0 == size
        }
    }

    /// The bytes, compressed.
    static func deflate(_ bytes: [UInt8], what: String) throws(TensorError) -> [UInt8] {
        // zlib's own bound, of which some versions count in 32 bits.
        let capacity = bytes.count + bytes.count >> 12 + bytes.count >> 14 + bytes.count >> 25 + 64
        let wrong = TensorError(.file, "\(what): zlib cannot compress \(bytes.count) bytes; write them uncompressed")
        return try run(bytes, capacity: capacity, what: what, wrong) { stream in
            deflateInit2_(
                stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, zlibVersion(),
                Int32(MemoryLayout<z_stream>.size))
        } step: { stream, isLast in
            CZlib.deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
        } end: {
            deflateEnd($0)
        } isRight: { _ in
            true
        }
    }

    private static func run(
        _ input: [UInt8], capacity: Int, what: String, _ wrong: TensorError,
        start: (UnsafeMutablePointer<z_stream>) -> Int32,
        step: (UnsafeMutablePointer<z_stream>, Bool) -> Int32, end: (UnsafeMutablePointer<z_stream>) -> Void,
        isRight: (Int) -> Bool
    ) throws(TensorError) -> [UInt8] {
        // zlib keeps the address of its state.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        let noMemory = TensorError(.outOfMemory, "\(what): no memory for zlib; free some memory")
        guard start(stream) == Z_OK else { throw noMemory }
        defer { end(stream) }
        var code = Z_OK
        // A byte more, so that data of no bytes has an address to end at, and what is too long is seen.
        let output = [UInt8](unsafeUninitializedCapacity: capacity + 1) { buffer, made in
            input.withUnsafeBufferPointer { source in
                var used = 0
                while code == Z_OK {
                    let available = Swift.min(source.count - used, longestStep)
                    let free = Swift.min(buffer.count - made, longestStep)
                    stream.pointee.next_in = source.baseAddress.map { UnsafeMutablePointer(mutating: $0 + used) }
                    stream.pointee.avail_in = UInt32(available)
                    stream.pointee.next_out = buffer.baseAddress! + made
                    stream.pointee.avail_out = UInt32(free)
                    code = step(stream, used + available == source.count)
                    let read = available - Int(stream.pointee.avail_in)
                    let written = free - Int(stream.pointee.avail_out)
                    used += read
                    made += written
                    if code == Z_OK, read == 0, written == 0 { code = Z_BUF_ERROR }
                }
            }
        }
        if code == Z_MEM_ERROR { throw noMemory }
        guard code == Z_STREAM_END, isRight(output.count) else { throw wrong }
        return output
    }
}
