import KernelIR

/// Work-items side by side, each with a block of rows and columns in registers, read A and B where they lie. Nothing is
/// copied to shared memory, and nobody waits: on processors a barrier is the end of one loop over the work-items, before
/// which all that they hold is written to memory.
struct MatmulBlockKernel {
    private let k: KernelBuilder
    private let place: MatmulPlace
    private let schedule: MatmulSchedule
    /// A block for each work-item, which no other touches: sums on their way to the epilogue.
    private let shared: SharedReference
    private let local: Value
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
        local = k.localID(0)
        row = place.rowBlock * schedule.rows
        column = place.columnBlock * schedule.columns + local
    }

    private func emit() {
        let sums = (0..<schedule.rows * schedule.itemColumns).map { _ in k.variable(place.zero()) }
        let rows = place.lines(schedule.rows, from: place.aBase, number: row, last: place.m, stride: place.aRow)
        let columns = (0..<schedule.itemColumns).map { number in
            place.bBase + place.index(columnPlace(number).binary(.minimum, place.n - 1)) * place.bColumn
        }
        k.loop(from: place.index(place.start), to: place.index(place.end)) { step in
            let right = columns.map { place.b[$0 + step * place.bInner] }
            for (i, start) in rows.enumerated() {
                let left = place.a[start + step * place.aInner]
                for (j, element) in right.enumerated() {
                    let sum = sums[i * schedule.itemColumns + j]
                    sum.value = place.multiplyAdd(left, element, sum.value)
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

    /// Of a block that no edge cuts, where an epilogue's code is no more than a store.
    private func store(_ sums: [Variable]) {
        for i in 0..<schedule.rows {
            for j in 0..<schedule.itemColumns {
                place.store(sums[i * schedule.itemColumns + j].value, row: row + i, column: columnPlace(j))
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
                    let element = (i - row) * schedule.itemColumns + number
                    place.store(shared[local + element * schedule.itemCount], row: i, column: j)
                }
            }
        }
    }
}
