/// A fused program with its arguments: what one launch does.
///
/// Buffers are bound in the order inputs, then outputs. An input read by `index` has a binding without a buffer whose
/// offset is added to the index.
public struct FusedKernel: KernelBody {
    public static var family: KernelFamily { .fused }

    /// How an operand is addressed over the iteration space, in elements.
    public struct Access: Hashable, Sendable {
        /// One stride for each dimension of the iteration space; those a value's level lacks are 0.
        public var strides: Strides
        /// For a gathered input, the distance between neighbours along the gathered axis and that axis's extent.
        public var gatherStride: Int
        /// The gathered axis's extent: indices from 0 to below it read an element. 0 where nothing is gathered.
        public var gatherCount: Int

        /// - Parameters:
        ///   - strides: one for each dimension of the iteration space.
        ///   - gatherStride: of the gathered axis, in elements.
        ///   - gatherCount: its extent; 0 where nothing is gathered.
        public init(strides: Strides, gatherStride: Int = 0, gatherCount: Int = 0) {
            self.strides = strides
            self.gatherStride = gatherStride
            self.gatherCount = gatherCount
        }
    }

    /// What is computed at each place.
    public var program: FusedProgram
    /// Extents of the outer, then of the inner dimensions.
    public var extents: Shape
    /// How many of them are outer. Equal to the rank where the program has no reduction.
    public var outerRank: Int
    /// One for each of the program's inputs.
    public var inputs: [Access]
    /// One for each of the program's outputs, over the dimensions of its level.
    public var outputs: [Access]

    /// As many accesses as the program has inputs and outputs.
    public init(program: FusedProgram, extents: Shape, outerRank: Int, inputs: [Access], outputs: [Access]) {
        self.program = program
        self.extents = extents
        self.outerRank = outerRank
        self.inputs = inputs
        self.outputs = outputs
    }

    public var fused: FusedKernel? { self }

    /// A dimension that a value does not vary along has a stride of 0; an output has only the dimensions of its level.
    public var operands: [KernelOperand] {
        var isIndex = [Bool](repeating: false, count: inputs.count)
        for step in program.steps {
            if case .index(let input) = step.operation { isIndex[input] = true }
        }
        var result = inputs.enumerated().map { position, access in
            KernelOperand(
                isIndex[position] ? nil : program.inputs[position], extents, access.strides,
                gatherCount: access.gatherCount, gatherStride: access.gatherStride)
        }
        for (position, access) in outputs.enumerated() {
            let step = program.steps[program.outputs[position].value]
            let shape = self.extents(of: step.level)
            result.append(KernelOperand(step.dtype, shape, Shape(access.strides.prefix(shape.rank)), isOutput: true))
        }
        return result
    }

    /// The extents of the dimensions along which values of a level vary.
    public func extents(of level: FusedProgram.Level) -> Shape {
        switch level {
        case .element: extents
        case .row: Shape(extents.prefix(outerRank))
        case .total: Shape()
        }
    }

    public var operandCount: Int { inputs.count + outputs.count }
    public var scalarTypes: [DType] { program.scalarTypes }
    /// Places of the iteration space: how often an element step runs.
    public var elementCount: Int { extents.elementCount }
    public var summary: String { "fused over \(extents), \(outerRank) outer" }
    public var code: KernelCode { KernelCode(.fused, [extents.rank, outerRank], program: program) }
}
