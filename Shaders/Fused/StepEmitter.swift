import KernelIR
import TensorRuntime

/// Emits the steps of a fused program at one place, or at consecutive places of one dimension as the lanes of a vector.
///
/// Buffers are named `in0`, ..., `out0`, ..., arguments `in0_stride0`, `in0_gather_stride`, `in0_gather_count`,
/// `in0_offset` (of an index) and `scalar0`; they are declared when they are first needed.
final class StepEmitter {
    let k: KernelBuilder
    let program: FusedProgram
    let classes: AccessClasses
    private let rank: Int
    private let outerRank: Int
    /// What stands for inputs that have no buffer.
    private let given: [Int: Value]
    private var arguments: [String: Value] = [:]
    private var buffers: [String: BufferReference] = [:]

    /// A place, and the values known there by step.
    struct Scope {
        /// Of the outer dimensions, or of all; none for totals.
        var coordinates: [Value]
        /// Lanes along ``AccessClasses/laneDimension``.
        var width: Int
        var values: [Int: Value] = [:]
    }

    init(
        _ k: KernelBuilder, _ program: FusedProgram, rank: Int, outerRank: Int, classes: AccessClasses,
        given: [Int: Value] = [:]
    ) {
        self.k = k
        self.program = program
        self.classes = classes
        self.rank = rank
        self.outerRank = outerRank
        self.given = given
    }

    func argument(_ name: String, _ scalar: ScalarType) -> Value {
        if let known = arguments[name] { return known }
        let value = k.argument(name, scalar)
        arguments[name] = value
        return value
    }

    func index(_ value: Int) -> Value { k.constant(value, ValueType(classes.indexScalar)) }

    /// An argument in the type of addresses.
    func indexArgument(_ name: String) -> Value { argument(name, classes.indexScalar) }

    private func buffer(_ name: String, _ dtype: DType, _ access: Kernel.Access) -> BufferReference {
        if let known = buffers[name] { return known }
        let buffer = k.buffer(name, dtype, access)
        buffers[name] = buffer
        return buffer
    }

    // MARK: Values

    /// The value of a step at the scope's place; one lane where it is the same in all.
    func value(_ number: Int, in scope: inout Scope) -> Value {
        if let known = scope.values[number] { return known }
        let step = program.steps[number]
        let result: Value
        switch step.operation {
        case .load(let input): result = given[input] ?? load(input, step, scope)
        case .gather(let input): result = gather(input, step, &scope)
        case .index(let input): result = placeNumber(input, step, scope)
        case .fill: result = operand(0, of: step, in: &scope)
        case .pointwise(let operation):
            let operands = step.operands.indices.map { operand($0, of: step, in: &scope) }
            result = PointwiseEmitter(k: k).emit(
                operation, operands, computeType: program.computeType(of: step),
                source: program.operandType(of: step, at: 0), dtype: step.dtype)
        case .reduce: preconditionFailure("a reduction's value is given")
        }
        scope.values[number] = result
        return result
    }

    private func operand(_ position: Int, of step: FusedProgram.Step, in scope: inout Scope) -> Value {
        switch step.operands[position] {
        case .value(let number): value(number, in: &scope)
        case .scalar(let slot): scalar(slot, as: program.operandType(of: step, at: position))
        }
    }

    /// A run-time scalar. A bool or uint8 travels as an int32.
    func scalar(_ slot: Int, as dtype: DType) -> Value {
        let declared = program.scalarTypes[slot]
        let type: ScalarType = declared == .bool ? .int32 : declared.valueScalar
        let raw = argument("scalar\(slot)", type)
        switch dtype {
        case .bool: return raw != k.constant(0, raw.type)
        case .uint8: return raw.convert(to: .int32) & 255
        case .int32, .int64, .float16, .bfloat16, .float32, .float64: return raw.convert(to: dtype.valueScalar)
        }
    }

    // MARK: Places

    private func dimensions(of level: FusedProgram.Level) -> Range<Int> {
        switch level {
        case .element: 0..<rank
        case .row: 0..<outerRank
        case .total: 0..<0
        }
    }

    /// Whether the lanes of a value of `level` differ in place.
    private func varies(_ level: FusedProgram.Level, _ stride: AccessClasses.Stride, _ scope: Scope) -> Bool {
        guard scope.width > 1, stride != .zero, let dimension = classes.laneDimension else { return false }
        return dimensions(of: level).contains(dimension)
    }

    /// The sum of coordinates times strides, of the first lane.
    private func offset(
        _ name: String, _ level: FusedProgram.Level, _ stride: AccessClasses.Stride, _ scope: Scope,
        scalar: ScalarType? = nil
    ) -> Value {
        let scalar = scalar ?? classes.indexScalar
        var sum = k.constant(0, ValueType(scalar))
        for dimension in dimensions(of: level) {
            let coordinate = scope.coordinates[dimension].convert(to: scalar)
            if dimension == classes.laneDimension && stride != .other {
                if stride == .one { sum = sum + coordinate }
            } else {
                sum = sum + coordinate * argument("\(name)_stride\(dimension)", scalar)
            }
        }
        return sum
    }

    /// The distances of the lanes' places from the first lane's.
    private func laneOffsets(
        _ name: String, _ stride: AccessClasses.Stride, width: Int, scalar: ScalarType
    ) -> Value {
        let lanes = k.construct((0..<width).map { k.constant($0, ValueType(scalar)) })
        guard stride == .other, let dimension = classes.laneDimension else { return lanes }
        return lanes * argument("\(name)_stride\(dimension)", scalar)
    }

    // MARK: Reading

    private func load(_ input: Int, _ step: FusedProgram.Step, _ scope: Scope) -> Value {
        let first = offset("in\(input)", step.level, classes.inputs[input], scope)
        return load(input, at: first, varies: varies(step.level, classes.inputs[input], scope), scope)
    }

    private func load(_ input: Int, at first: Value, varies: Bool, _ scope: Scope) -> Value {
        let buffer = buffer("in\(input)", program.inputs[input], .read)
        guard varies else { return buffer[first] }
        if classes.inputs[input] == .one { return buffer.load(first, width: scope.width) }
        let stride = indexArgument("in\(input)_stride\(classes.laneDimension!)")
        return k.construct((0..<scope.width).map { buffer[first + stride * $0] })
    }

    private func gather(_ input: Int, _ step: FusedProgram.Step, _ scope: inout Scope) -> Value {
        let outside = step.dtype.isFloat ? Double.nan : 0
        let type = ValueType(step.dtype.valueScalar)
        if classes.emptyGathers.contains(input) {
            return type.scalar.isFloat ? k.constant(outside, type) : k.constant(0, type)
        }
        let name = "in\(input)"
        let stride = classes.inputs[input]
        let place = operand(0, of: step, in: &scope)
        let count = argument("\(name)_gather_count", .int64).convert(to: place.type.scalar)
        let isInside = (place >= 0) & (place < count)
        let inside = k.select(isInside, place, k.constant(0, place.type)).convert(to: classes.indexScalar)
        let first = offset(name, step.level, stride, scope)
        let places = first + inside * indexArgument("\(name)_gather_stride")
        let varies = varies(step.level, stride, scope)
        let value: Value
        if place.type.width == 1 {
            value = load(input, at: places, varies: varies, scope)
        } else {
            let buffer = buffer(name, program.inputs[input], .read)
            let spread =
                varies
                ? places + laneOffsets(name, stride, width: scope.width, scalar: classes.indexScalar) : places
            value = k.construct(spread.lanes.map { buffer[$0] })
        }
        if step.dtype == .bool { return isInside & value }
        let other = type.scalar.isFloat ? k.constant(outside, value.type) : k.constant(0, value.type)
        return k.select(isInside, value, other)
    }

    private func placeNumber(_ input: Int, _ step: FusedProgram.Step, _ scope: Scope) -> Value {
        let name = "in\(input)"
        let stride = classes.inputs[input]
        let first = argument("\(name)_offset", .int64) + offset(name, step.level, stride, scope, scalar: .int64)
        guard varies(step.level, stride, scope) else { return first }
        return first + laneOffsets(name, stride, width: scope.width, scalar: .int64)
    }

    // MARK: Writing

    /// Stores the value of an output's step. `moved` is added to its place.
    func store(output: Int, _ value: Value, in scope: Scope, movedBy moved: Value? = nil) {
        let step = program.steps[program.outputs[output].value]
        let name = "out\(output)"
        let stride = classes.outputs[output]
        let buffer = buffer(name, step.dtype, .write)
        var first = offset(name, step.level, stride, scope)
        if let moved { first = first + moved }
        guard varies(step.level, stride, scope) else {
            buffer.store(value.lane(0), at: first)
            return
        }
        let lanes = value.broadcast(to: value.type.vector(scope.width))
        if stride == .one {
            buffer.store(lanes, at: first)
        } else {
            let step = indexArgument("\(name)_stride\(classes.laneDimension!)")
            for lane in 0..<scope.width { buffer.store(lanes.lane(lane), at: first + step * lane) }
        }
    }
}

extension ShaderLaunch {
    /// Adds everything that a ``StepEmitter`` may ask for. `operands` are the buffers of inputs, then outputs.
    mutating func bind(_ kernel: FusedKernel, operands: [ShaderLaunch.Buffer?]) {
        for (position, access) in (kernel.inputs + kernel.outputs).enumerated() {
            guard let operand = operands[position] else { continue }
            let isInput = position < kernel.inputs.count
            let name = isInput ? "in\(position)" : "out\(position - kernel.inputs.count)"
            buffers[name] = operand
            for (dimension, stride) in access.strides.enumerated() {
                arguments["\(name)_stride\(dimension)"] = .integer(stride)
            }
            arguments["\(name)_gather_stride"] = .integer(access.gatherStride)
            arguments["\(name)_gather_count"] = .integer(access.gatherCount)
            if case .operand(let number) = operand { arguments["\(name)_offset"] = .offset(operand: number) }
        }
        for slot in 0..<kernel.program.scalarCount { arguments["scalar\(slot)"] = .scalar(slot: slot) }
    }
}
