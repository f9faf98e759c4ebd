import TensorRuntime

// Numbers are held wide, as the runtime's own `Scalar`: floats as Double, integers and bools as Int64.

extension PointwiseOperation {
    /// The operation on numbers of `type`, in which it computes. The result is not rounded yet.
    func apply(_ x: Scalar, _ y: Scalar, _ z: Scalar = .int(0), in type: DType) -> Scalar {
        func word(_ number: Scalar) -> UInt64 { UInt64(bitPattern: number.integerValue) }
        switch self {
        case .identity, .cast: return x
        case .select: return x.integerValue != 0 ? y : z
        case .randomBits: return .int(Int64(Philox.bits(index: word(x), key: word(y), offset: word(z))))
        case .randomUniform: return .float(Double(Philox.uniform(index: word(x), key: word(y), offset: word(z))))
        case _ where type.isFloat: return .float(evaluate(x.doubleValue, y.doubleValue))
        default: return .int(evaluate(integer: x.integerValue, y.integerValue, bits: 8 * type.byteCount))
        }
    }
}

extension ReductionOperation {
    /// Folds numbers of `type` in their order.
    func apply(_ numbers: some Collection<Scalar>, of type: DType) -> Scalar {
        if !type.isFloat { return .int(evaluate(integers: numbers.lazy.map(\.integerValue))) }
        let result = evaluate(numbers.lazy.map(\.doubleValue))
        return yieldsIndex ? .int(Int64(result)) : .float(result)
    }
}

/// Where each place of some dimensions lies, in row-major order.
func places(_ extents: some Collection<Int>, _ strides: some Collection<Int>) -> [Int] {
    zip(extents, strides).reduce([0]) { places, axis in
        places.flatMap { place in (0..<axis.0).map { place + $0 * axis.1 } }
    }
}
