import TensorRuntime

/// Elements of 8 or 16 bits in 32-bit words, the first in the lowest bits.
struct ElementPacking {
    /// Where an element is: a word, and the number of an element from that word's first on, which may lie in a later word.
    struct Place {
        let word: Value
        let element: Value
    }

    let element: DType
    /// Elements of a word, and the power of two that this is.
    let perWord: Int
    let perWordShift: Int
    private let bits: Int

    init(_ element: DType) {
        self.element = element
        bits = 8 * element.byteCount
        perWord = 32 / bits
        perWordShift = perWord == 4 ? 2 : 1
    }

    // MARK: Memory

    func load(_ buffer: BufferReference, _ place: Place, width: Int, _ k: KernelBuilder) -> Value {
        let lanes = (0..<width).map { lane in
            let (word, shift) = wordAndShift(place, lane)
            return buffer.loadBits(word, mask: mask(k).binary(.shiftLeft, shift)).binary(.shiftRight, shift)
        }
        return decode(k.construct(lanes), k)
    }

    /// Whole words where the lanes fill them, else each lane as some bytes of a word.
    func store(_ value: Value, _ buffer: BufferReference, _ place: Place, _ k: KernelBuilder) {
        let lanes = encode(value, k).lanes
        guard lanes.count >= perWord else { return storeLanes(lanes, buffer, place, k) }
        k.if((place.element & (perWord - 1)) == 0) {
            let words = stride(from: 0, to: lanes.count, by: perWord).map { first in
                (1..<perWord).reduce(lanes[first]) { $0 | (lanes[first + $1] << (bits * $1)) }
            }
            let (word, _) = wordAndShift(place, 0)
            buffer.store(k.construct(words).bitcast(to: .int32), at: word)
        } else: {
            storeLanes(lanes, buffer, place, k)
        }
    }

    private func storeLanes(_ lanes: [Value], _ buffer: BufferReference, _ place: Place, _ k: KernelBuilder) {
        for (lane, bits) in lanes.enumerated() {
            let (word, shift) = wordAndShift(place, lane)
            buffer.storeBits(
                bits.binary(.shiftLeft, shift), mask: mask(k).binary(.shiftLeft, shift), at: word)
        }
    }

    private func mask(_ k: KernelBuilder) -> Value { k.constant((1 << bits) - 1, .uint32) }

    /// The word that holds a lane, and how far up its bits lie there.
    private func wordAndShift(_ place: Place, _ lane: Int) -> (word: Value, shift: Value) {
        let element = place.element + lane
        let shift = (element & (perWord - 1)) * bits
        return (place.word + (element >> perWordShift), shift.bitcast(to: .uint32))
    }

    // MARK: Bits

    /// The value of an element's bits, which stand in the low ones of a uint32.
    private func decode(_ bits: Value, _ k: KernelBuilder) -> Value {
        switch element {
        case .uint8: bits.bitcast(to: .int32)
        case .bool: bits != 0
        case .bfloat16: (bits << 16).bitcast(to: .float32)
        case .float16: decodeHalf(bits, k)
        case .float32, .float64, .int32, .int64: preconditionFailure("a \(element) fills its words")
        }
    }

    /// The low bits of a uint32 that an element becomes; the others are 0.
    private func encode(_ value: Value, _ k: KernelBuilder) -> Value {
        switch element {
        case .uint8: value.bitcast(to: .uint32) & 255
        case .bool: value.convert(to: .uint32)
        case .bfloat16: encodeBfloat(value.bitcast(to: .uint32), k)
        case .float16: encodeHalf(value.bitcast(to: .uint32), k)
        case .float32, .float64, .int32, .int64: preconditionFailure("a \(element) fills its words")
        }
    }

    /// Exact, and by integers but for subnormals, which a device may flush as float32 bits but not as a product.
    private func decodeHalf(_ bits: Value, _ k: KernelBuilder) -> Value {
        let sign = (bits & 0x8000) << 16
        let magnitude = bits & 0x7FFF
        // The exponent's bias is 15 there and 127 here; infinities and NaN keep an exponent of ones.
        let bias = k.select(magnitude >= 0x7C00, k.constant(224 << 23, bits.type), k.constant(112 << 23, bits.type))
        let small = (magnitude.convert(to: .float32) * k.constant(0x1p-24, .float32)).bitcast(to: .uint32)
        let all = k.select(magnitude < 0x400, small, (magnitude << 13) + bias)
        return (all | sign).bitcast(to: .float32)
    }

    /// To the nearest, halves to even; a NaN stays one.
    private func encodeBfloat(_ bits: Value, _ k: KernelBuilder) -> Value {
        let isNaN = (bits & 0x7FFF_FFFF) > 0x7F80_0000
        return k.select(isNaN, (bits >> 16) | 0x40, (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)
    }

    /// To the nearest, halves to even; a NaN stays one.
    private func encodeHalf(_ bits: Value, _ k: KernelBuilder) -> Value {
        func constant(_ value: Int) -> Value { k.constant(value, bits.type) }
        let sign = (bits >> 16) & 0x8000
        let magnitude = bits & 0x7FFF_FFFF
        // From 2^16 on all are infinite, and rounding carries what is nearly so.
        let normal = magnitude.binary(.minimum, constant(143 << 23)) - (112 << 23)
        let rounded = (normal + 0xFFF + ((normal >> 13) & 1)) >> 13
        // Below 2^-14: multiples of 2^-24. The significand goes as far down as its exponent says, 25 places at most.
        let exponent = (magnitude >> 23).binary(.maximum, constant(101)).binary(.minimum, constant(112))
        let places = constant(126) - exponent
        let significand = (magnitude & 0x7F_FFFF) | 0x80_0000
        let half = constant(1).binary(.shiftLeft, places - 1)
        let isOdd = significand.binary(.shiftRight, places) & 1
        let subnormal = (significand + (half - 1) + isOdd).binary(.shiftRight, places)
        let finite = k.select(magnitude < (113 << 23), subnormal, rounded)
        let isNaN = magnitude > 0x7F80_0000
        return k.select(isNaN, constant(0x7E00), finite) | sign
    }
}
