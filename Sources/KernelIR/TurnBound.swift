/// How often the loops of one work-item turn, at most: for devices that end them after some number.
///
/// Numbers are known as ranges, which follow from the launch's arguments and grid; a loop's bounds are compared as they are
/// written, so that `start..<min(start + run, end)` turns `run` times wherever it starts.
struct TurnBound {
    /// A remainder of floats becomes a loop over the bits of its quotient (``Kernel/expandingFloats``), several at a turn.
    private static let remainderTurns = 256

    private let kernel: Kernel
    private let arguments: [ClosedRange<Int>?]
    private let workgroups: SIMD3<Int>
    private var operations: [Int: Operation] = [:]
    private var ranges: [Int: ClosedRange<Int>?] = [:]
    /// What is known in the branches around: that `lower + gap <= upper`.
    private var orders: [(lower: Int, upper: Int, gap: Int)] = []
    /// Differences within differences that are looked at now.
    private var nesting = 0

    init(_ kernel: Kernel, arguments: [ClosedRange<Int>?], workgroups: SIMD3<Int>) {
        self.kernel = kernel
        self.arguments = arguments
        self.workgroups = workgroups
        kernel.forEachStatement { statement in
            if case .define(let value, let operation) = statement { operations[value] = operation }
        }
    }

    /// The turns of all loops of a block together; nil where they depend on data, or there are too many to count.
    mutating func turns(_ block: [Statement]) -> Int? {
        var total = 0
        for statement in block {
            let own: Int?
            switch statement {
            case .loop(let loop): own = turns(loop)
            case .branch(let condition, let then, let otherwise):
                let known = orders.count
                learn(condition, holds: true)
                let a = turns(then)
                orders.removeSubrange(known...)
                learn(condition, holds: false)
                let b = turns(otherwise)
                orders.removeSubrange(known...)
                guard let a, let b else { return nil }
                own = max(a, b)
            case .define(let value, .binary(.remainder, _, _)) where kernel.types[value].scalar.isFloat:
                own = TurnBound.remainderTurns
            case .define, .assign, .store, .storeBits, .storeShared, .barrier: own = 0
            }
            guard let own, let sum = total.adding(own) else { return nil }
            total = sum
        }
        return total
    }

    /// What a comparison says in the branch that is taken where it holds, or does not.
    private mutating func learn(_ condition: Int, holds: Bool) {
        guard case .binary(let operation, let a, let b)? = operations[condition] else { return }
        switch (operation, holds) {
        case (.less, true), (.greaterEqual, false): orders.append((a, b, 1))
        case (.lessEqual, true), (.greater, false): orders.append((a, b, 0))
        case (.greater, true), (.lessEqual, false): orders.append((b, a, 1))
        case (.greaterEqual, true), (.less, false): orders.append((b, a, 0))
        case (.add, _), (.subtract, _), (.multiply, _), (.divide, _), (.remainder, _), (.multiplyHigh, _),
            (.minimum, _),
            (.maximum, _), (.and, _), (.or, _), (.xor, _), (.shiftLeft, _), (.shiftRight, _), (.equal, _),
            (.notEqual, _),
            (.power, _):
            break
        }
    }

    private mutating func turns(_ loop: Loop) -> Int? {
        guard let distance = distance(from: loop.start, to: loop.end, depth: 0), let step = range(loop.step) else {
            return nil
        }
        if let start = range(loop.start), let end = range(loop.end), end.upperBound > start.lowerBound {
            ranges[loop.counter] = start.lowerBound...end.upperBound - 1
        }
        guard let inner = turns(loop.body) else { return nil }
        let count = distance <= 0 ? 0 : (distance - 1) / max(step.lowerBound, 1) + 1
        return count.multiplied(by: inner + 1)
    }

    // MARK: Distances

    /// The most that `end - start` can be.
    private mutating func distance(from start: Int, to end: Int, depth: Int) -> Int? {
        if start == end { return 0 }
        var found: [Int?] = []
        if let a = range(start), let b = range(end) { found.append(b.upperBound.subtracting(a.lowerBound)) }
        // Expressions are shallow; the bound is for what nobody writes.
        guard depth < 8 else { return found.compactMap(\.self).min() }
        for order in orders where order.lower == end {
            found.append(distance(from: start, to: order.upper, depth: depth + 1)?.subtracting(order.gap))
        }
        if case .binary(let operation, let a, let b)? = operations[end] {
            found += distances(from: start, to: (operation, a, b), depth: depth + 1)
        }
        if case .select(_, let a, let b)? = operations[end] {
            found += distances(from: start, to: (.maximum, a, b), depth: depth + 1)
        }
        if case .convert(let last)? = operations[end], case .convert(let first)? = operations[start] {
            found.append(distance(from: first, to: last, depth: depth + 1))
        }
        if case .binary(let operation, let a, let b)? = operations[start] {
            found += distances(from: (operation, a, b), to: end, depth: depth + 1)
        }
        if let quotient = quotientDistance(from: start, to: end, depth: depth + 1) { found.append(quotient) }
        return found.compactMap(\.self).min()
    }

    /// The same to what an operation makes of two values.
    private mutating func distances(
        from start: Int, to end: (operation: BinaryOperation, a: Int, b: Int), depth: Int
    ) -> [Int] {
        /// The most that one part is behind `start`, moved on by an end of the other's range.
        func moved(_ part: Int, by rest: ClosedRange<Int>?, _ move: (Int, ClosedRange<Int>) -> Int?) -> Int? {
            guard let rest, let near = distance(from: start, to: part, depth: depth) else { return nil }
            return move(near, rest)
        }
        switch end.operation {
        case .add:
            return [(end.a, end.b), (end.b, end.a)].compactMap { part, rest in
                moved(part, by: range(rest)) { $0.adding($1.upperBound) }
            }
        case .subtract: return [moved(end.a, by: range(end.b)) { $0.subtracting($1.lowerBound) }].compactMap(\.self)
        case .minimum: return [end.a, end.b].compactMap { distance(from: start, to: $0, depth: depth) }
        case .maximum:
            guard let a = distance(from: start, to: end.a, depth: depth),
                let b = distance(from: start, to: end.b, depth: depth)
            else { return [] }
            return [max(a, b)]
        case .multiply, .divide, .remainder, .multiplyHigh, .and, .or, .xor, .shiftLeft, .shiftRight, .equal, .notEqual,
            .less, .lessEqual, .greater, .greaterEqual, .power:
            return []
        }
    }

    /// The same from what an operation makes of two values.
    private mutating func distances(
        from start: (operation: BinaryOperation, a: Int, b: Int), to end: Int, depth: Int
    ) -> [Int] {
        switch start.operation {
        case .add:
            return [(start.a, start.b), (start.b, start.a)].compactMap { part, rest in
                guard let rest = range(rest), let near = distance(from: part, to: end, depth: depth) else { return nil }
                return near.subtracting(rest.lowerBound)
            }
        case .subtract:
            guard let rest = range(start.b), let near = distance(from: start.a, to: end, depth: depth) else {
                return []
            }
            return [near.adding(rest.upperBound)].compactMap(\.self)
        case .maximum: return [start.a, start.b].compactMap { distance(from: $0, to: end, depth: depth) }
        case .minimum, .multiply, .divide, .remainder, .multiplyHigh, .and, .or, .xor, .shiftLeft, .shiftRight, .equal,
            .notEqual, .less, .lessEqual, .greater, .greaterEqual, .power:
            return []
        }
    }

    /// Between two numbers divided by one: the distance of the dividends by it, and one for the parts that are dropped.
    private mutating func quotientDistance(from start: Int, to end: Int, depth: Int) -> Int? {
        guard case .binary(let operation, let x, let divisor)? = operations[start],
            case .binary(operation, let y, divisor)? = operations[end], let parts = range(divisor)
        else { return nil }
        let isShift = operation == .shiftRight && parts.lowerBound >= 0 && parts.upperBound < 32
        guard isShift || (operation == .divide && parts.lowerBound > 0) else { return nil }
        let least = isShift ? 1 << parts.lowerBound : parts.lowerBound
        guard let near = distance(from: x, to: y, depth: depth) else { return nil }
        return near < 0 ? 0 : near / least + 1
    }

    // MARK: Ranges

    /// The numbers that a value can be; nil where nothing is known.
    private mutating func range(_ value: Int) -> ClosedRange<Int>? {
        if let known = ranges[value] { return known }
        guard kernel.types[value].scalar.isInteger, kernel.types[value].width == 1,
            let operation = operations[value]
        else { return nil }
        let range = range(of: operation)
        ranges[value] = .some(range)
        return range
    }

    private mutating func range(of operation: Operation) -> ClosedRange<Int>? {
        switch operation {
        case .constant(let constant): return constant.integer...constant.integer
        case .argument(let number): return arguments[number]
        case .builtin(.workgroupID(let axis)): return 0...max(workgroups[axis] - 1, 0)
        case .builtin(.workgroupCount(let axis)): return workgroups[axis]...workgroups[axis]
        case .builtin(.localID(let axis)): return 0...kernel.workgroupSize[axis] - 1
        case .convert(let a): return kernel.types[a].scalar.isInteger ? range(a) : nil
        case .select(_, let a, let b):
            guard let a = range(a), let b = range(b) else { return nil }
            return min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
        case .binary(let operation, let a, let b):
            // A remainder is bounded by its divisor, whatever is divided.
            if operation == .remainder, let b = range(b), b.lowerBound > 0 {
                let low = range(a).map { $0.lowerBound >= 0 ? 0 : 1 - b.upperBound } ?? 1 - b.upperBound
                return low...max(low, min(b.upperBound - 1, range(a)?.upperBound ?? .max))
            }
            if operation == .subtract { return differences(of: a, b) }
            guard let a = range(a), let b = range(b) else { return nil }
            return TurnBound.range(operation, a, b)
        case .builtin(.subgroupLane), .builtin(.subgroupSize), .read, .load, .loadBits, .loadShared, .unary,
            .multiplyAdd,
            .fusedMultiplyAdd, .bitcast, .splat, .construct, .extract, .subgroup:
            return nil
        }
    }

    /// The numbers that `a - b` can be, by how both are written too.
    private mutating func differences(of a: Int, _ b: Int) -> ClosedRange<Int>? {
        guard let first = range(a), let second = range(b),
            let whole = TurnBound.range(.subtract, first, second)
        else { return nil }
        // A range holds everywhere, and what is known in a branch does not.
        let known = orders
        orders = []
        nesting += 1
        defer {
            orders = known
            nesting -= 1
        }
        guard nesting < 4, let most = distance(from: b, to: a, depth: 4) else { return whole }
        return whole.lowerBound...max(min(whole.upperBound, most), whole.lowerBound)
    }

    private static func range(
        _ operation: BinaryOperation, _ a: ClosedRange<Int>, _ b: ClosedRange<Int>
    ) -> ClosedRange<Int>? {
        func hull(_ combine: (Int, Int) -> Int?) -> ClosedRange<Int>? {
            var ends: [Int] = []
            for x in [a.lowerBound, a.upperBound] {
                for y in [b.lowerBound, b.upperBound] {
                    guard let end = combine(x, y) else { return nil }
                    ends.append(end)
                }
            }
            return ends.min()!...ends.max()!
        }
        switch operation {
        case .add: return hull { $0.adding($1) }
        case .subtract: return hull { $0.subtracting($1) }
        case .multiply: return hull { $0.multiplied(by: $1) }
        case .minimum: return hull { min($0, $1) }
        case .maximum: return hull { max($0, $1) }
        case .divide: return b.lowerBound > 0 ? hull { $0 / $1 } : nil
        case .and: return b.lowerBound >= 0 && a.lowerBound >= 0 ? 0...min(a.upperBound, b.upperBound) : nil
        case .shiftRight: return b.lowerBound >= 0 && b.upperBound < 63 ? hull { $0 >> $1 } : nil
        case .shiftLeft:
            return b.lowerBound >= 0 && b.upperBound < 32 ? hull { $0.multiplied(by: 1 << $1) } : nil
        case .remainder, .multiplyHigh, .or, .xor, .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual,
            .power:
            return nil
        }
    }
}

extension Kernel {
    /// The turns that all loops of a work-item take together, at most; nil where they depend on data.
    ///
    /// - Parameter arguments: the integer arguments that are known, by name.
    public func turnBound(arguments known: [String: Int], workgroups: SIMD3<Int>) -> Int? {
        let ranges = arguments.map { argument in known[argument.name].map { $0...$0 } }
        var bound = TurnBound(self, arguments: ranges, workgroups: workgroups)
        return bound.turns(body)
    }
}

extension Int {
    fileprivate func adding(_ other: Int) -> Int? {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? nil : sum
    }

    fileprivate func subtracting(_ other: Int) -> Int? {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? nil : difference
    }

    fileprivate func multiplied(by other: Int) -> Int? {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? nil : product
    }
}
