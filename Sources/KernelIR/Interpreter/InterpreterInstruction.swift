import TensorRuntime

/// One step of the interpreter, done for all work-items that run together.
///
/// Registers are byte offsets into the register file. A register holds the lanes of work-item 0, then those of
/// work-item 1, and so on, each in its type's own size.
struct Instruction {
    enum Code: UInt8 {
        case constant, argument, workgroupID, localID, workgroupCount, subgroupLane, subgroupSize
        /// Copies a register.
        case copy
        case readVariable, assign
        case load, store, loadBits, storeBits, loadShared, storeShared
        case unary, binary, multiplyAdd, fusedMultiplyAdd, select, convert, splat, construct, extract, subgroup
        /// Makes a mask of the active work-items with a condition, or without it, and jumps where there are none.
        case beginThen, beginElse
        /// Sets a counter to its start and makes the mask of those that are before the end.
        case beginLoop
        /// Moves the counter on and goes back where any are left.
        case endLoop
        case barrier
    }

    var code: Code
    /// The type of the first operand, or of the result where there is none; and the result's, or an index's.
    var scalar: ScalarType
    var target: ScalarType
    var unary: UnaryOperation = .negate
    var binary: BinaryOperation = .add
    var subgroup: SubgroupOperation = .add
    /// Lanes of the vector: of the result, or of what is taken apart.
    var width = 1
    var result = 0
    var a = 0
    var b = 0
    var c = 0
    /// The number of a parameter, variable, axis, lane, or of a list's first element.
    var number = 0
    /// Where a jump goes.
    var jump = 0
    /// The mask that holds here, and the one that is made here.
    var mask = 0
    var newMask = 0
    var bits: UInt64 = 0
    /// The statement's number in ``Kernel/forEachStatement(_:)``.
    var statement = 0

    init(_ code: Code, _ scalar: ScalarType = .bool, target: ScalarType = .bool) {
        self.code = code
        self.scalar = scalar
        self.target = target
    }
}

extension ScalarType {
    /// Bytes of a lane in a register.
    var registerByteCount: Int {
        switch self {
        case .bool: 1
        case .float16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .float64: 8
        }
    }
}

/// A kernel as a flat list of instructions with places for everything they touch.
struct InterpreterProgram: Sendable {
    let kernel: Kernel
    let subgroupSize: Int
    /// Whether a `multiplyAdd` rounds once.
    let fusesMultiplyAdd: Bool
    /// Whether quotients and square roots of floats are rounded rightly.
    let dividesExactly: Bool
    /// Whether the kernel reads or writes parts of elements.
    let usesBits: Bool
    /// Work-items of a workgroup.
    let itemCount: Int
    /// Workgroups that run together: several where they are small and share nothing.
    let batch: Int
    /// Run once a launch: what is the same in every workgroup.
    fileprivate(set) var prologue: [Instruction] = []
    fileprivate(set) var body: [Instruction] = []
    /// Registers of the lanes of constructed vectors.
    fileprivate(set) var lists: [Int] = []
    fileprivate(set) var fileByteCount = 0
    /// For each variable, its register, and the register that says where it holds something.
    fileprivate(set) var variables: [Int] = []
    fileprivate(set) var variableFlags: [Int] = []
    /// The register of each mask; mask 0 has all work-items.
    fileprivate(set) var masks: [Int] = []

    /// Work-items that run together.
    var capacity: Int { itemCount * batch }

    private init(_ kernel: Kernel, subgroupSize: Int, fusesMultiplyAdd: Bool, dividesExactly: Bool) {
        self.kernel = kernel
        self.subgroupSize = subgroupSize
        self.fusesMultiplyAdd = fusesMultiplyAdd
        self.dividesExactly = dividesExactly
        let size = kernel.workgroupSize
        itemCount = size[0] * size[1] * size[2]
        var isAlone = !kernel.arrays.isEmpty || kernel.requirements.features.contains(.subgroups)
        var usesBits = false
        kernel.forEachStatement { statement in
            switch statement {
            case .barrier: isAlone = true
            case .storeBits, .define(_, .loadBits): usesBits = true
            case .define, .assign, .store, .storeShared, .loop, .branch: break
            }
        }
        self.usesBits = usesBits
        batch = isAlone ? 1 : max(1, 128 / itemCount)
    }

    /// The program of a kernel whose structure is right.
    static func compile(
        _ kernel: Kernel, subgroupSize: Int, fusesMultiplyAdd: Bool, dividesExactly: Bool
    ) -> InterpreterProgram {
        var compiler = InterpreterCompiler(
            program: InterpreterProgram(
                kernel, subgroupSize: subgroupSize, fusesMultiplyAdd: fusesMultiplyAdd, dividesExactly: dividesExactly))
        compiler.compile()
        return compiler.program
    }
}

/// Gives each value a register and each statement its instructions. Registers of an inner block are free again after it.
private struct InterpreterCompiler {
    var program: InterpreterProgram
    private let kernel: Kernel
    private var registers: [Int]
    private var cursor = 0
    private var statement = -1

    init(program: InterpreterProgram) {
        self.program = program
        kernel = program.kernel
        registers = Array(repeating: 0, count: kernel.types.count)
    }

    mutating func compile() {
        program.masks = [allocate(.bool)]
        for type in kernel.variables {
            program.variables.append(allocate(type))
            program.variableFlags.append(allocate(.bool))
        }
        // What the prologue makes stays for the whole launch: no block may take its registers before it is defined.
        for case .define(let value, let operation) in kernel.body where operation.isOfLaunch {
            registers[value] = allocate(kernel.types[value])
        }
        compile(kernel.body, mask: 0, isOutermost: true)
    }

    private mutating func allocate(_ type: ValueType) -> Int {
        let register = cursor
        let bytes = type.scalar.registerByteCount * type.width * program.capacity
        cursor += (bytes + 63) & ~63
        program.fileByteCount = max(program.fileByteCount, cursor)
        return register
    }

    private mutating func newMask() -> Int {
        program.masks.append(allocate(.bool))
        return program.masks.count - 1
    }

    private mutating func emit(_ instruction: Instruction, mask: Int) {
        var instruction = instruction
        instruction.mask = mask
        instruction.statement = statement
        program.body.append(instruction)
    }

    private mutating func compile(_ block: [Statement], mask: Int, isOutermost: Bool = false) {
        let start = cursor
        for step in block {
            statement += 1
            switch step {
            case .define(let value, let operation):
                let isOfLaunch = isOutermost && operation.isOfLaunch
                if !isOfLaunch { registers[value] = allocate(kernel.types[value]) }
                var instruction = instruction(for: operation, value: value)
                instruction.result = registers[value]
                instruction.width = instruction.code == .extract ? instruction.width : kernel.types[value].width
                if isOfLaunch {
                    instruction.statement = statement
                    program.prologue.append(instruction)
                } else {
                    emit(instruction, mask: mask)
                }
            case .assign(let variable, let value):
                var instruction = Instruction(.assign, kernel.types[value].scalar)
                instruction.number = variable
                instruction.width = kernel.types[value].width
                instruction.a = registers[value]
                emit(instruction, mask: mask)
            case .store(let buffer, let index, let value):
                emit(memory(.store, buffer, index: index, type: kernel.types[value], value: value), mask: mask)
            case .storeBits(let buffer, let index, let bits, let value):
                var instruction = memory(.storeBits, buffer, index: index, type: .uint32, value: value)
                instruction.c = registers[bits]
                emit(instruction, mask: mask)
            case .storeShared(let array, let index, let value):
                emit(memory(.storeShared, array, index: index, type: kernel.types[value], value: value), mask: mask)
            case .loop(let loop): compile(loop, mask: mask)
            case .branch(let condition, let then, let otherwise):
                compileBranch(condition: condition, then: then, otherwise: otherwise, mask: mask)
            case .barrier: emit(Instruction(.barrier), mask: mask)
            }
        }
        if !isOutermost { cursor = start }
    }

    private mutating func compile(_ loop: Loop, mask: Int) {
        let start = cursor
        registers[loop.counter] = allocate(kernel.types[loop.counter])
        var begin = Instruction(.beginLoop, kernel.types[loop.counter].scalar)
        begin.result = registers[loop.counter]
        begin.a = registers[loop.start]
        begin.b = registers[loop.end]
        begin.c = registers[loop.step]
        begin.newMask = newMask()
        let place = program.body.count
        let number = statement
        emit(begin, mask: mask)
        compile(loop.body, mask: begin.newMask)
        var end = begin
        end.code = .endLoop
        end.jump = place + 1
        end.statement = number
        end.mask = mask
        program.body.append(end)
        program.body[place].jump = program.body.count
        cursor = start
    }

    private mutating func compileBranch(condition: Int, then: [Statement], otherwise: [Statement], mask: Int) {
        let start = cursor
        for (code, block) in [(Instruction.Code.beginThen, then), (.beginElse, otherwise)] where !block.isEmpty {
            var begin = Instruction(code)
            begin.a = registers[condition]
            begin.newMask = newMask()
            let place = program.body.count
            emit(begin, mask: mask)
            compile(block, mask: begin.newMask)
            program.body[place].jump = program.body.count
        }
        cursor = start
    }

    private func memory(
        _ code: Instruction.Code, _ number: Int, index: Int, type: ValueType, value: Int = 0
    ) -> Instruction {
        var result = Instruction(code, type.scalar, target: kernel.types[index].scalar)
        result.number = number
        result.width = type.width
        result.a = registers[index]
        result.b = registers[value]
        return result
    }

    private mutating func instruction(for operation: Operation, value: Int) -> Instruction {
        let type = kernel.types[value]
        let operands = operation.operands
        var result = Instruction(.copy, operands.first.map { kernel.types[$0].scalar } ?? type.scalar)
        result.target = type.scalar
        if operands.count > 0 { result.a = registers[operands[0]] }
        if operands.count > 1 { result.b = registers[operands[1]] }
        if operands.count > 2 { result.c = registers[operands[2]] }
        switch operation {
        case .constant(let constant):
            result.code = .constant
            result.bits = type.scalar.registerBits(constant)
        case .argument(let number): (result.code, result.number) = (.argument, number)
        case .builtin(let builtin): (result.code, result.number) = builtin.instruction
        case .read(let variable): (result.code, result.number) = (.readVariable, variable)
        case .load(let buffer, let index): return memory(.load, buffer, index: index, type: type)
        case .loadBits(let buffer, let index, let mask):
            result = memory(.loadBits, buffer, index: index, type: type)
            result.c = registers[mask]
            return result
        case .loadShared(let array, let index): return memory(.loadShared, array, index: index, type: type)
        case .unary(let operation, _): (result.code, result.unary) = (.unary, operation)
        case .binary(let operation, _, _): (result.code, result.binary) = (.binary, operation)
        case .multiplyAdd: result.code = program.fusesMultiplyAdd ? .fusedMultiplyAdd : .multiplyAdd
        case .fusedMultiplyAdd: result.code = .fusedMultiplyAdd
        case .select:
            result.code = .select
            result.scalar = type.scalar
        case .convert: result.code = .convert
        case .bitcast: result.code = .copy
        case .splat: result.code = .splat
        case .construct(let lanes):
            (result.code, result.number) = (.construct, program.lists.count)
            program.lists += lanes.map { registers[$0] }
        case .extract(let a, let lane):
            (result.code, result.number) = (.extract, lane)
            result.width = kernel.types[a].width
        case .subgroup(let operation, _): (result.code, result.subgroup) = (.subgroup, operation)
        }
        return result
    }
}

extension Operation {
    /// Whether it gives the same in every workgroup.
    fileprivate var isOfLaunch: Bool {
        switch self {
        case .constant, .argument, .builtin(.localID), .builtin(.workgroupCount), .builtin(.subgroupLane),
            .builtin(.subgroupSize):
            true
        case .builtin(.workgroupID), .read, .load, .loadBits, .loadShared, .unary, .binary, .multiplyAdd,
            .fusedMultiplyAdd, .select, .convert, .bitcast, .splat, .construct, .extract, .subgroup:
            false
        }
    }
}

extension Builtin {
    fileprivate var instruction: (Instruction.Code, Int) {
        switch self {
        case .workgroupID(let axis): (.workgroupID, axis)
        case .localID(let axis): (.localID, axis)
        case .workgroupCount(let axis): (.workgroupCount, axis)
        case .subgroupLane: (.subgroupLane, 0)
        case .subgroupSize: (.subgroupSize, 0)
        }
    }
}

extension ScalarType {
    /// A constant as a register's lane holds it.
    fileprivate func registerBits(_ constant: Constant) -> UInt64 {
        switch self {
        case .float16: UInt64(Float16(constant.double).bitPattern)
        case .float32: UInt64(Float(constant.double).bitPattern)
        case .bool, .int32, .uint32, .int64, .float64: constant.bits
        }
    }
}
