import TensorRuntime

/// A row of the schedule table: how a workgroup computes its part of a product.
struct MatmulSchedule: Hashable, Sendable {
    enum Form: Hashable, Sendable {
        /// A strip of B is copied into a contiguous panel, and a register tile of rows times vectors moves down the rows
        /// of A. For devices of class cpu.
        case panel
        /// The same without the copy: B's columns must be contiguous and their number a multiple of the tile's.
        case direct
        /// Vectors along k of both operands, whose lanes are added at the end. For devices of class cpu.
        case dot
        /// A workgroup's tiles of A and B lie in shared memory. For devices of class gpu.
        case tile
        /// Every work-item reads A and B itself. For devices of class gpu that are processors.
        case block
    }

    let name: String
    let form: Form
    /// The extent of the tile that is held in registers: of a work-item, or of all work-items of a group.
    let rows: Int
    /// In vectors for panels, in elements otherwise.
    let columns: Int
    /// The steps of k whose operands lie in shared memory at a time.
    var depth = 8
    /// The block of the tile that one work-item holds.
    var itemRows = 1
    var itemColumns = 1
    /// The parts into which a workgroup splits each `depth` among its work-items.
    var parts = 1
    /// Of a block, the work-items of a subgroup, each of which reads A's element of one row and passes it on to the others; 1
    /// where each reads all.
    var lanes = 1

    /// Work-items of a workgroup.
    var itemCount: Int { hasTeam ? rows / itemRows * (columns / itemColumns) * parts : 1 }

    /// Whether a workgroup has several work-items, each with a part of its tile.
    var hasTeam: Bool { form == .tile || form == .block }

    /// The columns of a workgroup's tile, in elements.
    func columnCount(width: Int) -> Int { form == .panel || form == .direct ? columns * width : columns }

    static let table: [MatmulSchedule] = [
        MatmulSchedule(name: "panel4x2", form: .panel, rows: 4, columns: 2),
        MatmulSchedule(name: "panel6x2", form: .panel, rows: 6, columns: 2),
        MatmulSchedule(name: "panel4x3", form: .panel, rows: 4, columns: 3),
        MatmulSchedule(name: "panel8x2", form: .panel, rows: 8, columns: 2),
        MatmulSchedule(name: "direct4x2", form: .direct, rows: 4, columns: 2),
        MatmulSchedule(name: "dot2x4", form: .dot, rows: 2, columns: 4),
        MatmulSchedule(name: "dot4x4", form: .dot, rows: 4, columns: 4),
        MatmulSchedule(
            name: "tile128x128", form: .tile, rows: 128, columns: 128, depth: 16, itemRows: 8, itemColumns: 8),
        MatmulSchedule(name: "tile64x64", form: .tile, rows: 64, columns: 64, depth: 16, itemRows: 4, itemColumns: 4),
        MatmulSchedule(name: "tile32x32", form: .tile, rows: 32, columns: 32, depth: 32, itemRows: 2, itemColumns: 2),
        MatmulSchedule(
            name: "tile16x16", form: .tile, rows: 16, columns: 16, depth: 64, itemRows: 4, itemColumns: 4, parts: 16),
        MatmulSchedule(
            name: "tile32x32s", form: .tile, rows: 32, columns: 32, depth: 16, itemRows: 4, itemColumns: 4),
        MatmulSchedule(name: "lanes32x64", form: .block, rows: 32, columns: 64, itemRows: 32, itemColumns: 8, lanes: 8),
        MatmulSchedule(name: "lanes16x64", form: .block, rows: 16, columns: 64, itemRows: 16, itemColumns: 8, lanes: 8),
        MatmulSchedule(name: "lanes8x64", form: .block, rows: 8, columns: 64, itemRows: 8, itemColumns: 8, lanes: 8),
        MatmulSchedule(name: "lanes16x32", form: .block, rows: 16, columns: 32, itemRows: 16, itemColumns: 4, lanes: 8),
        MatmulSchedule(name: "lanes8x32", form: .block, rows: 8, columns: 32, itemRows: 8, itemColumns: 4, lanes: 8),
        MatmulSchedule(name: "block32x128", form: .block, rows: 32, columns: 128, itemRows: 32, itemColumns: 16),
        MatmulSchedule(name: "block16x128", form: .block, rows: 16, columns: 128, itemRows: 16, itemColumns: 16),
        MatmulSchedule(name: "block16x64", form: .block, rows: 16, columns: 64, itemRows: 16, itemColumns: 8),
        MatmulSchedule(name: "block16x32", form: .block, rows: 16, columns: 32, itemRows: 16, itemColumns: 4),
        MatmulSchedule(name: "block8x32", form: .block, rows: 8, columns: 32, itemRows: 8, itemColumns: 4),
        MatmulSchedule(name: "block4x16", form: .block, rows: 4, columns: 16, itemRows: 4, itemColumns: 2),
    ]

    static func named(_ name: String) -> MatmulSchedule? { table.first { $0.name == name } }
}

/// A schedule, and into how many slices k is cut, each summed by workgroups of its own. With more than one, a second
/// launch adds the slices in their order.
struct MatmulChoice: Hashable {
    let schedule: MatmulSchedule
    var slices = 1

    /// `tile64x64`, or `tile64x64/k4` for four slices.
    var name: String { slices == 1 ? schedule.name : "\(schedule.name)/k\(slices)" }

    init(_ schedule: MatmulSchedule, slices: Int = 1) {
        self.schedule = schedule
        self.slices = slices
    }

    init?(name: String) {
        let parts = name.split(separator: "/k")
        guard let first = parts.first, let schedule = MatmulSchedule.named(String(first)) else { return nil }
        self.schedule = schedule
        if parts.count > 1 {
            guard parts.count == 2, let count = Int(parts[1]), count > 1 else { return nil }
            slices = count
        }
    }
}

/// Which schedules fit a product, and which is taken without tuning.
struct MatmulSelection {
    let form: MatmulForm
    let body: MatmulKernel
    let target: ShaderTarget

    /// The default first.
    var choices: [MatmulChoice] {
        let fitting = MatmulSchedule.table.filter { fits($0) }.map { MatmulChoice($0) }
        let first = target.deviceClass == .cpu ? vectorChoice : tileChoice
        // One other cut of k, for the tuner.
        var split = first
        split.slices = first.slices > 1 ? first.slices * 2 : 4
        let splits = body.k >= 512 ? [split] : []
        return [first] + (fitting + splits).filter { $0 != first }
    }

    private func fits(_ schedule: MatmulSchedule) -> Bool {
        switch (target.deviceClass, schedule.form) {
        case (.cpu, .panel): return true
        case (.cpu, .direct): return !form.transposesB && body.n % schedule.columnCount(width: form.width) == 0
        case (.cpu, .dot): return form.transposesB && !form.transposesA
        case (.gpu, .tile):
            return schedule.itemCount <= target.maximumWorkgroupSize
                && MatmulTileKernel.sharedCount(schedule) * form.scalar.byteCount <= target.sharedByteCount
        case (.gpu, .block):
            // What is passed on has to come from the rows that a work-item takes it for. Nobody passes 64-bit integers on.
            if schedule.lanes > 1
                && (target.subgroupSize != schedule.lanes || !target.emulatesWorkgroups || form.scalar == .int64)
            {
                return false
            }
            return schedule.itemCount <= target.maximumWorkgroupSize
                && MatmulBlockKernel.sharedCount(schedule) * form.scalar.byteCount <= target.sharedByteCount
        default: return false
        }
    }

    // MARK: Devices of class cpu

    private var vectorChoice: MatmulChoice {
        let schedule = vectorSchedule
        let blocks = max(body.batch.elementCount * ((body.m + 15) / 16) * ((body.n + 31) / 32), 1)
        // Slices cost a pass over the result: only where most units would have nothing to do.
        let slices = body.k >= 4096 && blocks * 4 <= target.computeUnits ? min(target.computeUnits / blocks, 16) : 1
        return MatmulChoice(schedule, slices: slices)
    }

    private var vectorSchedule: MatmulSchedule {
        let isWide = target.vectorWidth >= 16
        func schedule(_ name: String) -> MatmulSchedule { MatmulSchedule.named(name)! }
        let direct = schedule("direct4x2")
        let dot = schedule(isWide ? "dot4x4" : "dot2x4")
        if body.n <= 16 || body.m <= 16, fits(dot) { return dot }
        // A panel pays when enough rows use it, and where B does not stay in the caches as it lies.
        let staysCached = body.k * body.n <= 65536 && body.n % 1024 != 0
        if body.m <= 8 || staysCached, fits(direct) { return direct }
        return schedule(isWide ? "panel8x2" : "panel6x2")
    }

    // MARK: Devices of class gpu

    private var tileChoice: MatmulChoice {
        let tiles = MatmulSchedule.table.filter { fits($0) }
        if target.emulatesWorkgroups, let block = blockSchedule(among: tiles) {
            let count = max(tileCount(block), 1)
            let isIdle = count < 2 * target.computeUnits && body.k >= 512
            return MatmulChoice(block, slices: isIdle ? min(2 * target.computeUnits / count, 8, body.k / 256) : 1)
        }
        guard let smallest = tiles.last(where: { $0.form == .tile }) ?? tiles.last else {
            return MatmulChoice(MatmulSchedule.table.last!)
        }
        var candidates = ["tile128x128", "tile64x64", "tile32x32"].compactMap { name in
            tiles.first { $0.name == name }
        }
        // Splitting k inside the workgroup wants a long k.
        if body.k >= 128, let split = tiles.first(where: { $0.name == "tile16x16" }) { candidates.append(split) }
        let chosen =
            candidates.first { tile in
                tileCount(tile) >= target.computeUnits && body.m * 2 > tile.rows && body.n * 2 > tile.columns
            } ?? candidates.last ?? smallest
        let count = tileCount(chosen)
        guard count * 2 < target.computeUnits, body.k >= 512 else { return MatmulChoice(chosen) }
        return MatmulChoice(chosen, slices: max(1, min(8, target.computeUnits / max(count, 1), body.k / 256)))
    }

    /// On processors: the largest block that is filled and of which each unit has some, else the smallest; where work-items pass
    /// on what they read, of those that do.
    private func blockSchedule(among fitting: [MatmulSchedule]) -> MatmulSchedule? {
        let all = fitting.filter { $0.form == .block }
        let sharing = all.filter { $0.lanes > 1 }
        let blocks = sharing.isEmpty ? all : sharing
        return blocks.first { block in
            tileCount(block) >= 2 * target.computeUnits && body.m * 2 > block.rows && body.n * 2 > block.columns
        } ?? blocks.last
    }

    private func tileCount(_ tile: MatmulSchedule) -> Int {
        (body.m + tile.rows - 1) / tile.rows * ((body.n + tile.columns - 1) / tile.columns) * body.batch.elementCount
    }
}
