/// An int64, or several in the lanes, as two uint32.
struct WordPair {
    let low: Value
    let high: Value

    var type: ValueType { low.type }
    /// The upper word with its sign.
    var signed: Value { high.bitcast(to: .int32) }
}

/// Arithmetic of 64 bits on words of 32. Wraps as int64 does.
extension KernelBuilder {
    /// A number in every lane; `type` is that of a word.
    func pair(_ value: Int, _ type: ValueType) -> WordPair {
        WordPair(
            low: constant(Int(UInt32(truncatingIfNeeded: value)), type),
            high: constant(Int(UInt32(truncatingIfNeeded: value >> 32)), type))
    }

    func add(_ a: WordPair, _ b: WordPair) -> WordPair {
        let low = a.low + b.low
        return WordPair(low: low, high: a.high + b.high + number(low < b.low))
    }

    func subtract(_ a: WordPair, _ b: WordPair) -> WordPair {
        WordPair(low: a.low - b.low, high: a.high - b.high - number(a.low < b.low))
    }

    func negate(_ a: WordPair) -> WordPair { subtract(pair(0, a.type), a) }

    func multiply(_ a: WordPair, _ b: WordPair) -> WordPair {
        let high = a.low.binary(.multiplyHigh, b.low) + a.low * b.high + a.high * b.low
        return WordPair(low: a.low * b.low, high: high)
    }

    func select(_ condition: Value, _ a: WordPair, _ b: WordPair) -> WordPair {
        WordPair(low: select(condition, a.low, b.low), high: select(condition, a.high, b.high))
    }

    /// 1 where a condition holds, else 0.
    private func number(_ condition: Value) -> Value { condition.convert(to: .uint32) }

    // MARK: Comparisons

    func equal(_ a: WordPair, _ b: WordPair) -> Value { (a.low == b.low) & (a.high == b.high) }

    func less(_ a: WordPair, _ b: WordPair) -> Value {
        (a.signed < b.signed) | ((a.high == b.high) & (a.low < b.low))
    }

    private func lessUnsigned(_ a: WordPair, _ b: WordPair) -> Value {
        (a.high < b.high) | ((a.high == b.high) & (a.low < b.low))
    }

    private func isNegative(_ a: WordPair) -> Value { a.signed < 0 }

    func absolute(_ a: WordPair) -> WordPair { select(isNegative(a), negate(a), a) }

    // MARK: Operations

    func unary(_ operation: UnaryOperation, _ a: WordPair) -> WordPair {
        switch operation {
        case .negate: return negate(a)
        case .absolute: return absolute(a)
        case .not: return WordPair(low: !a.low, high: !a.high)
        case .squareRoot, .floor, .ceil, .roundEven, .truncate, .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin,
            .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .erf, .erfc, .lgamma:
            preconditionFailure("there is no \(operation) of int64")
        }
    }

    func binary(_ operation: BinaryOperation, _ a: WordPair, _ b: WordPair) -> Piece {
        func words(_ operation: (Value, Value) -> Value) -> Piece {
            .pair(WordPair(low: operation(a.low, b.low), high: operation(a.high, b.high)))
        }
        switch operation {
        case .add: return .pair(add(a, b))
        case .subtract: return .pair(subtract(a, b))
        case .multiply: return .pair(multiply(a, b))
        case .divide: return .pair(divide(a, b).quotient)
        case .remainder: return .pair(divide(a, b).remainder)
        case .minimum: return .pair(select(less(a, b), a, b))
        case .maximum: return .pair(select(less(a, b), b, a))
        case .and: return words { $0 & $1 }
        case .or: return words { $0 | $1 }
        case .xor: return words { $0 ^ $1 }
        case .shiftLeft: return .pair(shiftLeft(a, by: b.low))
        case .shiftRight: return .pair(shiftRight(a, by: b.low))
        case .equal: return .one(equal(a, b))
        case .notEqual: return .one(!equal(a, b))
        case .less: return .one(less(a, b))
        case .lessEqual: return .one(!less(b, a))
        case .greater: return .one(less(b, a))
        case .greaterEqual: return .one(!less(a, b))
        case .multiplyHigh, .power: preconditionFailure("there is no \(operation) of int64")
        }
    }

    // MARK: Shifts

    func shiftLeft(_ a: WordPair, by count: Value) -> WordPair {
        let zero = constant(0, a.type)
        if let count = constant(of: count)?.integer {
            if count == 0 { return a }
            if count >= 32 { return WordPair(low: zero, high: a.low << (count - 32)) }
            return WordPair(low: a.low << count, high: (a.high << count) | (a.low >> (32 - count)))
        }
        let (places, others, isWhole) = places(of: count)
        let low = a.low.binary(.shiftLeft, places)
        let high = a.high.binary(.shiftLeft, places) | (a.low >> 1).binary(.shiftRight, others)
        return WordPair(low: select(isWhole, zero, low), high: select(isWhole, low, high))
    }

    /// The sign moves in.
    func shiftRight(_ a: WordPair, by count: Value) -> WordPair {
        let sign = (a.signed >> 31).bitcast(to: .uint32)
        if let count = constant(of: count)?.integer {
            if count == 0 { return a }
            if count >= 32 { return WordPair(low: (a.signed >> (count - 32)).bitcast(to: .uint32), high: sign) }
            return WordPair(
                low: (a.low >> count) | (a.high << (32 - count)), high: (a.signed >> count).bitcast(to: .uint32))
        }
        let (places, others, isWhole) = places(of: count)
        let high = a.signed.binary(.shiftRight, places.bitcast(to: .int32)).bitcast(to: .uint32)
        let low = a.low.binary(.shiftRight, places) | (a.high << 1).binary(.shiftLeft, others)
        return WordPair(low: select(isWhole, high, low), high: select(isWhole, sign, high))
    }

    /// A shift's places within a word, 31 without them, and whether it goes a whole word beside.
    private func places(of count: Value) -> (places: Value, others: Value, isWhole: Value) {
        let places = count & 31
        return (places, constant(31, count.type) - places, (count & 32) != 0)
    }

    // MARK: Division

    /// Towards zero; the remainder has the dividend's sign.
    func divide(_ a: WordPair, _ b: WordPair) -> (quotient: WordPair, remainder: WordPair) {
        let (quotient, remainder) = divideUnsigned(absolute(a), absolute(b))
        let signsDiffer = (a.signed ^ b.signed) < 0
        return (
            select(signsDiffer, negate(quotient), quotient), select(isNegative(a), negate(remainder), remainder)
        )
    }

    /// Of numbers without a sign, of which the divisor is at most 2^63: by one instruction where all upper words are 0, else
    /// bit by bit.
    func divideUnsigned(_ a: WordPair, _ b: WordPair) -> (quotient: WordPair, remainder: WordPair) {
        let zero = constant(0, a.type)
        let low = variable(a.low)
        let high = variable(a.high)
        let restLow = variable(zero)
        let restHigh = variable(zero)
        // A divisor whose low word is 0 has an upper one.
        let uppers = a.high | b.high
        let isSmall =
            constant(of: b.low)?.bits == 0
            ? bool(false) : uppers.lanes.dropFirst().reduce(uppers.lane(0)) { $0 | $1 } == 0
        self.if(isSmall) {
            low.value = a.low / b.low
            restLow.value = a.low % b.low
        } else: {
            loop(from: 0, to: int(64)) { _ in
                // Dividend and remainder are one number of 128 bits; the quotient's bits come in from below.
                let dividend = WordPair(low: low.value, high: high.value)
                let rest = WordPair(
                    low: (restLow.value << 1) | (dividend.high >> 31),
                    high: (restHigh.value << 1) | (restLow.value >> 31))
                let fits = !lessUnsigned(rest, b)
                let left = select(fits, subtract(rest, b), rest)
                (restLow.value, restHigh.value) = (left.low, left.high)
                high.value = (dividend.high << 1) | (dividend.low >> 31)
                low.value = (dividend.low << 1) | number(fits)
            }
        }
        return (WordPair(low: low.value, high: high.value), WordPair(low: restLow.value, high: restHigh.value))
    }
}
