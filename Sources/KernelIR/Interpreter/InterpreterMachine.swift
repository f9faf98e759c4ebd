import TensorRuntime

/// One launch of a program: its registers, memory and masks.
struct InterpreterMachine: ~Copyable {
    let program: InterpreterProgram
    let workgroups: SIMD3<Int>
    let arguments: [UInt64]
    let buffers: [BoundBuffer]
    let tables: [AccessTable]
    let file: UnsafeMutableRawPointer
    /// The first element of each shared array in the shared entries, and its first byte.
    let arrayPlaces: [(place: Int, byte: Int)]
    var shared: SharedMemory
    /// The active work-items of each mask.
    let activeCounts: UnsafeMutablePointer<Int>
    /// Whether each variable holds something in all work-items.
    let variableIsFull: UnsafeMutablePointer<Bool>
    /// The active work-items of an access and the elements that they touch.
    let items: UnsafeMutablePointer<Int>
    let places: UnsafeMutablePointer<Int>
    /// How often the loops of each work-item turned, and how often they may; nil where nobody asks.
    let turns: UnsafeMutablePointer<Int>
    let turnLimit: Int?
    /// The workgroup that runs first among those that run together, and their work-items.
    var firstGroup = 0
    var count = 0

    init(
        _ program: InterpreterProgram, workgroups: SIMD3<Int>, arguments: [UInt64], buffers: [InterpreterBuffer],
        turnLimit: Int?
    ) {
        self.program = program
        self.turnLimit = turnLimit
        self.workgroups = workgroups
        self.arguments = arguments
        (self.buffers, tables) = InterpreterMachine.bind(buffers, of: program)
        file = .allocate(byteCount: program.fileByteCount, alignment: 64)
        var places: [(place: Int, byte: Int)] = []
        var place = 0
        var byte = 0
        for array in program.kernel.arrays {
            places.append((place, byte))
            place += array.count
            byte += (array.count * array.scalar.registerByteCount + 63) & ~63
        }
        arrayPlaces = places
        shared = SharedMemory(count: place, byteCount: byte)
        activeCounts = .allocate(capacity: program.masks.count)
        activeCounts.initialize(repeating: 0, count: program.masks.count)
        variableIsFull = .allocate(capacity: max(program.variables.count, 1))
        items = .allocate(capacity: program.capacity)
        self.places = .allocate(capacity: program.capacity)
        turns = .allocate(capacity: program.capacity)
    }

    deinit {
        file.deallocate()
        shared.bytes.deallocate()
        shared.entries.deallocate()
        activeCounts.deallocate()
        variableIsFull.deallocate()
        items.deallocate()
        places.deallocate()
        turns.deallocate()
        for table in tables { table.entries.deallocate() }
    }

    mutating func run() throws(KernelError) {
        let groupCount = workgroups[0] * workgroups[1] * workgroups[2]
        count = program.capacity
        activeCounts[0] = count
        mask(0).initialize(repeating: true, count: count)
        for instruction in program.prologue { try execute(instruction) }
        for first in stride(from: 0, to: groupCount, by: program.batch) {
            firstGroup = first
            count = min(program.batch, groupCount - first) * program.itemCount
            activeCounts[0] = count
            shared.beginWorkgroup()
            turns.initialize(repeating: 0, count: count)
            for variable in program.variables.indices {
                variableIsFull[variable] = false
                flags(variable).initialize(repeating: false, count: count)
            }
            try runBody()
        }
    }

    private mutating func runBody() throws(KernelError) {
        try program.body.withUnsafeBufferPointer { (body) throws(KernelError) in
            var counter = 0
            while counter < body.count {
                let instruction = body[counter]
                counter += 1
                switch instruction.code {
                case .beginThen:
                    if !makeMask(instruction, where: true) { counter = instruction.jump }
                case .beginElse:
                    if !makeMask(instruction, where: false) { counter = instruction.jump }
                case .beginLoop:
                    if !beginLoop(instruction) { counter = instruction.jump }
                case .endLoop:
                    if try endLoop(instruction) { counter = instruction.jump }
                default: try execute(instruction)
                }
            }
        }
    }

    private mutating func execute(_ instruction: Instruction) throws(KernelError) {
        switch instruction.code {
        case .constant: fill(instruction, bits: instruction.bits)
        case .argument: fill(instruction, bits: arguments[instruction.number])
        case .workgroupID, .localID, .workgroupCount, .subgroupLane, .subgroupSize: fillPlace(instruction)
        case .copy: copy(instruction, from: file + instruction.a, to: file + instruction.result)
        case .readVariable: try readVariable(instruction)
        case .assign: assign(instruction)
        case .load: try load(instruction)
        case .store: try store(instruction)
        case .loadBits: try loadBits(instruction)
        case .storeBits: try storeBits(instruction)
        case .loadShared: try loadShared(instruction)
        case .storeShared: try storeShared(instruction)
        case .unary: unary(instruction)
        case .binary: try binary(instruction)
        case .multiplyAdd, .fusedMultiplyAdd: multiplyAdd(instruction)
        case .select: select(instruction)
        case .convert: convert(instruction)
        case .splat, .construct, .extract: rearrange(instruction)
        case .subgroup: try subgroup(instruction)
        case .barrier:
            guard activeCounts[instruction.mask] == count else {
                throw failure(.divergence, "not all work-items come here", instruction, item: firstIdle(instruction))
            }
            shared.passBarrier()
        case .beginThen, .beginElse, .beginLoop, .endLoop: preconditionFailure("a jump is no step")
        }
    }

    // MARK: Registers

    @inline(__always) func pointer<T>(_ register: Int, _: T.Type = T.self) -> UnsafeMutablePointer<T> {
        (file + register).assumingMemoryBound(to: T.self)
    }

    @inline(__always) func mask(_ number: Int) -> UnsafeMutablePointer<Bool> { pointer(program.masks[number]) }
    private func flags(_ variable: Int) -> UnsafeMutablePointer<Bool> { pointer(program.variableFlags[variable]) }

    private func byteCount(_ instruction: Instruction) -> Int {
        count * instruction.width * instruction.scalar.registerByteCount
    }

    private func copy(_ instruction: Instruction, from: UnsafeRawPointer, to: UnsafeMutableRawPointer) {
        to.copyMemory(from: from, byteCount: byteCount(instruction))
    }

    /// One number in every lane of the result.
    private func fill(_ instruction: Instruction, bits: UInt64) {
        let lanes = count * instruction.width
        switch instruction.scalar.registerByteCount {
        case 1: pointer(instruction.result).update(repeating: bits != 0, count: lanes)
        case 2: pointer(instruction.result).update(repeating: UInt16(truncatingIfNeeded: bits), count: lanes)
        case 4: pointer(instruction.result).update(repeating: UInt32(truncatingIfNeeded: bits), count: lanes)
        default: pointer(instruction.result).update(repeating: bits, count: lanes)
        }
    }

    /// What each work-item knows of its place.
    private func fillPlace(_ instruction: Instruction) {
        let result = pointer(instruction.result, Int32.self)
        let axis = instruction.number
        for item in 0..<count {
            let value =
                switch instruction.code {
                case .workgroupID: group(of: item)[axis]
                case .localID: local(of: item)[axis]
                case .workgroupCount: workgroups[axis]
                case .subgroupLane: item % program.subgroupSize
                case .subgroupSize: program.subgroupSize
                default: preconditionFailure("no place is asked for")
                }
            result[item] = Int32(value)
        }
    }

    private func group(of item: Int) -> SIMD3<Int> {
        let number = firstGroup + item / program.itemCount
        let rest = number / workgroups[0]
        return [number % workgroups[0], rest % workgroups[1], rest / workgroups[1]]
    }

    private func local(of item: Int) -> SIMD3<Int> {
        let size = program.kernel.workgroupSize
        let number = item % program.itemCount
        let rest = number / size[0]
        return [number % size[0], rest % size[1], rest / size[1]]
    }

    /// The work-item's number in the launch, from 1 on.
    @inline(__always) func number(of item: Int) -> Int32 {
        Int32(truncatingIfNeeded: firstGroup * program.itemCount + item + 1)
    }

    // MARK: Variables

    private func readVariable(_ instruction: Instruction) throws(KernelError) {
        let variable = instruction.number
        if !variableIsFull[variable] {
            let active = mask(instruction.mask)
            let flags = flags(variable)
            for item in 0..<count where active[item] && !flags[item] {
                throw failure(.uninitialized, "the variable holds nothing yet", instruction, item: item)
            }
        }
        copy(instruction, from: file + program.variables[variable], to: file + instruction.result)
    }

    private func assign(_ instruction: Instruction) {
        let variable = instruction.number
        let target = file + program.variables[variable]
        if activeCounts[instruction.mask] == count {
            variableIsFull[variable] = true
            return copy(instruction, from: file + instruction.a, to: target)
        }
        let active = mask(instruction.mask)
        let flags = flags(variable)
        let bytes = instruction.width * instruction.scalar.registerByteCount
        for item in 0..<count where active[item] {
            flags[item] = true
            (target + item * bytes).copyMemory(from: file + instruction.a + item * bytes, byteCount: bytes)
        }
    }

    // MARK: Flow

    /// Makes the mask of the active work-items whose condition is `wanted`; false where there are none.
    private func makeMask(_ instruction: Instruction, where wanted: Bool) -> Bool {
        let active = mask(instruction.mask)
        let result = mask(instruction.newMask)
        let condition = pointer(instruction.a, Bool.self)
        var left = 0
        for item in 0..<count {
            let holds = active[item] && condition[item] == wanted
            result[item] = holds
            left += holds ? 1 : 0
        }
        activeCounts[instruction.newMask] = left
        return left > 0
    }

    private func beginLoop(_ instruction: Instruction) -> Bool {
        switch instruction.scalar {
        case .int32: beginLoop(instruction, Int32.self)
        case .uint32: beginLoop(instruction, UInt32.self)
        case .int64: beginLoop(instruction, Int64.self)
        case .bool, .float16, .float32, .float64: preconditionFailure("no loop counts in \(instruction.scalar)")
        }
    }

    private func beginLoop<T: FixedWidthInteger>(_ instruction: Instruction, _: T.Type) -> Bool {
        let counter = pointer(instruction.result, T.self)
        let start = pointer(instruction.a, T.self)
        let end = pointer(instruction.b, T.self)
        let active = mask(instruction.mask)
        let result = mask(instruction.newMask)
        var left = 0
        for item in 0..<count {
            counter[item] = start[item]
            let holds = active[item] && start[item] < end[item]
            result[item] = holds
            left += holds ? 1 : 0
        }
        activeCounts[instruction.newMask] = left
        return left > 0
    }

    private func endLoop(_ instruction: Instruction) throws(KernelError) -> Bool {
        switch instruction.scalar {
        case .int32: try endLoop(instruction, Int32.self)
        case .uint32: try endLoop(instruction, UInt32.self)
        case .int64: try endLoop(instruction, Int64.self)
        case .bool, .float16, .float32, .float64: preconditionFailure("no loop counts in \(instruction.scalar)")
        }
    }

    private func endLoop<T: FixedWidthInteger>(_ instruction: Instruction, _: T.Type) throws(KernelError) -> Bool {
        let counter = pointer(instruction.result, T.self)
        let end = pointer(instruction.b, T.self)
        let step = pointer(instruction.c, T.self)
        let active = mask(instruction.newMask)
        var left = 0
        for item in 0..<count where active[item] {
            let (next, overflows) = counter[item].addingReportingOverflow(step[item])
            if overflows { throw failure(.overflow, "the counter leaves its type", instruction, item: item) }
            counter[item] = next
            turns[item] += 1
            if let turnLimit, turns[item] > turnLimit {
                throw failure(.turns, "more than \(turnLimit) turns of all loops", instruction, item: item)
            }
            active[item] = next < end[item]
            left += active[item] ? 1 : 0
        }
        activeCounts[instruction.newMask] = left
        return left > 0
    }

    // MARK: Failures

    /// A work-item that does not come to the instruction.
    func firstIdle(_ instruction: Instruction) -> Int {
        let active = mask(instruction.mask)
        return (0..<count).first { !active[$0] } ?? 0
    }

    func failure(
        _ kind: KernelError.Kind, _ message: String, _ instruction: Instruction, item: Int
    ) -> KernelError {
        var number = 0
        var found: Statement?
        program.kernel.forEachStatement { statement in
            if number == instruction.statement { found = statement }
            number += 1
        }
        return program.kernel.error(
            kind, message, at: found, workItem: .init(workgroup: group(of: item), local: local(of: item)))
    }
}
