import KernelIR
import TensorRuntime

/// One way to run fused programs: the rows of ``FusedSchedule/table``.
struct FusedSchedule: Hashable, Sendable {
    let name: String
    let deviceClass: ShaderTarget.DeviceClass
    let lanes: FusedForm.Lanes
    /// Work-items of a workgroup.
    let team: Int
    /// Whether the first reductions are made in parts by one launch and folded by another.
    let splits: Bool

    static let table: [FusedSchedule] = [
        FusedSchedule(name: "cpu rows", deviceClass: .cpu, lanes: .inner, team: 1, splits: false),
        FusedSchedule(name: "cpu columns", deviceClass: .cpu, lanes: .outer, team: 1, splits: false),
        FusedSchedule(name: "cpu rows split", deviceClass: .cpu, lanes: .inner, team: 1, splits: true),
        FusedSchedule(name: "cpu columns split", deviceClass: .cpu, lanes: .outer, team: 1, splits: true),
        FusedSchedule(name: "gpu row of 64", deviceClass: .gpu, lanes: .inner, team: 64, splits: false),
        FusedSchedule(name: "gpu row of 256", deviceClass: .gpu, lanes: .inner, team: 256, splits: false),
        FusedSchedule(name: "gpu columns", deviceClass: .gpu, lanes: .outer, team: 256, splits: false),
        FusedSchedule(name: "gpu narrow columns", deviceClass: .gpu, lanes: .outer, team: 64, splits: false),
        FusedSchedule(name: "gpu row split", deviceClass: .gpu, lanes: .inner, team: 256, splits: true),
        FusedSchedule(name: "gpu columns split", deviceClass: .gpu, lanes: .outer, team: 64, splits: true),
    ]

    static func named(_ name: String) -> FusedSchedule { table.first { $0.name == name }! }

    /// The rows of the table that can run a stage, the best first.
    static func fitting(_ stage: FusedStage, _ target: ShaderTarget) -> [FusedSchedule] {
        let fits = table.filter { row in
            guard row.deviceClass == target.deviceClass, row.team <= target.maximumWorkgroupSize else { return false }
            if !stage.kernel.program.hasReduction { return row.lanes == .outer && !row.splits }
            return !row.splits || stage.split(into: 2) != nil
        }
        return fits.sorted { penalty(of: $0, stage, target) < penalty(of: $1, stage, target) }
    }

    /// The lower, the better; equal ones keep the table's order.
    private static func penalty(of row: FusedSchedule, _ stage: FusedStage, _ target: ShaderTarget) -> Int {
        let shape = FusedShape(stage)
        guard stage.kernel.program.hasReduction else { return row.team == target.deviceClass.pointwiseTeam ? 0 : 1 }
        var penalty = row.lanes == shape.bestLanes(on: target) ? 0 : 8
        if row.splits != shape.gainsFromSplitting(row.lanes, on: target) { penalty += 4 }
        if row.deviceClass == .gpu {
            let large = row.lanes == .inner ? shape.innerCount >= 1024 : shape.rowCount >= 256 * target.computeUnits
            if large != (row.team == 256) { penalty += 1 }
        }
        return penalty
    }
}

extension ShaderTarget.DeviceClass {
    fileprivate var pointwiseTeam: Int { self == .gpu ? 256 : 1 }
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
