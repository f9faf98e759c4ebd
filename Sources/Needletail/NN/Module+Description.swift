extension Module {
    /// The module and what it consists of, as PyTorch prints it:
    ///
    ///     Sequential(
    ///       (0): Linear(in_features=784, out_features=10, bias=True)
    ///       (1): ReLU()
    ///     )
    public var description: String { printed(within: []) }

    private func printed(within outer: [ObjectIdentifier]) -> String {
        let own = configuration
        var lines = own.isEmpty ? [] : own.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let isPlain = lines.count == 1
        let count = lines.count
        for member in parts(within: outer) {
            guard case .module(let module) = member.value else { continue }
            let text = module.printed(within: outer + [ObjectIdentifier(self)])
            lines += "(\(member.name)): \(text)".split(separator: "\n", omittingEmptySubsequences: false).map(
                String.init)
        }
        let name = "\(Swift.type(of: self))"
        if lines.isEmpty { return "\(name)()" }
        if isPlain, lines.count == count { return "\(name)(\(own))" }
        return "\(name)(\n" + lines.map { "  \($0)\n" }.joined() + ")"
    }
}

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

    /// `(3, 5)`, or `(3,)` of one number.
    static func tuple(_ values: [Int]) -> String {
        values.count == 1 ? "(\(values[0]),)" : "(\(values.map(String.init).joined(separator: ", ")))"
    }
}
