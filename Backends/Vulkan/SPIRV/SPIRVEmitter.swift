import KernelIR
import TensorRuntime

/// Writes a kernel as a SPIR-V 1.3 module for Vulkan 1.1, as ``SPIRVModule`` describes it.
///
/// Values are SSA ids, mutable variables lie in the function's own storage, loops count in phis. Work is linear in the
/// kernel's statements: what belongs to a value stands in an array by the value's number.
///
/// Every sum, product, difference and quotient of floats is decorated as `NoContraction`, which also forbids a driver to
/// reorder or to cancel; `multiplyAdd` alone is left to it.
package struct SPIRVEmitter {
    let kernel: Kernel
    let builder = SPIRVModuleBuilder()
    /// The id of each value.
    var ids: [UInt32]
    /// The constants by value; what is no constant is nil.
    var constants: [Constant?]

    /// The function: its variables, what is read once before everything else, and the statements.
    private var locals = SPIRVWords()
    private var prologue = SPIRVWords()
    private var code = SPIRVWords()
    /// The label of the block that is being written.
    private var block: UInt32 = 0

    private var variables: [UInt32] = []
    private(set) var arrays: [UInt32] = []
    var buffers: [UInt32] = []
    /// Whether each buffer is also written by atomic operations.
    var hasBitStores: [Bool]
    private var parameterBlock: UInt32 = 0
    private var module = SPIRVModule()
    /// What the prologue reads: 0 where nothing needed it yet.
    private var argumentIDs: [UInt32]
    private var offsetIDs: [UInt32]
    private var wideOffsetIDs: [UInt32]
    private var builtInIDs: [SPIRV.BuiltIn: UInt32] = [:]

    /// - Parameter kernel: valid, and legalized for the device with ``SPIRVTarget/maximumVectorLanes``.
    /// - Throws: `unsupported` where the kernel needs what the target or SPIR-V lacks, by name.
    package static func module(of kernel: Kernel, target: SPIRVTarget) throws(TensorError) -> SPIRVModule {
        let expanded: Kernel
        do throws(KernelError) {
            expanded = try kernel.expandingFloats(hasInt64: target.features.contains(.int64))
        } catch { throw TensorError(.unsupported, error.description) }
        var emitter = SPIRVEmitter(expanded)
        try emitter.emit(for: target)
        return emitter.module
    }

    private init(_ kernel: Kernel) {
        self.kernel = kernel
        ids = Array(repeating: 0, count: kernel.types.count)
        constants = Array(repeating: nil, count: kernel.types.count)
        hasBitStores = Array(repeating: false, count: kernel.buffers.count)
        argumentIDs = Array(repeating: 0, count: kernel.arguments.count)
        offsetIDs = Array(repeating: 0, count: kernel.buffers.count)
        wideOffsetIDs = offsetIDs
    }

    func unsupported(_ message: String) -> TensorError {
        TensorError(.unsupported, "kernel \(kernel.name): \(message)")
    }

    // MARK: The module

    private mutating func emit(for target: SPIRVTarget) throws(TensorError) {
        try declareFeatures(target)
        let function = builder.newID()
        builder.name(function, kernel.name)
        let size = kernel.workgroupSize
        builder.executionMode(function, .localSize, (0..<3).map { UInt32(size[$0]) })
        if target.preservesSignedZeroInfNan32 { preserveSpecialNumbers(function, 32) }
        if target.preservesSignedZeroInfNan64, kernel.requirements.features.contains(.float64) {
            preserveSpecialNumbers(function, 64)
        }
        declareMemory()
        var head = SPIRVWords()
        head.append(.function, [builder.voidType(), function, 0, builder.functionType()])
        block = builder.newID()
        head.append(.label, [block])
        try emit(kernel.body)
        code.append(.return, [])
        code.append(.functionEnd, [])
        module.words = builder.module(entry: function, function: [head, locals, prologue, code])
    }

    private func preserveSpecialNumbers(_ function: UInt32, _ bits: UInt32) {
        builder.require(.signedZeroInfNanPreserve, extension: "SPV_KHR_float_controls")
        builder.executionMode(function, .signedZeroInfNanPreserve, [bits])
    }

    private func declareFeatures(_ target: SPIRVTarget) throws(TensorError) {
        let needs = kernel.requirements
        let missing = needs.features.subtracting(target.features)
        if !missing.isEmpty { throw unsupported("it needs \(missing), which the device lacks") }
        if needs.vectorLanes > SPIRVTarget.maximumVectorLanes {
            throw unsupported("it has vectors of \(needs.vectorLanes) lanes; legalize it for 4")
        }
        let capabilities: [(KernelFeatures, SPIRV.Capability, String?)] = [
            (.int64, .int64, nil), (.float64, .float64, nil), (.float16, .float16, nil),
            (.storage16, .storageBuffer16BitAccess, nil), (.subgroups, .groupNonUniform, nil),
            (.storage8, .storageBuffer8BitAccess, "SPV_KHR_8bit_storage"),
        ]
        for (feature, capability, name) in capabilities where needs.features.contains(feature) {
            builder.require(capability, extension: name)
        }
        guard needs.features.contains(.subgroups) else { return }
        var found: (arithmetic: Bool, shuffle: Bool) = (false, false)
        kernel.forEachStatement { statement in
            switch statement {
            case .define(_, .subgroup(.shuffleXor, _)): found.shuffle = true
            case .define(_, .subgroup): found.arithmetic = true
            default: break
            }
        }
        if found.arithmetic && !target.subgroupArithmetic { throw unsupported("it needs sums across a subgroup") }
        if found.shuffle && !target.subgroupShuffle { throw unsupported("it needs shuffles across a subgroup") }
        if found.arithmetic { builder.require(.groupNonUniformArithmetic) }
        if found.shuffle { builder.require(.groupNonUniformShuffle) }
    }

    // MARK: Memory

    private mutating func declareMemory() {
        kernel.forEachStatement { statement in
            if case .storeBits(let buffer, _, _, _) = statement { hasBitStores[buffer] = true }
        }
        let isWritten = kernel.buffers.contains { $0.access != .read }
        for (number, buffer) in kernel.buffers.enumerated() {
            if buffer.isFar {
                buffers.append(0)
                continue
            }
            let type = builder.blockType(memoryType(buffer.element), stride: buffer.element.byteCount)
            let id = bind(type, number, buffer.name)
            // An output may lie where an input does.
            if isWritten && kernel.buffers.count > 1 { builder.decorate(id, .aliased) }
            if buffer.access == .read { builder.decorate(id, .nonWritable) }
            buffers.append(id)
        }
        declareParameters()
        for array in kernel.arrays {
            let id = builder.globalVariable(.workgroup, builder.arrayType(sharedType(array), count: array.count))
            builder.name(id, array.name)
            arrays.append(id)
        }
        for (number, type) in kernel.variables.enumerated() {
            let pointer = builder.pointerType(.function, builder.type(type))
            let id = builder.newID()
            locals.append(.variable, [pointer, id, SPIRV.StorageClass.function.rawValue])
            builder.name(id, "r\(number)")
            variables.append(id)
        }
    }

    private func bind(_ type: UInt32, _ binding: Int, _ name: String) -> UInt32 {
        let id = builder.globalVariable(.storageBuffer, type)
        builder.name(id, name)
        builder.decorate(id, .descriptorSet, 0)
        builder.decorate(id, .binding, UInt32(binding))
        return id
    }

    private mutating func declareParameters() {
        var types: [UInt32] = []
        var places: [Int] = []
        var end = 0
        func place(_ type: UInt32, _ size: Int) -> SPIRVModule.Parameter {
            end = (end + size - 1) & ~(size - 1)
            defer { end += size }
            types.append(type)
            places.append(end)
            return SPIRVModule.Parameter(byteOffset: end, byteCount: size)
        }
        module.offsets = kernel.buffers.map { buffer in
            buffer.isFar ? place(addressType(of: buffer), 8) : place(builder.type(.int32), 4)
        }
        module.arguments = kernel.arguments.map { argument in
            place(
                builder.type(ValueType(SPIRVEmitter.parameterScalar(argument.scalar))),
                argument.scalar.byteCount == 8 ? 8 : 4)
        }
        module.parameterByteCount = end
        if types.isEmpty { return }
        let block = builder.blockType(members: types, offsets: places)
        let names = kernel.buffers.map { "\($0.name)_offset" } + kernel.arguments.map(\.name)
        for (member, name) in names.enumerated() { builder.name(member: member, of: block, name) }
        parameterBlock = bind(block, kernel.buffers.count, "parameters")
        builder.decorate(parameterBlock, .nonWritable)
    }

    /// The type of a far buffer's address.
    private func addressType(of buffer: Kernel.Buffer) -> UInt32 {
        builder.require(.physicalStorageBufferAddresses, extension: "SPV_KHR_physical_storage_buffer")
        let block = builder.blockType(memoryType(buffer.element), stride: buffer.element.byteCount)
        return builder.pointerType(.physicalStorageBuffer, block)
    }

    /// The type of a parameter in its block.
    private static func parameterScalar(_ scalar: ScalarType) -> ScalarType {
        scalar == .bool || scalar == .float16 ? .uint32 : scalar
    }

    // MARK: Instructions

    /// Writes an instruction and gives its result.
    @discardableResult
    mutating func value(_ opcode: SPIRVOpcode, _ type: UInt32, _ operands: UInt32...) -> UInt32 {
        value(opcode, type, operands: operands)
    }

    mutating func value(_ opcode: SPIRVOpcode, _ type: UInt32, operands: [UInt32]) -> UInt32 {
        let id = builder.newID()
        code.append(opcode, [type, id] + operands)
        return id
    }

    mutating func statement(_ opcode: SPIRVOpcode, _ operands: UInt32...) { code.append(opcode, operands) }

    mutating func statement(_ opcode: SPIRVOpcode, operands: [UInt32]) { code.append(opcode, operands) }

    private mutating func prologueValue(_ opcode: SPIRVOpcode, _ type: UInt32, _ operands: UInt32...) -> UInt32 {
        let id = builder.newID()
        prologue.append(opcode, [type, id] + operands)
        return id
    }

    // MARK: What is read once

    mutating func argument(_ number: Int) -> UInt32 {
        if argumentIDs[number] == 0 {
            let scalar = kernel.arguments[number].scalar
            let type = builder.type(ValueType(SPIRVEmitter.parameterScalar(scalar)))
            let word = parameter(kernel.buffers.count + number, type)
            switch scalar {
            case .bool: argumentIDs[number] = prologueValue(.iNotEqual, builder.boolType(), word, builder.constant(0))
            case .float16:
                let pair = prologueValue(
                    .extInst, builder.type(ValueType(.float32, width: 2)), builder.functionSet(),
                    SPIRV.Function.unpackHalf2x16.rawValue, word)
                let single = prologueValue(.compositeExtract, builder.type(.float32), pair, 0)
                argumentIDs[number] = prologueValue(.fConvert, builder.floatType(16), single)
            default: argumentIDs[number] = word
            }
        }
        return argumentIDs[number]
    }

    /// The element at which a buffer's operand begins, in the type of an index.
    mutating func offset(_ buffer: Int, as scalar: ScalarType) -> UInt32 {
        if offsetIDs[buffer] == 0 { offsetIDs[buffer] = parameter(buffer, builder.type(.int32)) }
        if scalar == .int32 { return offsetIDs[buffer] }
        if wideOffsetIDs[buffer] == 0 {
            wideOffsetIDs[buffer] = prologueValue(.sConvert, builder.type(.int64), offsetIDs[buffer])
        }
        return wideOffsetIDs[buffer]
    }

    /// The address at which a far buffer's operand begins.
    mutating func address(_ buffer: Int) -> UInt32 {
        if offsetIDs[buffer] == 0 {
            offsetIDs[buffer] = parameter(buffer, addressType(of: kernel.buffers[buffer]))
        }
        return offsetIDs[buffer]
    }

    private mutating func parameter(_ member: Int, _ type: UInt32) -> UInt32 {
        let place = prologueValue(
            .accessChain, builder.pointerType(.storageBuffer, type), parameterBlock, builder.constant(UInt32(member)))
        return prologueValue(.load, type, place)
    }

    mutating func builtIn(_ builtIn: Builtin) -> UInt32 {
        switch builtIn {
        case .workgroupID(let axis): input(.workgroupId, axis)
        case .localID(let axis): input(.localInvocationId, axis)
        case .workgroupCount(let axis): input(.numWorkgroups, axis)
        case .subgroupLane: input(.subgroupLocalInvocationId, nil)
        case .subgroupSize: input(.subgroupSize, nil)
        }
    }

    private mutating func input(_ builtIn: SPIRV.BuiltIn, _ axis: Int?) -> UInt32 {
        if builtInIDs[builtIn] == nil {
            let type = builder.type(ValueType(.uint32))
            let whole = axis == nil ? type : builder.vectorType(type, 3)
            let variable = builder.globalVariable(.input, whole)
            builder.decorate(variable, .builtIn, builtIn.rawValue)
            builtInIDs[builtIn] = prologueValue(.load, whole, variable)
        }
        guard let axis else { return builtInIDs[builtIn]! }
        return prologueValue(.compositeExtract, builder.type(.int32), builtInIDs[builtIn]!, UInt32(axis))
    }

    // MARK: Statements

    private mutating func emit(_ statements: [Statement]) throws(TensorError) {
        for statement in statements {
            switch statement {
            case .define(let value, let operation):
                if case .constant(let constant) = operation { constants[value] = constant }
                ids[value] = try define(operation, kernel.types[value])
            case .assign(let variable, let value): self.statement(.store, variables[variable], ids[value])
            case .store(let buffer, let index, let value): store(value, buffer: buffer, index: index)
            case .storeBits(let buffer, let index, let mask, let value):
                storeBits(ids[value], mask: ids[mask], buffer: buffer, index: index)
            case .storeShared(let array, let index, let value): storeShared(value, array: array, index: index)
            case .loop(let loop): try emit(loop)
            case .branch(let condition, let then, let otherwise):
                try emitBranch(ids[condition], then, otherwise)
            case .barrier:
                let scope = builder.constant(SPIRV.Scope.workgroup)
                self.statement(
                    .controlBarrier, scope, scope, builder.constant(SPIRV.MemorySemantics.acquireReleaseOfWorkgroup))
            }
        }
    }

    private mutating func begin(_ label: UInt32) {
        code.append(.label, [label])
        block = label
    }

    private mutating func emitBranch(
        _ condition: UInt32, _ then: [Statement], _ otherwise: [Statement]
    ) throws(TensorError) {
        let merge = builder.newID()
        let first = builder.newID()
        let second = otherwise.isEmpty ? merge : builder.newID()
        statement(.selectionMerge, merge, 0)
        statement(.branchConditional, condition, first, second)
        begin(first)
        try emit(then)
        statement(.branch, merge)
        if !otherwise.isEmpty {
            begin(second)
            try emit(otherwise)
            statement(.branch, merge)
        }
        begin(merge)
    }

    private mutating func emit(_ loop: Loop) throws(TensorError) {
        let type = kernel.types[loop.counter]
        let typeID = builder.type(type)
        let (header, body, next, merge) = (builder.newID(), builder.newID(), builder.newID(), builder.newID())
        let counted = builder.newID()
        statement(.branch, header)
        let before = block
        begin(header)
        ids[loop.counter] = value(.phi, typeID, ids[loop.start], before, counted, next)
        let goesOn = value(
            type.scalar == .uint32 ? .uLessThan : .sLessThan, builder.boolType(), ids[loop.counter], ids[loop.end])
        statement(.loopMerge, merge, next, 0)
        statement(.branchConditional, goesOn, body, merge)
        begin(body)
        try emit(loop.body)
        statement(.branch, next)
        begin(next)
        code.append(.iAdd, [typeID, counted, ids[loop.counter], ids[loop.step]])
        statement(.branch, header)
        begin(merge)
    }

    // MARK: Variables and indices

    mutating func read(_ variable: Int, _ type: ValueType) -> UInt32 {
        value(.load, builder.type(type), variables[variable])
    }

    /// An index and those behind it.
    mutating func places(_ index: Int, width: Int) -> [UInt32] { places(ids[index], kernel.types[index], width: width) }

    mutating func places(_ first: UInt32, _ type: ValueType, width: Int) -> [UInt32] {
        (0..<width).map { lane in
            lane == 0 ? first : value(.iAdd, builder.type(type), first, builder.constant(lane, type))
        }
    }
}
