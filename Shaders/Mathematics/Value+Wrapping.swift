import KernelIR

extension Value {
    /// Sums, differences and products of data: an integer wraps around, as on every device.
    ///
    /// int32 goes by way of uint32, because in C an overflow of signed numbers is undefined. Addresses need not: they do
    /// not overflow, and compilers make more of numbers that cannot.
    func wrapping(_ operation: BinaryOperation, _ other: Value) -> Value {
        guard type.scalar == .int32 else { return binary(operation, other) }
        return bitcast(to: .uint32).binary(operation, other.bitcast(to: .uint32)).bitcast(to: .int32)
    }
}
