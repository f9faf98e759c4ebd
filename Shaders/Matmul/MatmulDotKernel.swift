import KernelIR

/// One work-item computes a few columns for a range of rows, where A and B are both contiguous along k: a register tile of
/// vectors along k, whose lanes are added at the end.
struct MatmulDotKernel {
    private let k: KernelBuilder
    private let place: MatmulPlace
    private let work: MatmulWork
    private let schedule: MatmulSchedule
    private let width: Int

    /// The elements of workspace that a workgroup needs.
    static func slot(_ schedule: MatmulSchedule) -> Int { schedule.rows * schedule.columns }

    static func build(_ schedule: MatmulSchedule, _ form: MatmulForm) -> Kernel {
        KernelBuilder.build("matmul_\(schedule.name)") { k in
            MatmulDotKernel(k, schedule, form).emit()
        }
    }

    private init(_ k: KernelBuilder, _ schedule: MatmulSchedule, _ form: MatmulForm) {
        self.k = k
        self.schedule = schedule
        width = form.width
        place = MatmulPlace(k, form)
        work = MatmulWork(place, rows: schedule.rows, columns: schedule.columns)
    }

    private func emit() {
        let rowCount = k.argument("block_rows", .int32)
        let first = place.rowBlock * rowCount
        let last = (first + rowCount).binary(.minimum, place.m)
        let column = place.columnBlock * schedule.columns
        let lines = place.lines(
            schedule.columns, from: place.bBase, number: column, last: place.n, stride: place.bColumn)
        let start = place.index(place.start)
        let end = place.index(place.end)
        let whole = end - (end - start) % place.index(k.int(width))
        k.loop(from: first, to: last, by: schedule.rows) { row in
            let rows = place.lines(schedule.rows, from: place.aBase, number: row, last: place.m, stride: place.aRow)
            let sums = vectorSums(rows, lines, start, whole)
            let results = laneSums(sums)
            addRest(to: results, rows, lines, whole, end)
            for (group, result) in results.enumerated() {
                work.buffer.store(result.value, at: work.tile + group * result.type.width)
            }
            work.drain(row: row, lastRow: last, column: column, width: schedule.columns)
        }
    }

    /// The sums of every `width`-th step, a vector for each element of the tile.
    private func vectorSums(_ rows: [Value], _ lines: [Value], _ start: Value, _ end: Value) -> [Variable] {
        let sums = (0..<rows.count * lines.count).map { _ in k.variable(place.zero(width: width)) }
        k.loop(from: start, to: end, by: width) { step in
            let right = lines.map { place.b.load($0 + step, width: width) }
            for (i, row) in rows.enumerated() {
                let left = place.a.load(row + step, width: width)
                for (j, vector) in right.enumerated() {
                    let sum = sums[i * lines.count + j]
                    sum.value = place.multiplyAdd(left, vector, sum.value)
                }
            }
        }
        return sums
    }

    /// The sum of each vector's lanes, several elements of the tile to a vector.
    private func laneSums(_ sums: [Variable]) -> [Variable] {
        let side = min(8, sums.count)
        return stride(from: 0, to: sums.count, by: side).map { group in
            let vectors = sums[group..<group + side].map(\.value)
            var columns = (0..<width).map { lane in k.construct(vectors.map { $0.lane(lane) }) }
            while columns.count > 1 {
                columns = stride(from: 0, to: columns.count, by: 2).map {
                    columns[$0].wrapping(.add, columns[$0 + 1])
                }
            }
            return k.variable(columns[0])
        }
    }

    /// The steps that fill no vector.
    private func addRest(to results: [Variable], _ rows: [Value], _ lines: [Value], _ start: Value, _ end: Value) {
        k.loop(from: start, to: end) { step in
            let left = rows.map { place.a[$0 + step] }
            let right = lines.map { place.b[$0 + step] }
            for (group, result) in results.enumerated() {
                let elements = (0..<result.type.width).map { group * result.type.width + $0 }
                let a = k.construct(elements.map { left[$0 / lines.count] })
                let b = k.construct(elements.map { right[$0 % lines.count] })
                result.value = place.multiplyAdd(a, b, result.value)
            }
        }
    }
}
