import TensorConformance
import TensorGraph
import TensorRuntime

/// A value of a traced graph, with just enough operations to write tests in.
struct Value: Sendable {
    let handle: Handle

    var context: DeviceContext { handle.context }
    var shape: Shape { handle.shape }

    static func make(_ values: [Float], _ shape: Shape, in context: DeviceContext) throws -> Value {
        let handle = try values.withUnsafeBytes { try context.makeValue(shape: shape, dtype: .float32, bytes: $0) }
        return Value(handle: handle)
    }

    static func fill(_ value: Double, _ shape: Shape, in context: DeviceContext) -> Value {
        Value(handle: context.trace(.fill, shape: shape, dtype: .float32, scalar0: .float(value)))
    }

    func unary(_ operation: PointwiseOperation) -> Value {
        Value(handle: context.trace(.pointwise(operation), shape: shape, dtype: .float32, handle))
    }

    func binary(_ operation: PointwiseOperation, _ other: Value) -> Value {
        Value(handle: context.trace(.pointwise(operation), shape: shape, dtype: .float32, handle, other.handle))
    }

    func binary(_ operation: PointwiseOperation, _ scalar: Double) -> Value {
        Value(
            handle: context.trace(
                .pointwise(operation), shape: shape, dtype: .float32, handle, scalar0: .float(scalar)))
    }

    func reduce(_ operation: ReductionOperation, axes: [Int]) -> Value {
        var mask: UInt8 = 0
        var result = shape
        for axis in axes {
            mask |= 1 << UInt8(axis)
            result[axis] = 1
        }
        return Value(handle: context.trace(.reduce(operation, axes: mask), shape: result, dtype: .float32, handle))
    }

    func view(_ operation: NodeOperation, _ shape: Shape, starts: Shape = Shape()) -> Value {
        Value(handle: context.trace(operation, shape: shape, dtype: handle.dtype, handle, starts: starts))
    }

    func expand(_ shape: Shape) -> Value { view(.expand, shape) }
    func reshape(_ shape: Shape) -> Value { view(.reshape, shape) }

    func transposed() -> Value {
        var axes = Shape(0..<shape.rank)
        axes[shape.rank - 1] = shape.rank - 2
        axes[shape.rank - 2] = shape.rank - 1
        return view(.permute(axes: axes), Shape(axes.map { shape[$0] }))
    }

    func slice(axis: Int, start: Int, count: Int) -> Value {
        var result = shape
        result[axis] = count
        var starts = Shape(repeating: 0, rank: shape.rank)
        starts[axis] = start
        return view(.slice(steps: Shape(repeating: 1, rank: shape.rank)), result, starts: starts)
    }

    func matmul(_ other: Value) -> Value {
        let result: Shape = [shape[0], other.shape[1]]
        return Value(handle: context.trace(.matmul, shape: result, dtype: .float32, handle, other.handle))
    }

    static func concatenate(_ values: [Value], axis: Int) -> Value {
        var shape = values[0].shape
        shape[axis] = values.reduce(0) { $0 + $1.shape[axis] }
        let context = values[0].context
        return Value(
            handle: context.trace(
                .concatenate(axis: axis), shape: shape, dtype: .float32, more: values.map(\.handle)))
    }

    func floats() throws -> [Float] {
        var result = [Float](repeating: 0, count: shape.elementCount)
        try result.withUnsafeMutableBytes { try context.read(handle, into: $0) }
        return result
    }
}

extension DeviceContext {
    /// Runs `body`, whose operations go to a stream.
    func on<Result>(_ stream: StreamContext, _ body: () throws -> Result) rethrows -> Result {
        try StreamScope.$current.withValue(StreamScope(stream, of: self), operation: body)
    }
}

/// A small deterministic generator for building test graphs.
struct TestRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func floats(_ count: Int) -> [Float] {
        (0..<count).map { _ in Float.random(in: -1...1, using: &self) }
    }
}

func makeContext(_ change: (inout RuntimeConfiguration) -> Void = { _ in }) throws -> DeviceContext {
    var configuration = RuntimeConfiguration()
    change(&configuration)
    return try DeviceContext(device: ReferenceDevice(), configuration: configuration)
}

/// Largest difference relative to the values' size.
func difference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count else { return .infinity }
    var result: Float = 0
    for (x, y) in zip(a, b) where !(x.isNaN && y.isNaN) && x != y {
        result = max(result, abs(x - y) / max(1, abs(x), abs(y)))
        if x.isNaN || y.isNaN { return .infinity }
    }
    return result
}
