import TensorRuntime

// Swift has the pointwise comparison operators (`.==`, `.<`, ...) already, for SIMD vectors.

// Operators broadcast and promote as PyTorch's. `/` on integers gives float32. Where shapes do not fit they trap (or
// throw inside `checked`) with both shapes and the operator.

extension Tensor {
    public static func + (a: Tensor, b: Tensor) -> Tensor { binary(.add, a, b, symbol: "+") }
    public static func - (a: Tensor, b: Tensor) -> Tensor { binary(.subtract, a, b, symbol: "-") }
    public static func * (a: Tensor, b: Tensor) -> Tensor { binary(.multiply, a, b, symbol: "*") }
    public static func / (a: Tensor, b: Tensor) -> Tensor { binary(.divide, a, b, symbol: "/") }
    /// The remainder with the divisor's sign.
    public static func % (a: Tensor, b: Tensor) -> Tensor { binary(.remainder, a, b, symbol: "%") }

    public static func + (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.add, a, b.scalar, symbol: "+") }
    public static func - (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.subtract, a, b.scalar, symbol: "-") }
    public static func * (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.multiply, a, b.scalar, symbol: "*") }
    public static func / (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.divide, a, b.scalar, symbol: "/") }
    public static func % (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.remainder, a, b.scalar, symbol: "%") }

    public static func + (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.add, b, a.scalar, scalarIsFirst: true, symbol: "+")
    }
    public static func - (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.subtract, b, a.scalar, scalarIsFirst: true, symbol: "-")
    }
    public static func * (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.multiply, b, a.scalar, scalarIsFirst: true, symbol: "*")
    }
    public static func / (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.divide, b, a.scalar, scalarIsFirst: true, symbol: "/")
    }
    public static func % (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.remainder, b, a.scalar, scalarIsFirst: true, symbol: "%")
    }

    public static prefix func - (x: Tensor) -> Tensor { x.unary(.negate, as: "-") }

    public static func += (a: inout Tensor, b: Tensor) { a = a + b }
    public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
    public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
    public static func /= (a: inout Tensor, b: Tensor) { a = a / b }
    public static func += (a: inout Tensor, b: some ScalarOperand) { a = a + b }
    public static func -= (a: inout Tensor, b: some ScalarOperand) { a = a - b }
    public static func *= (a: inout Tensor, b: some ScalarOperand) { a = a * b }
    public static func /= (a: inout Tensor, b: some ScalarOperand) { a = a / b }
}

// Comparisons give bool.
extension Tensor {
    public static func .== (a: Tensor, b: Tensor) -> Tensor { binary(.equal, a, b, symbol: ".==") }
    public static func .!= (a: Tensor, b: Tensor) -> Tensor { binary(.notEqual, a, b, symbol: ".!=") }
    public static func .< (a: Tensor, b: Tensor) -> Tensor { binary(.less, a, b, symbol: ".<") }
    public static func .<= (a: Tensor, b: Tensor) -> Tensor { binary(.lessEqual, a, b, symbol: ".<=") }
    public static func .> (a: Tensor, b: Tensor) -> Tensor { binary(.greater, a, b, symbol: ".>") }
    public static func .>= (a: Tensor, b: Tensor) -> Tensor { binary(.greaterEqual, a, b, symbol: ".>=") }

    public static func .== (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.equal, a, b.scalar, symbol: ".==") }
    public static func .!= (a: Tensor, b: some ScalarOperand) -> Tensor {
        binary(.notEqual, a, b.scalar, symbol: ".!=")
    }
    public static func .< (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.less, a, b.scalar, symbol: ".<") }
    public static func .<= (a: Tensor, b: some ScalarOperand) -> Tensor {
        binary(.lessEqual, a, b.scalar, symbol: ".<=")
    }
    public static func .> (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.greater, a, b.scalar, symbol: ".>") }
    public static func .>= (a: Tensor, b: some ScalarOperand) -> Tensor {
        binary(.greaterEqual, a, b.scalar, symbol: ".>=")
    }
}

// Logic takes every dtype: what is not 0 is true.
extension Tensor {
    public func logicalAnd(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.logicalAnd, self, other, symbol: "logicalAnd", at: CallSite(file, line))
    }

    public func logicalOr(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.logicalOr, self, other, symbol: "logicalOr", at: CallSite(file, line))
    }

    public func logicalXor(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.logicalXor, self, other, symbol: "logicalXor", at: CallSite(file, line))
    }

    /// True where the tensor is 0 or false.
    public func logicalNot() -> Tensor { cast(to: .bool).unary(.logicalNot) }
}
