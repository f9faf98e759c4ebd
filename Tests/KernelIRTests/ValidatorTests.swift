import KernelIR
import TensorRuntime
import Testing

/// Each rule has a kernel that breaks it alone.
@Suite struct ValidatorTests {
    /// A kernel that is right.
    private func right(_ extra: (KernelBuilder, BufferReference, Value) -> Void = { _, _, _ in }) -> Kernel {
        KernelBuilder.build("right", workgroupSize: [4, 1, 1]) { k in
            let x = k.buffer("x", .float32, .readWrite)
            let count = k.argument("count", .int32)
            extra(k, x, count)
        }
    }

    /// Expects an error of this kind once `spoil` has changed a kernel that was right.
    private func expect(
        _ kind: KernelError.Kind, sourceLocation: SourceLocation = #_sourceLocation,
        _ build: (KernelBuilder, BufferReference, Value) -> Void = { _, _, _ in },
        spoil: (inout Kernel) -> Void = { _ in },
        wasRight: Bool = true
    ) {
        var kernel = right(build)
        if wasRight { #expect(throws: Never.self, sourceLocation: sourceLocation) { try kernel.validate() } }
        spoil(&kernel)
        expectError(kind, sourceLocation: sourceLocation) { try kernel.validate() }
    }

    /// Expects an error of this kind of the kernel as it is built.
    private func expectBuilt(
        _ kind: KernelError.Kind, sourceLocation: SourceLocation = #_sourceLocation,
        _ build: (KernelBuilder, BufferReference, Value) -> Void
    ) {
        expect(kind, sourceLocation: sourceLocation, build, wasRight: false)
    }

    /// The number of the value that the last statement defines.
    private func last(_ kernel: Kernel) -> Int {
        guard case .define(let value, _)? = kernel.body.last else { preconditionFailure("the kernel ends otherwise") }
        return value
    }

    /// Puts another operation in the last statement's place.
    private func replace(_ kernel: inout Kernel, _ operation: Operation) {
        kernel.body[kernel.body.count - 1] = .define(value: last(kernel), operation)
    }

    @Test(arguments: ["", "7up", "a b", "é", "float", "kernel", "v12", "r0", "count", "x_offset"])
    func namesAreUniqueIdentifiers(_ name: String) {
        expect(
            .name,
            spoil: {
                $0.buffers[0].name = name == "x_offset" ? "x" : name
                $0.arguments[0].name = name == "x_offset" ? name : "count"
            })
        expect(.name, spoil: { $0.name = name == "x_offset" ? "x" : name })
    }

    @Test func extentsArePositive() {
        expect(.extent, spoil: { $0.workgroupSize = [4, 0, 1] })
        expect(.extent, { k, _, _ in _ = k.shared("s", .int32, count: 1) }, spoil: { $0.arrays[0].count = 0 })
    }

    @Test func numbersNameSomething() {
        expect(.reference, { _, _, n in _ = n + n }, spoil: { replace(&$0, .argument(9)) })
        expect(.reference, { _, _, n in _ = n + n }, spoil: { replace(&$0, .read(variable: 0)) })
        expect(.reference, { _, _, n in _ = n + n }, spoil: { replace(&$0, .load(buffer: 1, index: 0)) })
        expect(.reference, { _, _, n in _ = n + n }, spoil: { replace(&$0, .loadShared(array: 0, index: 0)) })
        expect(.reference, { _, _, n in _ = n + n }, spoil: { replace(&$0, .unary(.negate, 99)) })
        expect(.reference, spoil: { $0.body.append(.assign(variable: 0, value: 0)) })
        expect(.reference, spoil: { $0.body.append(.store(buffer: 5, index: 0, value: 0)) })
        expect(.reference, spoil: { $0.body.append(.storeShared(array: 0, index: 0, value: 0)) })
        expect(.reference, spoil: { $0.body.append(.define(value: 40, .argument(0))) })
    }

    @Test func valuesAreDefinedOnceBeforeTheyAreUsed() {
        expect(.scope, { _, _, n in _ = n + n }, spoil: { $0.body.swapAt(0, $0.body.count - 1) })
        expect(.scope, spoil: { $0.body.append($0.body[0]) })
        // A value of one branch is not known in the other, nor behind them.
        var inner: Value?
        expectBuilt(.scope) { k, x, n in
            k.if(n < 3) {
                inner = n + 2
            } else: {
                x[inner!] = x[n]
            }
        }
        expectBuilt(.scope) { k, x, n in
            k.loop(from: 0, to: n) { i in inner = i }
            x[inner!] = x[n]
        }
    }

    @Test func widthsAreThoseThatThereAre() {
        expect(.type, { _, x, n in _ = x.load(n, width: 2) }, spoil: { $0.types[last($0)].width = 3 })
        expect(.type, { k, x, n in _ = k.variable(x[n]) }, spoil: { $0.variables[0].width = 32 })
    }

    @Test func parametersHaveTheirTypes() {
        expect(
            .type, { _, _, n in _ = n + n },
            spoil: {
                $0.types[last($0)] = .float32
                replace(&$0, .argument(0))
            })
        expect(.type, { k, _, _ in _ = k.localID(1) }, spoil: { $0.types[last($0)] = .int64 })
        expect(.type, { _, x, n in _ = x[n] }, spoil: { $0.types[last($0)] = .float64 })
        expect(.type, { _, x, n in _ = x[n] }, spoil: { $0.buffers[0].element = .int64 })
        expect(.type, { k, _, n in _ = k.shared("s", .float32, count: 4)[n] }, spoil: { $0.arrays[0].scalar = .int32 })
        expect(.type, { k, x, n in _ = k.variable(x[n]).value }, spoil: { $0.types[last($0)] = .int32 })
    }

    @Test func storedAndAssignedValuesHaveTheTypeOfTheirPlace() {
        expect(.type, { k, x, n in x[n] = x[n] }, spoil: { $0.body.append(.store(buffer: 0, index: 0, value: 0)) })
        expect(.type, { k, x, n in _ = k.variable(x[n]) }, spoil: { $0.body.append(.assign(variable: 0, value: 0)) })
        expect(
            .type, { k, _, _ in _ = k.shared("s", .float32, count: 4) },
            spoil: { $0.body.append(.storeShared(array: 0, index: 0, value: 0)) })
    }

    @Test func indicesAreIntegers() {
        expect(
            .type, { _, x, n in x[n] = x[n] },
            spoil: { kernel in
                let value = kernel.types.count - 1
                kernel.body.append(.store(buffer: 0, index: value, value: value))
            })
        expectBuilt(.type) { _, x, n in _ = x[n.bitcast(to: .uint32)] }
        expectBuilt(.type) { _, x, n in _ = x[n.broadcast(to: .int32.vector(2))] }
        expectBuilt(.type) { k, _, n in _ = k.shared("s", .float32, count: 4)[n.convert(to: .float32)] }
    }

    @Test(arguments: UnaryOperation.allCases) func unaryOperationsTakeTheirTypesAlone(_ operation: UnaryOperation) {
        for scalar in ScalarType.allCases {
            let kernel = KernelBuilder.build("k") { _ = $0.argument("a", scalar).unary(operation) }
            let takes =
                switch operation {
                case .negate: scalar != .bool
                case .absolute: scalar != .bool && scalar != .uint32
                case .not: !scalar.isFloat
                case .squareRoot, .floor, .ceil, .roundEven, .truncate: scalar.isFloat
                default: scalar == .float32 || scalar == .float64
                }
            #expect(((try? kernel.validate()) != nil) == takes, "\(operation) of \(scalar)")
        }
    }

    @Test(arguments: BinaryOperation.allCases) func binaryOperationsTakeTheirTypesAlone(_ operation: BinaryOperation) {
        for scalar in ScalarType.allCases {
            let kernel = KernelBuilder.build("k") {
                _ = $0.argument("a", scalar).binary(operation, $0.argument("b", scalar))
            }
            let takes =
                switch operation {
                case .add, .subtract, .multiply, .divide, .remainder: scalar != .bool
                case .multiplyHigh: scalar == .uint32
                case .minimum, .maximum, .shiftLeft, .shiftRight: scalar.isInteger
                case .and, .or, .xor: !scalar.isFloat
                case .equal, .notEqual: true
                case .less, .lessEqual, .greater, .greaterEqual: scalar != .bool
                case .power: scalar == .float32 || scalar == .float64
                }
            #expect(((try? kernel.validate()) != nil) == takes, "\(operation) of \(scalar)")
        }
    }

    @Test func operandsAndResultsAgree() {
        let sum = { (k: KernelBuilder, x: BufferReference, n: Value) in _ = n + n }
        expect(.type, sum, spoil: { $0.types[last($0)] = .bool })
        expect(.type, { _, _, n in _ = n < n }, spoil: { $0.types[last($0)] = .int32 })
        expect(
            .type, { _, x, n in _ = (n + n, x[n]) },
            spoil: {
                $0.types[last($0)] = .float32
                replace(&$0, .binary(.add, 0, last($0) - 1))
            })
        expect(.type, { _, _, n in _ = -n }, spoil: { $0.types[last($0)] = .int64 })
        expect(
            .type, { k, x, n in _ = k.multiplyAdd(x[n], x[n], x[n]) },
            spoil: { replace(&$0, .multiplyAdd(0, last($0) - 1, last($0) - 1)) })
        expectBuilt(.type) { k, _, n in _ = k.multiplyAdd(n, n, n) }
        expect(
            .type, { k, x, n in _ = k.fusedMultiplyAdd(x[n], x[n], x[n]) },
            spoil: { replace(&$0, .fusedMultiplyAdd(0, last($0) - 1, last($0) - 1)) })
        expectBuilt(.type) { k, _, n in _ = k.fusedMultiplyAdd(n, n, n) }
        expect(
            .type, { k, x, n in _ = k.select(n < 3, x[n], x[n]) },
            spoil: { replace(&$0, .select(0, last($0) - 1, last($0) - 1)) })
        expect(.type, { k, x, n in _ = k.select(n < 3, x[n], x[n]) }, spoil: { $0.types[last($0)] = .int32 })
    }

    @Test func conversionsHaveSomethingToConvert() {
        expect(.type, { _, _, n in _ = n.convert(to: .float32) }, spoil: { $0.types[last($0)] = .int32 })
        expect(.type, { _, _, n in _ = n.convert(to: .float32) }, spoil: { $0.types[last($0)].width = 2 })
        expect(.type, { _, _, n in _ = n.bitcast(to: .float32) }, spoil: { $0.types[last($0)] = .float64 })
        expect(.type, { _, _, n in _ = n.bitcast(to: .float32) }, spoil: { $0.types[last($0)] = .bool })
        expect(.type, { _, _, n in _ = n.bitcast(to: .float32) }, spoil: { $0.types[last($0)].width = 4 })
        expect(.type, { _, _, n in _ = n.broadcast(to: .int32.vector(4)) }, spoil: { $0.types[last($0)].width = 1 })
        expect(
            .type, { _, _, n in _ = n.broadcast(to: .int32.vector(4)) }, spoil: { $0.types[last($0)].scalar = .float32 }
        )
        expect(.type, { k, _, n in _ = k.construct([n, n]) }, spoil: { replace(&$0, .construct([0, 0, 0])) })
        expect(
            .type, { k, x, n in _ = (x[n], k.construct([n, n])) },
            spoil: { replace(&$0, .construct([0, last($0) - 1])) })
        let lane = { (k: KernelBuilder, x: BufferReference, n: Value) in _ = x.load(n, width: 4).lane(3) }
        expect(.type, lane, spoil: { $0.types[last($0)] = .int32 })
        expect(.type, { _, _, n in _ = n + n }, spoil: { replace(&$0, .extract(0, lane: 0)) })
        expect(.constant, lane, spoil: { replace(&$0, .extract(last($0) - 1, lane: 4)) })
        expect(.constant, lane, spoil: { replace(&$0, .extract(last($0) - 1, lane: -1)) })
    }

    @Test func subgroupOperationsAreOfNumbers() {
        let sum = { (k: KernelBuilder, x: BufferReference, n: Value) in _ = x[n].subgroup(.add) }
        expect(.type, sum, spoil: { $0.types[last($0)] = .int32 })
        expectBuilt(.type) { _, x, n in _ = x.load(n, width: 2).subgroup(.add) }
        expectBuilt(.type) { _, _, n in _ = (n < 3).subgroup(.maximum) }
        expectBuilt(.constant) { _, x, n in _ = x[n].subgroup(.shuffleXor(mask: 0)) }
    }

    @Test func constantsAreInRange() {
        expectBuilt(.constant) { k, _, _ in _ = k.int(1 << 31) }
        expectBuilt(.constant) { k, _, _ in _ = k.constant(-1, .uint32) }
        expectBuilt(.constant) { k, _, _ in _ = k.constant(2, .bool) }
        expectBuilt(.constant) { k, _, _ in _ = k.constant(1e39, .float32) }
        expectBuilt(.constant) { k, _, _ in _ = k.constant(70000.0, ValueType(.float16)) }
        expectBuilt(.constant) { k, _, _ in _ = k.localID(0) + k.workgroupID(3) }
        expectBuilt(.division) { _, _, n in _ = n / 0 }
        expectBuilt(.division) { _, _, n in _ = n % 0 }
        expectBuilt(.shift) { _, _, n in _ = n << 32 }
        expectBuilt(.shift) { _, _, n in _ = n >> -1 }
        let fine = right { k, _, n in
            _ = (k.constant(Double.infinity, .float32), k.constant(Double.nan, .float32), k.constant(.min, .int64))
            _ = n.convert(to: .int64) << 63
        }
        #expect(throws: Never.self) { try fine.validate() }
    }

    @Test func sharedArraysAreIndexedInside() {
        let shared = { (k: KernelBuilder) in k.shared("s", .float32, count: 8) }
        expectBuilt(.bounds) { k, x, n in _ = shared(k)[k.int(8)] }
        expectBuilt(.bounds) { k, x, n in _ = shared(k)[k.int(-1)] }
        expectBuilt(.bounds) { k, x, n in _ = shared(k).load(k.int(6), width: 4) }
        expectBuilt(.bounds) { k, x, n in shared(k)[k.int(8)] = x[n] }
        expectBuilt(.alignment) { k, x, n in _ = shared(k).load(k.int(2), width: 4) }
        expectBuilt(.alignment) { k, x, n in shared(k).store(x.load(n, width: 2), at: k.int(1)) }
    }

    @Test func buffersAreUsedAsDeclared() {
        expect(.access, { _, x, n in x[n] = x[n] }, spoil: { $0.buffers[0].access = .read })
        expect(.access, { _, x, n in x[n] = x[n] }, spoil: { $0.buffers[0].access = .write })
    }

    @Test func loopsCountByAPositiveConstant() {
        expectBuilt(.constant) { k, _, n in k.loop(from: 0, to: n, by: 0) { _ in } }
        expectBuilt(.constant) { k, _, n in k.loop(from: 0, to: n, by: -1) { _ in } }
        expectBuilt(.type) { k, _, n in k.loop(from: k.constant(0, .int64), to: n) { _ in } }
        expectBuilt(.type) { k, x, n in k.loop(from: 0, to: x[n]) { _ in } }
        func change(_ kernel: inout Kernel, _ change: (inout Loop) -> Void) {
            guard case .loop(var loop)? = kernel.body.last else { preconditionFailure("no loop") }
            change(&loop)
            kernel.body[kernel.body.count - 1] = .loop(loop)
        }
        let loop = { (k: KernelBuilder, x: BufferReference, n: Value) in k.loop(from: 0, to: n) { _ in } }
        expect(.constant, loop, spoil: { change(&$0) { $0.step = 0 } })
        expect(.scope, loop, spoil: { change(&$0) { $0.counter = 0 } })
        expect(.scope, loop, spoil: { change(&$0) { $0.end = $0.counter } })
    }

    @Test func conditionsAreBools() {
        expectBuilt(.type) { k, x, n in k.if(n) {} }
        expectBuilt(.type) { k, x, n in k.if((n < 3).broadcast(to: .bool.vector(2))) {} }
    }

    @Test func variablesAreAssignedOnEveryPathToARead() {
        var v: Variable?
        func expectUnassigned(_ build: @escaping (KernelBuilder, BufferReference, Value) -> Void, from place: Int) {
            // The variable's first assignment goes.
            expect(.uninitialized, { k, x, n in build(k, x, n) }, spoil: { $0.body.remove(at: place) })
        }
        let place = 2  // behind the argument and its sum
        expectUnassigned({ k, x, n in x[k.variable(n + n).value] = x[n] }, from: place)
        expectUnassigned(
            { k, x, n in
                v = k.variable(n + n)
                k.if(n < 3) { v!.value = n }
                x[v!.value] = x[n]
            }, from: place)
        expectUnassigned(
            { k, x, n in
                v = k.variable(n + n)
                k.loop(from: n, to: n) { i in v!.value = i }
                x[v!.value] = x[n]
            }, from: place)
        var both = right { k, x, n in
            v = k.variable(n + n)
            k.if(n < 3) {
                v!.value = n
            } else: {
                v!.value = n + 1
            }
            x[v!.value] = x[n]
        }
        both.body.remove(at: place)
        #expect(throws: Never.self) { try both.validate() }
    }
}
