import KernelIR
import TensorRuntime

/// What a matmul's kernels are written for, besides the schedule.
struct MatmulForm: Hashable, Sendable {
    let dtype: DType
    let batchRank: Int
    /// The rows of A are contiguous along m, not along k.
    private(set) var transposesA: Bool
    /// The columns of B are contiguous along k, not along n.
    let transposesB: Bool
    /// The type of indices into A, B and the workspace.
    let index: ScalarType
    /// Lanes of the vectors that suit the device.
    let width: Int
    /// Whether k is cut into slices whose sums go to the workspace.
    var splits = false
    /// Whether A is what ``MatmulTransposeKernel`` left in the workspace, its rows contiguous along k.
    private(set) var readsCopy = false
    let epilogue: FusedKernel

    init(_ body: MatmulKernel, target: ShaderTarget) {
        dtype = body.dtype
        batchRank = body.batch.rank
        transposesA = body.transposesA
        // A single column is as good contiguous along k.
        transposesB = body.transposesB || (body.n == 1 && body.bStrides[batchRank] == 1)
        width = max(2, target.vectorWidth * 4 / max(4, dtype.valueScalar.byteCount))
        index = target.deviceClass == .cpu || !MatmulForm.fitsInt32(body) ? .int64 : .int32
        epilogue = body.epilogue
    }

    /// The type in which products are added.
    var scalar: ScalarType { dtype.valueScalar }

    /// The type of the workspace's elements.
    var workType: DType {
        switch scalar {
        case .float64: .float64
        case .int64: .int64
        case .int32: .int32
        case .bool, .uint32, .float16, .float32: .float32
        }
    }

    /// The form of the same product of A's copy.
    var readingCopy: MatmulForm {
        var form = self
        form.readsCopy = true
        form.transposesA = false
        return form
    }

    /// The part of a key's variant that these choices make.
    var variant: [Int] {
        let flags = [transposesA, transposesB, index == .int64, splits, readsCopy].map { $0 ? 1 : 0 }
        return flags + [width] + (splits ? [] : EpilogueEmitter.variant(epilogue))
    }

    /// Whether all elements that are touched, relative to an operand's first one, are numbered by an int32, and the
    /// results too.
    private static func fitsInt32(_ body: MatmulKernel) -> Bool {
        func reach(_ strides: Strides, _ rows: Int, _ columns: Int) -> Int {
            let extents = Array(body.batch) + [rows, columns]
            return zip(extents, strides).reduce(0) { $0 + max($1.0 - 1, 0) * abs($1.1) }
        }
        // The slices' results are numbered one after another.
        let limit = Int(Int32.max)
        return reach(body.aStrides, body.m, body.k) <= limit && reach(body.bStrides, body.k, body.n) <= limit
            && body.batch.elementCount * body.m * body.n <= limit / 64
    }
}

/// The parameters that every matmul kernel has, and the place of its workgroup.
struct MatmulPlace {
    let k: KernelBuilder
    let form: MatmulForm
    let a: BufferReference
    let b: BufferReference
    let m: Value
    let n: Value
    let aRow: Value
    let aInner: Value
    let bInner: Value
    let bColumn: Value
    /// The block of columns and the block of rows that the workgroup computes.
    let columnBlock: Value
    let rowBlock: Value
    /// The steps of k that it adds: all, or a slice.
    let start: Value
    let end: Value
    /// Where the matrices of its batch start.
    let aBase: Value
    let bBase: Value
    private let sink: MatmulSink

    init(_ k: KernelBuilder, _ form: MatmulForm) {
        self.k = k
        self.form = form
        a = k.buffer("a", form.readsCopy ? form.workType : form.dtype, .read)
        b = k.buffer("b", form.dtype, .read)
        m = k.argument("m", .int32)
        n = k.argument("n", .int32)
        let depth = k.argument("depth", .int32)
        let one = k.constant(1, ValueType(form.index))
        aRow = form.transposesA ? one : k.argument("a_row", form.index)
        aInner = form.transposesA ? k.argument("a_inner", form.index) : one
        bInner = form.transposesB ? one : k.argument("b_inner", form.index)
        bColumn = form.transposesB ? k.argument("b_column", form.index) : one
        let columnBlocks = k.argument("column_blocks", .int32)
        let rowBlocks = k.argument("row_blocks", .int32)
        var rest = k.workgroupID(0)
        columnBlock = rest % columnBlocks
        rest = rest / columnBlocks
        rowBlock = rest % rowBlocks
        rest = rest / rowBlocks
        var slice: Value?
        if form.splits {
            let slices = k.argument("slices", .int32)
            let length = k.argument("slice_length", .int32)
            let number = rest % slices
            rest = rest / slices
            start = number * length
            end = (start + length).binary(.minimum, depth)
            slice = number
        } else {
            start = k.int(0)
            end = depth
        }
        let batch = MatmulBatch(k, rank: form.batchRank, number: rest)
        aBase = batch.offset("a_batch", form.index)
        bBase = batch.offset("b_batch", form.index)
        sink = MatmulSink(k, form, m: m, n: n, batch: batch, slice: slice)
    }

    func index(_ value: Value) -> Value { value.convert(to: form.index) }

    func zero(width: Int = 1) -> Value { k.constant(0, ValueType(form.scalar, width: width)) }

    /// `a * b + c`.
    func multiplyAdd(_ a: Value, _ b: Value, _ c: Value) -> Value {
        form.scalar.isFloat ? k.multiplyAdd(a, b, c) : c.wrapping(.add, a.wrapping(.multiply, b))
    }

    /// Whether results are stored as they are.
    var storesPlainly: Bool { form.splits || form.epilogue.program.steps.count == 1 }

    /// Hands on results of consecutive columns: the whole sums to the epilogue, those of a slice to the workspace.
    func store(_ result: Value, row: Value, column: Value) { sink.store(result, row: row, column: column) }
}

/// The place of a workgroup in the batch.
struct MatmulBatch {
    let k: KernelBuilder
    let number: Value
    let coordinates: [Value]

    init(_ k: KernelBuilder, rank: Int, number: Value) {
        self.k = k
        self.number = number
        var rest = number
        var places: [Value] = []
        for axis in (0..<rank).reversed() {
            if axis == 0 {
                places.append(rest)
            } else {
                let extent = k.argument("batch\(axis)", .int32)
                places.append(rest % extent)
                rest = rest / extent
            }
        }
        coordinates = places.reversed()
    }

    /// Coordinates times the strides `name0`, `name1`, ...
    func offset(_ name: String, _ index: ScalarType) -> Value {
        coordinates.indices.reduce(k.constant(0, ValueType(index))) { sum, axis in
            sum + coordinates[axis].convert(to: index) * k.argument("\(name)\(axis)", index)
        }
    }
}

/// Where results go.
private struct MatmulSink {
    private let form: MatmulForm
    private let batch: MatmulBatch
    private let epilogue: EpilogueEmitter?
    /// A slice's own matrix, and its first element in `partials`.
    private let partials: BufferReference?
    private let base: Value
    private let n: Value

    init(_ k: KernelBuilder, _ form: MatmulForm, m: Value, n: Value, batch: MatmulBatch, slice: Value?) {
        self.form = form
        self.batch = batch
        self.n = n.convert(to: form.index)
        if let slice {
            let batches = k.argument("batches", form.index)
            let matrix = slice.convert(to: form.index) * batches + batch.number.convert(to: form.index)
            base = matrix * m.convert(to: form.index) * self.n
            partials = k.buffer("partials", form.workType, .write)
            epilogue = nil
        } else {
            base = k.constant(0, ValueType(form.index))
            partials = nil
            epilogue = EpilogueEmitter(k, form.epilogue)
        }
    }

    func store(_ result: Value, row: Value, column: Value) {
        if let partials {
            let place = base + row.convert(to: form.index) * n + column.convert(to: form.index)
            partials.store(result, at: place)
        } else {
            let value = form.dtype == .uint8 ? result & 255 : result
            epilogue?.emit(value, at: batch.coordinates + [row, column])
        }
    }
}
