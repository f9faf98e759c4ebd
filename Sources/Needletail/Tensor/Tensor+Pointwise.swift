import TensorGraph
import TensorRuntime

// MARK: - The three forms of a pointwise node

extension Tensor {
    /// One operand. Integers are cast to float32 where the operation wants a float type.
    @inline(never)
    package func unary(_ operation: PointwiseOperation, as name: StaticString? = nil, at site: CallSite? = nil)
        -> Tensor
    {
        let rule = operation.row.rule
        var x = self
        switch rule {
        case .sameFloat where !dtype.isFloat: x = cast(to: .float32)
        case .sameNumber where dtype == .bool, .sameInteger where dtype == .bool:
            return invalid(
                "\(name ?? operation.row.name)", "bool is no number", remedy: "cast it, to(.int64)", [self], at: site)
        case .same, .sameNumber, .sameFloat, .sameInteger, .comparison, .logical, .conversion, .selection, .random:
            break
        }
        guard x.requiresGrad else { return Tensor.untracked(.pointwise(operation), shape: shape, dtype: x.dtype, x) }
        let row = Derivatives.unary(operation, x)
        return Tensor.traced(
            .pointwise(operation), shape: shape, dtype: x.dtype, x, savesOutput: row.savesOutput
        ) { row.pullback }
    }

    /// Two tensors, broadcast to one shape and promoted to one dtype.
    @inline(never)
    package static func binary(
        _ operation: PointwiseOperation, _ a: Tensor, _ b: Tensor, symbol: StaticString, at site: CallSite? = nil
    ) -> Tensor {
        guard a.shares(b) else { return a.deviceMismatch("\(symbol)", b, at: site) }
        guard let shape = a.shape.broadcast(with: b.shape) else {
            return a.invalid(
                "\(symbol)", "shapes \(a.shape) and \(b.shape) do not broadcast",
                remedy: "their last dimensions must be equal or 1, and the result must fit in memory", [a, b], at: site)
        }
        guard let type = operandType(operation, a.promotedDType(with: b)) else {
            return logical(operation, a, b, symbol: symbol, at: site)
        }
        let x = a.cast(to: type).expanded(to: shape)
        let y = b.cast(to: type).expanded(to: shape)
        if operation.row.rule == .comparison || operation.row.rule == .logical {
            return untracked(.pointwise(operation), shape: shape, dtype: .bool, x, y)
        }
        return traced(
            .pointwise(operation), shape: shape, dtype: type, x, y,
            savesOutput: Derivatives.readsOutput(operation)
        ) { Derivatives.binary(operation, x, y) }
    }

    /// A tensor and a scalar, in either order.
    @inline(never)
    package static func binary(
        _ operation: PointwiseOperation, _ x: Tensor, _ scalar: Scalar, scalarIsFirst: Bool = false,
        symbol: StaticString, at site: CallSite? = nil
    ) -> Tensor {
        let promoted = x.dtype.promoted(withScalarOf: scalar.kind)
        guard let type = operandType(operation, promoted) else {
            return x.invalid("\(symbol)", "bool is no number", remedy: "cast it, to(.int64)", [x], at: site)
        }
        let isComparison = operation.row.rule == .comparison
        guard scalar.fits(type) else {
            // Every integer has a place among the wider ones.
            if isComparison { return binary(operation, x.cast(to: .int64), scalar, symbol: symbol, at: site) }
            return x.invalid(
                "\(symbol)", "\(scalar.text) does not fit a tensor of \(type)", remedy: "cast the tensor, to(.int64)",
                [x], at: site)
        }
        let operand = x.cast(to: type)
        let first = scalarIsFirst ? nil : operand.handle
        let second = scalarIsFirst ? operand.handle : nil
        var function: GradientFunction?
        if operand.requiresGrad, !isComparison, ExecutionContext.current.recordsGradients {
            function = GradientFunction(
                GradientFunction.Links(
                    first: operand.gradientFunction,
                    pullback: Derivatives.binary(operation, operand, scalar, scalarIsFirst: scalarIsFirst)))
        }
        let handle = x.context.trace(
            .pointwise(operation), shape: x.shape, dtype: isComparison ? .bool : type, first, second, scalar0: scalar,
            tag: function)
        if let function, scalarIsFirst, Derivatives.readsOutput(operation) {
            function.save(output: handle.retagged(nil))
        }
        return Tensor(handle)
    }

    /// The type in which operands of `promoted` are combined; nil where bool takes part in arithmetic.
    @inline(__always)
    private static func operandType(_ operation: PointwiseOperation, _ promoted: DType) -> DType? {
        switch operation.row.rule {
        case .sameFloat: promoted.isFloat ? promoted : .float32
        case .sameNumber, .sameInteger: promoted == .bool ? nil : promoted
        case .logical: .bool
        case .same, .comparison, .conversion, .selection, .random: promoted
        }
    }

    /// Arithmetic on two bools, as PyTorch has it: sum is or, product is and.
    @inline(never)
    private static func logical(
        _ operation: PointwiseOperation, _ a: Tensor, _ b: Tensor, symbol: StaticString, at site: CallSite?
    ) -> Tensor {
        switch operation {
        case .add: return binary(.logicalOr, a, b, symbol: symbol, at: site)
        case .multiply: return binary(.logicalAnd, a, b, symbol: symbol, at: site)
        default:
            return a.invalid(
                "\(symbol)", "both operands are bool", remedy: "cast one, to(.int64), or use logicalXor", [a, b],
                at: site)
        }
    }
}

// MARK: - Cast and fill

extension Tensor {
    /// The tensor in another dtype; itself where that is its own. To bool, everything but 0 is true.
    @inline(__always)
    package func cast(to type: DType) -> Tensor {
        if type == dtype { return self }
        return converted(to: type)
    }

    @inline(never)
    private func converted(to type: DType) -> Tensor {
        if type == .bool {
            let zero: Scalar = dtype.isFloat ? .float(0) : .int(0)
            return Tensor(
                context.trace(.pointwise(.notEqual), shape: shape, dtype: .bool, handle, nil, scalar0: zero))
        }
        guard type.isFloat else {
            let tag = handle.tag == nil ? nil : knowledge(of: .pointwise(.cast), shape: shape, dtype: type)
            return Tensor(context.trace(.pointwise(.cast), shape: shape, dtype: type, handle, tag: tag))
        }
        let source = dtype
        return Tensor.traced(.pointwise(.cast), shape: shape, dtype: type, self) {
            { InputGradients($0.gradient.cast(to: source)) }
        }
    }

    /// What `body` makes of the tensor, computed in float32 where that is wider than the dtype and rounded once: one operation
    /// of several steps. The result of integers is a float32.
    func inFloat32(_ body: (Tensor) -> Tensor) -> Tensor {
        if dtype == .float32 || dtype == .float64 { return body(self) }
        return body(cast(to: .float32)).cast(to: dtype.isFloat ? dtype : .float32)
    }

    /// A tensor on this one's device, all of one value.
    func filled(_ shape: Shape, _ value: Scalar, dtype type: DType) -> Tensor {
        Tensor(context.trace(.fill, shape: shape, dtype: type, scalar0: value))
    }

    /// The int64 row-major number of each element of `shape`, on this tensor's device.
    package func indices(_ shape: Shape) -> Tensor { Tensor(context.trace(.index, shape: shape, dtype: .int64)) }
}
