import KernelIR
import TensorRuntime

/// What makes values.
extension SPIRVEmitter {
    mutating func define(_ operation: Operation, _ type: ValueType) throws(TensorError) -> UInt32 {
        let typeID = builder.type(type)
        switch operation {
        case .constant(let constant): return builder.constant(constant, type)
        case .argument(let number): return argument(number)
        case .builtin(let place): return builtIn(place)
        case .read(let variable): return read(variable, type)
        case .load(let buffer, let index): return load(buffer, index: index, type)
        case .loadBits(let buffer, let index, let mask): return loadBits(buffer, index: index, mask: ids[mask])
        case .loadShared(let array, let index): return loadShared(array, index: index, type)
        case .unary(let operation, let a): return try unary(operation, ids[a], type)
        case .binary(let operation, let a, let b):
            return try binary(operation, ids[a], ids[b], kernel.types[a], constant: constants[b])
        case .multiplyAdd(let a, let b, let c): return function(.fma, typeID, ids[a], ids[b], ids[c])
        case .fusedMultiplyAdd: preconditionFailure("expanded before")
        case .select(let condition, let a, let b): return select(ids[condition], a, b, type)
        case .convert(let a): return convert(ids[a], from: kernel.types[a], to: type)
        case .bitcast(let a):
            return typeID == builder.type(kernel.types[a]) ? ids[a] : value(.bitcast, typeID, ids[a])
        case .splat(let a): return construct(Array(repeating: ids[a], count: type.width), type)
        case .construct(let lanes): return construct(lanes.map { ids[$0] }, type)
        case .extract(let a, let lane): return value(.compositeExtract, typeID, ids[a], UInt32(lane))
        case .subgroup(let operation, let a): return try subgroup(operation, ids[a], type)
        }
    }

    // MARK: Lanes

    mutating func lanes(of number: Int) -> [UInt32] {
        let type = kernel.types[number]
        if type.width == 1 { return [ids[number]] }
        let scalar = builder.type(type.vector(1))
        return (0..<type.width).map { value(.compositeExtract, scalar, ids[number], UInt32($0)) }
    }

    mutating func construct(_ lanes: [UInt32], _ type: ValueType) -> UInt32 {
        lanes.count == 1 ? lanes[0] : value(.compositeConstruct, builder.type(type), operands: lanes)
    }

    private mutating func select(_ condition: UInt32, _ a: Int, _ b: Int, _ type: ValueType) -> UInt32 {
        let id = builder.type(type)
        if type.scalar.isFloat, let first = constants[a], let second = constants[b],
            [first, second] == [Constant(-1.0), Constant(0.0)] || [first, second] == [Constant(0.0), Constant(-1.0)]
        {
            // Mesa takes 0 for -0 where it looks for constants, and so makes -float(c) of c ? -1 : 0, which is -0.
            let words = type.with(.int32)
            let arms = [first, second].map { builder.constant(Int($0.double), words) }
            let integer = value(.select, builder.type(words), condition, arms[0], arms[1])
            return value(.convertSToF, id, integer)
        }
        return value(.select, id, condition, ids[a], ids[b])
    }

    // MARK: Arithmetic

    private mutating func function(_ function: SPIRV.Function, _ type: UInt32, _ operands: UInt32...) -> UInt32 {
        value(.extInst, type, operands: [builder.functionSet(), function.rawValue] + operands)
    }

    /// Arithmetic of floats that is done as it stands.
    private mutating func exact(_ opcode: SPIRVOpcode, _ type: UInt32, _ operands: UInt32...) -> UInt32 {
        let id = value(opcode, type, operands: operands)
        builder.decorate(id, .noContraction)
        return id
    }

    private mutating func unary(_ operation: UnaryOperation, _ a: UInt32, _ type: ValueType) throws(TensorError)
        -> UInt32
    {
        let id = builder.type(type)
        switch operation {
        case .negate: return type.scalar.isFloat ? exact(.fNegate, id, a) : value(.sNegate, id, a)
        case .not: return value(type.scalar == .bool ? .logicalNot : .not, id, a)
        case .absolute:
            if type.scalar.isFloat { return function(.fAbs, id, a) }
            let isNegative = value(.sLessThan, bools(type), a, builder.constant(0, type))
            return value(.select, id, isNegative, value(.sNegate, id, a), a)
        case .squareRoot: return function(.sqrt, id, a)
        case .floor: return function(.floor, id, a)
        case .ceil: return function(.ceil, id, a)
        case .roundEven: return function(.roundEven, id, a)
        case .truncate where type.scalar == .float64:
            // Mesa's of doubles loses the sign of numbers between -1 and 0 on some processors.
            let isNegative = value(.fOrdLessThan, bools(type), a, builder.constant(0, type))
            return value(.select, id, isNegative, function(.ceil, id, a), function(.floor, id, a))
        case .truncate: return function(.trunc, id, a)
        case .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh,
            .tanh, .erf, .erfc, .lgamma:
            // The drivers' own of float32 are off by up to half the value; of float64 there are none.
            throw unsupported("Vulkan has no \(operation) of \(type.scalar.name)")
        }
    }

    private func bools(_ type: ValueType) -> UInt32 { builder.type(type.with(.bool)) }

    /// The instructions for an operation on floats, signed and unsigned integers, and bools; nil where it is not one.
    private typealias Opcodes = (
        float: SPIRVOpcode?, signed: SPIRVOpcode?, unsigned: SPIRVOpcode?, bool: SPIRVOpcode?
    )

    private static func opcodes(of operation: BinaryOperation) -> Opcodes {
        switch operation {
        case .add: (.fAdd, .iAdd, .iAdd, nil)
        case .subtract: (.fSub, .iSub, .iSub, nil)
        case .multiply: (.fMul, .iMul, .iMul, nil)
        case .divide: (.fDiv, nil, nil, nil)
        case .and: (nil, .bitwiseAnd, .bitwiseAnd, .logicalAnd)
        case .or: (nil, .bitwiseOr, .bitwiseOr, .logicalOr)
        case .xor: (nil, .bitwiseXor, .bitwiseXor, .logicalNotEqual)
        case .shiftLeft: (nil, .shiftLeftLogical, .shiftLeftLogical, nil)
        case .shiftRight: (nil, .shiftRightArithmetic, .shiftRightLogical, nil)
        case .equal: (.fOrdEqual, .iEqual, .iEqual, .logicalEqual)
        case .notEqual: (.fUnordNotEqual, .iNotEqual, .iNotEqual, .logicalNotEqual)
        case .less: (.fOrdLessThan, .sLessThan, .uLessThan, nil)
        case .lessEqual: (.fOrdLessThanEqual, .sLessThanEqual, .uLessThanEqual, nil)
        case .greater: (.fOrdGreaterThan, .sGreaterThan, .uGreaterThan, nil)
        case .greaterEqual: (.fOrdGreaterThanEqual, .sGreaterThanEqual, .uGreaterThanEqual, nil)
        case .remainder, .multiplyHigh, .minimum, .maximum, .power: (nil, nil, nil, nil)
        }
    }

    private func pick(_ opcodes: Opcodes, for scalar: ScalarType) -> SPIRVOpcode? {
        if scalar.isFloat { return opcodes.float }
        return scalar == .bool ? opcodes.bool : scalar == .uint32 ? opcodes.unsigned : opcodes.signed
    }

    /// - Parameters:
    ///   - type: the operands'.
    ///   - constant: the second operand, where it is one.
    private mutating func binary(
        _ operation: BinaryOperation, _ a: UInt32, _ b: UInt32, _ type: ValueType, constant: Constant? = nil
    ) throws(TensorError) -> UInt32 {
        let id = operation.isComparison ? bools(type) : builder.type(type)
        let opcode = pick(SPIRVEmitter.opcodes(of: operation), for: type.scalar)
        switch operation {
        case .divide where opcode == nil, .remainder: return divide(operation, a, b, type, constant)
        case .multiplyHigh:
            return value(.compositeExtract, id, value(.uMulExtended, builder.pairType(id), a, b), 1)
        case .minimum, .maximum:
            let isLess = try binary(.less, a, b, type)
            return operation == .minimum ? value(.select, id, isLess, a, b) : value(.select, id, isLess, b, a)
        case .add, .subtract, .multiply, .divide, .and, .or, .xor, .shiftLeft, .shiftRight, .power, .equal, .notEqual,
            .less, .lessEqual, .greater, .greaterEqual:
            guard let opcode else { throw unsupported("Vulkan has no \(operation) of \(type.scalar.name)") }
            if type.scalar.isFloat && !operation.isComparison { return exact(opcode, id, a, b) }
            let isShift = operation == .shiftLeft || operation == .shiftRight
            return value(opcode, id, a, isShift ? places(b, type, constant) : b)
        }
    }

    /// A shift's places. Beyond the width a shift is undefined, in work-items too that a branch leaves out.
    private mutating func places(_ b: UInt32, _ type: ValueType, _ constant: Constant?) -> UInt32 {
        if constant != nil { return b }
        return value(.bitwiseAnd, builder.type(type), b, builder.constant(8 * type.scalar.byteCount - 1, type))
    }

    /// Integers, towards zero. A divisor of 0, or of -1 with the least number, is undefined and traps on a processor, in
    /// work-items too that a branch leaves out: 1 stands for both. `OpSRem` is undefined where an operand is negative.
    private mutating func divide(
        _ operation: BinaryOperation, _ a: UInt32, _ b: UInt32, _ type: ValueType, _ constant: Constant?
    ) -> UInt32 {
        let id = builder.type(type)
        let one = builder.constant(1, type)
        func isEqual(_ number: Int) -> UInt32 { value(.iEqual, bools(type), b, builder.constant(number, type)) }
        if type.scalar == .uint32 {
            let divisor = constant != nil ? b : value(.select, id, isEqual(0), one, b)
            return value(operation == .divide ? .uDiv : .uMod, id, a, divisor)
        }
        var quotient: UInt32
        if let constant, constant.integer > 0 {
            quotient = value(.sDiv, id, a, b)
        } else {
            let isMinusOne = isEqual(-1)
            let isSpecial = value(.logicalOr, bools(type), isEqual(0), isMinusOne)
            quotient = value(.sDiv, id, a, value(.select, id, isSpecial, one, b))
            quotient = value(.select, id, isMinusOne, value(.sNegate, id, a), quotient)
        }
        return operation == .divide ? quotient : value(.iSub, id, a, value(.iMul, id, quotient, b))
    }

    // MARK: Conversions

    private mutating func convert(_ a: UInt32, from: ValueType, to: ValueType) -> UInt32 {
        let id = builder.type(to)
        switch (from.scalar, to.scalar) {
        case (.bool, _): return value(.select, id, a, builder.constant(1, to), builder.constant(0, to))
        case (_, .bool):
            return value(from.scalar.isFloat ? .fUnordNotEqual : .iNotEqual, id, a, builder.constant(0, from))
        case (.int32, .uint32), (.uint32, .int32): return a
        case (.int32, .int64): return value(.sConvert, id, a)
        case (_, _) where !from.scalar.isFloat && !to.scalar.isFloat: return value(.uConvert, id, a)
        case (_, _) where from.scalar.isFloat && to.scalar.isFloat: return value(.fConvert, id, a)
        case (.uint32, _): return value(.convertUToF, id, a)
        case (_, .uint32): return value(.convertFToU, id, a)
        default: return value(from.scalar.isFloat ? .convertFToS : .convertSToF, id, a)
        }
    }

    // MARK: Subgroups

    private mutating func subgroup(
        _ operation: SubgroupOperation, _ a: UInt32, _ type: ValueType
    ) throws(TensorError) -> UInt32 {
        if type.scalar == .int64 || type.scalar == .float16 {
            throw unsupported("there is no \(operation) of \(type.scalar.name) across a subgroup")
        }
        let id = builder.type(type)
        let scope = builder.constant(SPIRV.Scope.subgroup)
        let opcodes: Opcodes
        switch operation {
        case .shuffleXor(let mask):
            return value(.groupNonUniformShuffleXor, id, scope, a, builder.constant(UInt32(mask)))
        case .add: opcodes = (.groupNonUniformFAdd, .groupNonUniformIAdd, .groupNonUniformIAdd, nil)
        case .minimum: opcodes = (.groupNonUniformFMin, .groupNonUniformSMin, .groupNonUniformUMin, nil)
        case .maximum: opcodes = (.groupNonUniformFMax, .groupNonUniformSMax, .groupNonUniformUMax, nil)
        }
        guard let opcode = pick(opcodes, for: type.scalar) else { preconditionFailure("bools have no sum") }
        // 0: over all lanes.
        return value(opcode, id, scope, 0, a)
    }
}
