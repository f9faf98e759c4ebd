import TensorRuntime

// Swift has the pointwise comparison operators (`.==`, `.<`, ...) already, for SIMD vectors.

// Operators broadcast and promote as PyTorch's. `/` on integers gives float32. Where shapes do not fit they trap (or
// throw inside `checked`) with both shapes and the operator.

extension Tensor {
    /// The sum, element by element. Shapes broadcast, and dtypes are promoted as PyTorch's.
    public static func + (a: Tensor, b: Tensor) -> Tensor { binary(.add, a, b, symbol: "+") }
    /// The difference, element by element. Shapes broadcast, and dtypes are promoted as PyTorch's.
    public static func - (a: Tensor, b: Tensor) -> Tensor { binary(.subtract, a, b, symbol: "-") }
    /// The product, element by element; that of matrices is ``matmul(_:file:line:)``. Shapes broadcast.
    public static func * (a: Tensor, b: Tensor) -> Tensor { binary(.multiply, a, b, symbol: "*") }
    /// The quotient, element by element, of integers in float32. Shapes broadcast.
    public static func / (a: Tensor, b: Tensor) -> Tensor { binary(.divide, a, b, symbol: "/") }
    /// The remainder with the divisor's sign.
    public static func % (a: Tensor, b: Tensor) -> Tensor { binary(.remainder, a, b, symbol: "%") }

    /// The sum of each element and a number. A `Double` or `Float` makes integers float32.
    public static func + (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.add, a, b.scalar, symbol: "+") }
    /// Each element less a number.
    public static func - (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.subtract, a, b.scalar, symbol: "-") }
    /// Each element times a number. A `Double` or `Float` makes integers float32.
    public static func * (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.multiply, a, b.scalar, symbol: "*") }
    /// Each element divided by a number; integers give float32.
    public static func / (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.divide, a, b.scalar, symbol: "/") }
    /// The remainder of each element by a number, with the number's sign.
    public static func % (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.remainder, a, b.scalar, symbol: "%") }

    /// The sum of a number and each element.
    public static func + (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.add, b, a.scalar, scalarIsFirst: true, symbol: "+")
    }
    /// A number less each element.
    public static func - (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.subtract, b, a.scalar, scalarIsFirst: true, symbol: "-")
    }
    /// A number times each element.
    public static func * (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.multiply, b, a.scalar, scalarIsFirst: true, symbol: "*")
    }
    /// A number divided by each element; integers give float32.
    public static func / (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.divide, b, a.scalar, scalarIsFirst: true, symbol: "/")
    }
    /// The remainder of a number by each element, with the element's sign.
    public static func % (a: some ScalarOperand, b: Tensor) -> Tensor {
        binary(.remainder, b, a.scalar, scalarIsFirst: true, symbol: "%")
    }

    /// Each element with the other sign; uint8 wraps around.
    public static prefix func - (x: Tensor) -> Tensor { x.unary(.negate, as: "-") }

    /// Makes `a` the sum, a new tensor: who holds the old one keeps that.
    public static func += (a: inout Tensor, b: Tensor) { a = a + b }
    /// Makes `a` the difference, a new tensor.
    public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
    /// Makes `a` the product, a new tensor.
    public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
    /// Makes `a` the quotient, a new tensor; of integers, of float32.
    public static func /= (a: inout Tensor, b: Tensor) { a = a / b }
    /// Makes `a` the sum with a number, a new tensor.
    public static func += (a: inout Tensor, b: some ScalarOperand) { a = a + b }
    /// Makes `a` the difference, a new tensor.
    public static func -= (a: inout Tensor, b: some ScalarOperand) { a = a - b }
    /// Makes `a` the product, a new tensor.
    public static func *= (a: inout Tensor, b: some ScalarOperand) { a = a * b }
    /// Makes `a` the quotient, a new tensor; of integers, of float32.
    public static func /= (a: inout Tensor, b: some ScalarOperand) { a = a / b }
}

// Comparisons give bool.
extension Tensor {
    /// Where both are equal: bool, of the broadcast shape. NaN equals nothing.
    public static func .== (a: Tensor, b: Tensor) -> Tensor { binary(.equal, a, b, symbol: ".==") }
    /// Where they differ: bool. NaN differs from everything, itself too.
    public static func .!= (a: Tensor, b: Tensor) -> Tensor { binary(.notEqual, a, b, symbol: ".!=") }
    /// Where the first is smaller: bool; false where either is NaN.
    public static func .< (a: Tensor, b: Tensor) -> Tensor { binary(.less, a, b, symbol: ".<") }
    /// Where the first is not larger: bool; false where either is NaN.
    public static func .<= (a: Tensor, b: Tensor) -> Tensor { binary(.lessEqual, a, b, symbol: ".<=") }
    /// Where the first is larger: bool; false where either is NaN.
    public static func .> (a: Tensor, b: Tensor) -> Tensor { binary(.greater, a, b, symbol: ".>") }
    /// Where the first is not smaller: bool; false where either is NaN.
    public static func .>= (a: Tensor, b: Tensor) -> Tensor { binary(.greaterEqual, a, b, symbol: ".>=") }

    /// Where an element is this number: bool. NaN equals nothing.
    public static func .== (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.equal, a, b.scalar, symbol: ".==") }
    /// Where an element is not this number: bool; true where it is NaN.
    public static func .!= (a: Tensor, b: some ScalarOperand) -> Tensor {
        binary(.notEqual, a, b.scalar, symbol: ".!=")
    }
    /// Where an element is below a number: bool.
    public static func .< (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.less, a, b.scalar, symbol: ".<") }
    /// Where an element is not above a number: bool; false where it is NaN.
    public static func .<= (a: Tensor, b: some ScalarOperand) -> Tensor {
        binary(.lessEqual, a, b.scalar, symbol: ".<=")
    }
    /// Where an element is above a number: bool.
    public static func .> (a: Tensor, b: some ScalarOperand) -> Tensor { binary(.greater, a, b.scalar, symbol: ".>") }
    /// Where an element is not below a number: bool; false where it is NaN.
    public static func .>= (a: Tensor, b: some ScalarOperand) -> Tensor {
        binary(.greaterEqual, a, b.scalar, symbol: ".>=")
    }
}

// Logic takes every dtype: what is not 0 is true.
extension Tensor {
    /// Whether both are true, or not 0; bool.
    public func logicalAnd(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.logicalAnd, self, other, symbol: "logicalAnd", at: CallSite(file, line))
    }

    /// Whether one of them is true, or not 0; bool.
    public func logicalOr(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.logicalOr, self, other, symbol: "logicalOr", at: CallSite(file, line))
    }

    /// Whether just one of them is true, or not 0; bool.
    public func logicalXor(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.logicalXor, self, other, symbol: "logicalXor", at: CallSite(file, line))
    }

    /// True where the tensor is 0 or false.
    public func logicalNot() -> Tensor { cast(to: .bool).unary(.logicalNot) }
}
