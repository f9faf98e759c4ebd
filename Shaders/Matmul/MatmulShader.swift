import KernelIR
import TensorRuntime

/// Batched matrix products: the schedules are in ``MatmulSchedule/table``.
enum MatmulShader: ShaderFamily {
    static func schedules(for body: MatmulKernel, target: ShaderTarget) -> [String] {
        MatmulSelection(form: MatmulForm(body, target: target), body: body, target: target).choices.map(\.name)
    }

    static func plan(_ body: MatmulKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan {
        guard let choice = MatmulChoice(name: schedule) else {
            throw TensorError(.unsupported, "matmul has no schedule named \(schedule)")
        }
        if body.dtype == .bool { throw TensorError(.unsupported, "matmul of bool") }
        let form = MatmulForm(body, target: target)
        if form.scalar == .float64 && !target.features.contains(.float64) {
            throw TensorError(.unsupported, "the device has no float64")
        }
        let results = body.batch.elementCount * body.m * body.n
        if results == 0 { return ShaderPlan([]) }
        let cut = MatmulCut(body, form, choice, target)
        guard max(body.m, body.n, body.k, cut.workgroupCount) <= Int(Int32.max) else {
            throw TensorError(.unsupported, "matmul: \(body.batch) of \(body.m) x \(body.k) x \(body.n) is too large")
        }
        return cut.plan
    }
}

/// A product cut by a schedule: the grid, and the launches with their arguments.
private struct MatmulCut {
    let body: MatmulKernel
    var form: MatmulForm
    let schedule: MatmulSchedule
    let batches: Int
    let columnBlocks: Int
    let rowBlocks: Int
    /// The rows of a block.
    let blockRows: Int
    let slices: Int
    let sliceLength: Int

    init(_ body: MatmulKernel, _ form: MatmulForm, _ choice: MatmulChoice, _ target: ShaderTarget) {
        self.body = body
        self.form = form
        schedule = choice.schedule
        batches = body.batch.elementCount
        let columns = schedule.columnCount(width: form.width)
        columnBlocks = (body.n + columns - 1) / columns
        let even = (body.k + choice.slices - 1) / choice.slices
        sliceLength = choice.slices == 1 ? body.k : (even + schedule.depth - 1) / schedule.depth * schedule.depth
        slices = choice.slices == 1 ? 1 : max(1, (body.k + sliceLength - 1) / max(sliceLength, 1))
        self.form.splits = slices > 1
        if schedule.hasTeam {
            blockRows = schedule.rows
        } else {
            let workgroups = columnBlocks * batches * slices
            blockRows = MatmulCut.blockRows(body, schedule, workgroups: workgroups, target)
            // Far apart, A's elements of neighbouring steps fight for one set of the caches; each strip of B would fetch
            // them again.
            if form.transposesA && body.k >= 256 && body.m >= 32 && body.n >= 128 { self.form = self.form.readingCopy }
        }
        rowBlocks = (body.m + blockRows - 1) / blockRows
    }

    /// The rows that one work-item computes: few enough that every unit has some four workgroups, but not so few that
    /// copying B, or starting the workgroup, costs more than it saves.
    private static func blockRows(
        _ body: MatmulKernel, _ schedule: MatmulSchedule, workgroups: Int, _ target: ShaderTarget
    ) -> Int {
        let wanted = (target.computeUnits * 4 + workgroups - 1) / workgroups
        let smallest = schedule.form == .panel ? 4 * schedule.rows : schedule.rows
        let rows = max((body.m + wanted - 1) / wanted, smallest)
        return (rows + schedule.rows - 1) / schedule.rows * schedule.rows
    }

    var workgroupCount: Int { columnBlocks * rowBlocks * slices * batches }

    // MARK: Workspace

    /// Elements that each workgroup has to itself.
    private var slot: Int {
        switch schedule.form {
        case .panel, .direct: MatmulPanelKernel.slot(schedule, form, sliceLength: sliceLength)
        case .dot: MatmulDotKernel.slot(schedule)
        case .tile, .block: 0
        }
    }

    private var partialsByteCount: Int {
        form.splits ? (slices * batches * body.m * body.n * form.workType.byteCount + 255) / 256 * 256 : 0
    }

    /// A's copy lies behind the partial sums, the workgroups' parts behind it.
    private var copyByteCount: Int {
        form.readsCopy ? (batches * body.m * body.k * form.workType.byteCount + 255) / 256 * 256 : 0
    }

    // MARK: Launches

    var plan: ShaderPlan {
        let own = slot * workgroupCount * form.workType.byteCount
        var launches = [product]
        if form.readsCopy { launches.insert(copy, at: 0) }
        if form.splits { launches.append(sum) }
        return ShaderPlan(launches, workspaceByteCount: partialsByteCount + copyByteCount + own)
    }

    private var product: ShaderLaunch {
        var buffers: [String: ShaderLaunch.Buffer] = [
            "a": form.readsCopy ? .workspace(byteOffset: partialsByteCount) : .operand(0), "b": .operand(1),
        ]
        if slot > 0 { buffers["work"] = .workspace(byteOffset: partialsByteCount + copyByteCount) }
        if form.splits { buffers["partials"] = .workspace(byteOffset: 0) }
        let rank = body.batch.rank
        var arguments: [String: ShaderLaunch.Argument] = [
            "m": .integer(body.m), "n": .integer(body.n), "depth": .integer(body.k),
            "column_blocks": .integer(columnBlocks), "row_blocks": .integer(rowBlocks),
        ]
        if form.transposesA {
            arguments["a_inner"] = .integer(body.aStrides[rank + 1])
        } else {
            arguments["a_row"] = .integer(form.readsCopy ? body.k : body.aStrides[rank])
        }
        if form.transposesB {
            arguments["b_column"] = .integer(body.bStrides[rank + 1])
        } else {
            arguments["b_inner"] = .integer(body.bStrides[rank])
        }
        let copyStrides = body.batch.contiguousStrides
        for axis in 0..<rank {
            let stride = form.readsCopy ? copyStrides[axis] * body.m * body.k : body.aStrides[axis]
            arguments["a_batch\(axis)"] = .integer(stride)
            arguments["b_batch\(axis)"] = .integer(body.bStrides[axis])
        }
        addBatchExtents(to: &arguments)
        if !schedule.hasTeam {
            arguments["slot"] = .integer(slot)
            arguments["block_rows"] = .integer(blockRows)
        }
        if form.splits {
            arguments["slices"] = .integer(slices)
            arguments["slice_length"] = .integer(sliceLength)
            arguments["batches"] = .integer(batches)
        }
        let (schedule, form) = (schedule, form)
        var launch = ShaderLaunch(
            key: ShaderKey(code: body.code, schedule: schedule.name, variant: form.variant),
            workgroups: [workgroupCount, 1, 1], buffers: buffers, arguments: arguments
        ) {
            switch schedule.form {
            case .panel, .direct: MatmulPanelKernel.build(schedule, form)
            case .dot: MatmulDotKernel.build(schedule, form)
            case .tile: MatmulTileKernel.build(schedule, form)
            case .block: MatmulBlockKernel.build(schedule, form)
            }
        }
        if !form.splits { EpilogueEmitter.bind(body.epilogue, firstOperand: 2, to: &launch) }
        return launch
    }

    private var copy: ShaderLaunch {
        let rank = body.batch.rank
        let blocks = (body.m + MatmulTransposeKernel.rows - 1) / MatmulTransposeKernel.rows
        var arguments: [String: ShaderLaunch.Argument] = [
            "m": .integer(body.m), "depth": .integer(body.k), "row_blocks": .integer(blocks),
            "a_inner": .integer(body.aStrides[rank + 1]),
        ]
        for axis in 0..<rank { arguments["a_batch\(axis)"] = .integer(body.aStrides[axis]) }
        addBatchExtents(to: &arguments)
        let code = KernelCode(.matmul, [Int(body.dtype.rawValue), rank])
        return ShaderLaunch(
            key: ShaderKey(code: code, schedule: "transpose", variant: [form.width]),
            workgroups: [blocks * batches, 1, 1],
            buffers: ["a": .operand(0), "copy": .workspace(byteOffset: partialsByteCount)], arguments: arguments
        ) { [form] in MatmulTransposeKernel.build(form) }
    }

    private var sum: ShaderLaunch {
        let isVector = !schedule.hasTeam
        let blocks = isVector ? 1 : (body.n + MatmulSumKernel.itemCount - 1) / MatmulSumKernel.itemCount
        var arguments: [String: ShaderLaunch.Argument] = [
            "m": .integer(body.m), "n": .integer(body.n), "slices": .integer(slices),
            "matrices": .integer(batches * body.m * body.n),
        ]
        if !isVector { arguments["column_blocks"] = .integer(blocks) }
        addBatchExtents(to: &arguments)
        var form = form
        form.splits = false
        var launch = ShaderLaunch(
            key: ShaderKey(code: body.code, schedule: "sum", variant: [isVector ? 1 : 0] + form.variant),
            workgroups: [batches * body.m * blocks, 1, 1], buffers: ["partials": .workspace(byteOffset: 0)],
            arguments: arguments
        ) { [form] in MatmulSumKernel.build(form, isVector: isVector) }
        EpilogueEmitter.bind(body.epilogue, firstOperand: 2, to: &launch)
        return launch
    }

    /// The extents by which the number of a matrix is split into coordinates.
    private func addBatchExtents(to arguments: inout [String: ShaderLaunch.Argument]) {
        for axis in 0..<body.batch.rank where axis > 0 {
            arguments["batch\(axis)"] = .integer(body.batch[axis])
        }
    }
}
