import KernelIR

/// Philox 4x32-10 bit for bit as ``Philox``, lane by lane: the 64-bit numbers are pairs of uint32.
struct PhiloxEmitter {
    let k: KernelBuilder

    /// Word `(offset + index) % 4` of block `(offset + index) / 4`, as uint32. All three are int64.
    func word(index: Value, key: Value, offset: Value) -> Value {
        let position = index + offset
        let type = position.type.with(.uint32)
        let zero = k.constant(0, type)
        var c = [
            (position >> 2).convert(to: .uint32), ((position >> 34) & 0x3FFF_FFFF).convert(to: .uint32), zero, zero,
        ]
        var key0 = key.convert(to: .uint32)
        var key1 = (key >> 32).convert(to: .uint32)
        let multiplier0 = k.constant(0xD251_1F53, type)
        let multiplier1 = k.constant(0xCD9E_8D57, type)
        for _ in 0..<10 {
            c = [
                c[2].binary(.multiplyHigh, multiplier1) ^ c[1] ^ key0, c[2] * multiplier1,
                c[0].binary(.multiplyHigh, multiplier0) ^ c[3] ^ key1, c[0] * multiplier0,
            ]
            key0 = key0 + 0x9E37_79B9
            key1 = key1 + 0xBB67_AE85
        }
        let lane = position.convert(to: .uint32)
        let isOdd = (lane & 1) != 0
        return k.select((lane & 2) != 0, k.select(isOdd, c[3], c[2]), k.select(isOdd, c[1], c[0]))
    }

    func bits(index: Value, key: Value, offset: Value) -> Value {
        word(index: index, key: key, offset: offset).bitcast(to: .int32)
    }

    /// A float32 in 0..<1: the upper 24 bits times 2^-24.
    func uniform(index: Value, key: Value, offset: Value) -> Value {
        (word(index: index, key: key, offset: offset) >> 8).bitcast(to: .int32).convert(to: .float32) * 0x1p-24
    }
}
