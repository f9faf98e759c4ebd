/// An operation that folds the inner dimensions of a fused program into one value.
public enum ReductionOperation: UInt8, CaseIterable, Hashable, Sendable {
    /// NaN stays in all of them.
    case sum, product, maximum, minimum
    /// The int64 row-major index of the first largest (smallest) value; NaN counts as the extreme.
    case argmax, argmin

    /// What listings, dumps and profiles call it.
    public var name: String {
        switch self {
        case .sum: "sum"
        case .product: "product"
        case .maximum: "maximum"
        case .minimum: "minimum"
        case .argmax: "argmax"
        case .argmin: "argmin"
        }
    }

    /// Whether the result is an index (int64) rather than a value of the operand's type.
    public var yieldsIndex: Bool { self == .argmax || self == .argmin }

    /// What folding no elements gives; nil where that is an error.
    public var identity: Double? {
        switch self {
        case .sum: 0
        case .product: 1
        case .maximum, .minimum, .argmax, .argmin: nil
        }
    }

    /// The reduction of `values` in order, in Double.
    public func evaluate(_ values: some Sequence<Double>) -> Double {
        switch self {
        case .sum: return values.reduce(0, +)
        case .product: return values.reduce(1, *)
        case .maximum: return values.reduce(-.infinity) { PointwiseOperation.maximum.evaluate($0, $1) }
        case .minimum: return values.reduce(.infinity) { PointwiseOperation.minimum.evaluate($0, $1) }
        case .argmax, .argmin:
            var best: Double?
            var index = 0.0
            for (position, value) in values.enumerated() {
                if let current = best {
                    if current.isNaN { break }
                    let better = self == .argmax ? value > current : value < current
                    guard value.isNaN || better else { continue }
                }
                best = value
                index = Double(position)
            }
            return index
        }
    }

    /// The reduction of integers, exact; sums and products wrap as int64 does. The extremes of none are 0.
    public func evaluate(integers values: some Sequence<Int64>) -> Int64 {
        switch self {
        case .sum: return values.reduce(0, &+)
        case .product: return values.reduce(1, &*)
        case .maximum: return values.max() ?? 0
        case .minimum: return values.min() ?? 0
        // Of equal elements, `max` and `min` of pairs give the first.
        case .argmax: return Int64(values.enumerated().max { $0.element < $1.element }?.offset ?? 0)
        case .argmin: return Int64(values.enumerated().min { $0.element < $1.element }?.offset ?? 0)
        }
    }
}
