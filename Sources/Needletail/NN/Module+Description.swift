extension Module {
    /// The module and what it consists of, as PyTorch prints it:
    ///
    ///     Sequential(
    ///       (0): Linear(in_features=784, out_features=10, bias=True)
    ///       (1): ReLU()
    ///     )
    public var description: String { printed(within: []) }

    fileprivate func printed(within outer: [ObjectIdentifier]) -> String {
        let own = configuration
        var lines = own.isEmpty ? [] : own.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let isPlain = lines.count == 1
        let count = lines.count
        for (name, text) in printedParts(within: outer) {
            lines += "(\(name)): \(text)".split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        // Without what a generic module holds.
        let name = "\(Swift.type(of: self))".prefix { $0 != "<" }
        if lines.isEmpty { return "\(name)()" }
        if isPlain, lines.count == count { return "\(name)(\(own))" }
        return "\(name)(\n" + lines.map { "  \($0)\n" }.joined() + ")"
    }
}

extension Module {
    /// The modules of this one by name; of a list, those in a row that print alike as one: `0-1` and `2 x Linear(...)`.
    fileprivate func printedParts(within outer: [ObjectIdentifier]) -> [(name: String, text: String)] {
        var parts: [(name: String, text: String)] = []
        for member in self.parts(within: outer) {
            guard case .module(let module) = member.value else { continue }
            parts.append((member.name, module.printed(within: outer + [ObjectIdentifier(self)])))
        }
        guard self is any PrintsRuns else { return parts }
        var runs: [(first: Int, last: Int)] = []
        for index in parts.indices {
            if let run = runs.last, parts[run.first].text == parts[index].text {
                runs[runs.count - 1].last = index
            } else {
                runs.append((index, index))
            }
        }
        return runs.map { first, last in
            first == last ? parts[first] : ("\(first)-\(last)", "\(last - first + 1) x \(parts[first].text)")
        }
    }
}

/// A list of modules, which prints those in a row that are alike once.
protocol PrintsRuns {}

/// Values as PyTorch prints them.
enum Printed {
    static func bool(_ value: Bool) -> String { value ? "True" : "False" }

    /// `0.1`, `1e-05`, `1.0`: a float as Python writes it.
    static func number(_ value: Double) -> String {
        let text = "\(value)"
        guard let mark = text.firstIndex(of: "e") else { return text }
        let digits = text[..<mark].hasSuffix(".0") ? text[..<mark].dropLast(2) : text[..<mark]
        let exponent = Int(text[text.index(after: mark)...]) ?? 0
        let size = "\(Swift.abs(exponent))"
        return "\(digits)e\(exponent < 0 ? "-" : "+")\(size.count < 2 ? "0" : "")\(size)"
    }

    /// `3x5`: extents in messages.
    static func extents(_ values: [Int]) -> String { values.map(String.init).joined(separator: "x") }

    /// `(3, 5)`, or `(3,)` of one number.
    static func tuple(_ values: [Int]) -> String {
        values.count == 1 ? "(\(values[0]),)" : "(\(values.map(String.init).joined(separator: ", ")))"
    }
}
