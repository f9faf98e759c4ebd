/// Conversions of int64 in two words, and its subgroup operations.
extension KernelBuilder {
    /// A bool, integer or float as int64, a float towards zero.
    func pair(converting value: Value) -> WordPair {
        let zero = constant(0, value.type.with(.uint32))
        switch value.type.scalar {
        case .bool: return WordPair(low: value.convert(to: .uint32), high: zero)
        case .uint32: return WordPair(low: value, high: zero)
        case .int32: return WordPair(low: value.bitcast(to: .uint32), high: (value >> 31).bitcast(to: .uint32))
        case .float16: return pair(converting: value.convert(to: .float32))
        case .float32, .float64: return pair(ofFloat: value)
        case .int64: preconditionFailure("an int64 is a pair")
        }
    }

    /// Powers of two and differences of neighbours: every step is exact.
    private func pair(ofFloat value: Value) -> WordPair {
        let magnitude = value.unary(.absolute)
        let high = (magnitude * 0x1p-32).unary(.truncate)
        let low = magnitude - high * 0x1p32
        let pair = WordPair(low: low.convert(to: .uint32), high: high.convert(to: .uint32))
        return select(value < 0.0, negate(pair), pair)
    }

    /// An int64 as another type; a float is the nearest, halves to even.
    func convert(_ pair: WordPair, to scalar: ScalarType) -> Value {
        switch scalar {
        case .bool: (pair.low | pair.high) != 0
        case .uint32: pair.low
        case .int32: pair.low.bitcast(to: .int32)
        // What is no whole float32 is infinite as a float16.
        case .float16: float(pair).convert(to: .float16)
        case .float32: float(pair)
        // The first product is exact.
        case .float64: pair.signed.convert(to: .float64) * 0x1p32 + pair.low.convert(to: .float64)
        case .int64: preconditionFailure("an int64 is a pair")
        }
    }

    /// The magnitude goes down by whole multiples of 7 bits until it fits a word, which then has at least 26 bits: float32's
    /// 24, the next, and one that says whether anything was lost. So one rounding, of the word, is the right one.
    private func float(_ pair: WordPair) -> Value {
        let magnitude = absolute(pair)
        let (low, high) = (magnitude.low, magnitude.high)
        func constant(_ value: Int) -> Value { self.constant(value, low.type) }
        var places = constant(28)
        var scale = self.constant(0x1p28, low.type.with(.float32))
        for count in [21, 14, 7] {
            let fits = high < (1 << count)
            places = select(fits, constant(count), places)
            scale = select(fits, self.constant(Double(1 << count), scale.type), scale)
        }
        let others = constant(32) - places
        let lost = (low.binary(.shiftLeft, others) != 0).convert(to: .uint32)
        let shifted = high.binary(.shiftLeft, others) | low.binary(.shiftRight, places) | lost
        let upper = high | (low != 0).convert(to: .uint32)
        let isWide = high >= (1 << 28)
        let isNarrow = high == 0
        let word = select(isNarrow, low, select(isWide, upper, shifted))
        let one = self.constant(1, scale.type)
        let factor = select(isNarrow, one, select(isWide, self.constant(0x1p32, scale.type), scale))
        let result = word.convert(to: .float32) * factor
        return select(pair.signed < 0, -result, result)
    }

    func subgroup(_ operation: SubgroupOperation, _ a: WordPair) -> WordPair {
        switch operation {
        case .shuffleXor:
            return WordPair(low: a.low.subgroup(operation), high: a.high.subgroup(operation))
        case .add:
            // By 16 bits: the sums of 128 such numbers fit into a word.
            let parts = [a.low & 0xFFFF, a.low >> 16, a.high & 0xFFFF, a.high >> 16].map { $0.subgroup(.add) }
            var words: [Value] = []
            var carry = constant(0, a.type)
            for part in parts {
                let sum = part + carry
                words.append(sum & 0xFFFF)
                carry = sum >> 16
            }
            return WordPair(low: words[0] | (words[1] << 16), high: words[2] | (words[3] << 16))
        case .minimum, .maximum:
            // The best upper word, then the best lower one of those that have it.
            let high = a.signed.subgroup(operation).bitcast(to: .uint32)
            let worst = constant(operation == .minimum ? Int(UInt32.max) : 0, a.type)
            return WordPair(low: select(a.high == high, a.low, worst).subgroup(operation), high: high)
        }
    }
}
