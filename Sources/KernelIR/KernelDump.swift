extension Kernel: CustomStringConvertible {
    /// The kernel as text: parameters, then a line a statement, inner blocks indented.
    ///
    ///     kernel scale workgroup 64x1x1
    ///       buffer x float32 readWrite
    ///       argument count int32
    ///     %0 int32 = argument count
    public var description: String {
        let size = workgroupSize
        var lines = ["kernel \(name) workgroup \(size[0])x\(size[1])x\(size[2])"]
        lines += buffers.map { "  buffer \($0.name) \($0.element) \($0.access)\($0.isFar ? " far" : "")" }
        lines += arguments.map { "  argument \($0.name) \($0.scalar.name)" }
        lines += arrays.map { "  shared \($0.name) \($0.scalar.name)[\($0.count)]" }
        lines += variables.enumerated().map { "  variable $\($0) \($1)" }
        append(body, indent: "", to: &lines)
        return lines.joined(separator: "\n")
    }

    private func append(_ block: [Statement], indent: String, to lines: inout [String]) {
        for statement in block {
            lines.append(indent + line(of: statement))
            switch statement {
            case .loop(let loop):
                append(loop.body, indent: indent + "  ", to: &lines)
                lines.append(indent + "}")
            case .branch(_, let then, let otherwise):
                append(then, indent: indent + "  ", to: &lines)
                if !otherwise.isEmpty {
                    lines.append(indent + "} else {")
                    append(otherwise, indent: indent + "  ", to: &lines)
                }
                lines.append(indent + "}")
            case .define, .assign, .store, .storeBits, .storeShared, .barrier: break
            }
        }
    }

    /// The first line of a statement. It names what the kernel lacks by number, so that wrong kernels print too.
    func line(of statement: Statement) -> String {
        switch statement {
        case .define(let value, let operation):
            let type = types.indices.contains(value) ? types[value].description : "?"
            return
                "%\(value) \(type) = \(text(of: operation, type: types.indices.contains(value) ? types[value] : nil))"
        case .assign(let variable, let value): return "$\(variable) = %\(value)"
        case .store(let buffer, let index, let value): return "\(bufferName(buffer))[%\(index)] = %\(value)"
        case .storeBits(let buffer, let index, let mask, let value):
            return "\(bufferName(buffer))[%\(index)] bits %\(mask) = %\(value)"
        case .storeShared(let array, let index, let value): return "\(arrayName(array))[%\(index)] = %\(value)"
        case .loop(let loop):
            let range = "%\(loop.counter) in %\(loop.start)..<%\(loop.end) by %\(loop.step)"
            return "loop \(range)\(loop.unrolls ? " unrolled" : "") {"
        case .branch(let condition, _, _): return "if %\(condition) {"
        case .barrier: return "barrier"
        }
    }

    private func text(of operation: Operation, type: ValueType?) -> String {
        let operands = operation.operands.map { "%\($0)" }.joined(separator: " ")
        return switch operation {
        case .constant(let constant): text(of: constant, type: type)
        case .argument(let number):
            "argument \(arguments.indices.contains(number) ? arguments[number].name : "#\(number)")"
        case .builtin(let builtin): "\(builtin)"
        case .read(let variable): "$\(variable)"
        case .load(let buffer, let index): "\(bufferName(buffer))[%\(index)]"
        case .loadBits(let buffer, let index, let mask): "\(bufferName(buffer))[%\(index)] bits %\(mask)"
        case .loadShared(let array, let index): "\(arrayName(array))[%\(index)]"
        case .unary(let operation, _): "\(operation) \(operands)"
        case .binary(let operation, _, _): "\(operation) \(operands)"
        case .multiplyAdd: "multiplyAdd \(operands)"
        case .fusedMultiplyAdd: "fusedMultiplyAdd \(operands)"
        case .select: "select \(operands)"
        case .convert: "convert \(operands)"
        case .bitcast: "bitcast \(operands)"
        case .splat: "splat \(operands)"
        case .construct: "construct \(operands)"
        case .extract(_, let lane): "extract \(operands) lane \(lane)"
        case .subgroup(let operation, _): "subgroup \(operation) \(operands)"
        }
    }

    private func text(of constant: Constant, type: ValueType?) -> String {
        if type?.scalar.isFloat == true { return "\(constant.double)" }
        if type?.scalar == .bool, constant.bits < 2 { return constant.bits == 0 ? "false" : "true" }
        return "\(constant.integer)"
    }

    private func bufferName(_ number: Int) -> String {
        buffers.indices.contains(number) ? buffers[number].name : "buffer#\(number)"
    }

    private func arrayName(_ number: Int) -> String {
        arrays.indices.contains(number) ? arrays[number].name : "shared#\(number)"
    }
}
