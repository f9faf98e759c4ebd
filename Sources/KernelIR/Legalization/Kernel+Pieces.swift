extension Kernel {
    /// The argument that says which workgroup of a grid is the first of a piece of it.
    public static func firstWorkgroup(_ axis: Int) -> String { "first_workgroup_\(axis)" }

    /// The kernel for pieces of a grid that is larger than a device has: its workgroups are numbered, along some axes, from an
    /// argument on (int32, the last ones).
    public func numberingWorkgroups(along axes: [Int]) -> Kernel {
        var result = self
        var argument: [Int: Int] = [:]
        for axis in axes {
            argument[axis] = result.arguments.count
            result.arguments.append(Argument(name: Kernel.firstWorkgroup(axis), scalar: .int32))
        }
        func newValue() -> Int {
            result.types.append(.int32)
            return result.types.count - 1
        }
        func rewrite(_ block: [Statement]) -> [Statement] {
            var rewritten: [Statement] = []
            for statement in block {
                switch statement {
                case .define(let number, .builtin(.workgroupID(let axis))) where argument[axis] != nil:
                    let (own, first) = (newValue(), newValue())
                    rewritten += [
                        .define(value: own, .builtin(.workgroupID(axis))),
                        .define(value: first, .argument(argument[axis]!)),
                        .define(value: number, .binary(.add, own, first)),
                    ]
                case .loop(var loop):
                    loop.body = rewrite(loop.body)
                    rewritten.append(.loop(loop))
                case .branch(let condition, let then, let otherwise):
                    rewritten.append(.branch(condition: condition, then: rewrite(then), otherwise: rewrite(otherwise)))
                default: rewritten.append(statement)
                }
            }
            return rewritten
        }
        result.body = rewrite(body)
        return result
    }
}
