/// Philox 4x32-10, the counter-based generator of
/// [Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3"](https://doi.org/10.1145/2063384.2063405).
///
/// Number `index` of a stream is word `(offset + index) % 4` of the block whose 128-bit counter is
/// `(offset + index) / 4`, under a 64-bit key. Every device computes the same bits.
public enum Philox {
    /// The four words of one block. The counter's upper 64 bits are zero.
    @inlinable public static func block(counter: UInt64, key: UInt64) -> SIMD4<UInt32> {
        var c = SIMD4<UInt32>(UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), 0, 0)
        var k0 = UInt32(truncatingIfNeeded: key)
        var k1 = UInt32(truncatingIfNeeded: key >> 32)
        for _ in 0..<10 {
            let p0 = UInt64(c[0]) * 0xD251_1F53
            let p1 = UInt64(c[2]) * 0xCD9E_8D57
            c = SIMD4(
                UInt32(truncatingIfNeeded: p1 >> 32) ^ c[1] ^ k0, UInt32(truncatingIfNeeded: p1),
                UInt32(truncatingIfNeeded: p0 >> 32) ^ c[3] ^ k1, UInt32(truncatingIfNeeded: p0))
            k0 &+= 0x9E37_79B9
            k1 &+= 0xBB67_AE85
        }
        return c
    }

    /// The 32 bits of number `index`, from `offset` on, under the key.
    @inlinable public static func word(index: UInt64, key: UInt64, offset: UInt64) -> UInt32 {
        let position = offset &+ index
        return block(counter: position >> 2, key: key)[Int(position & 3)]
    }

    /// 32 random bits, as an int32.
    @inlinable public static func bits(index: UInt64, key: UInt64, offset: UInt64) -> Int32 {
        Int32(bitPattern: word(index: index, key: key, offset: offset))
    }

    /// A float32 in 0..<1: the upper 24 bits times 2^-24.
    @inlinable public static func uniform(index: UInt64, key: UInt64, offset: UInt64) -> Float {
        uniform(of: word(index: index, key: key, offset: offset))
    }

    /// The float32 in 0..<1 that a word makes.
    @inlinable public static func uniform(of word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }
}
