import KernelIR
import TensorRuntime

/// Fused programs: pointwise chains, and programs with reductions.
enum FusedShader: ShaderFamily {
    /// Element-steps up to which one work-item makes rows and totals in one launch.
    static let smallWork = 16384

    static func schedules(for body: FusedKernel, target: ShaderTarget) -> [String] {
        FusedSchedule.fitting(FusedStage(body), target).map(\.name)
    }

    static func plan(_ body: FusedKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan {
        let whole = FusedStage(body)
        let hasTotals = body.program.outputs.contains { body.program.steps[$0.value].level == .total }
        if body.elementCount == 0 && !hasTotals && (whole.rowCount == 0 || !body.program.hasReduction) {
            return ShaderPlan([])
        }
        if !target.features.contains(.float64) && body.program.steps.contains(where: { $0.dtype == .float64 }) {
            throw TensorError(.unsupported, "fused: the device has no float64")
        }
        var lowering = FusedLowering(target: target, schedule: FusedSchedule.named(schedule))
        lowering.lower(whole, schedule: lowering.schedule)
        return ShaderPlan(lowering.launches, workspaceByteCount: lowering.workspace.byteCount)
    }
}

/// Turns stages into launches.
struct FusedLowering {
    let target: ShaderTarget
    /// The plan's schedule, by which its launches are keyed.
    let schedule: FusedSchedule
    private(set) var launches: [ShaderLaunch] = []
    /// What all stages take their partial results from: a stage's operands may lie in it, so that no stage has one of its
    /// own that would have to be moved.
    private(set) var workspace = Workspace()

    init(target: ShaderTarget, schedule: FusedSchedule) {
        self.target = target
        self.schedule = schedule
    }

    mutating func lower(_ stage: FusedStage, schedule: FusedSchedule) {
        if !stage.reductions(.total).isEmpty {
            if makesTotalsAtOnce(stage, schedule) { return append(stage, schedule, makesTotals: true) }
            let stages = stage.separatingTotals(&workspace)
            let fitting = FusedSchedule.fitting(stages[0], target)
            lower(stages[0], schedule: fitting.contains(schedule) ? schedule : fitting[0])
            lowerAll(Array(stages[1...]))
            return
        }
        let parts = FusedShape(stage).parts(schedule.lanes, on: target)
        if schedule.use == .splitReductions, let stages = stage.split(into: parts, &workspace) {
            append(stages[0], schedule, makesTotals: false)
            lowerAll(Array(stages[1...]))
            return
        }
        let program = stage.kernel.program
        append(stage, schedule, makesTotals: program.outputs.contains { program.steps[$0.value].level == .total })
    }

    private mutating func append(_ stage: FusedStage, _ row: FusedSchedule, makesTotals: Bool) {
        launches.append(launch(stage, row, makesTotals: makesTotals))
    }

    /// Stages of the plan beside its first get the schedule that suits them best.
    private mutating func lowerAll(_ stages: [FusedStage]) {
        for stage in stages { lower(stage, schedule: FusedSchedule.fitting(stage, target)[0]) }
    }

    /// One workgroup makes rows and totals where that is little work.
    private func makesTotalsAtOnce(_ stage: FusedStage, _ schedule: FusedSchedule) -> Bool {
        if stage.kernel.elementCount == 0 { return true }
        let lanes = schedule.deviceClass == .gpu ? schedule.team : 1
        guard schedule.deviceClass == .cpu || schedule.lanes == .outer else { return false }
        return stage.kernel.elementCount * stage.needed.count <= FusedShader.smallWork * lanes
    }
}
