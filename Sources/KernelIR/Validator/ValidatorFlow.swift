/// Checks that every variable is assigned on every path to a place where it is read.
struct AssignmentCheck {
    let kernel: Kernel
    private var assigned: [Bool]

    init(kernel: Kernel) {
        self.kernel = kernel
        assigned = Array(repeating: false, count: kernel.variables.count)
    }

    mutating func check() throws(KernelError) { try check(kernel.body) }

    private mutating func check(_ block: [Statement]) throws(KernelError) {
        for statement in block {
            switch statement {
            case .define(_, .read(let variable)) where !assigned[variable]:
                throw kernel.error(.uninitialized, "$\(variable) may hold nothing yet", at: statement)
            case .assign(let variable, _): assigned[variable] = true
            case .loop(let loop):
                // The body may never run.
                let before = assigned
                try check(loop.body)
                assigned = before
            case .branch(_, let then, let otherwise):
                let before = assigned
                try check(then)
                let afterThen = assigned
                assigned = before
                try check(otherwise)
                assigned = zip(assigned, afterThen).map { $0 && $1 }
            case .define, .store, .storeBits, .storeShared, .barrier: break
            }
        }
    }
}

/// Checks that all work-items of a workgroup come to each barrier and subgroup operation together.
///
/// A value is *uniform* if it is the same in all work-items of a workgroup: it does not come from a work-item's own
/// number, nor from memory at an index that does. Flow is uniform if the conditions and bounds around it are. A variable
/// is uniform if it is assigned only uniform values, in uniform flow.
struct UniformityCheck {
    private let kernel: Kernel
    private var isUniform: [Bool]
    private var variableIsUniform: [Bool]
    private var changed = false

    init(kernel: Kernel) {
        self.kernel = kernel
        isUniform = Array(repeating: true, count: kernel.types.count)
        variableIsUniform = Array(repeating: true, count: kernel.variables.count)
        // A loop's body may read what its end assigns: repeated until nothing more turns out to differ.
        repeat {
            changed = false
            mark(kernel.body, inUniformFlow: true)
        } while changed
    }

    func check() throws(KernelError) { try check(kernel.body, inUniformFlow: true) }

    private mutating func mark(_ block: [Statement], inUniformFlow: Bool) {
        for statement in block {
            switch statement {
            case .define(let value, let operation):
                isUniform[value] = isUniform(operation)
            case .assign(let variable, let value):
                if variableIsUniform[variable], !inUniformFlow || !isUniform[value] {
                    variableIsUniform[variable] = false
                    changed = true
                }
            case .loop(let loop):
                isUniform[loop.counter] = isUniform[loop.start]
                mark(loop.body, inUniformFlow: inUniformFlow && isUniform[loop.start] && isUniform[loop.end])
            case .branch(let condition, let then, let otherwise):
                mark(then, inUniformFlow: inUniformFlow && isUniform[condition])
                mark(otherwise, inUniformFlow: inUniformFlow && isUniform[condition])
            case .store, .storeBits, .storeShared, .barrier: break
            }
        }
    }

    private func isUniform(_ operation: Operation) -> Bool {
        switch operation {
        case .builtin(.localID(let axis)): kernel.workgroupSize[axis] == 1
        case .builtin(.subgroupLane): false
        case .read(let variable): variableIsUniform[variable]
        case .constant, .argument, .builtin(.workgroupID), .builtin(.workgroupCount), .builtin(.subgroupSize), .load,
            .loadBits, .loadShared, .unary, .binary, .multiplyAdd, .fusedMultiplyAdd, .select, .convert, .bitcast,
            .splat, .construct, .extract, .subgroup:
            operation.operands.allSatisfy { isUniform[$0] }
        }
    }

    private func check(_ block: [Statement], inUniformFlow: Bool) throws(KernelError) {
        for statement in block {
            switch statement {
            case .barrier, .define(_, .subgroup):
                if !inUniformFlow {
                    throw kernel.error(
                        .divergence, "not all work-items of a workgroup need come here together", at: statement)
                }
            case .loop(let loop):
                try check(
                    loop.body, inUniformFlow: inUniformFlow && isUniform[loop.start] && isUniform[loop.end])
            case .branch(let condition, let then, let otherwise):
                try check(then, inUniformFlow: inUniformFlow && isUniform[condition])
                try check(otherwise, inUniformFlow: inUniformFlow && isUniform[condition])
            case .define, .assign, .store, .storeBits, .storeShared: break
            }
        }
    }
}
