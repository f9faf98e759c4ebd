import TensorRuntime

/// Builds a kernel in the order in which it runs.
///
///     let kernel = KernelBuilder.build("scale", workgroupSize: [64, 1, 1]) { k in
///         let x = k.buffer("x", .float32, .readWrite)
///         let count = k.argument("count", .int32)
///         let factor = k.argument("factor", .float32)
///         let i = k.globalID(0)
///         k.if(i < count) { x[i] = x[i] * factor }
///     }
///
/// Equal pure operations in one scope are one value, and integer arithmetic on constants is folded, so that generic code
/// may multiply by a stride of 1.
public final class KernelBuilder {
    var kernel: Kernel
    /// The statements of the open blocks, innermost last.
    private var blocks: [[Statement]] = [[]]
    /// The pure values known in each open block.
    private var known: [[Key: Int]] = [[:]]
    /// The constants by value, for folding.
    private var constants: [Int: Constant] = [:]

    private struct Key: Hashable {
        let operation: Operation
        let type: ValueType
    }

    private init(_ name: String, _ workgroupSize: SIMD3<Int>) {
        kernel = Kernel(name: name, workgroupSize: workgroupSize)
    }

    public static func build(
        _ name: String, workgroupSize: SIMD3<Int> = [1, 1, 1], _ body: (KernelBuilder) -> Void
    ) -> Kernel {
        let builder = KernelBuilder(name, workgroupSize)
        body(builder)
        precondition(builder.blocks.count == 1, "\(name): a block was not closed")
        builder.kernel.body = builder.blocks[0]
        return builder.kernel
    }

    // MARK: Parameters

    public func buffer(
        _ name: String, _ element: DType, _ access: Kernel.Access, isFar: Bool = false
    ) -> BufferReference {
        kernel.buffers.append(Kernel.Buffer(name: name, element: element, access: access, isFar: isFar))
        return BufferReference(builder: self, number: kernel.buffers.count - 1, element: element)
    }

    public func argument(_ name: String, _ scalar: ScalarType) -> Value {
        kernel.arguments.append(Kernel.Argument(name: name, scalar: scalar))
        return define(.argument(kernel.arguments.count - 1), ValueType(scalar), inOutermost: true)
    }

    public func shared(_ name: String, _ scalar: ScalarType, count: Int) -> SharedReference {
        kernel.arrays.append(Kernel.SharedArray(name: name, scalar: scalar, count: count))
        return SharedReference(builder: self, number: kernel.arrays.count - 1, scalar: scalar)
    }

    // MARK: Values

    /// An integer, float or bool constant in every lane of `type`; for bools, 0 is false.
    public func constant(_ value: Int, _ type: ValueType) -> Value {
        define(.constant(type.scalar.isFloat ? Constant(Double(value)) : Constant(value)), type)
    }

    public func constant(_ value: Double, _ type: ValueType) -> Value {
        precondition(type.scalar.isFloat, "\(value) is not a constant of \(type)")
        return define(.constant(Constant(value)), type)
    }

    public func int(_ value: Int) -> Value { constant(value, .int32) }
    public func bool(_ value: Bool) -> Value { constant(value ? 1 : 0, .bool) }

    public func workgroupID(_ axis: Int) -> Value { define(.builtin(.workgroupID(axis)), .int32, inOutermost: true) }
    public func localID(_ axis: Int) -> Value { define(.builtin(.localID(axis)), .int32, inOutermost: true) }
    public func workgroupCount(_ axis: Int) -> Value {
        define(.builtin(.workgroupCount(axis)), .int32, inOutermost: true)
    }
    public func subgroupLane() -> Value { define(.builtin(.subgroupLane), .int32, inOutermost: true) }
    public func subgroupSize() -> Value { define(.builtin(.subgroupSize), .int32, inOutermost: true) }

    /// The number of the work-item along an axis.
    public func globalID(_ axis: Int) -> Value {
        workgroupID(axis) * kernel.workgroupSize[axis] + localID(axis)
    }

    /// A mutable variable that holds `initial`.
    public func variable(_ initial: Value) -> Variable {
        let variable = variable(holding: initial.type)
        variable.value = initial
        return variable
    }

    /// A mutable variable that holds nothing yet.
    func variable(holding type: ValueType) -> Variable {
        kernel.variables.append(type)
        return Variable(builder: self, number: kernel.variables.count - 1, type: type)
    }

    /// `a * b + c`, rounded once or twice: for sums of products.
    public func multiplyAdd(_ a: Value, _ b: Value, _ c: Value) -> Value {
        productAndSum(a, b, c) { .multiplyAdd($0, $1, $2) }
    }

    /// `a * b + c`, rounded once: where two roundings would be wrong.
    public func fusedMultiplyAdd(_ a: Value, _ b: Value, _ c: Value) -> Value {
        productAndSum(a, b, c) { .fusedMultiplyAdd($0, $1, $2) }
    }

    private func productAndSum(
        _ a: Value, _ b: Value, _ c: Value, _ operation: (Int, Int, Int) -> Operation
    ) -> Value {
        let type = ValueType(c.type.scalar, width: max(a.type.width, b.type.width, c.type.width))
        return define(
            operation(a.broadcast(to: type).id, b.broadcast(to: type).id, c.broadcast(to: type).id), type)
    }

    /// `a` where `condition` is true, `b` elsewhere.
    public func select(_ condition: Value, _ a: Value, _ b: Value) -> Value {
        let width = max(condition.type.width, a.type.width, b.type.width)
        let type = a.type.vector(width)
        return define(
            .select(
                condition.broadcast(to: .bool.vector(width)).id, a.broadcast(to: type).id, b.broadcast(to: type).id),
            type)
    }

    /// A vector of the values as its lanes.
    public func construct(_ lanes: [Value]) -> Value {
        lanes.count == 1 ? lanes[0] : define(.construct(lanes.map(\.id)), lanes[0].type.vector(lanes.count))
    }

    // MARK: Statements

    public func `if`(_ condition: Value, _ then: () -> Void, else otherwise: () -> Void = {}) {
        if let constant = constants[condition.id] {
            constant.bits != 0 ? then() : otherwise()
            return
        }
        let first = block(then)
        let second = block(otherwise)
        append(.branch(condition: condition.id, then: first, otherwise: second))
    }

    /// Runs `body` with each number from `start` up to, not including, `end`. Bounds share one integer type.
    public func loop(from start: Value, to end: Value, by step: Int = 1, unrolls: Bool = false, _ body: (Value) -> Void)
    {
        let stepValue = constant(step, start.type)
        kernel.types.append(start.type)
        let counter = Value(builder: self, id: kernel.types.count - 1, type: start.type)
        let statements = block { body(counter) }
        append(
            .loop(
                Loop(
                    counter: counter.id, start: start.id, end: end.id, step: stepValue.id, unrolls: unrolls,
                    body: statements)))
    }

    public func loop(from start: Int, to end: Value, by step: Int = 1, unrolls: Bool = false, _ body: (Value) -> Void) {
        loop(from: constant(start, end.type), to: end, by: step, unrolls: unrolls, body)
    }

    public func barrier() { append(.barrier) }

    func append(_ statement: Statement) { blocks[blocks.count - 1].append(statement) }

    private func block(_ body: () -> Void) -> [Statement] {
        blocks.append([])
        known.append([:])
        body()
        known.removeLast()
        return blocks.removeLast()
    }

    /// Adds an operation, unless an equal one is known. `inOutermost` values stand before everything else.
    func define(_ operation: Operation, _ type: ValueType, inOutermost: Bool = false) -> Value {
        let key = Key(operation: operation, type: type)
        if operation.isPure {
            for scope in known.reversed() {
                if let id = scope[key] { return Value(builder: self, id: id, type: type) }
            }
        }
        kernel.types.append(type)
        let id = kernel.types.count - 1
        if case .constant(let constant) = operation { constants[id] = constant }
        // Constants too stand first: loops inside may share them.
        let scope = inOutermost || isConstant(operation) ? 0 : blocks.count - 1
        if scope == 0 && blocks.count > 1 {
            blocks[0].append(.define(value: id, operation))
        } else {
            append(.define(value: id, operation))
        }
        if operation.isPure { known[scope][key] = id }
        return Value(builder: self, id: id, type: type)
    }

    private func isConstant(_ operation: Operation) -> Bool {
        if case .constant = operation { true } else { false }
    }

    /// The constant that a value is, if it is one.
    func constant(of value: Value) -> Constant? { constants[value.id] }
}
