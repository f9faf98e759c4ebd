import TensorRuntime

/// What a kernel writes to one output: element places of the bound buffer, and their values in the same order.
public struct HostWrites: Sendable {
    /// The operand's position among the kernel's bindings.
    public let operand: Int
    /// In elements of the buffer, in the order in which they were written.
    public var places: [Int]
    /// As many as places.
    public var values: HostArray
}

/// An operand as the interpreter reads it: the whole buffer's elements, and the element at which the operand starts.
public struct HostOperand: Sendable {
    /// Empty for an operand without a buffer, and for an output.
    public var array: HostArray
    /// In elements, from the start of the array.
    public var offset: Int

    /// - Parameter array: the whole buffer, what lies in front of the operand too.
    public init(array: HostArray, offset: Int = 0) {
        self.array = array
        self.offset = offset
    }
}

/// Runs any `KernelSpec` on host arrays, in Double, and integers in exact wrapping arithmetic: the meaning of the
/// contract, against which backends are tested. It imports no backend.
///
/// Values are rounded to their type where they are cast and where they are stored, and nowhere else.
public enum ReferenceInterpreter {
    /// Runs `spec` and returns what it writes, one entry for each output; the operands are left as they are, so an
    /// output may share its buffer with an input.
    ///
    /// - Parameters:
    ///   - operands: one for each binding, in the family's order.
    ///   - scalars: the 64-bit slots (`Scalar.bits(as:)`).
    /// - Throws: `unsupported` for a family that it does not know.
    public static func run(
        _ spec: KernelSpec, operands: [HostOperand], scalars: [UInt64]
    ) throws(TensorError) -> [HostWrites] {
        precondition(operands.count == spec.body.operandCount, "reference: \(operands.count) operands bound")
        switch spec.body {
        case let body as FusedKernel:
            var interpreter = FusedInterpreter(body, operands: operands, scalars: scalars)
            return interpreter.run()
        case let body as MatmulKernel:
            let product = matmul(body, a: operands[0], b: operands[1])
            return epilogue(body.epilogue, of: product, sources: 2, operands: operands, scalars: scalars)
        case let body as ConvolutionKernel:
            let result = convolution(body, operands[0], operands[1])
            return epilogue(body.epilogue, of: result, sources: 2, operands: operands, scalars: scalars)
        case let body as PoolingKernel:
            let result = pooling(body, operands)
            return epilogue(
                body.epilogue, of: result, sources: body.sourceCount, operands: operands, scalars: scalars)
        case let body as ScatterAddKernel:
            return [scatterAdd(body, source: operands[0], index: operands[1], outputOffset: operands[2].offset)]
        case let body as ScanKernel: return scan(body, operands: operands)
        case let body as SortKernel: return sort(body, operands: operands)
        default:
            throw TensorError(.unsupported, "reference: no interpreter for the family \(spec.family)")
        }
    }

    /// Runs `kernel` with `result` as its input 0; its further operands follow the family's own `sources`.
    private static func epilogue(
        _ kernel: FusedKernel, of result: HostArray, sources: Int, operands: [HostOperand], scalars: [UInt64]
    ) -> [HostWrites] {
        var kernel = kernel
        kernel.inputs[0].strides = kernel.extents.contiguousStrides
        let bound = [HostOperand(array: result)] + operands[sources...]
        var interpreter = FusedInterpreter(kernel, operands: bound, scalars: scalars)
        return interpreter.run().map {
            HostWrites(operand: $0.operand + sources - 1, places: $0.places, values: $0.values)
        }
    }

    /// The element offsets of all places of `extents`, in row-major order.
    static func offsets(extents: some Collection<Int>, strides: some Collection<Int>) -> [Int] {
        var result = [0]
        for (extent, stride) in zip(extents, strides) {
            if extent == 1 { continue }
            var next = [Int]()
            next.reserveCapacity(result.count * extent)
            for base in result { for index in 0..<extent { next.append(base + index * stride) } }
            result = next
        }
        return result
    }
}
