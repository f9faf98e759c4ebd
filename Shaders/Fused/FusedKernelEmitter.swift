import KernelIR
import TensorRuntime

/// Emits the kernel of one launch: a walk over rows, in each of them loops over the inner dimensions between reductions,
/// and after all rows the totals. A pointwise program is rows of one element.
final class FusedKernelEmitter {
    let k: KernelBuilder
    let form: FusedForm
    let steps: StepEmitter
    let stage: FusedStage
    let rank: Int
    let outerRank: Int
    private let depths: [Int]
    private let needed: Set<Int>
    /// The steps that elements of a row are computed from.
    private let neededByElements: Set<Int>
    private let elementOutputs: [Int]
    private let rowOutputs: [Int]
    private let rowFolds: [Int]
    private let totalFolds: [Int]

    init(_ k: KernelBuilder, _ stage: FusedStage, form: FusedForm, classes: AccessClasses) {
        self.k = k
        self.form = form
        self.stage = stage
        let kernel = stage.kernel
        let program = kernel.program
        rank = kernel.extents.rank
        outerRank = kernel.outerRank
        steps = StepEmitter(k, program, rank: rank, outerRank: outerRank, classes: classes)
        depths = stage.depths
        needed = stage.needed
        elementOutputs = program.outputs.indices.filter { program.steps[program.outputs[$0].value].level == .element }
        rowOutputs = program.outputs.indices.filter { program.steps[program.outputs[$0].value].level == .row }
        rowFolds = stage.reductions(.row)
        neededByElements = FusedKernelEmitter.sources(
            of: elementOutputs.map { program.outputs[$0].value } + rowFolds, in: program)
        totalFolds = stage.reductions(.total)
    }

    /// Steps and all that they are computed from.
    private static func sources(of roots: [Int], in program: FusedProgram) -> Set<Int> {
        var found: Set<Int> = []
        var waiting = roots
        while let step = waiting.popLast() {
            guard found.insert(step).inserted else { continue }
            for case .value(let operand) in program.steps[step].operands { waiting.append(operand) }
        }
        return found
    }

    static func build(_ stage: FusedStage, form: FusedForm, classes: AccessClasses) -> Kernel {
        KernelBuilder.build("fused", workgroupSize: [form.team, 1, 1]) { k in
            FusedKernelEmitter(k, stage, form: form, classes: classes).emit()
        }
    }

    func extent(_ dimension: Int) -> Value { steps.indexArgument("extent\(dimension)") }

    private func emit() {
        let widths = form.lanes == .outer && form.width > 1 ? [form.width, 1] : [1]
        let totals = form.makesTotals ? totalFolds.map { fold($0, widths: widths) } : []
        forEachRow { coordinates, width in
            var scope = StepEmitter.Scope(coordinates: coordinates, width: width)
            self.emitRow(&scope)
            guard self.form.makesTotals else { return }
            let row = self.number(of: coordinates, dimensions: 0..<self.outerRank)
            for (fold, step) in zip(totals, self.totalFolds) {
                let value = self.steps.value(self.operand(of: step), in: &scope)
                fold.accumulate(value, width: width, place: row, areLanesPlaces: true)
            }
        }
        if form.makesTotals { emitTotals(totals) }
    }

    // MARK: One row

    private func emitRow(_ scope: inout StepEmitter.Scope) {
        let program = stage.kernel.program
        let foldDepth = rowFolds.map { depths[$0] }.max() ?? 0
        let outputDepth = elementOutputs.map { depths[program.outputs[$0].value] }.max() ?? -1
        let loopCount = max(foldDepth, outputDepth + 1)
        if isTeam { loadRowInputs(&scope) }
        for depth in 0..<loopCount {
            emitRowSteps(upTo: depth, in: &scope)
            let folds = rowFolds.filter { depths[$0] == depth + 1 }
            // All element outputs are stored in the last loop: after it, nothing is read that they may overwrite.
            let outputs = depth == loopCount - 1 ? elementOutputs : []
            emitLoop(folds: folds, outputs: outputs, in: &scope)
        }
        guard isTeam else { return storeRow(&scope) }
        k.if(k.localID(0) == 0) { storeRow(&scope) }
    }

    /// Whether a workgroup works on one row.
    private var isTeam: Bool { form.deviceClass == .gpu && form.lanes == .inner }

    /// What only the row's outputs need is read by the work-item that stores them, before anything is stored: they may
    /// overwrite it.
    private func loadRowInputs(_ scope: inout StepEmitter.Scope) {
        let program = stage.kernel.program
        let loads = program.steps.indices.filter { number in
            guard case .load = program.steps[number].operation, program.steps[number].level == .row else {
                return false
            }
            return needed.contains(number) && !neededByElements.contains(number)
        }
        guard !loads.isEmpty else { return }
        let variables = loads.map { k.variable(k.constant(0, ValueType(program.steps[$0].dtype.valueScalar))) }
        let row = scope
        k.if(k.localID(0) == 0) {
            for (number, variable) in zip(loads, variables) {
                var own = row
                variable.value = steps.value(number, in: &own)
            }
        }
        for (number, variable) in zip(loads, variables) { scope.values[number] = variable.value }
    }

    /// Computes what is left to compute of the row, and then stores its values.
    private func storeRow(_ scope: inout StepEmitter.Scope) {
        let program = stage.kernel.program
        emitRowSteps(upTo: Int.max, in: &scope)
        let values = rowOutputs.map { steps.value(program.outputs[$0].value, in: &scope) }
        for (output, value) in zip(rowOutputs, values) {
            steps.store(output: output, value, in: scope, movedBy: partOffset)
        }
    }

    private func emitRowSteps(upTo depth: Int, in scope: inout StepEmitter.Scope) {
        for (number, step) in stage.kernel.program.steps.enumerated()
        where step.level == .row && depths[number] <= depth && needed.contains(number) {
            if case .reduce = step.operation { continue }
            // The others wait for the work-item that stores them.
            if isTeam && depth != .max && !neededByElements.contains(number) { continue }
            _ = steps.value(number, in: &scope)
        }
    }

    /// One loop over the inner dimensions.
    private func emitLoop(folds: [Int], outputs: [Int], in scope: inout StepEmitter.Scope) {
        let program = stage.kernel.program
        let isAlong = form.lanes == .inner
        let widths = !isAlong ? [scope.width] : form.width > 1 ? [form.width, 1] : [1]
        let accumulators = folds.map { fold($0, widths: widths, inBlocks: form.blockDimension != nil) }
        let row = scope
        forEachInner(rowWidth: scope.width) {
            for fold in accumulators { fold.endBlock() }
        } body: { coordinates, width, place in
            var element = row
            element.coordinates += coordinates
            element.width = width
            for (fold, step) in zip(accumulators, folds) {
                let value = self.steps.value(self.operand(of: step), in: &element)
                fold.accumulate(value, width: width, place: place, areLanesPlaces: isAlong)
            }
            let values = outputs.map { self.steps.value(program.outputs[$0].value, in: &element) }
            for (output, value) in zip(outputs, values) { self.steps.store(output: output, value, in: element) }
        }
        for (fold, step) in zip(accumulators, folds) {
            if !isAlong {
                scope.values[step] = fold.lanes()
            } else if form.deviceClass == .gpu {
                scope.values[step] = fold.total(acrossWorkgroupOf: form.team, local: k.localID(0), name: "fold\(step)")
            } else {
                scope.values[step] = fold.total()
            }
        }
    }

    private func operand(of step: Int) -> Int {
        guard case .value(let number) = stage.kernel.program.steps[step].operands[0] else {
            preconditionFailure("a reduction folds a value")
        }
        return number
    }

    private func fold(_ number: Int, widths: [Int], inBlocks: Bool = false) -> FoldEmitter {
        let step = stage.kernel.program.steps[number]
        guard case .reduce(let operation) = step.operation else { preconditionFailure("step \(number) folds nothing") }
        return FoldEmitter(
            k, operation, source: stage.kernel.program.steps[operand(of: number)].dtype, result: step.dtype,
            indexScalar: steps.classes.indexScalar, widths: widths, inBlocks: inBlocks)
    }

    // MARK: Totals

    private func emitTotals(_ totals: [FoldEmitter]) {
        let program = stage.kernel.program
        var scope = StepEmitter.Scope(coordinates: [], width: 1)
        for (fold, step) in zip(totals, totalFolds) {
            scope.values[step] =
                form.team == 1
                ? fold.total() : fold.total(acrossWorkgroupOf: form.team, local: k.localID(0), name: "fold\(step)")
        }
        func store() {
            for (output, stored) in program.outputs.enumerated() where program.steps[stored.value].level == .total {
                let value = steps.value(stored.value, in: &scope)
                steps.store(output: output, value, in: scope)
            }
        }
        if form.team == 1 { store() } else { k.if(k.localID(0) == 0, store) }
    }
}
