import Foundation
import TensorRuntime

/// Arithmetic on whole registers: all lanes of all work-items, active or not, as what the others get is never read.
/// What could go wrong in a lane is checked for the active ones alone.
extension InterpreterMachine {
    func unary(_ instruction: Instruction) {
        switch instruction.scalar {
        case .bool: map(instruction) { (x: Bool) in !x }
        case .int32: integer(instruction, Int32.self)
        case .uint32: integer(instruction, UInt32.self)
        case .int64: integer(instruction, Int64.self)
        case .float16: float(instruction, Float16.self)
        case .float32: float(instruction, Float.self)
        case .float64: float(instruction, Double.self)
        }
    }

    func binary(_ instruction: Instruction) throws(KernelError) {
        switch instruction.scalar {
        case .bool: logical(instruction)
        case .int32: try integers(instruction, Int32.self)
        case .uint32: try integers(instruction, UInt32.self)
        case .int64: try integers(instruction, Int64.self)
        case .float16: floats(instruction, Float16.self)
        case .float32: floats(instruction, Float.self)
        case .float64: floats(instruction, Double.self)
        }
    }

    /// Products and sums in one, rounded once or twice.
    func multiplyAdd(_ instruction: Instruction) {
        switch instruction.scalar {
        case .float16: multiplyAdd(instruction, Float16.self)
        case .float32: multiplyAdd(instruction, Float.self)
        case .float64: multiplyAdd(instruction, Double.self)
        case .bool, .int32, .uint32, .int64: preconditionFailure("no product and sum in one of \(instruction.scalar)")
        }
    }

    private func multiplyAdd<T: FloatingPoint>(_ instruction: Instruction, _: T.Type) {
        let a = pointer(instruction.a, T.self)
        let b = pointer(instruction.b, T.self)
        let c = pointer(instruction.c, T.self)
        let result = pointer(instruction.result, T.self)
        let lanes = 0..<count * instruction.width
        if instruction.code == .fusedMultiplyAdd {
            for lane in lanes { result[lane] = c[lane].addingProduct(a[lane], b[lane]) }
        } else {
            for lane in lanes { result[lane] = a[lane] * b[lane] + c[lane] }
        }
    }

    // MARK: Loops over lanes

    @inline(__always) private func map<T, R>(_ instruction: Instruction, _ operation: (T) -> R) {
        let a = pointer(instruction.a, T.self)
        let result = pointer(instruction.result, R.self)
        for lane in 0..<count * instruction.width { result[lane] = operation(a[lane]) }
    }

    @inline(__always) private func map<T, R>(_ instruction: Instruction, _ operation: (T, T) -> R) {
        let a = pointer(instruction.a, T.self)
        let b = pointer(instruction.b, T.self)
        let result = pointer(instruction.result, R.self)
        for lane in 0..<count * instruction.width { result[lane] = operation(a[lane], b[lane]) }
    }

    /// Throws where an active lane's operands do not hold to a rule.
    @inline(__always) private func check<T>(
        _ instruction: Instruction, _: T.Type, _ kind: KernelError.Kind, _ isRight: (T, T) -> Bool
    ) throws(KernelError) {
        let a = pointer(instruction.a, T.self)
        let b = pointer(instruction.b, T.self)
        let active = mask(instruction.mask)
        for lane in 0..<count * instruction.width where !isRight(a[lane], b[lane]) {
            let item = lane / instruction.width
            if active[item] {
                throw failure(kind, "\(instruction.binary) of \(a[lane]) by \(b[lane])", instruction, item: item)
            }
        }
    }

    // MARK: Operations

    private func integer<T: FixedWidthInteger>(_ instruction: Instruction, _: T.Type) {
        switch instruction.unary {
        case .negate: map(instruction) { (x: T) in 0 &- x }
        case .absolute: map(instruction) { (x: T) in x < 0 ? 0 &- x : x }
        case .not: map(instruction) { (x: T) in ~x }
        case .squareRoot, .floor, .ceil, .roundEven, .truncate, .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin,
            .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .erf, .erfc, .lgamma:
            preconditionFailure("no \(instruction.unary) of \(instruction.scalar)")
        }
    }

    private func float<T: BinaryFloatingPoint>(_ instruction: Instruction, _: T.Type) {
        switch instruction.unary {
        case .negate: map(instruction) { (x: T) in -x }
        case .absolute: map(instruction) { (x: T) in x.magnitude }
        case .squareRoot:
            if program.dividesExactly {
                map(instruction) { (x: T) in x.squareRoot() }
            } else {
                map(instruction) { (x: T) in looseSquareRoot(x) }
            }
        case .floor: map(instruction) { (x: T) in x.rounded(.down) }
        case .ceil: map(instruction) { (x: T) in x.rounded(.up) }
        case .roundEven: map(instruction) { (x: T) in x.rounded(.toNearestOrEven) }
        case .truncate: map(instruction) { (x: T) in x.rounded(.towardZero) }
        case .exp: map(instruction) { (x: T) in T(exp(Double(x))) }
        case .exp2: map(instruction) { (x: T) in T(exp2(Double(x))) }
        case .expm1: map(instruction) { (x: T) in T(expm1(Double(x))) }
        case .log: map(instruction) { (x: T) in T(log(Double(x))) }
        case .log2: map(instruction) { (x: T) in T(log2(Double(x))) }
        case .log10: map(instruction) { (x: T) in T(log10(Double(x))) }
        case .log1p: map(instruction) { (x: T) in T(log1p(Double(x))) }
        case .sin: map(instruction) { (x: T) in T(sin(Double(x))) }
        case .cos: map(instruction) { (x: T) in T(cos(Double(x))) }
        case .tan: map(instruction) { (x: T) in T(tan(Double(x))) }
        case .asin: map(instruction) { (x: T) in T(asin(Double(x))) }
        case .acos: map(instruction) { (x: T) in T(acos(Double(x))) }
        case .atan: map(instruction) { (x: T) in T(atan(Double(x))) }
        case .sinh: map(instruction) { (x: T) in T(sinh(Double(x))) }
        case .cosh: map(instruction) { (x: T) in T(cosh(Double(x))) }
        case .tanh: map(instruction) { (x: T) in T(tanh(Double(x))) }
        case .erf: map(instruction) { (x: T) in T(erf(Double(x))) }
        case .erfc: map(instruction) { (x: T) in T(erfc(Double(x))) }
        case .lgamma: map(instruction) { (x: T) in T(lgamma(Double(x)).0) }
        case .not: preconditionFailure("no float is negated bit by bit")
        }
    }

    private func logical(_ instruction: Instruction) {
        switch instruction.binary {
        case .and: map(instruction) { (x: Bool, y: Bool) in x && y }
        case .or: map(instruction) { (x: Bool, y: Bool) in x || y }
        case .equal: map(instruction) { (x: Bool, y: Bool) in x == y }
        case .xor, .notEqual: map(instruction) { (x: Bool, y: Bool) in x != y }
        case .add, .subtract, .multiply, .divide, .remainder, .multiplyHigh, .minimum, .maximum, .shiftLeft,
            .shiftRight, .less, .lessEqual, .greater, .greaterEqual, .power:
            preconditionFailure("no \(instruction.binary) of bools")
        }
    }

    private func integers<T: FixedWidthInteger>(_ instruction: Instruction, _: T.Type) throws(KernelError) {
        switch instruction.binary {
        case .add: map(instruction) { (x: T, y: T) in x &+ y }
        case .subtract: map(instruction) { (x: T, y: T) in x &- y }
        case .multiply: map(instruction) { (x: T, y: T) in x &* y }
        case .divide, .remainder: try divide(instruction, T.self)
        case .multiplyHigh:
            map(instruction) { (x: T, y: T) in T(truncatingIfNeeded: x.multipliedFullWidth(by: y).high) }
        case .minimum: map(instruction) { (x: T, y: T) in min(x, y) }
        case .maximum: map(instruction) { (x: T, y: T) in max(x, y) }
        case .and: map(instruction) { (x: T, y: T) in x & y }
        case .or: map(instruction) { (x: T, y: T) in x | y }
        case .xor: map(instruction) { (x: T, y: T) in x ^ y }
        case .shiftLeft, .shiftRight:
            try check(instruction, T.self, .shift) { $1 >= 0 && $1 < T(T.bitWidth) }
            if instruction.binary == .shiftLeft {
                map(instruction) { (x: T, y: T) in x &<< y }
            } else {
                map(instruction) { (x: T, y: T) in x &>> y }
            }
        case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual, .power: compare(instruction, T.self)
        }
    }

    private func divide<T: FixedWidthInteger>(_ instruction: Instruction, _: T.Type) throws(KernelError) {
        try check(instruction, T.self, .division) { $1 != 0 && !($0.dividedReportingOverflow(by: $1).overflow) }
        if instruction.binary == .divide {
            map(instruction) { (x: T, y: T) in x.dividedReportingOverflow(by: y).partialValue }
        } else {
            map(instruction) { (x: T, y: T) in x.remainderReportingOverflow(dividingBy: y).partialValue }
        }
    }

    private func floats<T: BinaryFloatingPoint>(_ instruction: Instruction, _: T.Type) {
        switch instruction.binary {
        case .add: map(instruction) { (x: T, y: T) in x + y }
        case .subtract: map(instruction) { (x: T, y: T) in x - y }
        case .multiply: map(instruction) { (x: T, y: T) in x * y }
        case .divide:
            if program.dividesExactly {
                map(instruction) { (x: T, y: T) in x / y }
            } else {
                map(instruction) { (x: T, y: T) in looseQuotient(x, y) }
            }
        case .remainder: map(instruction) { (x: T, y: T) in x.truncatingRemainder(dividingBy: y) }
        case .power: map(instruction) { (x: T, y: T) in T(pow(Double(x), Double(y))) }
        case .multiplyHigh, .minimum, .maximum, .and, .or, .xor, .shiftLeft, .shiftRight, .equal, .notEqual, .less,
            .lessEqual, .greater, .greaterEqual:
            compare(instruction, T.self)
        }
    }

    private func compare<T: Comparable>(_ instruction: Instruction, _: T.Type) {
        switch instruction.binary {
        case .equal: map(instruction) { (x: T, y: T) in x == y }
        case .notEqual: map(instruction) { (x: T, y: T) in x != y }
        case .less: map(instruction) { (x: T, y: T) in x < y }
        case .lessEqual: map(instruction) { (x: T, y: T) in x <= y }
        case .greater: map(instruction) { (x: T, y: T) in x > y }
        case .greaterEqual: map(instruction) { (x: T, y: T) in x >= y }
        case .add, .subtract, .multiply, .divide, .remainder, .multiplyHigh, .minimum, .maximum, .and, .or, .xor,
            .shiftLeft, .shiftRight, .power:
            preconditionFailure("no \(instruction.binary) of \(instruction.scalar)")
        }
    }

    // MARK: Subgroups

    /// Consecutive work-items are a subgroup, the last one of what is left.
    func subgroup(_ instruction: Instruction) throws(KernelError) {
        guard activeCounts[instruction.mask] == count else {
            throw failure(.divergence, "not all work-items come here", instruction, item: firstIdle(instruction))
        }
        switch instruction.scalar {
        case .int32: try subgroup(instruction, Int32.self) { $0 &+ $1 }
        case .uint32: try subgroup(instruction, UInt32.self) { $0 &+ $1 }
        case .int64: try subgroup(instruction, Int64.self) { $0 &+ $1 }
        case .float16: try subgroup(instruction, Float16.self) { $0 + $1 }
        case .float32: try subgroup(instruction, Float.self) { $0 + $1 }
        case .float64: try subgroup(instruction, Double.self) { $0 + $1 }
        case .bool: preconditionFailure("no subgroup operation of bools")
        }
    }

    private func subgroup<T: Comparable>(
        _ instruction: Instruction, _: T.Type, add: (T, T) -> T
    ) throws(KernelError) {
        let values = pointer(instruction.a, T.self)
        let result = pointer(instruction.result, T.self)
        for first in stride(from: 0, to: count, by: program.subgroupSize) {
            let lanes = first..<min(first + program.subgroupSize, count)
            let others = lanes.dropFirst()
            switch instruction.subgroup {
            case .add:
                let sum = others.reduce(values[first]) { add($0, values[$1]) }
                for lane in lanes { result[lane] = sum }
            case .minimum:
                let least = others.reduce(values[first]) { min($0, values[$1]) }
                for lane in lanes { result[lane] = least }
            case .maximum:
                let greatest = others.reduce(values[first]) { max($0, values[$1]) }
                for lane in lanes { result[lane] = greatest }
            case .shuffleXor(let mask):
                for lane in lanes {
                    let other = first + ((lane - first) ^ mask)
                    guard lanes.contains(other) else {
                        throw failure(.bounds, "there is no lane \(other - first)", instruction, item: lane)
                    }
                    result[lane] = values[other]
                }
            }
        }
    }
}

/// A quotient as bad as Vulkan allows: up to 2.5 units in the last place off, NaN where the divisor is subnormal, and 0 where
/// the quotient would be.
private func looseQuotient<T: BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    let exact = x / y
    if y.isSubnormal || x.isSubnormal { return .nan }
    if exact.isSubnormal { return 0 }
    return moved(exact, by: UInt64(truncatingIfNeeded: x.significandBitPattern ^ y.significandBitPattern) % 5, 2)
}

/// A square root up to 4.5 units in the last place off.
private func looseSquareRoot<T: BinaryFloatingPoint>(_ x: T) -> T {
    if x.isSubnormal { return 0 }
    return moved(x.squareRoot(), by: UInt64(truncatingIfNeeded: x.significandBitPattern) % 9, 4)
}

private func moved<T: BinaryFloatingPoint>(_ x: T, by units: UInt64, _ middle: Int) -> T {
    x.isNormal ? x + T(Int(units) - middle) * x.ulp : x
}
