import TensorGraph
import TensorRuntime

extension Tensor {
    /// `a` where `condition` is true, `b` elsewhere; the three broadcast to one shape. A condition that is not bool is
    /// true where it is not 0.
    public static func `where`(
        _ condition: Tensor, _ a: Tensor, _ b: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        select(condition, .tensor(a), .tensor(b), at: CallSite(file, line))
    }

    /// `a` where `condition` is true, the scalar `b` elsewhere.
    public static func `where`(
        _ condition: Tensor, _ a: Tensor, _ b: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        select(condition, .tensor(a), .scalar(b.scalar), at: CallSite(file, line))
    }

    /// The scalar `a` where `condition` is true, `b` elsewhere.
    public static func `where`(
        _ condition: Tensor, _ a: some ScalarOperand, _ b: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        select(condition, .scalar(a.scalar), .tensor(b), at: CallSite(file, line))
    }

    /// The scalar `a` where `condition` is true, the scalar `b` elsewhere; float32 or int64.
    public static func `where`(
        _ condition: Tensor, _ a: some ScalarOperand, _ b: some ScalarOperand, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        select(condition, .scalar(a.scalar), .scalar(b.scalar), at: CallSite(file, line))
    }

    /// This tensor with `value` in place of the elements where `condition` is true. Its dtype stays.
    public func masked(
        where condition: Tensor, with value: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        var scalar = value.scalar
        switch (scalar, dtype.kind) {
        case (_, .bool): scalar = scalar.cast(to: .bool)
        case (.float(let number), .integer):
            guard let integer = Int64(exactly: number) else {
                return invalid(
                    "masked", "\(number) does not fit a tensor of \(dtype)", remedy: "cast the tensor, to(.float32)",
                    [self], file, line)
            }
            scalar = .int(integer)
        default: break
        }
        let result = Tensor.select(condition, .scalar(scalar), .tensor(self), as: "masked", at: CallSite(file, line))
        return dtype == .bool ? result.cast(to: .bool) : result
    }

    /// A node of `select`: tensors broadcast and promoted, scalars as scalars.
    static func select(
        _ condition: Tensor, _ a: PointwiseOperand, _ b: PointwiseOperand, as name: StaticString = "where",
        at site: CallSite? = nil
    ) -> Tensor {
        var shape = condition.shape
        for number in 0..<2 {
            guard let operand = (number == 0 ? a : b).tensor else { continue }
            guard condition.shares(operand) else { return condition.deviceMismatch("\(name)", operand, at: site) }
            guard let joint = shape.broadcast(with: operand.shape) else {
                return operand.invalid(
                    "\(name)", "shapes \(shape) and \(operand.shape) do not broadcast",
                    remedy: "their last dimensions must be equal or 1, and the result must fit in memory",
                    [condition, operand], at: site)
            }
            shape = joint
        }
        let type: DType
        switch (a, b) {
        case (.tensor(let x), .tensor(let y)): type = x.promotedDType(with: y)
        case (.tensor(let x), .scalar(let y)), (.scalar(let y), .tensor(let x)):
            type = x.dtype.promoted(withScalarOf: y.kind)
            guard y.fits(type) else {
                return x.invalid(
                    "\(name)", "\(y.text) does not fit a tensor of \(type)", remedy: "cast the tensor, to(.int64)", [x],
                    at: site)
            }
        case (.scalar(let x), .scalar(let y)):
            type = x.kind == .float || y.kind == .float ? .float32 : .int64
        }
        let mask = condition.cast(to: .bool).expanded(to: shape)
        let x = a.tensor?.cast(to: type).expanded(to: shape)
        let y = b.tensor?.cast(to: type).expanded(to: shape)
        return traced(
            .pointwise(.select), shape: shape, dtype: type, mask, x, y, scalar0: a.scalar ?? b.scalar ?? .int(0),
            scalar1: b.scalar ?? .int(0)
        ) {
            { arguments in
                let gradient = arguments.gradient
                return InputGradients(
                    nil,
                    arguments.needs(1) ? select(mask, .tensor(gradient), .scalar(.float(0))) : nil,
                    arguments.needs(2) ? select(mask, .scalar(.float(0)), .tensor(gradient)) : nil)
            }
        }
    }
}
