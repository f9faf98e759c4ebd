import KernelIR

/// Copies A, contiguous along m, to the workspace, contiguous along k. One work-item copies some rows, so that it uses the
/// whole of every line of the cache that it fetches.
enum MatmulTransposeKernel {
    /// The rows that a work-item copies.
    static let rows = 32

    static func build(_ form: MatmulForm) -> Kernel {
        KernelBuilder.build("matmul_transpose") { k in
            let index = form.index
            let a = k.buffer("a", form.dtype, .read)
            let copy = k.buffer("copy", form.workType, .write)
            let m = k.argument("m", .int32)
            let depth = k.argument("depth", .int32).convert(to: index)
            let blocks = k.argument("row_blocks", .int32)
            let inner = k.argument("a_inner", index)
            let batch = MatmulBatch(k, rank: form.batchRank, number: k.workgroupID(0) / blocks)
            let source = batch.offset("a_batch", index)
            let first = k.workgroupID(0) % blocks * rows
            let target = (batch.number.convert(to: index) * m.convert(to: index)) * depth

            let side = min(form.width, 8)
            let isFull = first + rows <= m
            let whole = k.select(isFull, depth - depth % k.constant(side, ValueType(index)), depth - depth)
            // Squares are loaded along m and stored along k.
            k.loop(from: 0, to: whole, by: side) { step in
                k.loop(from: first, to: first + rows, by: side) { row in
                    let row = row.convert(to: index)
                    let lines = (0..<side).map { a.load(source + (step + $0) * inner + row, width: side) }
                    for lane in 0..<side {
                        let place = target + (row + lane) * depth + step
                        copy.store(k.construct(lines.map { $0.lane(lane) }), at: place)
                    }
                }
            }
            k.loop(from: first, to: (first + rows).binary(.minimum, m)) { row in
                let row = row.convert(to: index)
                k.loop(from: whole, to: depth) { step in
                    copy[target + row * depth + step] = a[source + step * inner + row]
                }
            }
        }
    }
}
