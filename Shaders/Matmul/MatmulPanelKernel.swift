import KernelIR

/// One work-item computes a strip of columns for a range of rows. It copies the strip of B into a contiguous panel (whose
/// lines stay in the caches where those of a matrix with a long power of two of columns fight for one set), then moves a
/// register tile down the rows.
struct MatmulPanelKernel {
    private let k: KernelBuilder
    private let place: MatmulPlace
    private let work: MatmulWork
    private let schedule: MatmulSchedule
    private let width: Int
    private let columns: Int
    /// The first column, and the first element of the panel.
    private let column: Value
    private let panel: Value
    /// The steps of k.
    private let length: Value

    /// The elements of workspace that a workgroup needs.
    static func slot(_ schedule: MatmulSchedule, _ form: MatmulForm, sliceLength: Int) -> Int {
        let columns = schedule.columnCount(width: form.width)
        return schedule.rows * columns + (schedule.form == .panel ? columns * sliceLength : 0)
    }

    static func build(_ schedule: MatmulSchedule, _ form: MatmulForm) -> Kernel {
        KernelBuilder.build("matmul_\(schedule.name)") { k in
            MatmulPanelKernel(k, schedule, form).emit()
        }
    }

    private init(_ k: KernelBuilder, _ schedule: MatmulSchedule, _ form: MatmulForm) {
        self.k = k
        self.schedule = schedule
        width = form.width
        columns = schedule.columnCount(width: form.width)
        place = MatmulPlace(k, form)
        work = MatmulWork(place, rows: schedule.rows, columns: columns)
        column = place.columnBlock * columns
        length = place.index(place.end - place.start)
        panel = work.rest
    }

    private func emit() {
        if schedule.form == .panel {
            k.if(column + columns <= place.n) {
                place.form.transposesB ? copyTransposed() : copyLines()
            } else: {
                copyEdge()
            }
        }
        let rowCount = k.argument("block_rows", .int32)
        let first = place.rowBlock * rowCount
        let last = (first + rowCount).binary(.minimum, place.m)
        let base = place.aBase + place.index(place.start) * place.aInner
        k.loop(from: first, to: last, by: schedule.rows) { row in
            let rows = place.lines(schedule.rows, from: base, number: row, last: place.m, stride: place.aRow)
            tile(rows)
            work.drain(row: row, lastRow: last, column: column, width: width)
        }
    }

    // MARK: Copies

    /// The element of B at a step of k, counted from the first, and a column.
    private func element(_ step: Value, _ column: Value) -> Value {
        let inner = place.index(place.start) + step
        return place.bBase + inner * place.bInner + place.index(column) * place.bColumn
    }

    private func copyLines() {
        k.loop(from: 0, to: length) { step in
            for vector in 0..<schedule.columns {
                let value = place.b.load(element(step, column + vector * width), width: width)
                work.buffer.store(value, at: panel + step * columns + vector * width)
            }
        }
    }

    /// Squares are loaded along k and stored along n.
    private func copyTransposed() {
        let side = min(width, 8)
        let whole = length - length % place.index(k.int(side))
        k.loop(from: 0, to: k.int(columns), by: side) { j in
            var starts = [element(place.index(k.int(0)), column + j)]
            for _ in 1..<side { starts.append(starts[starts.count - 1] + place.bColumn) }
            k.loop(from: 0, to: whole, by: side) { step in
                let lines = starts.map { place.b.load($0 + step, width: side) }
                for lane in 0..<side {
                    let to = panel + (step + lane) * columns + place.index(j)
                    work.buffer.store(k.construct(lines.map { $0.lane(lane) }), at: to)
                }
            }
        }
        k.loop(from: whole, to: length) { step in
            k.loop(from: 0, to: k.int(columns)) { j in
                work.buffer[panel + step * columns + place.index(j)] = place.b[element(step, column + j)]
            }
        }
    }

    /// The last panel, with zeros where B has no more columns.
    private func copyEdge() {
        k.loop(from: 0, to: length) { step in
            k.loop(from: 0, to: k.int(columns)) { j in
                let present = (column + j).binary(.minimum, place.n - 1)
                let value = k.select(column + j < place.n, place.b[element(step, present)], place.zero())
                work.buffer[panel + step * columns + place.index(j)] = value
            }
        }
    }

    // MARK: The product

    /// A register tile over all steps, from the starts of A's rows.
    private func tile(_ rows: [Value]) {
        let sums = (0..<schedule.rows).map { _ in
            (0..<schedule.columns).map { _ in k.variable(place.zero(width: width)) }
        }
        k.loop(from: 0, to: length) { step in
            let vectors = (0..<schedule.columns).map { vector in
                schedule.form == .panel
                    ? work.buffer.load(panel + step * columns + vector * width, width: width)
                    : place.b.load(element(step, column + vector * width), width: width)
            }
            for (i, row) in rows.enumerated() {
                let left = place.a[row + step * place.aInner]
                for (sum, vector) in zip(sums[i], vectors) {
                    sum.value = place.multiplyAdd(left, vector, sum.value)
                }
            }
        }
        for i in 0..<schedule.rows {
            for (vector, sum) in sums[i].enumerated() {
                work.buffer.store(sum.value, at: work.tile + (i * columns + vector * width))
            }
        }
    }
}
