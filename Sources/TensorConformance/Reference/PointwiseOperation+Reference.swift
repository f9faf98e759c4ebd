import TensorRuntime

extension PointwiseOperation {
    /// The operation on `count` elements; arguments of one element are repeated.
    ///
    /// - Parameters:
    ///   - computeType: the type of a comparison's operands, else the result's.
    ///   - dtype: the result's type.
    func evaluated(on arguments: [HostArray], count: Int, computeType: DType, dtype: DType) -> HostArray {
        let arguments = arguments.map { $0.broadcast(to: count) }
        switch self {
        case .cast: return arguments[0].converted(to: dtype)
        case .select: return selected(arguments, count: count)
        case .randomBits, .randomUniform: return random(arguments, count: count, dtype: dtype)
        default: break
        }
        if computeType.isFloat { return onFloats(arguments, count: count, dtype: dtype) }
        let a = arguments[0].integers
        let b = arguments.count > 1 ? arguments[1].integers : a
        let bits = 8 * computeType.byteCount
        return HostArray(
            integers: (0..<count).map { dtype.wrapped(evaluate(integer: a[$0], b[$0], bits: bits)) }, dtype: dtype)
    }

    private func onFloats(_ arguments: [HostArray], count: Int, dtype: DType) -> HostArray {
        let a = arguments[0].floats
        let b = arguments.count > 1 ? arguments[1].floats : a
        let results = (0..<count).map { evaluate(a[$0], b[$0]) }
        if dtype.isFloat { return HostArray(floats: results, dtype: dtype) }
        return HostArray(integers: results.map { Int64($0) }, dtype: dtype)
    }

    private func selected(_ arguments: [HostArray], count: Int) -> HostArray {
        let condition = arguments[0].integers
        let yes = arguments[1]
        let no = arguments[2]
        if yes.dtype.isFloat {
            return HostArray(
                floats: (0..<count).map { condition[$0] != 0 ? yes.floats[$0] : no.floats[$0] }, dtype: yes.dtype)
        }
        return HostArray(
            integers: (0..<count).map { condition[$0] != 0 ? yes.integers[$0] : no.integers[$0] }, dtype: yes.dtype)
    }

    /// Index, key and offset are used with all their 64 bits, which a Double would not hold.
    private func random(_ arguments: [HostArray], count: Int, dtype: DType) -> HostArray {
        func unsigned(_ argument: Int, _ place: Int) -> UInt64 {
            UInt64(bitPattern: arguments[argument].integers[place])
        }
        if self == .randomBits {
            let bits = (0..<count).map {
                Int64(Philox.bits(index: unsigned(0, $0), key: unsigned(1, $0), offset: unsigned(2, $0)))
            }
            return HostArray(integers: bits, dtype: dtype)
        }
        let uniforms = (0..<count).map {
            Double(Philox.uniform(index: unsigned(0, $0), key: unsigned(1, $0), offset: unsigned(2, $0)))
        }
        return HostArray(floats: uniforms, dtype: dtype)
    }
}

extension HostArray {
    /// The elements as `target`: floats are rounded, or truncated towards zero (saturating, NaN to 0); integers wrap;
    /// a bool is whether the element differs from zero.
    func converted(to target: DType) -> HostArray {
        if target.isFloat {
            let values = dtype.isFloat ? floats : integers.map { Double($0) }
            return HostArray(floats: values.map { target.rounded($0) }, dtype: target)
        }
        if !dtype.isFloat { return HostArray(integers: integers.map { target.wrapped($0) }, dtype: target) }
        if target == .bool { return HostArray(integers: floats.map { $0 != 0 ? 1 : 0 }, dtype: target) }
        return HostArray(
            integers: floats.map { target.wrapped(Int64(bitPattern: Scalar.float($0).bits(as: .int64))) },
            dtype: target)
    }
}

extension ReductionOperation {
    /// The reduction of all values, exact for integers.
    func evaluated(on values: HostArray, dtype: DType) -> HostArray {
        if values.dtype.isFloat {
            let result = evaluate(values.floats)
            if yieldsIndex { return HostArray(integers: [Int64(result)], dtype: dtype) }
            return HostArray(floats: [result], dtype: dtype)
        }
        return HostArray(integers: [dtype.wrapped(evaluate(integers: values.integers))], dtype: dtype)
    }
}
