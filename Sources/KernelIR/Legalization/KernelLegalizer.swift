import TensorRuntime

/// A part of a value of the original: as many lanes as the target has at most; where it has no int64, such lanes as two
/// words.
enum Piece {
    case one(Value)
    case pair(WordPair)
}

/// Where the parts of a variable lie.
private enum PieceVariable {
    case one(Variable)
    case pair(low: Variable, high: Variable)
}

/// Writes a kernel anew, statement by statement: each value becomes the pieces that the target can hold.
final class KernelLegalizer {
    private let source: Kernel
    let k: KernelBuilder
    /// Lanes of a piece at most.
    private let lanes: Int
    /// What the target lacks.
    private let lacks: KernelFeatures
    /// The pieces of each value so far, and the constants by value.
    private var pieces: [[Piece]]
    private var constants: [Int: Constant] = [:]
    private var variables: [[PieceVariable]] = []
    private var buffers: [BufferReference] = []
    private var arguments: [Piece] = []
    /// The arrays that stand for each array: the one, or those of low and of high words.
    private var arrays: [[SharedReference]] = []
    /// The argument that says which of its word's elements a buffer's first one is.
    private var positions: [Int: Value] = [:]
    private var sources: [LegalizedKernel.Argument] = []
    private var names: Set<String>

    /// What stands for an operation on some values; nil for those that stay.
    typealias Expansion = (KernelBuilder, Operation, [Value]) -> Value?
    private var expansion: Expansion?

    /// The kernel as it is but for the operations for which others stand.
    static func expand(_ kernel: Kernel, _ expansion: @escaping Expansion) -> Kernel {
        KernelBuilder.build(kernel.name, workgroupSize: kernel.workgroupSize) { k in
            let all: KernelFeatures = [.int64, .storage8, .storage16]
            let legalizer = KernelLegalizer(kernel, KernelTarget(features: all), k)
            legalizer.expansion = expansion
            legalizer.declareParameters()
            legalizer.run(kernel.body)
        }
    }

    static func legalize(_ kernel: Kernel, for target: KernelTarget) -> LegalizedKernel {
        var sources: [LegalizedKernel.Argument] = []
        let result = KernelBuilder.build(kernel.name, workgroupSize: kernel.workgroupSize) { k in
            let legalizer = KernelLegalizer(kernel, target, k)
            legalizer.declareParameters()
            legalizer.run(kernel.body)
            sources = legalizer.sources
        }
        return LegalizedKernel(kernel: result, arguments: sources, elements: kernel.buffers.map(\.element))
    }

    private init(_ kernel: Kernel, _ target: KernelTarget, _ k: KernelBuilder) {
        source = kernel
        self.k = k
        lanes = ValueType.widths.last { $0 <= target.maximumVectorLanes } ?? 1
        lacks = KernelFeatures([.int64, .storage8, .storage16]).subtracting(target.features)
        pieces = Array(repeating: [], count: kernel.types.count)
        names = Set([kernel.name] + kernel.buffers.map(\.name) + kernel.arguments.map(\.name))
        names.formUnion(kernel.arrays.map(\.name) + kernel.buffers.map { "\($0.name)_offset" })
    }

    // MARK: Parameters

    private func declareParameters() {
        for buffer in source.buffers {
            let element = lacks.isDisjoint(with: buffer.element.storageFeatures) ? buffer.element : .int32
            buffers.append(k.buffer(buffer.name, element, buffer.access, isFar: buffer.isFar))
        }
        for (number, argument) in source.arguments.enumerated() {
            if isPair(argument.scalar) {
                let low = declare("\(argument.name)_low", .uint32, .lowWord(argument: number))
                let high = declare("\(argument.name)_high", .uint32, .highWord(argument: number))
                arguments.append(.pair(WordPair(low: low, high: high)))
            } else {
                sources.append(.argument(number))
                arguments.append(.one(k.argument(argument.name, argument.scalar)))
            }
        }
        for (number, buffer) in source.buffers.enumerated() where packing(of: buffer.element) != nil {
            positions[number] = declare("\(buffer.name)_position", .int32, .position(buffer: number))
        }
        for array in source.arrays {
            arrays.append(
                isPair(array.scalar)
                    ? ["low", "high"].map { k.shared(free("\(array.name)_\($0)"), .uint32, count: array.count) }
                    : [k.shared(array.name, array.scalar, count: array.count)])
        }
        variables = source.variables.map { type in
            let part = partType(type)
            return (0..<partCount(type)).map { _ in
                isPair(type.scalar)
                    ? .pair(
                        low: k.variable(holding: part.with(.uint32)), high: k.variable(holding: part.with(.uint32)))
                    : .one(k.variable(holding: part))
            }
        }
    }

    private func declare(_ name: String, _ scalar: ScalarType, _ source: LegalizedKernel.Argument) -> Value {
        sources.append(source)
        return k.argument(free(name), scalar)
    }

    /// The name, or one like it that nothing has.
    private func free(_ name: String) -> String {
        var name = name
        while !names.insert(name).inserted { name += "_" }
        return name
    }

    // MARK: Pieces

    func isPair(_ scalar: ScalarType) -> Bool { scalar == .int64 && lacks.contains(.int64) }
    private func partCount(_ type: ValueType) -> Int { max(type.width / lanes, 1) }
    private func partType(_ type: ValueType) -> ValueType { type.vector(min(type.width, lanes)) }

    /// How elements lie in words, several in one; nil for others, and where the target reads them as they are.
    private func packing(of element: DType) -> ElementPacking? {
        let isPacked = element.byteCount < 4 && !lacks.isDisjoint(with: element.storageFeatures)
        return isPacked ? ElementPacking(element) : nil
    }

    private func one(_ value: Int, part: Int = 0) -> Value {
        guard case .one(let result) = pieces[value][part] else { preconditionFailure("%\(value) is a pair") }
        return result
    }

    /// The place of an element `lanes` behind that of an index, as the target counts: int32 where it has no int64.
    private func place(_ index: Int, plus lanes: Int) -> Value {
        switch pieces[index][0] {
        case .one(let value): value + lanes
        case .pair(let pair): pair.low.bitcast(to: .int32) + lanes
        }
    }

    // MARK: Statements

    private func run(_ block: [Statement]) {
        for statement in block {
            switch statement {
            case .define(let value, let operation):
                if case .constant(let constant) = operation { constants[value] = constant }
                pieces[value] = define(operation, source.types[value])
            case .assign(let variable, let value):
                for (place, piece) in zip(variables[variable], pieces[value]) { assign(piece, to: place) }
            case .store(let buffer, let index, let value):
                for (part, piece) in pieces[value].enumerated() {
                    store(piece, buffer: buffer, index: index, plus: part * lanes)
                }
            case .storeBits(let buffer, let index, let mask, let value):
                buffers[buffer].storeBits(one(value), mask: one(mask), at: place(index, plus: 0))
            case .storeShared(let array, let index, let value):
                for (part, piece) in pieces[value].enumerated() {
                    let place = place(index, plus: part * lanes)
                    switch piece {
                    case .one(let value): arrays[array][0].store(value, at: place)
                    case .pair(let pair):
                        arrays[array][0].store(pair.low, at: place)
                        arrays[array][1].store(pair.high, at: place)
                    }
                }
            case .loop(let loop): run(loop)
            case .branch(let condition, let then, let otherwise):
                k.if(one(condition)) {
                    run(then)
                } else: {
                    run(otherwise)
                }
            case .barrier: k.barrier()
            }
        }
    }

    private func assign(_ piece: Piece, to variable: PieceVariable) {
        switch (variable, piece) {
        case (.one(let variable), .one(let value)): variable.value = value
        case (.pair(let low, let high), .pair(let pair)): (low.value, high.value) = (pair.low, pair.high)
        default: preconditionFailure("a variable and its value are alike")
        }
    }

    private func run(_ loop: Loop) {
        let step = constants[loop.step]!.integer
        guard case .pair(let start) = pieces[loop.start][0], case .pair(let end) = pieces[loop.end][0] else {
            k.loop(from: one(loop.start), to: one(loop.end), by: step, unrolls: loop.unrolls) { counter in
                pieces[loop.counter] = [.one(counter)]
                run(loop.body)
            }
            return
        }
        if let first = constants[loop.start]?.integer, let last = constants[loop.end]?.integer,
            Int32(exactly: first) != nil, Int32(exactly: last.addingReportingOverflow(step).partialValue) != nil
        {
            k.loop(from: k.int(first), to: k.int(last), by: step, unrolls: loop.unrolls) { counter in
                pieces[loop.counter] = [.pair(k.pair(converting: counter))]
                run(loop.body)
            }
            return
        }
        runPairs(loop, from: start, to: end, by: step)
    }

    /// A loop whose counter is a pair: as many turns as it has, in rounds of 2^31, whose number is nearly always one.
    private func runPairs(_ loop: Loop, from start: WordPair, to end: WordPair, by step: Int) {
        let low = k.variable(start.low)
        let high = k.variable(start.high)
        let one = k.pair(1, .uint32)
        let rest = k.subtract(k.subtract(end, start), one)
        let whole = step == 1 ? rest : k.divideUnsigned(rest, k.pair(step, .uint32)).quotient
        let turns = k.select(k.less(start, end), k.add(whole, one), k.pair(0, .uint32))
        let lastRound = (turns.low >> 31) | (turns.high << 1)
        k.loop(from: 0, to: lastRound + 1) { round in
            let count = k.select(round == lastRound, turns.low & 0x7FFF_FFFF, k.constant(0x8000_0000, .uint32))
            k.loop(from: 0, to: count, unrolls: loop.unrolls) { _ in
                let counter = WordPair(low: low.value, high: high.value)
                pieces[loop.counter] = [.pair(counter)]
                run(loop.body)
                let next = k.add(counter, k.pair(step, .uint32))
                (low.value, high.value) = (next.low, next.high)
            }
        }
    }

    // MARK: Values

    private func define(_ operation: Operation, _ type: ValueType) -> [Piece] {
        let part = partType(type)
        let parts = 0..<partCount(type)
        switch operation {
        case .constant(let constant):
            let piece: Piece =
                isPair(type.scalar)
                ? .pair(k.pair(constant.integer, part.with(.uint32))) : .one(k.define(.constant(constant), part))
            return parts.map { _ in piece }
        case .argument(let number): return [arguments[number]]
        case .builtin: return [.one(k.define(operation, type, inOutermost: true))]
        case .read(let variable):
            return variables[variable].map { place in
                switch place {
                case .one(let variable): .one(variable.value)
                case .pair(let low, let high): .pair(WordPair(low: low.value, high: high.value))
                }
            }
        case .load(let buffer, let index):
            return parts.map { load(buffer: buffer, index: index, plus: $0 * lanes, part) }
        case .loadBits(let buffer, let index, let mask):
            return [.one(buffers[buffer].loadBits(place(index, plus: 0), mask: one(mask)))]
        case .loadShared(let array, let index):
            return parts.map { number in
                let place = place(index, plus: number * lanes)
                let words = arrays[array].map { $0.load(place, width: part.width) }
                return words.count == 1 ? .one(words[0]) : .pair(WordPair(low: words[0], high: words[1]))
            }
        case .splat(let a):
            let piece = pieces[a][0].map { $0.broadcast(to: $0.type.vector(part.width)) }
            return parts.map { _ in piece }
        case .construct(let values):
            return parts.map { construct(values[$0 * part.width..<($0 + 1) * part.width].map { pieces[$0][0] }) }
        case .extract(let a, let lane):
            let width = partType(source.types[a]).width
            return [pieces[a][lane / width].map { $0.lane(lane % width) }]
        case .unary, .binary, .multiplyAdd, .fusedMultiplyAdd, .select, .convert, .bitcast, .subgroup:
            let operands = operation.operands
            return parts.map { number in combine(operation, operands.map { pieces[$0][number] }, operands, part) }
        }
    }

    /// What is done lane by lane, with one part of each operand.
    private func combine(_ operation: Operation, _ parts: [Piece], _ operands: [Int], _ type: ValueType) -> Piece {
        let values: [Value] = parts.compactMap { if case .one(let value) = $0 { value } else { nil } }
        if values.count == parts.count, !isPair(type.scalar) {
            if let expanded = expansion?(k, operation, values) { return .one(expanded) }
            return .one(k.define(operation.replacingOperands(values.map(\.id)), type))
        }
        let pairs: [WordPair] = parts.compactMap { if case .pair(let pair) = $0 { pair } else { nil } }
        switch operation {
        case .unary(let operation, _): return .pair(k.unary(operation, pairs[0]))
        case .binary(let operation, _, _): return k.binary(operation, pairs[0], pairs[1])
        case .select: return .pair(k.select(values[0], pairs[0], pairs[1]))
        case .convert:
            return pairs.isEmpty
                ? .pair(k.pair(converting: values[0])) : .one(k.convert(pairs[0], to: type.scalar))
        case .subgroup(let operation, _): return .pair(k.subgroup(operation, pairs[0]))
        case .constant, .argument, .builtin, .read, .load, .loadBits, .loadShared, .multiplyAdd, .fusedMultiplyAdd,
            .bitcast, .splat, .construct, .extract:
            preconditionFailure("there is no \(operation) of int64")
        }
    }

    private func construct(_ lanes: [Piece]) -> Piece {
        let values: [Value] = lanes.compactMap { if case .one(let value) = $0 { value } else { nil } }
        if values.count == lanes.count { return .one(k.construct(values)) }
        let pairs: [WordPair] = lanes.compactMap { if case .pair(let pair) = $0 { pair } else { nil } }
        return .pair(WordPair(low: k.construct(pairs.map(\.low)), high: k.construct(pairs.map(\.high))))
    }

    // MARK: Memory

    private func load(buffer: Int, index: Int, plus lanes: Int, _ type: ValueType) -> Piece {
        let element = source.buffers[buffer].element
        if let packing = packing(of: element) {
            let place = wordPlace(packing, buffer: buffer, index: index, plus: lanes)
            return .one(packing.load(buffers[buffer], place, width: type.width, k))
        }
        if isPair(type.scalar) {
            let first = wordIndex(index, plus: lanes)
            let words = loadWords(buffers[buffer], first, count: 2 * type.width).map { $0.bitcast(to: .uint32) }
            let low = stride(from: 0, to: words.count, by: 2).map { words[$0] }
            let high = stride(from: 1, to: words.count, by: 2).map { words[$0] }
            return .pair(WordPair(low: k.construct(low), high: k.construct(high)))
        }
        return .one(buffers[buffer].load(place(index, plus: lanes), width: type.width))
    }

    private func store(_ piece: Piece, buffer: Int, index: Int, plus lanes: Int) {
        switch piece {
        case .pair(let pair):
            let first = wordIndex(index, plus: lanes)
            let words = zip(pair.low.lanes, pair.high.lanes).flatMap { [$0, $1] }.map { $0.bitcast(to: .int32) }
            for start in stride(from: 0, to: words.count, by: self.lanes) {
                let part = Array(words[start..<min(start + self.lanes, words.count)])
                buffers[buffer].store(k.construct(part), at: first + start)
            }
        case .one(let value):
            if let packing = packing(of: source.buffers[buffer].element) {
                let place = wordPlace(packing, buffer: buffer, index: index, plus: lanes)
                packing.store(value, buffers[buffer], place, k)
            } else {
                buffers[buffer].store(value, at: place(index, plus: lanes))
            }
        }
    }

    /// The first word of an int64 element.
    private func wordIndex(_ index: Int, plus lanes: Int) -> Value { place(index, plus: lanes) * 2 }

    private func loadWords(_ buffer: BufferReference, _ first: Value, count: Int) -> [Value] {
        stride(from: 0, to: count, by: lanes).flatMap { start in
            buffer.load(first + start, width: min(lanes, count - start)).lanes
        }
    }

    /// The word of a packed element and its place therein, the buffer's own position not yet carried over.
    private func wordPlace(
        _ packing: ElementPacking, buffer: Int, index: Int, plus lanes: Int
    ) -> ElementPacking.Place {
        let shift = packing.perWordShift
        let mask = packing.perWord - 1
        let word: Value
        let rest: Value
        switch pieces[index][0] {
        case .one(let value):
            word = (value >> shift).convert(to: .int32)
            rest = (value & mask).convert(to: .int32)
        case .pair(let pair):
            word = ((pair.low >> shift) | (pair.high << (32 - shift))).bitcast(to: .int32)
            rest = (pair.low & mask).bitcast(to: .int32)
        }
        return ElementPacking.Place(word: word, element: rest + positions[buffer]! + lanes)
    }
}

extension Piece {
    fileprivate func map(_ transform: (Value) -> Value) -> Piece {
        switch self {
        case .one(let value): .one(transform(value))
        case .pair(let pair): .pair(WordPair(low: transform(pair.low), high: transform(pair.high)))
        }
    }
}

extension Operation {
    /// The same on other values; of those that work lane by lane.
    fileprivate func replacingOperands(_ values: [Int]) -> Operation {
        switch self {
        case .unary(let operation, _): .unary(operation, values[0])
        case .binary(let operation, _, _): .binary(operation, values[0], values[1])
        case .multiplyAdd: .multiplyAdd(values[0], values[1], values[2])
        case .fusedMultiplyAdd: .fusedMultiplyAdd(values[0], values[1], values[2])
        case .select: .select(values[0], values[1], values[2])
        case .convert: .convert(values[0])
        case .bitcast: .bitcast(values[0])
        case .subgroup(let operation, _): .subgroup(operation, values[0])
        case .constant, .argument, .builtin, .read, .load, .loadBits, .loadShared, .splat, .construct, .extract:
            preconditionFailure("\(self) does not work lane by lane")
        }
    }
}
