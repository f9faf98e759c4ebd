import KernelIR

/// Work-items side by side, each with a block of rows and columns in registers, read A and B where they lie. Nothing is
/// copied to shared memory, and nobody waits: on processors a barrier is the end of one loop over the work-items, before
/// which all that they hold is written to memory.
///
/// A load is the dearest of all there. With ``MatmulSchedule/lanes`` the work-items of a subgroup, which are the workgroup's, read
/// A's elements of as many rows, one each, and pass them on: work-item `l` multiplies, one after another, by those of rows
/// `l ^ 0`, `l ^ 1` and so on.
struct MatmulBlockKernel {
    private let k: KernelBuilder
    private let place: MatmulPlace
    private let schedule: MatmulSchedule
    /// A block for each work-item, which no other touches: sums on their way to the epilogue.
    private let shared: SharedReference
    private let local: Value
    /// Sum `i` of a column is of row `i ^ lane` of the block.
    private let lane: Value
    private let row: Value
    /// The first column of the work-item; those that follow are `itemCount` apart, so that neighbours read neighbours.
    private let column: Value

    static func sharedCount(_ schedule: MatmulSchedule) -> Int { schedule.rows * schedule.columns }

    static func build(_ schedule: MatmulSchedule, _ form: MatmulForm) -> Kernel {
        KernelBuilder.build("matmul_\(schedule.name)", workgroupSize: [schedule.itemCount, 1, 1]) { k in
            MatmulBlockKernel(k, schedule, form).emit()
        }
    }

    private init(_ k: KernelBuilder, _ schedule: MatmulSchedule, _ form: MatmulForm) {
        self.k = k
        self.schedule = schedule
        place = MatmulPlace(k, form)
        shared = k.shared("sums", form.scalar, count: MatmulBlockKernel.sharedCount(schedule))
        lane = schedule.lanes > 1 ? k.subgroupLane() : k.int(0)
        local = schedule.lanes > 1 ? lane : k.localID(0)
        row = place.rowBlock * schedule.rows
        column = place.columnBlock * schedule.columns + local
    }

    private func emit() {
        let sums = (0..<schedule.rows * schedule.itemColumns).map { _ in k.variable(place.zero()) }
        let rows = rowStarts
        let columns = (0..<schedule.itemColumns).map { number in
            place.bBase + place.index(columnPlace(number).binary(.minimum, place.n - 1)) * place.bColumn
        }
        k.loop(from: place.index(place.start), to: place.index(place.end)) { step in
            let right = columns.map { place.b[$0 + step * place.bInner] }
            for (number, start) in rows.enumerated() {
                let own = place.a[start + step * place.aInner]
                for mask in 0..<schedule.lanes {
                    let left = mask == 0 ? own : own.subgroup(.shuffleXor(mask: mask))
                    for (j, element) in right.enumerated() {
                        let sum = sums[(number * schedule.lanes + mask) * schedule.itemColumns + j]
                        sum.value = place.multiplyAdd(left, element, sum.value)
                    }
                }
            }
        }
        guard place.storesPlainly else { return drain(sums) }
        let isWhole =
            (row + schedule.rows <= place.m) & ((place.columnBlock + 1) * schedule.columns <= place.n)
        k.if(isWhole) {
            store(sums)
        } else: {
            drain(sums)
        }
    }

    /// Where the rows begin that the work-item reads; behind the last row of A the last one.
    private var rowStarts: [Value] {
        if schedule.lanes == 1 {
            return place.lines(schedule.rows, from: place.aBase, number: row, last: place.m, stride: place.aRow)
        }
        return stride(from: 0, to: schedule.rows, by: schedule.lanes).map { first in
            place.aBase + place.index((row + first + lane).binary(.minimum, place.m - 1)) * place.aRow
        }
    }

    /// Which of a column's sums is of a row of the block, and of which row a sum is.
    private func sum(of row: Value) -> Value { schedule.lanes == 1 ? row : row ^ lane }

    /// Of a block that no edge cuts, where an epilogue's code is no more than a store.
    private func store(_ sums: [Variable]) {
        for i in 0..<schedule.rows {
            for j in 0..<schedule.itemColumns {
                place.store(
                    sums[i * schedule.itemColumns + j].value, row: row + sum(of: k.int(i)), column: columnPlace(j))
            }
        }
    }

    private func columnPlace(_ number: Int) -> Value { column + number * schedule.itemCount }

    /// A loop over memory, so that the epilogue is written once.
    private func drain(_ sums: [Variable]) {
        for (number, sum) in sums.enumerated() { shared.store(sum.value, at: local + number * schedule.itemCount) }
        let last = (row + schedule.rows).binary(.minimum, place.m)
        k.loop(from: 0, to: k.int(schedule.itemColumns)) { number in
            let j = column + number * schedule.itemCount
            k.if(j < place.n) {
                k.loop(from: row, to: last) { i in
                    let element = sum(of: i - row) * schedule.itemColumns + number
                    place.store(shared[local + element * schedule.itemCount], row: i, column: j)
                }
            }
        }
    }
}
