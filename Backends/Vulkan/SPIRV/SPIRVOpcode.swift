/// The instructions that the emitter writes, by their numbers in the SPIR-V specification. A case is called as the
/// specification's `Op...`, so that a disassembly needs no list of names.
enum SPIRVOpcode: UInt16, CaseIterable {
    case name = 5
    case memberName
    case `extension` = 10
    case extInstImport, extInst
    case memoryModel = 14
    case entryPoint, executionMode
    case capability = 17
    case typeVoid = 19
    case typeBool, typeInt, typeFloat, typeVector
    case typeArray = 28
    case typeRuntimeArray
    case typeStruct = 30
    case typePointer = 32
    case typeFunction
    case constantTrue = 41
    case constantFalse, constant, constantComposite
    case function = 54
    case functionEnd = 56
    case variable = 59
    case load = 61
    case store
    case accessChain = 65
    case decorate = 71
    case memberDecorate
    case compositeConstruct = 80
    case compositeExtract
    case convertFToU = 109
    case convertFToS, convertSToF, convertUToF, uConvert, sConvert, fConvert
    case bitcast = 124
    case sNegate = 126
    case fNegate, iAdd, fAdd, iSub, fSub, iMul, fMul, uDiv, sDiv, fDiv, uMod
    case uMulExtended = 151
    case logicalEqual = 164
    case logicalNotEqual, logicalOr, logicalAnd, logicalNot, select
    case iEqual = 170
    case iNotEqual, uGreaterThan, sGreaterThan, uGreaterThanEqual, sGreaterThanEqual
    case uLessThan, sLessThan, uLessThanEqual, sLessThanEqual
    case fOrdEqual = 180
    case fUnordNotEqual = 183
    case fOrdLessThan
    case fOrdGreaterThan = 186
    case fOrdLessThanEqual = 188
    case fOrdGreaterThanEqual = 190
    case shiftRightLogical = 194
    case shiftRightArithmetic, shiftLeftLogical
    case bitwiseOr = 197
    case bitwiseXor, bitwiseAnd, not
    case controlBarrier = 224
    case atomicLoad = 227
    case atomicAnd = 240
    case atomicOr
    case phi = 245
    case loopMerge, selectionMerge, label, branch, branchConditional
    case `return` = 253
    case groupNonUniformShuffleXor = 346
    case groupNonUniformIAdd = 349
    case groupNonUniformFAdd
    case groupNonUniformSMin = 353
    case groupNonUniformUMin, groupNonUniformFMin, groupNonUniformSMax
    case groupNonUniformUMax, groupNonUniformFMax

    /// `OpTypeInt`.
    var text: String {
        let name = String(describing: self)
        return "Op" + name.prefix(1).uppercased() + name.dropFirst()
    }
}

/// Other numbers of the specification.
enum SPIRV {
    static let magic: UInt32 = 0x0723_0203
    static let version: UInt32 = 0x0001_0300
    /// An addressing model.
    static let physicalStorageBuffer64: UInt32 = 5348

    enum Capability: UInt32, CaseIterable {
        case shader = 1
        case float16 = 9
        case float64
        case int64
        case groupNonUniform = 61
        case groupNonUniformArithmetic = 63
        case groupNonUniformShuffle = 65
        case storageBuffer16BitAccess = 4433
        case storageBuffer8BitAccess = 4448
        case signedZeroInfNanPreserve = 4466
        case physicalStorageBufferAddresses = 5347
    }

    enum StorageClass: UInt32, CaseIterable {
        case input = 1
        case workgroup = 4
        case function = 7
        case storageBuffer = 12
        case physicalStorageBuffer = 5349
    }

    enum Decoration: UInt32, CaseIterable {
        case block = 2
        case arrayStride = 6
        case builtIn = 11
        case aliased = 20
        case nonWritable = 24
        case binding = 33
        case descriptorSet
        case offset
        case fpRoundingMode = 39
        case noContraction = 42
    }

    enum BuiltIn: UInt32, CaseIterable {
        case numWorkgroups = 24
        case workgroupId = 26
        case localInvocationId
        case subgroupSize = 36
        case subgroupLocalInvocationId = 41
    }

    enum ExecutionMode: UInt32, CaseIterable {
        case localSize = 17
        case signedZeroInfNanPreserve = 4461
    }

    /// Functions of `GLSL.std.450` that are exact, or rounded once.
    enum Function: UInt32, CaseIterable {
        case roundEven = 2
        case trunc
        case fAbs
        case floor = 8
        case ceil
        case sqrt = 31
        case fma = 50
        case unpackHalf2x16 = 62
    }

    enum Scope {
        static let device: UInt32 = 1
        static let workgroup: UInt32 = 2
        static let subgroup: UInt32 = 3
    }

    enum MemoryAccess {
        static let aligned: UInt32 = 2
    }

    enum MemorySemantics {
        static let relaxed: UInt32 = 0
        static let acquireReleaseOfWorkgroup: UInt32 = 0x8 | 0x100
    }
}
