import TensorRuntime

extension FusedKernel {
    /// Runs the program a step at a time: each for all places of its level, then the next.
    ///
    /// A value of level `element` is a number for each place of all dimensions, of `row` one for each place of the outer
    /// ones, of `total` one; so a number of a coarser level belongs to a run of a finer one's.
    func run(_ operands: [Operand], _ scalars: [UInt64]) {
        var values: [[Scalar]] = []
        for step in program.steps {
            let arguments = step.operands.indices.map { argument($0, of: step, values, scalars) }
            values.append(evaluate(step, arguments, operands).map { $0.converted(to: step.dtype) })
        }
        // Stored at last: an output may lie in the memory of an input.
        for (position, output) in program.outputs.enumerated() {
            let shape = extents(of: program.steps[output.value].level)
            for (place, number) in zip(places(shape, outputs[position].strides), values[output.value]) {
                operands[inputs.count + position][place] = number
            }
        }
    }

    private func evaluate(_ step: FusedProgram.Step, _ arguments: [[Scalar]], _ operands: [Operand]) -> [Scalar] {
        let shape = extents(of: step.level)
        let count = shape.elementCount
        func argument(_ position: Int, at place: Int) -> Scalar {
            if position >= arguments.count { return .int(0) }
            return arguments[position][place / (count / arguments[position].count)]
        }
        switch step.operation {
        case .load(let input): return places(shape, inputs[input].strides).map { operands[input][$0] }
        case .gather(let input):
            let (stride, bound) = (inputs[input].gatherStride, inputs[input].gatherCount)
            return places(shape, inputs[input].strides).enumerated().map { number, place in
                let index = Int(argument(0, at: number).integerValue)
                if index < 0 || index >= bound { return step.dtype.isFloat ? .float(.nan) : .int(0) }
                return operands[input][place + index * stride]
            }
        case .index(let input):
            return places(shape, inputs[input].strides).map { .int(Int64(operands[input].offset + $0)) }
        case .fill: return (0..<count).map { argument(0, at: $0) }
        case .pointwise(let operation):
            let type = program.computeType(of: step)
            return (0..<count).map {
                operation.apply(argument(0, at: $0), argument(1, at: $0), argument(2, at: $0), in: type)
            }
        case .reduce(let operation):
            let type = program.operandType(of: step, at: 0)
            return (0..<count).map { place in
                let run = arguments[0].count / count
                return operation.apply(arguments[0][place * run..<(place + 1) * run], of: type)
            }
        }
    }

    /// A scalar is read as the type that the step computes in: as float32 for the 16-bit floats, unless it is compared.
    private func argument(
        _ position: Int, of step: FusedProgram.Step, _ values: [[Scalar]], _ scalars: [UInt64]
    ) -> [Scalar] {
        switch step.operands[position] {
        case .value(let number): return values[number]
        case .scalar(let slot):
            let type = program.operandType(of: step, at: position)
            if !type.isFloat { return [Scalar.int(Int64(bitPattern: scalars[slot])).converted(to: type)] }
            let isWidened = type != .float64 && type == step.dtype
            return [Scalar.float(Double(bitPattern: scalars[slot])).converted(to: isWidened ? .float32 : type)]
        }
    }
}
