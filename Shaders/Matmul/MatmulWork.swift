import KernelIR

/// The memory that a work-item of class cpu has to itself: a finished tile, and copies of parts of A and B.
struct MatmulWork {
    let place: MatmulPlace
    let buffer: BufferReference
    /// The first element of the tile.
    let tile: Value
    let rows: Int
    let columns: Int

    init(_ place: MatmulPlace, rows: Int, columns: Int) {
        self.place = place
        self.rows = rows
        self.columns = columns
        buffer = place.k.buffer("work", place.form.workType, .readWrite)
        tile = place.index(place.k.workgroupID(0)) * place.k.argument("slot", place.form.index)
    }

    /// What comes behind the tile.
    var rest: Value { tile + rows * columns }

    /// Hands on the tile's results from `row` and `column` on, but for those past `lastRow` and the last column.
    /// A loop over memory in the first cache, so that an epilogue is written twice and not once for each vector.
    func drain(row: Value, lastRow: Value, column: Value, width: Int) {
        let k = place.k
        let rowCount = (lastRow - row).binary(.minimum, k.int(rows))
        let columnCount = (place.n - column).binary(.minimum, k.int(columns))
        k.loop(from: 0, to: rowCount) { i in
            let first = tile + place.index(i * columns)
            k.if(columnCount == columns) {
                k.loop(from: 0, to: k.int(columns), by: width) { j in
                    let result = buffer.load(first + place.index(j), width: width)
                    place.store(result, row: row + i, column: column + j)
                }
            } else: {
                k.loop(from: 0, to: columnCount) { j in
                    place.store(buffer[first + place.index(j)], row: row + i, column: column + j)
                }
            }
        }
    }
}

extension MatmulPlace {
    /// The starts of `count` neighbouring lines of a matrix; behind line `last - 1` the same line again.
    ///
    /// Each is made from the one before. Were they products, PoCL's compiler would compute them as vectors, and every
    /// index inside the inner loop with them, which halves the rate.
    func lines(_ count: Int, from base: Value, number: Value, last: Value, stride: Value) -> [Value] {
        var starts = [base + index(number) * stride]
        for line in 1..<max(count, 1) {
            let previous = starts[line - 1]
            starts.append(k.select(number + line < last, previous + stride, previous))
        }
        return starts
    }
}
