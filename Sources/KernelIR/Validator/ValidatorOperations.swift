import TensorRuntime

/// The types that each operation takes and gives.
extension Validator {
    func checkOperation(_ operation: Operation, value: Int) throws(KernelError) {
        try checkNumber(value, of: kernel.types, "value")
        let result = kernel.types[value]
        switch operation {
        case .constant(let constant): try checkConstant(constant, result.scalar)
        case .argument(let number):
            try checkNumber(number, of: kernel.arguments, "argument")
            try require(result, is: ValueType(kernel.arguments[number].scalar))
        case .builtin(let builtin): try checkBuiltin(builtin, result)
        case .read(let variable):
            try checkNumber(variable, of: kernel.variables, "variable")
            try require(result, is: kernel.variables[variable])
        case .load(let buffer, let index):
            try checkLoad(buffer: buffer, index: index)
            try require(result, is: ValueType(kernel.buffers[buffer].element.valueScalar, width: result.width))
        case .loadBits(let buffer, let index, let mask):
            try checkLoad(buffer: buffer, index: index)
            try checkBits(buffer: buffer, mask: mask)
            try require(result, is: .uint32)
        case .loadShared(let array, let index):
            try checkNumber(array, of: kernel.arrays, "shared array")
            try require(result, is: ValueType(kernel.arrays[array].scalar, width: result.width))
            try checkSharedIndex(index, array: array, width: result.width)
        case .unary(let operation, let a):
            try require(type(of: a), is: result)
            if !operation.takes(result.scalar) { throw failure(.type, "there is no \(operation) of \(result)") }
        case .binary(let operation, let a, let b): try checkBinary(operation, a, b, result)
        case .multiplyAdd(let a, let b, let c), .fusedMultiplyAdd(let a, let b, let c):
            for operand in [a, b, c] { try require(type(of: operand), is: result) }
            if !result.scalar.isFloat { throw failure(.type, "there is no product and sum in one of \(result)") }
        case .select(let condition, let a, let b):
            try require(type(of: condition), is: .bool.vector(result.width))
            for operand in [a, b] { try require(type(of: operand), is: result) }
        case .subgroup(let operation, let a): try checkSubgroup(operation, a, result)
        case .convert, .bitcast, .splat, .construct, .extract: try checkConversion(operation, result)
        }
    }

    private func checkLoad(buffer: Int, index: Int) throws(KernelError) {
        try checkNumber(buffer, of: kernel.buffers, "buffer")
        let source = kernel.buffers[buffer]
        if source.access == .write { throw failure(.access, "the buffer \(source.name) is only written") }
        try checkIndex(index)
    }

    private func checkConstant(_ constant: Constant, _ scalar: ScalarType) throws(KernelError) {
        let fits =
            switch scalar {
            case .bool: constant.bits < 2
            case .int32: Int32(exactly: constant.integer) != nil
            case .uint32: UInt32(exactly: constant.integer) != nil
            case .int64, .float64: true
            case .float16: !constant.double.isFinite || Float16(constant.double).isFinite
            case .float32: !constant.double.isFinite || Float(constant.double).isFinite
            }
        if !fits { throw failure(.constant, "the constant is no \(scalar.name)") }
    }

    private func checkBuiltin(_ builtin: Builtin, _ result: ValueType) throws(KernelError) {
        try require(result, is: .int32)
        switch builtin {
        case .workgroupID(let axis), .localID(let axis), .workgroupCount(let axis):
            if !(0..<3).contains(axis) { throw failure(.constant, "there is no axis \(axis)") }
        case .subgroupLane, .subgroupSize: break
        }
    }

    private func checkBinary(
        _ operation: BinaryOperation, _ a: Int, _ b: Int, _ result: ValueType
    ) throws(KernelError) {
        let operand = try type(of: a)
        try require(type(of: b), is: operand)
        try require(result, is: operation.isComparison ? operand.with(.bool) : operand)
        let scalar = operand.scalar
        if !operation.takes(scalar) { throw failure(.type, "there is no \(operation) of \(operand)") }
        guard scalar.isInteger, let constant = constants[b]?.integer else { return }
        switch operation {
        case .divide, .remainder:
            if constant == 0 { throw failure(.division, "division by 0") }
        case .shiftLeft, .shiftRight:
            let bits = 8 * scalar.byteCount
            if !(0..<bits).contains(constant) {
                throw failure(.shift, "a shift of \(scalar.name) by \(constant) bits")
            }
        case .add, .subtract, .multiply, .multiplyHigh, .minimum, .maximum, .and, .or, .xor, .equal, .notEqual, .less,
            .lessEqual, .greater, .greaterEqual, .power:
            break
        }
    }

    private func checkSubgroup(_ operation: SubgroupOperation, _ a: Int, _ result: ValueType) throws(KernelError) {
        try require(type(of: a), is: result)
        guard result.width == 1, result.scalar != .bool else {
            throw failure(.type, "there is no subgroup operation of \(result)")
        }
        if case .shuffleXor(let mask) = operation, mask < 1 {
            throw failure(.constant, "a shuffle by the lane's own number and \(mask)")
        }
    }

    private func checkConversion(_ operation: Operation, _ result: ValueType) throws(KernelError) {
        switch operation {
        case .convert(let a):
            let source = try type(of: a)
            try require(source, is: source.vector(result.width))
            if source == result { throw failure(.type, "a conversion of \(result) to itself") }
        case .bitcast(let a):
            let source = try type(of: a)
            try require(source, is: source.vector(result.width))
            guard source.scalar.byteCount == result.scalar.byteCount, source.scalar != .bool, result.scalar != .bool,
                source != result
            else { throw failure(.type, "a \(source) has not the bits of a \(result)") }
        case .splat(let a):
            try require(type(of: a), is: result.vector(1))
            if result.width == 1 { throw failure(.type, "one lane is no vector") }
        case .construct(let lanes):
            for lane in lanes { try require(type(of: lane), is: result.vector(1)) }
            if lanes.count != result.width || lanes.count == 1 {
                throw failure(.type, "\(lanes.count) lanes are no \(result)")
            }
        case .extract(let a, let lane):
            let source = try type(of: a)
            try require(result, is: source.vector(1))
            if source.width == 1 { throw failure(.type, "a \(source) has no lanes") }
            if !(0..<source.width).contains(lane) { throw failure(.constant, "a \(source) has no lane \(lane)") }
        case .constant, .argument, .builtin, .read, .load, .loadBits, .loadShared, .unary, .binary, .multiplyAdd,
            .fusedMultiplyAdd, .select, .subgroup:
            preconditionFailure("checked by its own rule")
        }
    }
}

extension UnaryOperation {
    /// Whether there is such an operation on this type.
    func takes(_ scalar: ScalarType) -> Bool {
        switch self {
        case .negate: scalar != .bool
        case .absolute: scalar.isFloat || scalar == .int32 || scalar == .int64
        case .not: !scalar.isFloat
        case .squareRoot, .floor, .ceil, .roundEven, .truncate: scalar.isFloat
        case .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh,
            .tanh, .erf, .erfc, .lgamma:
            scalar == .float32 || scalar == .float64
        }
    }
}

extension BinaryOperation {
    /// Whether there is such an operation on this type.
    func takes(_ scalar: ScalarType) -> Bool {
        switch self {
        case .add, .subtract, .multiply, .divide, .remainder: scalar != .bool
        case .multiplyHigh: scalar == .uint32
        case .minimum, .maximum, .shiftLeft, .shiftRight: scalar.isInteger
        case .and, .or, .xor: !scalar.isFloat
        case .equal, .notEqual: true
        case .less, .lessEqual, .greater, .greaterEqual: scalar != .bool
        case .power: scalar == .float32 || scalar == .float64
        }
    }
}
