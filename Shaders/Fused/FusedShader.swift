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
        if body.program.scalarCount > 0 && !target.features.contains(.float64)
            && body.program.scalarTypes.contains(.float64)
        {
            throw TensorError(.unsupported, "fused: the device has no float64")
        }
        var lowering = FusedLowering(target: target, schedule: FusedSchedule.named(schedule))
        lowering.lower(whole, schedule: lowering.schedule)
        return ShaderPlan(lowering.launches, workspaceByteCount: lowering.workspaceByteCount)
    }
}

/// Turns stages into launches.
struct FusedLowering {
    let target: ShaderTarget
    /// The plan's schedule, by which its launches are keyed.
    let schedule: FusedSchedule
    private(set) var launches: [ShaderLaunch] = []
    private(set) var workspaceByteCount = 0

    init(target: ShaderTarget, schedule: FusedSchedule) {
        self.target = target
        self.schedule = schedule
    }

    mutating func lower(_ stage: FusedStage, schedule: FusedSchedule) {
        if !stage.reductions(.total).isEmpty {
            if makesTotalsAtOnce(stage, schedule) { return append(stage, schedule, makesTotals: true) }
            var memory = Workspace()
            let stages = stage.separatingTotals(&memory)
            lowerAll(reserving(memory, stages))
            return
        }
        if schedule.splits, let split = stage.split(into: FusedShape(stage).parts(schedule.lanes, on: target)) {
            let stages = reserving(split.workspace, split.stages + (split.rest.map { [$0] } ?? []))
            append(stages[0], schedule, makesTotals: false)
            lowerAll(Array(stages[1...]))
            return
        }
        append(
            stage, schedule,
            makesTotals: !stage.kernel.program.outputs.allSatisfy {
                stage.kernel.program.steps[$0.value].level != .total
            })
    }

    private mutating func append(_ stage: FusedStage, _ row: FusedSchedule, makesTotals: Bool) {
        launches.append(launch(stage, row, makesTotals: makesTotals))
    }

    /// Stages of the plan beside its first get the schedule that suits them best.
    private mutating func lowerAll(_ stages: [FusedStage]) {
        for stage in stages { lower(stage, schedule: FusedSchedule.fitting(stage, target)[0]) }
    }

    /// The stages with their workspace behind what the plan has taken before.
    private mutating func reserving(_ memory: Workspace, _ stages: [FusedStage]) -> [FusedStage] {
        let start = workspaceByteCount
        workspaceByteCount += memory.byteCount
        return stages.map { stage in
            var stage = stage
            stage.operands = stage.operands.map { operand in
                if case .workspace(let offset) = operand { .workspace(byteOffset: start + offset) } else { operand }
            }
            return stage
        }
    }

    /// One workgroup makes rows and totals where that is little work.
    private func makesTotalsAtOnce(_ stage: FusedStage, _ schedule: FusedSchedule) -> Bool {
        if stage.kernel.elementCount == 0 { return true }
        let lanes = schedule.deviceClass == .gpu ? schedule.team : 1
        guard schedule.deviceClass == .cpu || schedule.lanes == .outer else { return false }
        return stage.kernel.elementCount * stage.needed.count <= FusedShader.smallWork * lanes
    }
}
