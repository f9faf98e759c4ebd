import TensorRuntime

/// Conversions, selections, and lanes put elsewhere.
extension InterpreterMachine {
    func convert(_ instruction: Instruction) {
        switch instruction.scalar {
        case .bool: convert(instruction) { (x: Bool) -> Int64 in x ? 1 : 0 }
        case .int32: convert(instruction) { (x: Int32) in Int64(x) }
        case .uint32: convert(instruction) { (x: UInt32) in Int64(x) }
        case .int64: convert(instruction) { (x: Int64) in x }
        case .float16: convert(instruction) { (x: Float16) in Double(x) }
        case .float32: convert(instruction) { (x: Float) in Double(x) }
        case .float64: convert(instruction) { (x: Double) in x }
        }
    }

    /// Converts integers, widened to Int64.
    private func convert<S>(_ instruction: Instruction, widened: (S) -> Int64) {
        switch instruction.target {
        case .bool: map(instruction) { widened($0) != 0 }
        case .int32: map(instruction) { Int32(truncatingIfNeeded: widened($0)) }
        case .uint32: map(instruction) { UInt32(truncatingIfNeeded: widened($0)) }
        case .int64: map(instruction, widened)
        case .float16: map(instruction) { Float16(widened($0)) }
        case .float32: map(instruction) { Float(widened($0)) }
        case .float64: map(instruction) { Double(widened($0)) }
        }
    }

    /// Converts floats, widened to Double. Out of an integer's range, they saturate, and NaN becomes 0.
    private func convert<S>(_ instruction: Instruction, widened: (S) -> Double) {
        switch instruction.target {
        case .bool: map(instruction) { widened($0) != 0 }
        case .int32: map(instruction) { Int32(saturating: widened($0)) }
        case .uint32: map(instruction) { UInt32(saturating: widened($0)) }
        case .int64: map(instruction) { Int64(saturating: widened($0)) }
        case .float16: map(instruction) { Float16(widened($0)) }
        case .float32: map(instruction) { Float(widened($0)) }
        case .float64: map(instruction, widened)
        }
    }

    @inline(__always) private func map<S, R>(_ instruction: Instruction, _ operation: (S) -> R) {
        let a = pointer(instruction.a, S.self)
        let result = pointer(instruction.result, R.self)
        for lane in 0..<count * instruction.width { result[lane] = operation(a[lane]) }
    }

    func select(_ instruction: Instruction) {
        switch instruction.scalar.registerByteCount {
        case 1: select(instruction, UInt8.self)
        case 2: select(instruction, UInt16.self)
        case 4: select(instruction, UInt32.self)
        default: select(instruction, UInt64.self)
        }
    }

    private func select<T: FixedWidthInteger>(_ instruction: Instruction, _: T.Type) {
        let condition = pointer(instruction.a, Bool.self)
        let a = pointer(instruction.b, T.self)
        let b = pointer(instruction.c, T.self)
        let result = pointer(instruction.result, T.self)
        for lane in 0..<count * instruction.width { result[lane] = condition[lane] ? a[lane] : b[lane] }
    }

    func rearrange(_ instruction: Instruction) {
        switch instruction.scalar.registerByteCount {
        case 1: rearrange(instruction, UInt8.self)
        case 2: rearrange(instruction, UInt16.self)
        case 4: rearrange(instruction, UInt32.self)
        default: rearrange(instruction, UInt64.self)
        }
    }

    private func rearrange<T: FixedWidthInteger>(_ instruction: Instruction, _: T.Type) {
        let a = pointer(instruction.a, T.self)
        let result = pointer(instruction.result, T.self)
        let width = instruction.width
        switch instruction.code {
        case .splat:
            for item in 0..<count {
                for lane in 0..<width { result[item * width + lane] = a[item] }
            }
        case .construct:
            for lane in 0..<width {
                let source = pointer(program.lists[instruction.number + lane], T.self)
                for item in 0..<count { result[item * width + lane] = source[item] }
            }
        case .extract:
            for item in 0..<count { result[item] = a[item * width + instruction.number] }
        default: preconditionFailure("nothing is rearranged")
        }
    }
}

extension FixedWidthInteger {
    /// The integer towards zero, or the nearest that there is; 0 for NaN.
    fileprivate init(saturating value: Double) {
        if value.isNaN {
            self = 0
        } else if value >= Double(Self.max) {
            self = .max
        } else if value <= Double(Self.min) {
            self = .min
        } else {
            self = Self(value)
        }
    }
}
