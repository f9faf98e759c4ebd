import TensorRuntime

// Operations on the bits of integers; on bools they are the logical ones. The operators are Swift's, with its precedences: `&`
// binds as `*` does, `|` and `^` as `+`, shifts more than either. There is no gradient.
extension Tensor {
    /// The bits that both have; of two bools, and.
    public func bitwiseAnd(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.bitwiseAnd, .logicalAnd, self, other, symbol: "bitwiseAnd", at: CallSite(file, line))
    }

    /// The bits that this one and a whole number have.
    public func bitwiseAnd(_ other: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.bitwiseAnd, self, other.scalar, symbol: "bitwiseAnd", at: CallSite(file, line))
    }

    /// The bits that one of them has; of two bools, or.
    public func bitwiseOr(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.bitwiseOr, .logicalOr, self, other, symbol: "bitwiseOr", at: CallSite(file, line))
    }

    /// The bits that this one or a whole number has.
    public func bitwiseOr(_ other: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.bitwiseOr, self, other.scalar, symbol: "bitwiseOr", at: CallSite(file, line))
    }

    /// The bits in which they differ; of two bools, whether they do.
    public func bitwiseXor(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.bitwiseXor, .logicalXor, self, other, symbol: "bitwiseXor", at: CallSite(file, line))
    }

    /// The bits in which this one and a whole number differ.
    public func bitwiseXor(_ other: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.bitwiseXor, self, other.scalar, symbol: "bitwiseXor", at: CallSite(file, line))
    }

    /// Every bit turned over; of a bool, not.
    public func bitwiseNot(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        bitwiseNot(as: "bitwiseNot", at: CallSite(file, line))
    }

    /// Each element times 2 to the power of `places`, without what leaves the type; 0 where there are fewer places than 0 or as
    /// many as the type has bits, as in PyTorch.
    public func shiftedLeft(by places: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.shiftLeft, nil, self, places, symbol: "shiftedLeft", at: CallSite(file, line))
    }

    /// Each element times 2 to the power of `places`.
    public func shiftedLeft(by places: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.shiftLeft, self, places.scalar, symbol: "shiftedLeft", at: CallSite(file, line))
    }

    /// The floor of each element by 2 to the power of `places`: 0, or -1 of a negative number, where there are fewer places than
    /// 0 or as many as the type has bits, as in PyTorch.
    public func shiftedRight(by places: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.bits(.shiftRight, nil, self, places, symbol: "shiftedRight", at: CallSite(file, line))
    }

    /// The floor of each element by 2 to the power of `places`.
    public func shiftedRight(
        by places: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        Tensor.bits(.shiftRight, self, places.scalar, symbol: "shiftedRight", at: CallSite(file, line))
    }

    private func bitwiseNot(as name: StaticString, at site: CallSite?) -> Tensor {
        if dtype == .bool { return logicalNot() }
        return dtype.isFloat ? withoutBits("\(name)", [self], at: site) : unary(.bitwiseNot, as: name, at: site)
    }

    private func withoutBits(_ name: String, _ operands: [Tensor], at site: CallSite?) -> Tensor {
        invalid(
            name, "a tensor of \(operands.first { $0.dtype.isFloat }?.dtype ?? dtype) has no bits",
            remedy: "cast it, to(.int64)", operands, at: site)
    }

    private static func bits(
        _ operation: PointwiseOperation, _ ofBools: PointwiseOperation?, _ a: Tensor, _ b: Tensor,
        symbol: StaticString, at site: CallSite? = nil
    ) -> Tensor {
        if a.dtype.isFloat || b.dtype.isFloat { return a.withoutBits("\(symbol)", [a, b], at: site) }
        let isLogical = a.dtype == .bool && b.dtype == .bool
        return binary(isLogical ? ofBools ?? operation : operation, a, b, symbol: symbol, at: site)
    }

    private static func bits(
        _ operation: PointwiseOperation, _ a: Tensor, _ scalar: Scalar, scalarIsFirst: Bool = false,
        symbol: StaticString, at site: CallSite? = nil
    ) -> Tensor {
        if a.dtype.isFloat { return a.withoutBits("\(symbol)", [a], at: site) }
        guard scalar.kind == .integer else {
            return a.invalid(
                "\(symbol)", "the number \(scalar.text) has no bits", remedy: "give a whole number", [a], at: site)
        }
        return binary(operation, a, scalar, scalarIsFirst: scalarIsFirst, symbol: symbol, at: site)
    }
}

// MARK: - Operators

extension Tensor {
    /// As ``bitwiseAnd(_:file:line:)-(Tensor,_,_)``: of integers and bools; floats are a wrong call.
    public static func & (a: Tensor, b: Tensor) -> Tensor { bits(.bitwiseAnd, .logicalAnd, a, b, symbol: "&") }
    /// As ``bitwiseOr(_:file:line:)-(Tensor,_,_)``: of integers and bools; floats are a wrong call.
    public static func | (a: Tensor, b: Tensor) -> Tensor { bits(.bitwiseOr, .logicalOr, a, b, symbol: "|") }
    /// As ``bitwiseXor(_:file:line:)-(Tensor,_,_)``: of integers and bools; floats are a wrong call.
    public static func ^ (a: Tensor, b: Tensor) -> Tensor { bits(.bitwiseXor, .logicalXor, a, b, symbol: "^") }
    /// As ``shiftedLeft(by:file:line:)-(Tensor,_,_)``: each element by the places that the other tensor says.
    public static func << (a: Tensor, b: Tensor) -> Tensor { bits(.shiftLeft, nil, a, b, symbol: "<<") }
    /// As ``shiftedRight(by:file:line:)-(Tensor,_,_)``: each element by the places that the other tensor says.
    public static func >> (a: Tensor, b: Tensor) -> Tensor { bits(.shiftRight, nil, a, b, symbol: ">>") }
    /// Every bit of an integer turned over; of a bool, not.
    public static prefix func ~ (x: Tensor) -> Tensor { x.bitwiseNot(as: "~", at: nil) }

    /// The bits that each element and a whole number have.
    public static func & (a: Tensor, b: some ScalarOperand) -> Tensor { bits(.bitwiseAnd, a, b.scalar, symbol: "&") }
    /// The bits that each element or a whole number has.
    public static func | (a: Tensor, b: some ScalarOperand) -> Tensor { bits(.bitwiseOr, a, b.scalar, symbol: "|") }
    /// The bits in which each element and a whole number differ.
    public static func ^ (a: Tensor, b: some ScalarOperand) -> Tensor { bits(.bitwiseXor, a, b.scalar, symbol: "^") }
    /// Each element times 2 to the power of a whole number, without what leaves the type.
    public static func << (a: Tensor, b: some ScalarOperand) -> Tensor { bits(.shiftLeft, a, b.scalar, symbol: "<<") }
    /// The floor of each element by 2 to the power of a whole number.
    public static func >> (a: Tensor, b: some ScalarOperand) -> Tensor {
        bits(.shiftRight, a, b.scalar, symbol: ">>")
    }

    /// The bits that a whole number and each element have.
    public static func & (a: some ScalarOperand, b: Tensor) -> Tensor {
        bits(.bitwiseAnd, b, a.scalar, scalarIsFirst: true, symbol: "&")
    }
    /// The bits that a whole number or each element has.
    public static func | (a: some ScalarOperand, b: Tensor) -> Tensor {
        bits(.bitwiseOr, b, a.scalar, scalarIsFirst: true, symbol: "|")
    }
    /// The bits in which a whole number and each element differ.
    public static func ^ (a: some ScalarOperand, b: Tensor) -> Tensor {
        bits(.bitwiseXor, b, a.scalar, scalarIsFirst: true, symbol: "^")
    }
    /// A whole number times 2 to the power of each element, without what leaves the type.
    public static func << (a: some ScalarOperand, b: Tensor) -> Tensor {
        bits(.shiftLeft, b, a.scalar, scalarIsFirst: true, symbol: "<<")
    }
    /// The floor of a whole number by 2 to the power of each element.
    public static func >> (a: some ScalarOperand, b: Tensor) -> Tensor {
        bits(.shiftRight, b, a.scalar, scalarIsFirst: true, symbol: ">>")
    }

    /// Makes `a` the bits that both have, a new tensor.
    public static func &= (a: inout Tensor, b: Tensor) { a = a & b }
    /// Makes `a` the bits that one of them has, a new tensor.
    public static func |= (a: inout Tensor, b: Tensor) { a = a | b }
    /// Makes `a` the bits in which they differ, a new tensor.
    public static func ^= (a: inout Tensor, b: Tensor) { a = a ^ b }
}
