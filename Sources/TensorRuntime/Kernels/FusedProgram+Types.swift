extension PointwiseOperation {
    /// Whether the operation is defined on operands of `dtype`; a random number's type is its result's.
    public func isDefined(on dtype: DType) -> Bool {
        switch row.rule {
        case .same, .comparison, .selection, .conversion: true
        case .sameNumber: dtype != .bool
        case .sameFloat: dtype.isFloat
        case .sameInteger: dtype != .bool && !dtype.isFloat
        case .logical: dtype == .bool
        case .random: dtype == (self == .randomBits ? .int32 : .float32)
        }
    }
}

extension FusedProgram {
    /// Why no device can run the program: an operation that its operands' type does not have, or types that do not fit
    /// together; nil where all fit. Backends say so when a kernel is made, since code that runs cannot.
    public var typeComplaint: String? {
        for (number, step) in steps.enumerated() {
            let complaint: String?
            switch step.operation {
            case .pointwise(let operation): complaint = self.complaint(operation, step)
            case .reduce(let operation): complaint = self.complaint(operation, step)
            case .gather: complaint = self.indexComplaint(step)
            case .load, .index, .fill: complaint = nil
            }
            if let complaint { return "step \(number), \(complaint)" }
        }
        return nil
    }

    private func complaint(_ operation: PointwiseOperation, _ step: Step) -> String? {
        let name = operation.name
        guard step.operands.count == operation.arity else {
            return "\(name), has \(step.operands.count) operands, not \(operation.arity)"
        }
        let computeType = computeType(of: step)
        guard operation.isDefined(on: computeType) else {
            return "\(name) of \(computeType), does not exist; cast the operands first"
        }
        if operation.row.rule == .comparison && step.dtype != .bool {
            return "\(name), gives bool, not \(step.dtype)"
        }
        for (position, operand) in step.operands.enumerated() {
            guard case .value(let value) = operand, operation.row.rule != .conversion else { continue }
            let found = steps[value].dtype
            let expected: DType
            switch operation.row.rule {
            case .random: expected = .int64
            case .selection where position == 0: expected = .bool
            case .selection, .same, .sameNumber, .sameFloat, .sameInteger, .comparison, .logical, .conversion:
                expected = computeType
            }
            if found != expected { return "\(name) of \(expected), is given \(found); cast it first" }
        }
        return nil
    }

    private func indexComplaint(_ step: Step) -> String? {
        guard step.operands.count == 1 else { return "gather, needs one index" }
        guard case .value(let value) = step.operands[0] else { return nil }
        let found = steps[value].dtype
        return found == .int32 || found == .int64
            ? nil : "gather by \(found), needs an index of int32 or int64; cast it first"
    }

    private func complaint(_ operation: ReductionOperation, _ step: Step) -> String? {
        guard step.operands.count == 1, case .value(let value) = step.operands[0] else {
            return "\(operation.name), folds one value"
        }
        if (operation == .sum || operation == .product) && steps[value].dtype == .bool {
            return "\(operation.name) of bool, does not exist; cast it to int64 first"
        }
        let expected = operation.yieldsIndex ? DType.int64 : steps[value].dtype
        return step.dtype == expected
            ? nil : "\(operation.name) of \(steps[value].dtype), gives \(expected), not \(step.dtype)"
    }
}

extension KernelSpec {
    /// Why the kernel has no meaning on its dtypes; nil where it has (``KernelBody/typeComplaint``).
    public var typeComplaint: String? { body.typeComplaint.map { "\(family): \($0)" } }
}
