import TensorRuntime

extension Kernel {
    /// Throws what is wrong with the kernel, if anything is: names, types, scopes, constants, accesses, variables that
    /// may be read before they are assigned, and barriers that not all work-items of a workgroup come to.
    ///
    /// Printers may rely on all of it. What depends on a launch (bounds, races) is for ``KernelInterpreter`` to find.
    public func validate() throws(KernelError) {
        try validateStructure()
        var assignments = AssignmentCheck(kernel: self)
        try assignments.check()
        try UniformityCheck(kernel: self).check()
    }

    /// Throws what is wrong with names, types, scopes, constants and accesses.
    func validateStructure() throws(KernelError) {
        var validator = Validator(kernel: self)
        try validator.check()
    }

    func error(
        _ kind: KernelError.Kind, _ message: String, at statement: Statement? = nil,
        workItem: KernelError.WorkItem? = nil
    ) -> KernelError {
        KernelError(
            kind: kind, kernel: name, statement: statement.map(line(of:)), workItem: workItem, message: message)
    }
}

/// Walks a kernel in order and checks each statement against what is known there.
struct Validator {
    let kernel: Kernel
    /// The statement that is being checked.
    private var statement: Statement?
    /// Whether each value is known here, and whether it was defined anywhere.
    private var isKnown: [Bool]
    private var isDefined: [Bool]
    /// The constants by value.
    var constants: [Int: Constant] = [:]

    init(kernel: Kernel) {
        self.kernel = kernel
        isKnown = Array(repeating: false, count: kernel.types.count)
        isDefined = isKnown
    }

    mutating func check() throws(KernelError) {
        try checkNames()
        for axis in 0..<3 where kernel.workgroupSize[axis] < 1 {
            throw failure(.extent, "a workgroup has \(kernel.workgroupSize[axis]) work-items along axis \(axis)")
        }
        for array in kernel.arrays where array.count < 1 {
            throw failure(.extent, "the shared array \(array.name) has \(array.count) elements")
        }
        for type in kernel.types + kernel.variables where !ValueType.widths.contains(type.width) {
            throw failure(.type, "there are no vectors of \(type.width) lanes")
        }
        try check(kernel.body)
    }

    func failure(_ kind: KernelError.Kind, _ message: String) -> KernelError {
        kernel.error(kind, message, at: statement)
    }

    // MARK: Names

    private func checkNames() throws(KernelError) {
        var seen: Set<String> = []
        let parameters = kernel.buffers.map(\.name) + kernel.arguments.map(\.name) + kernel.arrays.map(\.name)
        // The place in its buffer at which an operand starts becomes a parameter of its own.
        for name in [kernel.name] + parameters + kernel.buffers.map({ "\($0.name)_offset" }) {
            guard Validator.isIdentifier(name) else { throw failure(.name, "\"\(name)\" is no identifier") }
            if Validator.isReserved(name) { throw failure(.name, "the name \(name) is reserved") }
            if !seen.insert(name).inserted { throw failure(.name, "the name \(name) is given twice") }
        }
    }

    private static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
        }
    }

    /// Keywords of C and OpenCL C, and the names that printers give to values and variables: `v0`, `r0`, ...
    private static func isReserved(_ name: String) -> Bool {
        if let first = name.first, "vr".contains(first), name.count > 1, name.dropFirst().allSatisfy(\.isNumber) {
            return true
        }
        return keywords.contains(name)
    }

    private static let keywords: Set<String> = [
        "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
        "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed",
        "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "bool",
        "half", "uchar", "ushort", "uint", "ulong", "size_t", "kernel", "global", "local", "constant", "private",
        "read_only", "write_only", "read_write", "uniform", "pipe", "main", "true", "false",
    ]

    // MARK: Statements

    private mutating func check(_ block: [Statement]) throws(KernelError) {
        var defined: [Int] = []
        for statement in block {
            self.statement = statement
            switch statement {
            case .define(let value, let operation):
                try checkOperation(operation, value: value)
                if case .constant(let constant) = operation { constants[value] = constant }
                try define(value)
                defined.append(value)
            case .assign(let variable, let value):
                try checkNumber(variable, of: kernel.variables, "variable")
                try require(type(of: value), is: kernel.variables[variable])
            case .store(let buffer, let index, let value):
                try checkStore(buffer: buffer, index: index, value: value)
            case .storeBits(let buffer, let index, let mask, let value):
                try checkStore(buffer: buffer, index: index)
                try checkBits(buffer: buffer, mask: mask)
                try require(type(of: value), is: .uint32)
            case .storeShared(let array, let index, let value):
                try checkNumber(array, of: kernel.arrays, "shared array")
                let stored = try type(of: value)
                try require(stored, is: ValueType(kernel.arrays[array].scalar, width: stored.width))
                try checkSharedIndex(index, array: array, width: stored.width)
            case .loop(let loop): try check(loop)
            case .branch(let condition, let then, let otherwise):
                try require(type(of: condition), is: .bool)
                try check(then)
                try check(otherwise)
            case .barrier: break
            }
        }
        for value in defined { isKnown[value] = false }
    }

    private mutating func check(_ loop: Loop) throws(KernelError) {
        try checkNumber(loop.counter, of: kernel.types, "value")
        let type = kernel.types[loop.counter]
        guard type.scalar.isInteger, type.width == 1 else { throw failure(.type, "a loop cannot count in \(type)") }
        for bound in [loop.start, loop.end, loop.step] { try require(self.type(of: bound), is: type) }
        guard let step = constants[loop.step]?.integer, step > 0 else {
            throw failure(.constant, "a loop's step is a positive constant")
        }
        try define(loop.counter)
        try check(loop.body)
        isKnown[loop.counter] = false
    }

    private func checkStore(buffer: Int, index: Int) throws(KernelError) {
        try checkNumber(buffer, of: kernel.buffers, "buffer")
        let target = kernel.buffers[buffer]
        if target.access == .read { throw failure(.access, "the buffer \(target.name) is only read") }
        try checkIndex(index)
    }

    private func checkStore(buffer: Int, index: Int, value: Int) throws(KernelError) {
        try checkStore(buffer: buffer, index: index)
        let target = kernel.buffers[buffer]
        let stored = try type(of: value)
        try require(stored, is: ValueType(target.element.valueScalar, width: stored.width))
    }

    private mutating func define(_ value: Int) throws(KernelError) {
        if isDefined[value] { throw failure(.scope, "%\(value) is defined twice") }
        isDefined[value] = true
        isKnown[value] = true
    }

    // MARK: What operands must be

    func checkNumber<T>(_ number: Int, of list: [T], _ what: String) throws(KernelError) {
        if !list.indices.contains(number) { throw failure(.reference, "there is no \(what) \(number)") }
    }

    /// The type of an operand that is known here.
    func type(of value: Int) throws(KernelError) -> ValueType {
        try checkNumber(value, of: kernel.types, "value")
        if !isKnown[value] { throw failure(.scope, "%\(value) is not known here") }
        return kernel.types[value]
    }

    func require(_ type: ValueType, is expected: ValueType) throws(KernelError) {
        if type != expected { throw failure(.type, "\(type) where \(expected) is needed") }
    }

    /// Bits are of int32 elements, and a mask is a uint32.
    func checkBits(buffer: Int, mask: Int) throws(KernelError) {
        let element = kernel.buffers[buffer].element
        guard element == .int32 else { throw failure(.type, "there are no bits of \(element) elements") }
        try require(type(of: mask), is: .uint32)
    }

    /// An index counts elements in int32 or int64.
    func checkIndex(_ index: Int) throws(KernelError) {
        let type = try type(of: index)
        guard type == .int32 || type == .int64 else { throw failure(.type, "\(type) is no index") }
    }

    /// A constant index must lie in the array, and vectors on multiples of their width.
    func checkSharedIndex(_ index: Int, array: Int, width: Int) throws(KernelError) {
        try checkIndex(index)
        guard let place = constants[index]?.integer else { return }
        let array = kernel.arrays[array]
        if place < 0 || place > array.count - width {
            throw failure(.bounds, "\(width) of index \(place) of \(array.name), which has \(array.count) elements")
        }
        if place % width != 0 { throw failure(.alignment, "index \(place) is no multiple of \(width)") }
    }
}
