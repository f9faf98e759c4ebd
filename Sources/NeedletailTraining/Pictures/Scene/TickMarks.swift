import Foundation

/// Where an axis has marks, and what stands at them.
package struct TickMarks: Sendable {
    package var values: [Double]
    package var labels: [String]

    /// Marks 1, 2 or 5 times a power of ten apart within `low...high`, about `count` of them.
    package static func linear(_ low: Double, _ high: Double, count: Int = 6) -> TickMarks {
        guard low < high, (high - low).isFinite else {
            return TickMarks(values: [low], labels: [text([low], step: 0)[0]])
        }
        let step = nearestStep(to: (high - low) / Double(max(count, 1)))
        let first = (low / step - 1e-9).rounded(.up)
        let last = (high / step + 1e-9).rounded(.down)
        guard last >= first, last - first < 1000 else { return TickMarks(values: [], labels: []) }
        let values = stride(from: first, through: last, by: 1).map { $0 * step }
        return TickMarks(values: values, labels: text(values, step: step))
    }

    /// The smallest of 1, 2 and 5 times a power of ten that is at least `raw`.
    package static func step(for raw: Double) -> Double {
        let power = pow(10, floor(log10(raw)))
        let part = raw / power
        return (part <= 1.0000001 ? 1 : part <= 2.0000001 ? 2 : part <= 5.0000001 ? 5 : 10) * power
    }

    /// Of 1, 2 and 5 times a power of ten, the nearest to `raw` by ratio.
    package static func nearestStep(to raw: Double) -> Double {
        let above = step(for: raw)
        let below =
            [above / 2, above / 2.5].map { step(for: $0 * 0.999999) }.min { abs($0 - raw) < abs($1 - raw) } ?? above
        return above / raw < raw / below ? above : below
    }

    /// Labels of one form for all: as many places as the step needs, thousands as k, very large and small ones by
    /// powers.
    private static func text(_ values: [Double], step: Double) -> [String] {
        let largest = values.map(abs).max() ?? 0
        guard largest > 0 else { return values.map { _ in "0" } }
        if largest >= 1e7 || largest < 1e-3 {
            let digits = step > 0 ? max(Int(floor(log10(largest) + 1e-9) - floor(log10(step) + 1e-9)) + 1, 1) : 3
            return values.map { $0 == 0 ? "0" : NumberText.scientific($0, digits: min(digits, 15)) }
        }
        let unit = largest >= 1e4 && (step == 0 || step >= 100) ? 1000.0 : 1
        let decimals = step > 0 ? max(Int(-floor(log10(step / unit) + 1e-9)), 0) : 3
        return values.map { value in
            let text = NumberText.minus(NumberText.fixed(value / unit, min(decimals, 15)))
            let short = step > 0 ? text : NumberText.trimmed(text)
            return unit > 1 && value != 0 ? short + "k" : short
        }
    }

    /// Marks at powers of ten within `low...high`, which are above 0; at 2 and 5 times them too where there are few.
    package static func logarithmic(_ low: Double, _ high: Double, count: Int = 6) -> TickMarks {
        guard low > 0, low < high, high.isFinite else { return linear(low, high, count: count) }
        let (first, last) = (Int(floor(log10(low) + 1e-9)), Int(ceil(log10(high) - 1e-9)))
        let apart = max(1, Int((Double(last - first) / Double(max(count, 1))).rounded(.up)))
        var values: [Double] = []
        // Where there are few powers of ten, their multiples too.
        let powers = floor(log10(high) + 1e-9) - ceil(log10(low) - 1e-9) + 1
        let factors: [Double] = powers < 3 ? [1, 2, 5] : [1]
        for exponent in stride(from: first, through: last, by: 1) where exponent % apart == 0 {
            values += factors.map { $0 * pow(10, Double(exponent)) }
        }
        values = values.filter { $0 >= low * (1 - 1e-9) && $0 <= high * (1 + 1e-9) }
        if values.count < 2 { return linear(low, high, count: count) }
        let isPlain = values[0] >= 1e-3 && values[values.count - 1] < 1e5
        return TickMarks(
            values: values,
            labels: values.map { isPlain ? NumberText.short($0, digits: 1) : NumberText.scientific($0, digits: 1) })
    }
}
