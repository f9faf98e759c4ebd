import TensorRuntime

extension Recording {
    /// Binds all inputs anew.
    package func instantiate() throws(TensorError) {
        lock.lock()
        defer { lock.unlock() }
        for input in inputs { bind(input) }
    }

    /// What differs in an earlier capture of the same step; nil where nothing does.
    package func difference(to other: [CapturedPlan]) -> String? {
        if plans.count != other.count { return "it evaluates \(other.count) plans, then \(plans.count)" }
        return zip(other, plans).lazy.compactMap { $0.difference(to: $1) }.first
    }

    /// Gives everything back: there is no graph.
    package func discard(_ error: TensorError) {
        reset()
        context.fail(plans.flatMap(\.outputs).filter(\.isPoisoned), with: error)
    }

    /// Plans, launches, operands and sources, as text.
    package var dump: String {
        lock.lock()
        defer { lock.unlock() }
        var lines = ["graph on \(context.deviceID): \(plans.count) plans"]
        for (number, source) in sources.enumerated() {
            lines.append("source \(number): \(source.name) \(source.values.map(\.doubleValue))")
        }
        let sequence = sequence
        for block in sequence.blocks { lines.append("block \(block.bytes): \(block.role)") }
        var launches = sequence.launches[...]
        for (number, plan) in plans.enumerated() {
            lines.append("plan \(number)")
            for scalar in plan.sourced {
                lines.append("  scalar \(scalar.scalar) is number \(scalar.value) of source \(scalar.source)")
            }
            for launch in launches.prefix(plan.plan.steps.count) {
                let operands = launch.accesses.map { "\($0.isWritten ? "writes" : "reads") \($0.bytes)" }
                lines.append("  \(launch.label): \(operands.joined(separator: ", "))")
            }
            launches = launches.dropFirst(plan.plan.steps.count)
        }
        return lines.joined(separator: "\n")
    }
}
