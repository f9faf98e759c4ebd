import Foundation

/// Numbers as text, the same in every locale.
package enum NumberText {
    private static let powers: [Double] = (0...15).map { pow(10, Double($0)) }

    /// The number with `decimals` places (0...15) behind the point: `-0.50`. Nothing is written as -0.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "−∞" : "∞" }
        let scaled = (abs(value) * powers[decimals]).rounded()
        guard scaled < 9e15 else { return "\(value)" }
        let digits = String(Int64(scaled))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(decimals + 1 - digits.count, 0)) + digits
        return "\(sign)\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
    }

    /// A coordinate, short: at most two places behind the point, no zeros at its end.
    package static func coordinate(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        let hundredths = (abs(value) * 100).rounded()
        guard hundredths < 9e15 else { return value < 0 ? "-9e9" : "9e9" }
        let whole = Int64(hundredths) / 100
        let rest = Int64(hundredths) % 100
        let sign = value < 0 && hundredths > 0 ? "-" : ""
        if rest == 0 { return "\(sign)\(whole)" }
        return rest % 10 == 0 ? "\(sign)\(whole).\(rest / 10)" : "\(sign)\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }

    /// A number for people, in about `digits` significant digits: `0.125`, `1.2k`... never longer than needed.
    package static func short(_ value: Double, digits: Int = 3) -> String {
        guard value.isFinite, value != 0 else { return value == 0 ? "0" : fixed(value, 0) }
        let exponent = Int(floor(log10(abs(value))))
        if exponent < -4 || exponent >= 6 { return scientific(value, digits: digits) }
        let text = fixed(value, min(max(digits - 1 - exponent, 0), 15))
        return minus(trimmed(text))
    }

    /// `1.5·10⁻⁶`
    package static func scientific(_ value: Double, digits: Int = 3) -> String {
        guard value.isFinite, value != 0 else { return value == 0 ? "0" : fixed(value, 0) }
        var exponent = Int(floor(log10(abs(value))))
        var mantissa = value / pow(10, Double(exponent))
        // 9.9996 with three digits is 10.
        if (abs(mantissa) * powers[digits - 1]).rounded() >= powers[digits] {
            exponent += 1
            mantissa = value / pow(10, Double(exponent))
        }
        let text = minus(trimmed(fixed(mantissa, digits - 1)))
        let power = "10" + superscript(exponent)
        return text == "1" ? power : text == "−1" ? "−" + power : "\(text)·\(power)"
    }

    package static func superscript(_ number: Int) -> String {
        let digits: [Character: Character] = [
            "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸",
            "9": "⁹",
        ]
        return String(String(number).map { digits[$0] ?? $0 })
    }

    /// Without zeros at the end of the places behind the point.
    package static func trimmed(_ text: String) -> String {
        guard text.contains(".") else { return text }
        var text = text
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }

    /// With the sign that type-setters use.
    package static func minus(_ text: String) -> String { text.hasPrefix("-") ? "−" + text.dropFirst() : text }
}
