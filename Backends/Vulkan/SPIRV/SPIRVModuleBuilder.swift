import KernelIR

/// Instructions one behind the other.
struct SPIRVWords {
    private(set) var words: [UInt32] = []

    mutating func append(_ opcode: SPIRVOpcode, _ operands: [UInt32]) {
        words.append(UInt32(operands.count + 1) << 16 | UInt32(opcode.rawValue))
        words.append(contentsOf: operands)
    }

    /// UTF-8 with a zero behind it, in whole words, the first byte lowest.
    static func string(_ text: String) -> [UInt32] {
        let bytes = Array(text.utf8)
        return (0...bytes.count / 4).map { word in
            (0..<4).reduce(0) { result, byte in
                let place = 4 * word + byte
                return place < bytes.count ? result | UInt32(bytes[place]) << UInt32(8 * byte) : result
            }
        }
    }
}

/// The sections of a module before its function. Types and constants are there once each.
final class SPIRVModuleBuilder {
    private var idBound: UInt32 = 1
    private var capabilities: [SPIRV.Capability] = [.shader]
    private var extensions: [String] = []
    private var imports = SPIRVWords()
    private var modes = SPIRVWords()
    private var names = SPIRVWords()
    private var decorations = SPIRVWords()
    private var globals = SPIRVWords()
    /// The functions of GLSL, once one was used.
    private var functions: UInt32?
    /// The inputs that the entry point names.
    private var inputs: [UInt32] = []

    /// Types and constants by what they consist of.
    private struct Key: Hashable {
        let opcode: SPIRVOpcode
        let operands: SIMD8<UInt32>
    }
    private var known: [Key: UInt32] = [:]
    /// The types of values by scalar and width, 0 where there is none yet.
    private var valueTypes = [UInt32](repeating: 0, count: ScalarType.allCases.count * 5)

    func newID() -> UInt32 {
        idBound += 1
        return idBound - 1
    }

    // MARK: Sections

    func require(_ capability: SPIRV.Capability, extension name: String? = nil) {
        if !capabilities.contains(capability) { capabilities.append(capability) }
        if let name, !extensions.contains(name) { extensions.append(name) }
    }

    func name(_ id: UInt32, _ text: String) { names.append(.name, [id] + SPIRVWords.string(text)) }

    func name(member: Int, of id: UInt32, _ text: String) {
        names.append(.memberName, [id, UInt32(member)] + SPIRVWords.string(text))
    }

    func decorate(_ id: UInt32, _ decoration: SPIRV.Decoration, _ operands: UInt32...) {
        decorations.append(.decorate, [id, decoration.rawValue] + operands)
    }

    func decorate(member: Int, of id: UInt32, _ decoration: SPIRV.Decoration, _ operands: UInt32...) {
        decorations.append(.memberDecorate, [id, UInt32(member), decoration.rawValue] + operands)
    }

    func executionMode(_ function: UInt32, _ mode: SPIRV.ExecutionMode, _ operands: [UInt32]) {
        modes.append(.executionMode, [function, mode.rawValue] + operands)
    }

    /// The number of `GLSL.std.450` in this module.
    func functionSet() -> UInt32 {
        if let functions { return functions }
        let id = newID()
        imports.append(.extInstImport, [id] + SPIRVWords.string("GLSL.std.450"))
        functions = id
        return id
    }

    /// The module, given its function.
    func module(entry: UInt32, function: [SPIRVWords]) -> [UInt32] {
        var head = SPIRVWords()
        for capability in capabilities { head.append(.capability, [capability.rawValue]) }
        for name in extensions { head.append(.extension, SPIRVWords.string(name)) }
        var entryPoint = SPIRVWords()
        // Addresses are logical, but for far buffers, memory as GLSL has it; the entry point is a compute shader.
        let hasAddresses = capabilities.contains(.physicalStorageBufferAddresses)
        entryPoint.append(.memoryModel, [hasAddresses ? SPIRV.physicalStorageBuffer64 : 0, 1])
        entryPoint.append(.entryPoint, [5, entry] + SPIRVWords.string(SPIRVModule.entryPoint) + inputs)
        let header: [UInt32] = [SPIRV.magic, SPIRV.version, 0, idBound, 0]
        let sections = [head, imports, entryPoint, modes, names, decorations, globals] + function
        var words = header
        words.reserveCapacity(header.count + sections.reduce(0) { $0 + $1.words.count })
        for section in sections { words += section.words }
        return words
    }

    // MARK: Types

    /// A type, or a constant, that the opcode and its operands make; the first use defines it.
    private func intern(_ opcode: SPIRVOpcode, _ operands: [UInt32], _ isNew: (UInt32) -> Void = { _ in }) -> UInt32 {
        var key = SIMD8<UInt32>(repeating: 0)
        for (place, operand) in operands.enumerated() { key[place] = operand }
        let entry = Key(opcode: opcode, operands: key)
        if let id = known[entry] { return id }
        let id = newID()
        known[entry] = id
        switch opcode {
        case .constant, .constantTrue, .constantFalse, .constantComposite:
            globals.append(opcode, [operands[0], id] + operands.dropFirst())
        default: globals.append(opcode, [id] + operands)
        }
        isNew(id)
        return id
    }

    func voidType() -> UInt32 { intern(.typeVoid, []) }
    func boolType() -> UInt32 { intern(.typeBool, []) }
    func floatType(_ bits: UInt32) -> UInt32 { intern(.typeFloat, [bits]) }
    /// Signs are a matter of operations.
    func integerType(_ bits: UInt32) -> UInt32 { intern(.typeInt, [bits, 0]) }
    func vectorType(_ lane: UInt32, _ count: Int) -> UInt32 { intern(.typeVector, [lane, UInt32(count)]) }
    func functionType() -> UInt32 { intern(.typeFunction, [voidType()]) }
    func pairType(_ part: UInt32) -> UInt32 { intern(.typeStruct, [part, part]) }

    func pointerType(_ storage: SPIRV.StorageClass, _ type: UInt32) -> UInt32 {
        intern(.typePointer, [storage.rawValue, type])
    }

    /// A plain array, as workgroups have.
    func arrayType(_ element: UInt32, count: Int) -> UInt32 {
        intern(.typeArray, [element, constant(UInt32(count))])
    }

    /// A struct of nothing but an array of unknown length, as bound buffers have.
    func blockType(_ element: UInt32, stride: Int) -> UInt32 {
        let array = intern(.typeRuntimeArray, [element]) { self.decorate($0, .arrayStride, UInt32(stride)) }
        return intern(.typeStruct, [array]) {
            self.decorate(member: 0, of: $0, .offset, 0)
            self.decorate($0, .block)
        }
    }

    /// A struct of its own with members at given offsets.
    func blockType(members: [UInt32], offsets: [Int]) -> UInt32 {
        let id = newID()
        globals.append(.typeStruct, [id] + members)
        for (member, offset) in offsets.enumerated() { decorate(member: member, of: id, .offset, UInt32(offset)) }
        decorate(id, .block)
        return id
    }

    /// The type of values. int32 and uint32 are one.
    func type(_ type: ValueType) -> UInt32 {
        let place = Int(type.scalar.rawValue) * 5 + type.width.trailingZeroBitCount
        if valueTypes[place] != 0 { return valueTypes[place] }
        let id: UInt32
        if type.width > 1 {
            id = vectorType(self.type(type.vector(1)), type.width)
        } else {
            switch type.scalar {
            case .bool: id = boolType()
            case .int32, .uint32: id = integerType(32)
            case .int64: id = integerType(64)
            case .float16: id = floatType(16)
            case .float32: id = floatType(32)
            case .float64: id = floatType(64)
            }
        }
        valueTypes[place] = id
        return id
    }

    // MARK: Constants and variables

    func constant(_ value: UInt32) -> UInt32 { intern(.constant, [integerType(32), value]) }

    /// A number in every lane.
    func constant(_ constant: Constant, _ type: ValueType) -> UInt32 {
        let scalar = self.type(type.vector(1))
        let one: UInt32
        switch type.scalar {
        case .bool: one = intern(constant.bits != 0 ? .constantTrue : .constantFalse, [scalar])
        case .int32, .uint32: one = intern(.constant, [scalar, UInt32(truncatingIfNeeded: constant.bits)])
        case .float16: one = intern(.constant, [scalar, UInt32(Float16(constant.double).bitPattern)])
        case .float32: one = intern(.constant, [scalar, Float(constant.double).bitPattern])
        case .int64, .float64:
            let words = [UInt32(truncatingIfNeeded: constant.bits), UInt32(truncatingIfNeeded: constant.bits >> 32)]
            one = intern(.constant, [scalar] + words)
        }
        if type.width == 1 { return one }
        return intern(.constantComposite, [self.type(type)] + Array(repeating: one, count: type.width))
    }

    func constant(_ value: Int, _ type: ValueType) -> UInt32 {
        constant(type.scalar.isFloat ? Constant(Double(value)) : Constant(value), type)
    }

    func globalVariable(_ storage: SPIRV.StorageClass, _ type: UInt32) -> UInt32 {
        let pointer = pointerType(storage, type)
        let id = newID()
        globals.append(.variable, [pointer, id, storage.rawValue])
        if storage == .input { inputs.append(id) }
        return id
    }
}
