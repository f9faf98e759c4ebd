import TensorRuntime

/// How an operand's buffer is filled before a kernel runs. Seeded: the same case gets the same values everywhere.
public enum Fill: Hashable, Sendable {
    /// Evenly distributed over `low..<high`; an integer type gets the whole numbers among them.
    case uniform(Double, Double)
    /// Whole numbers from `low` through `high`, also in a float type.
    case integers(Int64, Int64)
    /// These values, repeated.
    case values([Double])
    /// `uniform`, but the elements at multiples of `period` are taken from `values` in turn.
    case mixed(values: [Double], period: Int, low: Double, high: Double)

    /// `count` values of `dtype`.
    func values(count: Int, dtype: DType, seed: UInt64) -> HostArray {
        if dtype.isFloat {
            return HostArray(floats: (0..<count).map { dtype.rounded(double(at: $0, seed: seed)) }, dtype: dtype)
        }
        let integers = (0..<count).map { index -> Int64 in
            if case .integers(let low, let high) = self {
                let word = UInt64(Philox.word(index: UInt64(2 * index), key: seed, offset: 0))
                let next = UInt64(Philox.word(index: UInt64(2 * index + 1), key: seed, offset: 0))
                let span = UInt64(high - low) &+ 1
                return low + Int64((word << 32 | next) % span)
            }
            return Int64(double(at: index, seed: seed).rounded(.down))
        }
        return HostArray(integers: integers.map { dtype.wrapped($0) }, dtype: dtype)
    }

    private func double(at index: Int, seed: UInt64) -> Double {
        func uniform(_ low: Double, _ high: Double) -> Double {
            let word = Philox.word(index: UInt64(index), key: seed, offset: 0)
            return low + (high - low) * (Double(word) + 0.5) * 0x1p-32
        }
        switch self {
        case .uniform(let low, let high): return uniform(low, high)
        case .integers(let low, let high): return uniform(Double(low), Double(high) + 1).rounded(.down)
        case .values(let values): return values[index % values.count]
        case .mixed(let values, let period, let low, let high):
            return index % period == 0 ? values[index / period % values.count] : uniform(low, high)
        }
    }
}

extension Fill {
    /// A plain range that fits any dtype's arithmetic.
    static func ordinary(_ dtype: DType) -> Fill {
        switch dtype {
        case .bool: .integers(0, 1)
        case .uint8: .integers(0, 255)
        case .int32: .integers(-1000, 1000)
        case .int64: .integers(-1_000_000, 1_000_000)
        case .float16, .bfloat16, .float32, .float64: .uniform(-2, 2)
        }
    }
}

/// FNV-1a of a text: a seed that no process-wide hashing seed changes.
func seed(of text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
}
