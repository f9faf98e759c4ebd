import KernelIR
import TensorRuntime

extension FusedLowering {
    /// The launch of one stage.
    func launch(_ stage: FusedStage, _ row: FusedSchedule, makesTotals: Bool) -> ShaderLaunch {
        let parts = stage.parts
        let stage = stage.normalised()
        let kernel = stage.kernel
        var form = FusedForm(
            deviceClass: row.deviceClass, lanes: row.lanes, width: 1, team: row.team, cutDimension: nil,
            makesTotals: makesTotals, blockDimension: nil)
        // What needs a team for each row cannot make totals in one workgroup.
        if makesTotals && row.deviceClass == .gpu { form.lanes = .outer }
        if !kernel.program.hasReduction { form.lanes = .outer }
        let inner = kernel.outerRank..<kernel.extents.rank
        if parts > 1 {
            form.cutDimension =
                isTeamOnRow(form)
                ? kernel.outerRank : inner.max { kernel.extents[$0] < kernel.extents[$1] }
        }
        form.width = width(stage, form)
        let blocks = sumBlocks(stage, form, parts: parts)
        form.blockDimension = blocks?.dimension
        let chosen = form
        let laneDimension = laneDimension(kernel, form)
        let classes = AccessClasses(kernel, laneDimension: laneDimension)
        let key = ShaderKey(
            code: kernel.code, schedule: schedule.name, variant: form.variant + classes.variant)
        var launch = ShaderLaunch(key: key, workgroups: [1, 1, 1]) {
            FusedKernelEmitter.build(stage, form: chosen, classes: classes)
        }
        launch.bind(kernel, operands: stage.operands)
        for (dimension, extent) in kernel.extents.enumerated() {
            launch.arguments["extent\(dimension)"] = .integer(extent)
        }
        switch form.deviceClass {
        case .cpu: setRuns(&launch, stage, form)
        case .gpu: setUnits(&launch, stage, form)
        }
        if let cut = form.cutDimension { setParts(&launch, stage, form, cut: cut, parts: parts) }
        if let blocks { launch.arguments["block_run"] = .integer(blocks.run) }
        return launch
    }

    /// Elements that one lane adds up one after the other, and about how many make a block where there are more.
    private static let longestPlainSum = 128
    private static let sumBlock = 128

    /// The inner dimension whose runs make blocks, and their length along it, where the stage's float32 sums are long: the
    /// rounding error of a plain sum grows with its terms.
    private func sumBlocks(_ stage: FusedStage, _ form: FusedForm, parts: Int) -> (dimension: Int, run: Int)? {
        let kernel = stage.kernel
        guard stage.reductions(.row).contains(where: { stage.isFloat32Sum($0) }) else { return nil }
        if isTeamOnRow(form) {
            let count = form.cutDimension == nil ? stage.innerCount : ceilDivide(stage.innerCount, parts)
            if count <= FusedLowering.longestPlainSum * form.team { return nil }
            return (kernel.outerRank, FusedLowering.sumBlock * form.team)
        }
        // How often each dimension's loop adds to one lane.
        let lengths = (kernel.outerRank..<kernel.extents.rank).map { dimension in
            let extent = ceilDivide(kernel.extents[dimension], dimension == form.cutDimension ? parts : 1)
            return form.lanes == .inner && dimension == kernel.extents.rank - 1 ? extent / form.width : extent
        }
        if lengths.reduce(1, *) <= FusedLowering.longestPlainSum { return nil }
        var within = 1
        for dimension in (kernel.outerRank..<kernel.extents.rank).reversed() {
            let length = lengths[dimension - kernel.outerRank]
            if dimension == kernel.outerRank || within * length >= FusedLowering.sumBlock {
                let run = ceilDivide(FusedLowering.sumBlock, max(within, 1))
                let isVector = form.lanes == .inner && dimension == kernel.extents.rank - 1
                return (dimension, isVector ? run * form.width : run)
            }
            within *= length
        }
        return nil
    }

    /// Whether a workgroup's work-items share each row's elements, numbered through all inner dimensions.
    private func isTeamOnRow(_ form: FusedForm) -> Bool { form.deviceClass == .gpu && form.lanes == .inner }

    private func laneDimension(_ kernel: FusedKernel, _ form: FusedForm) -> Int? {
        switch form.lanes {
        case .inner: kernel.extents.rank > kernel.outerRank ? kernel.extents.rank - 1 : nil
        case .outer: kernel.outerRank > 0 ? kernel.outerRank - 1 : nil
        }
    }

    /// The vectors that suit the stage: one lane where an operand's elements lie apart.
    private func width(_ stage: FusedStage, _ form: FusedForm) -> Int {
        guard let dimension = laneDimension(stage.kernel, form), stage.scattered(along: dimension) == 0 else {
            return 1
        }
        let extent = stage.kernel.extents[dimension]
        if form.deviceClass == .gpu {
            let isPointwise = !stage.kernel.program.hasReduction
            return isPointwise && extent >= 4 && stage.kernel.elementCount >= 4096 ? 4 : 1
        }
        // A reduction waits for its sum: two vectors at once, if there are registers for them.
        let isLight = stage.kernel.program.hasReduction && extent >= 64 && stage.kernel.program.steps.count <= 12
        let widest = min(16, isLight ? 2 * target.vectorWidth : target.vectorWidth)
        return [16, 8, 4].first { $0 <= widest && $0 <= extent } ?? 1
    }

    // MARK: CPU

    /// Runs of columns (rows along the last outer dimension) and of lines (those along the others) for each work-item.
    private func setRuns(_ launch: inout ShaderLaunch, _ stage: FusedStage, _ form: FusedForm) {
        let kernel = stage.kernel
        let outer = kernel.extents[..<kernel.outerRank]
        let columns = outer.last ?? 1
        let lines = outer.dropLast().reduce(1, *)
        let work = kernel.elementCount * max(1, stage.needed.count / 4)
        let items = form.makesTotals ? 1 : max(1, min(work / 8192, 8 * target.computeUnits))
        let lineItems = min(lines, items)
        let lineRun = ceilDivide(lines, max(lineItems, 1))
        var columnRun = ceilDivide(columns, max(1, items / max(lineItems, 1)))
        columnRun = ceilDivide(columnRun, form.width) * form.width
        if columnRun > 64 { columnRun = ceilDivide(columnRun, 64) * 64 }
        launch.arguments["lines"] = .integer(lines)
        launch.arguments["line_run"] = .integer(max(lineRun, 1))
        launch.arguments["column_run"] = .integer(max(columnRun, 1))
        launch.workgroups = [
            max(1, ceilDivide(columns, max(columnRun, 1))), max(1, ceilDivide(lines, max(lineRun, 1))), 1,
        ]
    }

    // MARK: GPU

    private func setUnits(_ launch: inout ShaderLaunch, _ stage: FusedStage, _ form: FusedForm) {
        let kernel = stage.kernel
        launch.arguments["inner_count"] = .integer(stage.innerCount)
        if form.lanes == .inner {
            launch.workgroups = [stage.rowCount, 1, 1]
            return
        }
        let columns = kernel.extents[..<kernel.outerRank].last ?? 1
        let perLine = ceilDivide(columns, form.width)
        let units = columns == 0 ? 0 : stage.rowCount / columns * perLine
        launch.arguments["units"] = .integer(units)
        launch.arguments["line_units"] = .integer(perLine)
        launch.workgroups = [form.makesTotals ? 1 : ceilDivide(units, form.team), 1, 1]
    }

    private func setParts(
        _ launch: inout ShaderLaunch, _ stage: FusedStage, _ form: FusedForm, cut: Int, parts: Int
    ) {
        let extent = isTeamOnRow(form) ? stage.innerCount : stage.kernel.extents[cut]
        launch.arguments["part_run"] = .integer(ceilDivide(extent, parts))
        launch.arguments["part_stride"] = .integer(stage.rowCount)
        launch.workgroups.z = parts
    }

    private func ceilDivide(_ a: Int, _ b: Int) -> Int { (a + b - 1) / b }
}
