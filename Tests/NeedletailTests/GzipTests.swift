import Needletail
import NeedletailVision
import TensorRuntime
import TestSupport
import Testing

/// What Python's `gzip.compress(b"needletail", mtime=0)` and `gzip.compress(bytes(100000), mtime=0)` give.
enum GzipSample {
    static let word: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 75, 77, 77, 201, 73, 45, 73, 204, 204, 1, 0, 42, 2, 53, 174, 10, 0, 0,
        0,
    ]
    static let zeros: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 237, 193, 49, 1, 0, 0, 0, 194, 160, 245, 79, 109, 13, 15, 160, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 87, 3, 125, 149, 17, 212, 160, 134, 1, 0,
    ]

    /// Stored, not compressed: a gzip file of `bytes` (at most 65,535), for tests that make files.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1] + littleEndian(bytes.count, 2) + littleEndian(~bytes.count, 2)
            + bytes + littleEndian(Int(~crc), 4) + littleEndian(bytes.count, 4)
    }
}

@Suite("Gzip")
struct GzipTests {
    @Test("a gzip file decompresses to what was compressed")
    func decompresses() throws {
        #expect(try Gzip.decompress(GzipSample.word, path: "word.gz") == Array("needletail".utf8))
        #expect(try Gzip.decompress(GzipSample.zeros, path: "zeros.gz") == [UInt8](repeating: 0, count: 100_000))
        #expect(try Gzip.decompress(GzipSample.stored([1, 2, 3]), path: "stored.gz") == [1, 2, 3])
        #expect(try Gzip.decompress(GzipSample.stored([]), path: "nothing.gz") == [])
    }

    @Test("members that follow each other are joined")
    func joinsMembers() throws {
        let joined = try Gzip.decompress(GzipSample.word + GzipSample.stored([33]), path: "two.gz")
        #expect(joined == Array("needletail!".utf8))
    }

    @Test("zeros behind a member are padding")
    func skipsPadding() throws {
        let zeros = [UInt8](repeating: 0, count: 512)
        #expect(try Gzip.decompress(GzipSample.word + zeros, path: "padded.gz") == Array("needletail".utf8))
        let joined = try Gzip.decompress(GzipSample.word + [0, 0] + GzipSample.stored([33]) + [0], path: "two.gz")
        #expect(joined == Array("needletail!".utf8))
        let directory = TemporaryDirectory()
        let path = directory.write(GzipSample.stored([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]) + zeros, to: "padded-idx1.gz")
        #expect(try IDXFile(contentsOf: path).bytes == [7, 9])
    }

    @Test("a gzip file cut at any byte is an error")
    func findsTruncation() {
        for count in 2..<GzipSample.word.count {
            expectError(.data, containing: "cut.gz", "truncated") { () throws(TensorError) in
                try Gzip.decompress(Array(GzipSample.word[..<count]), path: "cut.gz")
            }
        }
        expectError(.data, containing: "empty") { () throws(TensorError) in try Gzip.decompress([], path: "cut.gz") }
    }

    @Test("a wrong checksum, a wrong length and a damaged block are errors")
    func findsCorruption() {
        for index in [10, GzipSample.word.count - 8, GzipSample.word.count - 1] {
            var bytes = GzipSample.word
            bytes[index] ^= 0x5A
            expectError(.data, containing: "bad.gz") { () throws(TensorError) in
                try Gzip.decompress(bytes, path: "bad.gz")
            }
        }
    }

    @Test("bytes behind the end are an error")
    func findsTrailingBytes() {
        for bytes in [[1, 2], [0, 1, 2], [0, 0, 31, 0]] as [[UInt8]] {
            expectError(.data, containing: "2 bytes follow") { () throws(TensorError) in
                try Gzip.decompress(GzipSample.word + bytes, path: "more.gz")
            }
        }
    }

    @Test("what is no gzip file is an error")
    func findsOtherFiles() {
        expectError(.data, containing: "no gzip file") { () throws(TensorError) in
            try Gzip.decompress(Array("plain".utf8), path: "plain.gz")
        }
    }

    @Test("decompression stops at the limit")
    func stopsAtTheLimit() throws {
        #expect(try Gzip.decompress(GzipSample.zeros, path: "zeros.gz", limit: 100_000).count == 100_000)
        expectError(.data, containing: "more than 99999 bytes") { () throws(TensorError) in
            try Gzip.decompress(GzipSample.zeros, path: "zeros.gz", limit: 99_999)
        }
    }
}
