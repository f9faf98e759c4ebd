import KernelIR
import TensorRuntime

/// Adds the slices of a product in their order and runs the epilogue: one work-item an element, or a row where the
/// workgroup is one work-item.
enum MatmulSumKernel {
    /// Work-items of a workgroup on devices of class gpu.
    static let itemCount = 64

    static func build(_ form: MatmulForm, isVector: Bool) -> Kernel {
        KernelBuilder.build("matmul_sum", workgroupSize: [isVector ? 1 : itemCount, 1, 1]) { k in
            let partials = k.buffer("partials", form.workType, .read)
            let m = k.argument("m", .int32)
            let n = k.argument("n", .int32)
            let slices = k.argument("slices", .int32)
            let stride = k.argument("matrices", form.index)
            let epilogue = EpilogueEmitter(k, form.epilogue)

            func emit(_ matrix: Value, row: Value, column: Value, width: Int) {
                let batch = MatmulBatch(k, rank: form.batchRank, number: matrix)
                let line = matrix.convert(to: form.index) * m.convert(to: form.index) + row.convert(to: form.index)
                let first = line * n.convert(to: form.index) + column.convert(to: form.index)
                let sum = k.variable(partials.load(first, width: width))
                k.loop(from: 1, to: slices) { slice in
                    let partial = partials.load(first + slice.convert(to: form.index) * stride, width: width)
                    sum.value = sum.value.wrapping(.add, partial)
                }
                let result = form.dtype == .uint8 ? sum.value & 255 : sum.value
                epilogue.emit(result, at: batch.coordinates + [row, column])
            }

            if isVector {
                let row = k.workgroupID(0)
                let whole = n - n % k.int(form.width)
                k.loop(from: 0, to: whole, by: form.width) { column in
                    emit(row / m, row: row % m, column: column, width: form.width)
                }
                k.loop(from: whole, to: n) { column in emit(row / m, row: row % m, column: column, width: 1) }
            } else {
                // Blocks of columns, then rows: no number exceeds an int32.
                let blocks = k.argument("column_blocks", .int32)
                let line = k.workgroupID(0) / blocks
                let column = k.workgroupID(0) % blocks * itemCount + k.localID(0)
                k.if(column < n) { emit(line / m, row: line % m, column: column, width: 1) }
            }
        }
    }
}
