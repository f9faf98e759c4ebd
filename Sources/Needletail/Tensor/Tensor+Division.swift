import TensorRuntime

// Quotients and remainders in whole numbers, and angles of two coordinates. Operands broadcast and promote as those of
// operators. An integer divided by 0 gives 0, quotient and remainder, on every device, as in NumPy: PyTorch stops there,
// which a kernel cannot. Floats by 0 give infinities and NaN.
extension Tensor {
    /// The floor of the quotient, of integers exact. Its gradient is 0.
    /// Source: [torch.floor_divide](https://pytorch.org/docs/stable/generated/torch.floor_divide.html).
    public func floorDivide(_ divisor: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.floorDivide, self, divisor, symbol: "floorDivide", at: CallSite(file, line))
    }

    /// The floor of the quotient by a scalar.
    public func floorDivide(
        _ divisor: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        Tensor.binary(.floorDivide, self, divisor.scalar, symbol: "floorDivide", at: CallSite(file, line))
    }

    /// The remainder of a division towards zero: it has the dividend's sign, where that of `%` has the divisor's.
    /// Source: [torch.fmod](https://pytorch.org/docs/stable/generated/torch.fmod.html).
    public func fmod(_ divisor: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.fmod, self, divisor, symbol: "fmod", at: CallSite(file, line))
    }

    /// The remainder of a division towards zero by a scalar.
    public func fmod(_ divisor: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.fmod, self, divisor.scalar, symbol: "fmod", at: CallSite(file, line))
    }

    /// The remainder with the divisor's sign: the operator `%`.
    public func remainder(_ divisor: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.remainder, self, divisor, symbol: "remainder", at: CallSite(file, line))
    }

    /// The remainder by a scalar, with its sign.
    public func remainder(_ divisor: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.remainder, self, divisor.scalar, symbol: "remainder", at: CallSite(file, line))
    }

    /// The angle of the point (`x`, self) in `-pi...pi`: this tensor is the ordinate, as in
    /// [torch.atan2](https://pytorch.org/docs/stable/generated/torch.atan2.html). Integers give float32.
    public func atan2(_ x: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.atan2, self, x, symbol: "atan2", at: CallSite(file, line))
    }

    /// The angle of the point (`x`, self), for one abscissa.
    public func atan2(_ x: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.atan2, self, x.scalar, symbol: "atan2", at: CallSite(file, line))
    }
}
