import TensorRuntime

extension FusedStage {
    /// The first reductions made of `parts` parts of the inner dimensions, what folds the parts, and what is then left.
    ///
    /// - Parameter workspace: the plan's, from which the partial results are taken: this stage may itself read or write
    ///   what lies there.
    /// - Returns: nil, and nothing is taken, where a reduction of parts says too little, or where an early output might
    ///   overwrite an input that a later launch reads.
    func split(into parts: Int, _ workspace: inout Workspace) -> [FusedStage]? {
        let program = kernel.program
        let folds = reductions(.row).filter { depths[$0] == 1 }
        guard parts > 1, !folds.isEmpty, innerCount > 1, rowCount > 0, reductions(.total).isEmpty,
            !folds.contains(where: { yieldsIndex(step: $0) })
        else { return nil }
        let rows = Strides(Shape(kernel.extents[..<kernel.outerRank]).contiguousStrides)
        let inner = kernel.extents.rank - kernel.outerRank
        let overSpace = rows.appending(Strides(repeating: 0, rank: inner))
        var memory = workspace

        var partial = FusedStageBuilder(self, extents: kernel.extents, outerRank: kernel.outerRank)
        var folding = FusedStageBuilder(
            self, extents: Shape(Array(kernel.extents[..<kernel.outerRank]) + [parts]), outerRank: kernel.outerRank,
            strides: { Strides(Array($0.prefix(rows.count)) + [0]) })
        for step in folds {
            let place = memory.take(rowCount * parts, program.steps[step].dtype.workspaceType)
            partial.store(step, to: place, strides: overSpace)
            folding.fold(step, from: place, strides: rows.appending(Strides([rowCount])))
        }
        var isComplete = true
        for output in program.outputs.indices {
            if isKnownEarly(program.outputs[output].value) { folding.store(output: output) } else { isComplete = false }
        }
        var rest: [FusedStage] = []
        if !isComplete {
            let builder = remaining(after: folds, &folding, &memory, rows: rows, overSpace: overSpace)
            rest = [builder.stage]
            if mayOverwrite(folding.stage, readBy: builder.stage) { return nil }
        }
        workspace = memory
        var first = partial.stage
        first.parts = parts
        return [first, folding.stage] + rest
    }

    /// What is left when the reductions `folds` are known and the early outputs stored.
    private func remaining(
        after folds: [Int], _ folding: inout FusedStageBuilder, _ workspace: inout Workspace, rows: Strides,
        overSpace: Strides
    ) -> FusedStageBuilder {
        let program = kernel.program
        let reducesAgain = reductions(.row).count > folds.count
        // Without reductions every dimension is outer and every value an element.
        let level: FusedProgram.Level = reducesAgain ? .row : .element
        var builder = FusedStageBuilder(
            self, extents: kernel.extents, outerRank: reducesAgain ? kernel.outerRank : kernel.extents.rank,
            level: { reducesAgain ? $0 : .element })
        for step in folds {
            let memory = workspace.take(rowCount, program.steps[step].dtype.workspaceType)
            folding.store(step, to: memory, strides: rows.appending(Strides([0])))
            builder.know(step, from: memory, strides: overSpace, level: level)
        }
        for output in program.outputs.indices where !isKnownEarly(program.outputs[output].value) {
            builder.store(output: output)
        }
        return builder
    }

    /// Whether a step is known with the first reductions, without any element.
    private func isKnownEarly(_ step: Int) -> Bool {
        kernel.program.steps[step].level == .row && depths[step] <= 1
    }

    private func yieldsIndex(step: Int) -> Bool {
        if case .reduce(let operation) = kernel.program.steps[step].operation { operation.yieldsIndex } else { false }
    }

    /// Whether an output of one stage may lie in the buffer of an input of another: at the same places, with elements of
    /// the same size.
    private func mayOverwrite(_ writer: FusedStage, readBy reader: FusedStage) -> Bool {
        for (output, access) in writer.kernel.outputs.enumerated() {
            guard case .operand = writer.operands[writer.kernel.inputs.count + output] else { continue }
            let step = writer.kernel.program.steps[writer.kernel.program.outputs[output].value]
            let rank = kernel.outerRank
            for (input, read) in reader.kernel.inputs.enumerated() {
                guard case .operand = reader.operands[input] else { continue }
                if reader.kernel.program.inputs[input].byteCount == step.dtype.byteCount
                    && read.strides.prefix(rank).elementsEqual(access.strides.prefix(rank))
                {
                    return true
                }
            }
        }
        return false
    }

    /// The rows with the values that totals are made from stored to memory, and the totals as a second stage, in which the
    /// rows are the inner dimension.
    ///
    /// - Parameter workspace: the plan's.
    func separatingTotals(_ workspace: inout Workspace) -> [FusedStage] {
        let program = kernel.program
        let contiguous = Shape(kernel.extents[..<kernel.outerRank]).contiguousStrides
        let overSpace = contiguous.appending(
            Strides(repeating: 0, rank: kernel.extents.rank - kernel.outerRank))
        var rows = FusedStageBuilder(self, extents: kernel.extents, outerRank: kernel.outerRank)
        var totals = FusedStageBuilder(
            self, extents: [rowCount], outerRank: 0, level: { _ in .row }, strides: { _ in [0] })
        for output in program.outputs.indices where program.steps[program.outputs[output].value].level != .total {
            rows.store(output: output)
        }
        var stored: Set<Int> = []
        for total in reductions(.total) {
            guard case .value(let step) = program.steps[total].operands[0], stored.insert(step).inserted else {
                continue
            }
            let memory = workspace.take(rowCount, program.steps[step].dtype.workspaceType)
            rows.store(step, to: memory, strides: overSpace)
            totals.know(step, from: memory, strides: [1], level: .element)
        }
        for output in program.outputs.indices where program.steps[program.outputs[output].value].level == .total {
            totals.store(output: output)
        }
        return [rows.stage, totals.stage]
    }
}

extension Strides {
    fileprivate func appending(_ other: Strides) -> Strides { Strides(Array(self) + Array(other)) }
}
