import KernelIR
import TensorRuntime

extension KernelBuilder {
    /// An element as an integer in whose order it comes, both zeros equal and NaN last: a device may take the smallest
    /// floats for 0 when it compares them.
    ///
    /// - Parameter turnsNumbers: whether larger numbers come first; NaN stays last.
    func orderKey(_ element: Value, _ dtype: DType, turnsNumbers: Bool = false) -> Value {
        switch dtype {
        case .float32, .float16, .bfloat16:
            return floatKey(element.bitcast(to: .int32), Int(Int32.max), infinity: 0x7F80_0000, turnsNumbers)
        case .float64:
            return floatKey(element.bitcast(to: .int64), .max, infinity: 0x7FF0_0000_0000_0000, turnsNumbers)
        case .int32, .int64, .uint8: return turnsNumbers ? element.unary(.not) : element
        case .bool:
            let number = element.convert(to: .int32)
            return turnsNumbers ? number.unary(.not) : number
        }
    }

    /// A float's bits as a key; `magnitude` is the mask of the bits that are not the sign.
    private func floatKey(_ bits: Value, _ magnitude: Int, infinity: Int, _ turnsNumbers: Bool) -> Value {
        let distance = bits & magnitude
        let isBelow = turnsNumbers ? bits >= 0 : bits < 0
        let number = select(isBelow, -distance, distance)
        return select(distance > infinity, constant(magnitude, bits.type), number)
    }
}
