import KernelIR
import TensorRuntime

/// One way to run fused programs: the rows of ``FusedSchedule/table``.
struct FusedSchedule: Hashable, Sendable {
    /// Which programs it serves.
    enum Use: Hashable, Sendable {
        /// Programs without reductions.
        case pointwise
        case reductions
        /// Programs with reductions, the first of which are made in parts by one launch and folded by another.
        case splitReductions
    }

    let name: String
    let deviceClass: ShaderTarget.DeviceClass
    let use: Use
    let lanes: FusedForm.Lanes
    /// Work-items of a workgroup.
    let team: Int

    static let table: [FusedSchedule] = [
        FusedSchedule(name: "cpu pointwise", deviceClass: .cpu, use: .pointwise, lanes: .outer, team: 1),
        FusedSchedule(name: "cpu rows", deviceClass: .cpu, use: .reductions, lanes: .inner, team: 1),
        FusedSchedule(name: "cpu columns", deviceClass: .cpu, use: .reductions, lanes: .outer, team: 1),
        FusedSchedule(name: "cpu rows split", deviceClass: .cpu, use: .splitReductions, lanes: .inner, team: 1),
        FusedSchedule(name: "cpu columns split", deviceClass: .cpu, use: .splitReductions, lanes: .outer, team: 1),
        FusedSchedule(name: "gpu pointwise", deviceClass: .gpu, use: .pointwise, lanes: .outer, team: 256),
        FusedSchedule(name: "gpu pointwise of 64", deviceClass: .gpu, use: .pointwise, lanes: .outer, team: 64),
        FusedSchedule(name: "gpu rows of 64", deviceClass: .gpu, use: .reductions, lanes: .inner, team: 64),
        FusedSchedule(name: "gpu rows of 256", deviceClass: .gpu, use: .reductions, lanes: .inner, team: 256),
        FusedSchedule(name: "gpu columns of 64", deviceClass: .gpu, use: .reductions, lanes: .outer, team: 64),
        FusedSchedule(name: "gpu columns of 256", deviceClass: .gpu, use: .reductions, lanes: .outer, team: 256),
        FusedSchedule(name: "gpu rows split", deviceClass: .gpu, use: .splitReductions, lanes: .inner, team: 256),
        FusedSchedule(name: "gpu columns split", deviceClass: .gpu, use: .splitReductions, lanes: .outer, team: 64),
    ]

    static func named(_ name: String) -> FusedSchedule { table.first { $0.name == name }! }

    /// The rows of the table that can run a stage, the best first.
    static func fitting(_ stage: FusedStage, _ target: ShaderTarget) -> [FusedSchedule] {
        let hasReduction = stage.kernel.program.hasReduction
        var memory = Workspace()
        let canSplit = stage.split(into: 2, &memory) != nil
        let shape = FusedShape(stage)
        let fits = table.filter { row in
            guard row.deviceClass == target.deviceClass, row.team <= target.maximumWorkgroupSize else { return false }
            switch row.use {
            case .pointwise: return !hasReduction
            case .reductions: return hasReduction
            case .splitReductions: return canSplit
            }
        }
        let ranked = fits.map { (row: $0, penalty: $0.penalty(shape, target)) }
        return ranked.sorted { $0.penalty < $1.penalty }.map(\.row)
    }

    /// The lower, the better; equal ones keep the table's order.
    private func penalty(_ shape: FusedShape, _ target: ShaderTarget) -> Int {
        guard use != .pointwise else { return 0 }
        var penalty = lanes == shape.bestLanes(on: target) ? 0 : 8
        if (use == .splitReductions) != shape.gainsFromSplitting(lanes, on: target) { penalty += 4 }
        if deviceClass == .gpu && use == .reductions {
            let isLarge = lanes == .inner ? shape.innerCount >= 1024 : shape.rowCount >= 256 * target.computeUnits
            if isLarge != (team == 256) { penalty += 1 }
        }
        return penalty
    }
}

/// What the choice of a schedule looks at.
struct FusedShape {
    let rowCount: Int
    let innerCount: Int
    private let lastInner: Int
    private let lastOuter: Int
    private let isInnerScattered: Bool
    private let isOuterScattered: Bool

    init(_ stage: FusedStage) {
        let stage = stage.normalised()
        let kernel = stage.kernel
        rowCount = stage.rowCount
        innerCount = stage.innerCount
        let rank = kernel.extents.rank
        lastInner = rank > kernel.outerRank ? kernel.extents[rank - 1] : 1
        lastOuter = kernel.outerRank > 0 ? kernel.extents[kernel.outerRank - 1] : 1
        isInnerScattered = rank > kernel.outerRank && stage.scattered(along: rank - 1) > 0
        isOuterScattered = kernel.outerRank > 0 && stage.scattered(along: kernel.outerRank - 1) > 0
    }

    func bestLanes(on target: ShaderTarget) -> FusedForm.Lanes {
        switch target.deviceClass {
        case .cpu:
            if !isInnerScattered && lastInner >= 8 { return .inner }
            return !isOuterScattered && lastOuter >= 4 ? .outer : .inner
        case .gpu:
            // A team's result is folded behind barriers.
            if target.emulatesWorkgroups { return rowCount >= 8 ? .outer : .inner }
            if innerCount < 32 { return .outer }
            return isInnerScattered && !isOuterScattered && lastOuter >= 16 ? .outer : .inner
        }
    }

    /// Whether rows are too few to keep the device busy, and long enough for two launches.
    func gainsFromSplitting(_ lanes: FusedForm.Lanes, on target: ShaderTarget) -> Bool {
        switch (target.deviceClass, lanes) {
        case (.cpu, .inner): rowCount < 2 * target.computeUnits && innerCount >= 32768
        case (.cpu, .outer):
            rowCount < 32 * target.computeUnits && innerCount >= 64 && rowCount * innerCount >= 65536
        case (.gpu, .inner): rowCount < target.computeUnits && innerCount >= 16384
        case (.gpu, .outer): rowCount < 256 * target.computeUnits && innerCount >= 256
        }
    }

    /// Into how many parts the rows are cut where they are.
    func parts(_ lanes: FusedForm.Lanes, on target: ShaderTarget) -> Int {
        let (busy, least): (Int, Int)
        switch (target.deviceClass, lanes) {
        case (.cpu, .inner): (busy, least) = (4 * target.computeUnits, 8192)
        case (.cpu, .outer): (busy, least) = (4 * target.computeUnits, 32)
        case (.gpu, .inner): (busy, least) = (4 * target.computeUnits, 4096)
        case (.gpu, .outer): (busy, least) = (8 * target.computeUnits, 32)
        }
        let rows = lanes == .inner ? rowCount : (rowCount + 63) / 64
        return max(2, min(innerCount / least, busy / max(rows, 1), 1024))
    }
}
