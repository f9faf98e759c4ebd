import KernelIR

/// A workgroup computes a tile of the product from tiles of A and B in shared memory; every work-item holds a block of it.
struct MatmulTileKernel {
    private let k: KernelBuilder
    private let place: MatmulPlace
    private let schedule: MatmulSchedule
    private let shared: SharedReference
    private let local: Value
    private let row: Value
    private let column: Value
    /// Elements of one vector of the block along m and along n.
    private let rowVector: Int
    private let columnVector: Int

    /// Elements between neighbouring steps of k: four more than needed, so that they lie in other banks.
    private static let padding = 4

    /// Elements of shared memory: for the operands' tiles, and later for the results of one vector along m.
    static func sharedCount(_ schedule: MatmulSchedule) -> Int {
        let operands = schedule.depth * (schedule.rows + schedule.columns + 2 * padding)
        let groups = schedule.itemRows / min(4, schedule.itemRows)
        return max(operands, schedule.rows / groups * schedule.columns * schedule.parts)
    }

    static func build(_ schedule: MatmulSchedule, _ form: MatmulForm) -> Kernel {
        KernelBuilder.build("matmul_\(schedule.name)", workgroupSize: [schedule.itemCount, 1, 1]) { k in
            MatmulTileKernel(k, schedule, form).emit()
        }
    }

    private init(_ k: KernelBuilder, _ schedule: MatmulSchedule, _ form: MatmulForm) {
        self.k = k
        self.schedule = schedule
        place = MatmulPlace(k, form)
        shared = k.shared("tiles", form.scalar, count: MatmulTileKernel.sharedCount(schedule))
        local = k.localID(0)
        row = place.rowBlock * schedule.rows
        column = place.columnBlock * schedule.columns
        rowVector = min(4, schedule.itemRows)
        columnVector = min(4, schedule.itemColumns)
    }

    private var aStride: Int { schedule.rows + MatmulTileKernel.padding }
    private var bStride: Int { schedule.columns + MatmulTileKernel.padding }
    private var bStart: Int { schedule.depth * aStride }
    private var itemsAcross: Int { schedule.columns / schedule.itemColumns }
    private var itemsDown: Int { schedule.rows / schedule.itemRows }
    /// Vectors of a block along m and n; neighbouring vectors of a block are far apart, so that neighbouring work-items
    /// read neighbouring vectors.
    private var rowGroups: Int { schedule.itemRows / rowVector }
    private var columnGroups: Int { schedule.itemColumns / columnVector }

    /// The number of a work-item along n, along m, and among the parts of k.
    private var across: Value { local & (itemsAcross - 1) }
    private var down: Value { local >> log2(itemsAcross) & (itemsDown - 1) }
    private var part: Value { local >> log2(itemsAcross * itemsDown) }

    private func emit() {
        let sums = (0..<schedule.itemRows).map { _ in
            (0..<columnGroups).map { _ in k.variable(place.zero(width: columnVector)) }
        }
        k.loop(from: place.start, to: place.end, by: schedule.depth) { step in
            loadA(step)
            loadB(step)
            k.barrier()
            k.loop(from: 0, to: k.int(schedule.depth / schedule.parts), unrolls: true) { inner in
                multiply(schedule.parts == 1 ? inner : inner * schedule.parts + part, sums)
            }
            k.barrier()
        }
        for group in 0..<rowGroups { drain(group, sums) }
    }

    // MARK: Operands

    /// Copies one tile, neighbouring work-items neighbouring elements in memory; zeros outside the matrix.
    private func loadA(_ step: Value) {
        load(lines: schedule.rows, isAlongInner: !place.form.transposesA) { line, inner in
            let present = (row + line).binary(.minimum, place.m - 1)
            let last = (step + inner).binary(.minimum, place.end - 1)
            let index = place.aBase + place.index(present) * place.aRow + place.index(last) * place.aInner
            let isInside = (row + line < place.m) & (step + inner < place.end)
            shared[inner * aStride + line] = k.select(isInside, place.a[index], place.zero())
        }
    }

    private func loadB(_ step: Value) {
        load(lines: schedule.columns, isAlongInner: place.form.transposesB) { line, inner in
            let present = (column + line).binary(.minimum, place.n - 1)
            let last = (step + inner).binary(.minimum, place.end - 1)
            let index = place.bBase + place.index(present) * place.bColumn + place.index(last) * place.bInner
            let isInside = (column + line < place.n) & (step + inner < place.end)
            shared[inner * bStride + line + bStart] = k.select(isInside, place.b[index], place.zero())
        }
    }

    private func load(lines: Int, isAlongInner: Bool, _ copy: (Value, Value) -> Void) {
        let count = lines * schedule.depth / schedule.itemCount
        k.loop(from: 0, to: k.int(count), unrolls: true) { round in
            let offset = local + round * schedule.itemCount
            if isAlongInner {
                copy(offset >> log2(schedule.depth), offset & (schedule.depth - 1))
            } else {
                copy(offset & (lines - 1), offset >> log2(lines))
            }
        }
    }

    // MARK: The product

    private func multiply(_ inner: Value, _ sums: [[Variable]]) {
        let left = (0..<rowGroups).flatMap { group in
            let start = down * rowVector + group * (schedule.rows / rowGroups)
            return shared.load(inner * aStride + start, width: rowVector).lanes
        }
        let right = (0..<columnGroups).map { group in
            let start = across * columnVector + (bStart + group * (schedule.columns / columnGroups))
            return shared.load(inner * bStride + start, width: columnVector)
        }
        for (i, element) in left.enumerated() {
            for (sum, vector) in zip(sums[i], right) {
                sum.value = place.multiplyAdd(element, vector, sum.value)
            }
        }
    }

    /// Hands on the rows of one vector along m, through shared memory: neighbouring work-items store neighbouring
    /// columns, and the epilogue is written once for a group.
    private func drain(_ group: Int, _ sums: [[Variable]]) {
        let rows = schedule.rows / rowGroups
        let count = rows * schedule.columns
        if group > 0 { k.barrier() }
        for i in 0..<rowVector {
            for (vector, sum) in sums[group * rowVector + i].enumerated() {
                let line = (down * rowVector + i) * schedule.columns
                let start = line + across * columnVector + vector * (schedule.columns / columnGroups)
                shared.store(sum.value, at: schedule.parts == 1 ? start : start + part * count)
            }
        }
        k.barrier()
        k.loop(from: 0, to: k.int(count / schedule.itemCount)) { round in
            let offset = local + round * schedule.itemCount
            let i = row + (offset >> log2(schedule.columns)) + group * rows
            let j = column + (offset & (schedule.columns - 1))
            k.if((i < place.m) & (j < place.n)) {
                let sum = k.variable(shared[offset])
                if schedule.parts > 1 {
                    k.loop(from: 1, to: k.int(schedule.parts)) { part in
                        sum.value = sum.value.wrapping(.add, shared[offset + part * count])
                    }
                }
                place.store(sum.value, row: i, column: j)
            }
        }
    }
}

/// The exponent of a power of two.
private func log2(_ value: Int) -> Int { value.trailingZeroBitCount }
