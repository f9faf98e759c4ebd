import TensorRuntime

// A parameter in a formula stands for its value. Without these, a forgotten `.value` has the compiler try all overloads of
// all operators in the formula, and give up.

// MARK: - With tensors

extension Parameter {
    public static func + (a: Parameter, b: Tensor) -> Tensor { a.value + b }
    public static func - (a: Parameter, b: Tensor) -> Tensor { a.value - b }
    public static func * (a: Parameter, b: Tensor) -> Tensor { a.value * b }
    public static func / (a: Parameter, b: Tensor) -> Tensor { a.value / b }

    public static func + (a: Tensor, b: Parameter) -> Tensor { a + b.value }
    public static func - (a: Tensor, b: Parameter) -> Tensor { a - b.value }
    public static func * (a: Tensor, b: Parameter) -> Tensor { a * b.value }
    public static func / (a: Tensor, b: Parameter) -> Tensor { a / b.value }

    public static func + (a: Parameter, b: Parameter) -> Tensor { a.value + b.value }
    public static func - (a: Parameter, b: Parameter) -> Tensor { a.value - b.value }
    public static func * (a: Parameter, b: Parameter) -> Tensor { a.value * b.value }
    public static func / (a: Parameter, b: Parameter) -> Tensor { a.value / b.value }

    public static prefix func - (x: Parameter) -> Tensor { -x.value }
}

// MARK: - With numbers

extension Parameter {
    public static func + (a: Parameter, b: some ScalarOperand) -> Tensor { a.value + b }
    public static func - (a: Parameter, b: some ScalarOperand) -> Tensor { a.value - b }
    public static func * (a: Parameter, b: some ScalarOperand) -> Tensor { a.value * b }
    public static func / (a: Parameter, b: some ScalarOperand) -> Tensor { a.value / b }

    public static func + (a: some ScalarOperand, b: Parameter) -> Tensor { a + b.value }
    public static func - (a: some ScalarOperand, b: Parameter) -> Tensor { a - b.value }
    public static func * (a: some ScalarOperand, b: Parameter) -> Tensor { a * b.value }
    public static func / (a: some ScalarOperand, b: Parameter) -> Tensor { a / b.value }
}
