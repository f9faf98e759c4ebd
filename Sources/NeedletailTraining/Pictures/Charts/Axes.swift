import Foundation

/// One axis: numbers to shares of its length.
struct Axis: Sendable {
    var scale: Chart.Scale
    var low: Double
    var high: Double
    var categories: [String] = []
    var isReversed = false

    /// The share of the axis at which `value` stands, from its beginning; NaN where the scale has no place for it.
    func share(_ value: Double) -> Double {
        let share =
            switch scale {
            case .linear: (value - low) / (high - low)
            case .logarithmic: value > 0 ? (log(value) - log(low)) / (log(high) - log(low)) : .nan
            }
        return isReversed ? 1 - share : share
    }

    func ticks(count: Int) -> TickMarks {
        guard categories.isEmpty else {
            let apart = max(1, Int((Double(categories.count) / Double(max(count, 1))).rounded(.up)))
            let shown = stride(from: 0, to: categories.count, by: apart)
            return TickMarks(values: shown.map(Double.init), labels: shown.map { categories[$0] })
        }
        return switch scale {
        case .linear: TickMarks.linear(low, high, count: count)
        case .logarithmic: TickMarks.logarithmic(low, high, count: count)
        }
    }

    /// An axis that holds `values`.
    static func holding(
        _ values: some Sequence<Double>, scale: Chart.Scale, limits: ClosedRange<Double>?, categories: [String],
        isTight: Bool, isReversed: Bool = false, standsOnZero: Bool = false, margin share: Double = 0.05
    ) -> Axis? {
        if !categories.isEmpty {
            return Axis(
                scale: .linear, low: -0.5, high: Double(categories.count) - 0.5, categories: categories,
                isReversed: isReversed)
        }
        let isLogarithmic = scale == .logarithmic
        let found = values.lazy.filter { !isLogarithmic || $0 > 0 }.finiteRange
        let usable = limits.flatMap { isLogarithmic && $0.lowerBound <= 0 ? nil : $0 }
        guard let range = usable ?? found else { return nil }
        var (low, high) = (range.lowerBound, range.upperBound)
        if isLogarithmic {
            if low == high { (low, high) = (low / 2, min(high * 2, .greatestFiniteMagnitude)) }
            if usable == nil, !isTight {
                let margin = exp((log(high) - log(low)) * share)
                (low, high) = (max(low / margin, .leastNonzeroMagnitude), min(high * margin, .greatestFiniteMagnitude))
            }
        } else {
            if low == high {
                let half = low == 0 ? 0.5 : abs(low) * 0.1
                (low, high) = (low - half, high + half)
            }
            if usable == nil, !isTight {
                let margin = (high - low) * share
                let isFrom = standsOnZero && low == 0
                let isUpTo = standsOnZero && high == 0
                (low, high) = (isFrom ? 0 : low - margin, isUpTo ? 0 : high + margin)
            }
        }
        return Axis(scale: scale, low: low, high: high, isReversed: isReversed)
    }
}

/// Two axes and where they are on the picture.
struct Axes: Sendable {
    var x: Axis
    var y: Axis
    var rect: Rect

    /// Where a pair of numbers is on the picture; not finite where it has no place.
    func point(_ x: Double, _ y: Double) -> Point {
        Point(rect.x + self.x.share(x) * rect.width, rect.bottom - self.y.share(y) * rect.height)
    }

    /// The rectangle between two pairs of numbers.
    func box(_ x: ClosedRange<Double>, _ y: ClosedRange<Double>) -> Rect {
        let (a, b) = (point(x.lowerBound, y.lowerBound), point(x.upperBound, y.upperBound))
        return Rect(min(a.x, b.x), min(a.y, b.y), abs(a.x - b.x), abs(a.y - b.y))
    }

    /// Points in a row, parted where one has no place.
    func runs(_ points: [Point]) -> [[Point]] {
        var result: [[Point]] = []
        var run: [Point] = []
        for pair in points {
            let point = self.point(pair.x, pair.y)
            if point.isFinite {
                run.append(point)
            } else if !run.isEmpty {
                result.append(run)
                run = []
            }
        }
        return run.isEmpty ? result : result + [run]
    }
}
