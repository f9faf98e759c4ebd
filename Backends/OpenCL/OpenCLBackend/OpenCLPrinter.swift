import KernelIR
import TensorRuntime

/// Prints a validated kernel as OpenCL C 1.2.
///
/// A buffer `x` becomes the parameters `x` and `x_offset` (in elements, a long), in the kernel's order; the arguments
/// follow. A bool is an int of 0 or 1; a vector of bools is one of ints, 0 or -1, as the language's comparisons give.
/// Products and sums are never contracted but where the kernel says so: both of its operations for that become `fma`.
struct OpenCLPrinter {
    private let kernel: Kernel
    private var text = ""
    private var indent = 1
    /// What stands for each value: its name, or the text of a constant, argument or builtin.
    private var names: [String]

    static func source(of kernel: Kernel) -> String {
        var printer = OpenCLPrinter(kernel)
        printer.print()
        return printer.text
    }

    private init(_ kernel: Kernel) {
        self.kernel = kernel
        names = kernel.types.indices.map { "v\($0)" }
    }

    // MARK: The kernel

    private mutating func print() {
        indent = 0
        let requirements = kernel.requirements.features
        if requirements.contains(.float64) { line("#pragma OPENCL EXTENSION cl_khr_fp64 : enable") }
        if requirements.contains(.float16) { line("#pragma OPENCL EXTENSION cl_khr_fp16 : enable") }
        if requirements.contains(.subgroups) { line("#pragma OPENCL EXTENSION cl_khr_subgroups : enable") }
        line("#pragma OPENCL FP_CONTRACT OFF")
        let size = kernel.workgroupSize
        line("__kernel __attribute__((reqd_work_group_size(\(size[0]), \(size[1]), \(size[2]))))")
        line("void \(kernel.name)(")
        indent = 2
        let buffers = kernel.buffers.map { buffer in
            "__global \(buffer.access == .read ? "const " : "")\(buffer.element.openCLName) *\(buffer.name), "
                + "const long \(buffer.name)_offset"
        }
        let arguments = kernel.arguments.map { "const \(ValueType($0.scalar).openCLName) \($0.name)" }
        let parameters = buffers + arguments
        for (index, parameter) in parameters.enumerated() {
            line(parameter + (index == parameters.count - 1 ? ")" : ","))
        }
        if parameters.isEmpty { line("void)") }
        indent = 0
        line("{")
        indent = 1
        for buffer in kernel.buffers { line("\(buffer.name) += \(buffer.name)_offset;") }
        for array in kernel.arrays {
            line("__local \(ValueType(array.scalar).openCLName) \(array.name)[\(array.count)];")
        }
        for (index, type) in kernel.variables.enumerated() { line("\(type.openCLName) r\(index);") }
        print(kernel.body)
        indent = 0
        line("}")
    }

    private mutating func line(_ content: String) {
        for _ in 0..<indent { text += "    " }
        text += content
        text += "\n"
    }

    // MARK: Statements

    private mutating func print(_ block: [Statement]) {
        for statement in block {
            switch statement {
            case .define(let value, let operation): define(value, operation)
            case .assign(let variable, let value): line("r\(variable) = \(names[value]);")
            case .store(let buffer, let index, let value): store(kernel.buffers[buffer], index, value)
            case .storeBits(let buffer, let index, let mask, let value):
                let word = "(volatile __global uint *)\(kernel.buffers[buffer].name) + \(names[index])"
                line("atomic_and(\(word), ~\(names[mask]));")
                line("atomic_or(\(word), \(names[value]) & \(names[mask]));")
            case .storeShared(let array, let index, let value):
                let name = kernel.arrays[array].name
                let width = kernel.types[value].width
                line(
                    width == 1
                        ? "\(name)[\(names[index])] = \(names[value]);"
                        : "vstore\(width)(\(names[value]), 0, \(name) + \(names[index]));")
            case .loop(let loop): print(loop)
            case .branch(let condition, let then, let otherwise):
                line("if (\(names[condition])) {")
                nested(then)
                if !otherwise.isEmpty {
                    line("} else {")
                    nested(otherwise)
                }
                line("}")
            case .barrier: line("barrier(CLK_LOCAL_MEM_FENCE);")
            }
        }
    }

    private mutating func nested(_ block: [Statement]) {
        indent += 1
        print(block)
        indent -= 1
    }

    private mutating func print(_ loop: Loop) {
        // `opencl_unroll_hint` is OpenCL C 2.0; what a compiler does not know of a pragma it leaves out.
        if loop.unrolls { line("#pragma unroll") }
        let counter = names[loop.counter]
        let type = kernel.types[loop.counter].openCLName
        line(
            "for (\(type) \(counter) = \(names[loop.start]); \(counter) < \(names[loop.end]); "
                + "\(counter) += \(names[loop.step])) {")
        nested(loop.body)
        line("}")
    }

    private mutating func store(_ buffer: Kernel.Buffer, _ index: Int, _ value: Int) {
        let width = kernel.types[value].width
        let v = names[value]
        let place = names[index]
        let n = width == 1 ? "" : String(width)
        let stored: String
        switch buffer.element {
        case .float16:
            for lane in 0..<width {
                let number = width == 1 ? v : "\(v).s\(String(lane, radix: 16))"
                line("vstore_half_rte(\(number), \(lane), \(buffer.name) + \(place));")
            }
            return
        case .bfloat16:
            // To nearest even; a NaN stays one.
            let bits = "as_uint\(n)(\(v))"
            let rounded = "((\(bits) + 0x7fffu + ((\(bits) >> 16) & 1u)) >> 16)"
            stored =
                width == 1
                ? "(ushort)(isnan(\(v)) ? 0x7fc0u : \(rounded))"
                : "convert_ushort\(n)(select(\(rounded), (uint\(n))(0x7fc0u), isnan(\(v))))"
        case .uint8: stored = width == 1 ? "(uchar)\(v)" : "convert_uchar\(n)(\(v) & 255)"
        case .bool: stored = width == 1 ? "(uchar)\(v)" : "convert_uchar\(n)(\(v) & 1)"
        case .int32, .int64, .float32, .float64: stored = v
        }
        line(
            width == 1
                ? "\(buffer.name)[\(place)] = \(stored);" : "vstore\(n)(\(stored), 0, \(buffer.name) + \(place));")
    }

    // MARK: Values

    private mutating func define(_ value: Int, _ operation: Operation) {
        let type = kernel.types[value]
        switch operation {
        case .constant(let constant): names[value] = type.literal(constant)
        case .argument(let number): names[value] = kernel.arguments[number].name
        case .builtin(let builtin):
            line("const int v\(value) = (int)\(builtin.openCLName);")
        default: line("const \(type.openCLName) v\(value) = \(expression(operation, type));")
        }
    }

    private func expression(_ operation: Operation, _ type: ValueType) -> String {
        switch operation {
        case .constant, .argument, .builtin: preconditionFailure("printed by name")
        case .read(let variable): return "r\(variable)"
        case .load(let buffer, let index): return load(kernel.buffers[buffer], names[index], type)
        case .loadBits(let buffer, let index, let mask):
            return "as_uint(\(kernel.buffers[buffer].name)[\(names[index])]) & \(names[mask])"
        case .loadShared(let array, let index):
            let name = kernel.arrays[array].name
            return type.width == 1
                ? "\(name)[\(names[index])]" : "vload\(type.width)(0, \(name) + \(names[index]))"
        case .unary(let operation, let a): return unary(operation, names[a], type)
        case .binary(let operation, let a, let b): return binary(operation, names[a], names[b], kernel.types[a])
        case .multiplyAdd(let a, let b, let c), .fusedMultiplyAdd(let a, let b, let c):
            return "fma(\(names[a]), \(names[b]), \(names[c]))"
        case .select(let condition, let a, let b):
            if type.width == 1 { return "\(names[condition]) ? \(names[a]) : \(names[b])" }
            return "select(\(names[b]), \(names[a]), \(type.mask(names[condition])))"
        case .convert(let a): return convert(names[a], kernel.types[a], type)
        case .bitcast(let a): return "as_\(type.openCLName)(\(names[a]))"
        case .splat(let a):
            return "(\(type.openCLName))(\(type.scalar == .bool ? "-" : "")\(names[a]))"
        case .construct(let lanes):
            let sign = type.scalar == .bool ? "-" : ""
            return "(\(type.openCLName))(\(lanes.map { sign + names[$0] }.joined(separator: ", ")))"
        case .extract(let a, let lane):
            let digit = String(lane, radix: 16)
            return type.scalar == .bool ? "-\(names[a]).s\(digit)" : "\(names[a]).s\(digit)"
        case .subgroup(let operation, let a): return subgroup(operation, names[a])
        }
    }

    private func load(_ buffer: Kernel.Buffer, _ index: String, _ type: ValueType) -> String {
        let n = type.width
        let vector = "vload\(n)(0, \(buffer.name) + \(index))"
        let element = "\(buffer.name)[\(index)]"
        switch buffer.element {
        case .float32, .float64, .int32, .int64: return n == 1 ? element : vector
        case .uint8: return n == 1 ? element : "convert_int\(n)(\(vector))"
        case .bool: return n == 1 ? "\(element) != 0" : "convert_int\(n)(\(vector) != (uchar\(n))(0))"
        case .float16:
            // PoCL takes the vector forms' addresses as aligned to a whole vector.
            let lanes = (0..<n).map { "vload_half(\($0), \(buffer.name) + \(index))" }
            return n == 1 ? lanes[0] : "(float\(n))(\(lanes.joined(separator: ", ")))"
        case .bfloat16:
            return n == 1 ? "as_float((uint)\(element) << 16)" : "as_float\(n)(convert_uint\(n)(\(vector)) << 16)"
        }
    }

    private func unary(_ operation: UnaryOperation, _ a: String, _ type: ValueType) -> String {
        switch operation {
        case .negate where type.scalar == .int64: "as_\(type.openCLName)(-as_u\(type.openCLName)(\(a)))"
        case .negate: "-\(a)"
        case .not: type.scalar == .bool && type.width == 1 ? "!\(a)" : "~\(a)"
        case .absolute: type.scalar.isFloat ? "fabs(\(a))" : "as_\(type.openCLName)(abs(\(a)))"
        case .squareRoot: "sqrt(\(a))"
        case .floor: "floor(\(a))"
        case .ceil: "ceil(\(a))"
        case .roundEven: "rint(\(a))"
        case .truncate: "trunc(\(a))"
        case .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh,
            .tanh, .erf, .erfc, .lgamma:
            "\(operation)(\(a))"
        }
    }

    private func binary(_ operation: BinaryOperation, _ a: String, _ b: String, _ type: ValueType) -> String {
        if operation.isComparison {
            let comparison = "\(a) \(operation.openCLOperator) \(b)"
            // Vectors of other sizes compare to vectors of other integers.
            let isWide = type.width > 1 && ![.bool, .int32, .uint32, .float32].contains(type.scalar)
            return isWide ? "convert_int\(type.width)(\(comparison))" : comparison
        }
        if type.scalar == .int64, [.add, .subtract, .multiply].contains(operation) {
            // Wraps around, where an overflow of signed numbers is undefined. An int32 that may overflow is a uint32 in the
            // kernel already.
            let unsigned = "as_u\(type.openCLName)"
            return "as_\(type.openCLName)(\(unsigned)(\(a)) \(operation.openCLOperator) \(unsigned)(\(b)))"
        }
        switch operation {
        case .remainder where type.scalar.isFloat: return "fmod(\(a), \(b))"
        case .multiplyHigh: return "mul_hi(\(a), \(b))"
        case .minimum: return "min(\(a), \(b))"
        case .maximum: return "max(\(a), \(b))"
        case .power: return "pow(\(a), \(b))"
        case .add, .subtract, .multiply, .divide, .remainder, .and, .or, .xor, .shiftLeft, .shiftRight, .equal,
            .notEqual, .less, .lessEqual, .greater, .greaterEqual:
            return "\(a) \(operation.openCLOperator) \(b)"
        }
    }

    private func convert(_ a: String, _ from: ValueType, _ to: ValueType) -> String {
        let name = to.openCLName
        switch (from.scalar, to.scalar) {
        case (.bool, _): return to.width == 1 ? "(\(name))\(a)" : "convert_\(name)(-\(a))"
        case (_, .bool):
            if to.width == 1 { return "\(a) != 0" }
            let comparison = "\(a) != (\(from.openCLName))(0)"
            return from.scalar.byteCount == 4 ? comparison : "convert_\(name)(\(comparison))"
        default: return "convert_\(name)(\(a))"
        }
    }

    private func subgroup(_ operation: SubgroupOperation, _ a: String) -> String {
        switch operation {
        case .add: "sub_group_reduce_add(\(a))"
        case .minimum: "sub_group_reduce_min(\(a))"
        case .maximum: "sub_group_reduce_max(\(a))"
        case .shuffleXor(let mask): "sub_group_shuffle_xor(\(a), \(mask)u)"
        }
    }
}

extension DType {
    /// The type of elements in memory.
    fileprivate var openCLName: String {
        switch self {
        case .float32: "float"
        case .float64: "double"
        case .float16: "half"
        case .bfloat16: "ushort"
        case .int32: "int"
        case .int64: "long"
        case .uint8, .bool: "uchar"
        }
    }
}

extension ValueType {
    fileprivate var openCLName: String {
        let name =
            switch scalar {
            case .bool, .int32: "int"
            case .uint32: "uint"
            case .int64: "long"
            case .float16: "half"
            case .float32: "float"
            case .float64: "double"
            }
        return width == 1 ? name : "\(name)\(width)"
    }

    /// A vector of bools as the integers of this type's size, as `select` wants it.
    fileprivate func mask(_ condition: String) -> String {
        switch scalar.byteCount {
        case 8: "convert_long\(width)(\(condition))"
        case 2: "convert_short\(width)(\(condition))"
        default: condition
        }
    }

    fileprivate func literal(_ constant: Constant) -> String {
        let one: String
        switch scalar {
        case .bool: one = constant.bits == 0 ? "0" : width == 1 ? "1" : "-1"
        case .int32: one = constant.integer == Int(Int32.min) ? "(-2147483647 - 1)" : "\(constant.integer)"
        case .uint32: one = "\(UInt32(truncatingIfNeeded: constant.integer))u"
        case .int64: one = constant.integer == .min ? "(-9223372036854775807L - 1)" : "\(constant.integer)L"
        case .float16: one = "(half)" + ValueType.decimal(constant.double, "\(Float(constant.double))f")
        case .float32: one = ValueType.decimal(Double(Float(constant.double)), "\(Float(constant.double))f")
        case .float64: one = ValueType.decimal(constant.double, "\(constant.double)")
        }
        return width == 1 ? (one.hasPrefix("-") ? "(\(one))" : one) : "(\(openCLName))(\(one))"
    }

    private static func decimal(_ value: Double, _ text: String) -> String {
        value.isNaN ? "NAN" : value == .infinity ? "INFINITY" : value == -.infinity ? "-INFINITY" : text
    }
}

extension Builtin {
    fileprivate var openCLName: String {
        switch self {
        case .workgroupID(let axis): "get_group_id(\(axis))"
        case .localID(let axis): "get_local_id(\(axis))"
        case .workgroupCount(let axis): "get_num_groups(\(axis))"
        case .subgroupLane: "get_sub_group_local_id()"
        case .subgroupSize: "get_sub_group_size()"
        }
    }
}

extension BinaryOperation {
    /// The operator; empty for what is written as a function.
    fileprivate var openCLOperator: String {
        switch self {
        case .add: "+"
        case .subtract: "-"
        case .multiply: "*"
        case .divide: "/"
        case .remainder: "%"
        case .and: "&"
        case .or: "|"
        case .xor: "^"
        case .shiftLeft: "<<"
        case .shiftRight: ">>"
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .lessEqual: "<="
        case .greater: ">"
        case .greaterEqual: ">="
        case .multiplyHigh, .minimum, .maximum, .power: ""
        }
    }
}
