import Foundation

/// MD5 ([RFC 1321](https://www.rfc-editor.org/rfc/rfc1321)), which the pages of data sets give for their files. It tells a
/// broken file, not a forged one.
package struct MD5 {
    private var state: SIMD4<UInt32> = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]
    private var rest: [UInt8] = []
    private var count = 0

    /// How far a step turns: four numbers for each of four rounds.
    private static let turns: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]

    /// The sines of 1 to 64, as the RFC defines them, cut to 32 bits.
    private static let sines: [UInt32] = (1...64).map { UInt32(abs(sin(Double($0))) * 0x1p32) }

    package init() {}

    package mutating func update(_ bytes: some Collection<UInt8>) {
        count += bytes.count
        let pending = rest + bytes
        var start = 0
        pending.withUnsafeBytes { buffer in
            while buffer.count - start >= 64 {
                MD5.add(UnsafeRawBufferPointer(rebasing: buffer[start..<(start + 64)]), to: &state)
                start += 64
            }
        }
        rest = Array(pending[start...])
    }

    /// The sum of all bytes so far, 32 hexadecimal digits.
    package func digest() -> String {
        var last = self
        let length = UInt64(count) &* 8
        let zeros = (119 - count % 64) % 64
        last.update([0x80] + Array(repeating: 0, count: zeros))
        last.update((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) })
        return (0..<4).map { word in
            (0..<4).map { byte in
                let value = UInt8(truncatingIfNeeded: last.state[word] >> UInt32(8 * byte))
                return (value < 16 ? "0" : "") + String(value, radix: 16)
            }.joined()
        }.joined()
    }

    package static func digest(of bytes: [UInt8]) -> String {
        var sum = MD5()
        sum.update(bytes)
        return sum.digest()
    }

    /// Adds a block of 64 bytes.
    private static func add(_ block: UnsafeRawBufferPointer, to state: inout SIMD4<UInt32>) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        for step in 0..<64 {
            let mixed: UInt32
            let place: Int
            switch step / 16 {
            case 0: (mixed, place) = ((b & c) | (~b & d), step)
            case 1: (mixed, place) = ((d & b) | (~d & c), (5 * step + 1) % 16)
            case 2: (mixed, place) = (b ^ c ^ d, (3 * step + 5) % 16)
            default: (mixed, place) = (c ^ (b | ~d), 7 * step % 16)
            }
            let word = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self))
            let sum = a &+ mixed &+ sines[step] &+ word
            let turn = turns[4 * (step / 16) + step % 4]
            (a, d, c, b) = (d, c, b, b &+ (sum << turn | sum >> (32 - turn)))
        }
        state = state &+ [a, b, c, d]
    }
}
