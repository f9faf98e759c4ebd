import TensorRuntime

// A parameter in a formula stands for its value. Without these, a forgotten `.value` has the compiler try all overloads of
// all operators in the formula, and give up.

// MARK: - With tensors

extension Parameter {
    /// As `a.value + b`; the gradient flows to the parameter.
    public static func + (a: Parameter, b: Tensor) -> Tensor { a.value + b }
    /// As `a.value - b`; the gradient flows to the parameter.
    public static func - (a: Parameter, b: Tensor) -> Tensor { a.value - b }
    /// As `a.value * b`; the gradient flows to the parameter.
    public static func * (a: Parameter, b: Tensor) -> Tensor { a.value * b }
    /// As `a.value / b`; the gradient flows to the parameter.
    public static func / (a: Parameter, b: Tensor) -> Tensor { a.value / b }

    /// As `a + b.value`; the gradient flows to the parameter.
    public static func + (a: Tensor, b: Parameter) -> Tensor { a + b.value }
    /// As `a - b.value`; the gradient flows to the parameter.
    public static func - (a: Tensor, b: Parameter) -> Tensor { a - b.value }
    /// As `a * b.value`; the gradient flows to the parameter.
    public static func * (a: Tensor, b: Parameter) -> Tensor { a * b.value }
    /// As `a / b.value`; the gradient flows to the parameter.
    public static func / (a: Tensor, b: Parameter) -> Tensor { a / b.value }

    /// As `a.value + b.value`; the gradient flows to both parameters.
    public static func + (a: Parameter, b: Parameter) -> Tensor { a.value + b.value }
    /// As `a.value - b.value`; the gradient flows to both parameters.
    public static func - (a: Parameter, b: Parameter) -> Tensor { a.value - b.value }
    /// As `a.value * b.value`; the gradient flows to both parameters.
    public static func * (a: Parameter, b: Parameter) -> Tensor { a.value * b.value }
    /// As `a.value / b.value`; the gradient flows to both parameters.
    public static func / (a: Parameter, b: Parameter) -> Tensor { a.value / b.value }

    /// As `-x.value`; the gradient flows to the parameter.
    public static prefix func - (x: Parameter) -> Tensor { -x.value }
}

// MARK: - With numbers

extension Parameter {
    /// As `a.value + b` with a number; the gradient flows to the parameter.
    public static func + (a: Parameter, b: some ScalarOperand) -> Tensor { a.value + b }
    /// As `a.value - b` with a number; the gradient flows to the parameter.
    public static func - (a: Parameter, b: some ScalarOperand) -> Tensor { a.value - b }
    /// As `a.value * b` with a number; the gradient flows to the parameter.
    public static func * (a: Parameter, b: some ScalarOperand) -> Tensor { a.value * b }
    /// As `a.value / b` with a number; the gradient flows to the parameter.
    public static func / (a: Parameter, b: some ScalarOperand) -> Tensor { a.value / b }

    /// As `a + b.value` with a number; the gradient flows to the parameter.
    public static func + (a: some ScalarOperand, b: Parameter) -> Tensor { a + b.value }
    /// As `a - b.value` with a number; the gradient flows to the parameter.
    public static func - (a: some ScalarOperand, b: Parameter) -> Tensor { a - b.value }
    /// As `a * b.value` with a number; the gradient flows to the parameter.
    public static func * (a: some ScalarOperand, b: Parameter) -> Tensor { a * b.value }
    /// As `a / b.value` with a number; the gradient flows to the parameter.
    public static func / (a: some ScalarOperand, b: Parameter) -> Tensor { a / b.value }
}
