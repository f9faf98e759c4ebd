import KernelIR
import TensorRuntime

/// Writes the kernel of a pooling with any window.
struct PoolingShaderKernel {
    let kind: PoolingKernel.Kind
    let dtype: DType
    let countsPadding: Bool
    /// Work-items a workgroup; 1 on CPU-type devices, where a work-item computes rows.
    let size: Int
    let index: ScalarType
    /// Where it is known to the kernel: quotients by a stride that is 1 or 2 cost nothing then, and its loops have fixed ends.
    let window: Window?

    private var isGradient: Bool { kind == .maximumGradient || kind == .averageGradient }

    func build(_ epilogue: FusedKernel) -> Kernel {
        KernelBuilder.build("pooling", workgroupSize: [size, 1, 1]) { k in
            let pool = PoolingWindows(k, self)
            let emitter = EpilogueEmitter(k, epilogue)
            let width = isGradient ? pool.columns.input : pool.columns.output
            let height = isGradient ? pool.rows.input : pool.rows.output
            func element(_ line: Value, _ column: Value) {
                let plane = line / height
                let row = line - plane * height
                let value = result(pool, plane: plane, row: row, column: column)
                emitter.emit(value, at: [plane, row, column].map { $0.convert(to: .int32) })
            }
            if size > 1 {
                let item = k.group(index) * size + k.localID(0).convert(to: index)
                k.if(item < k.argument("elements", index)) {
                    let line = item / width
                    element(line, item - line * width)
                }
            } else {
                let perItem = k.argument("perItem", index)
                let first = k.group(index) * perItem
                k.loop(from: first, to: k.least(first + perItem, k.argument("rows", index))) { line in
                    k.loop(from: 0, to: width) { column in element(line, column) }
                }
            }
        }
    }

    private func result(_ pool: PoolingWindows, plane: Value, row: Value, column: Value) -> Value {
        switch kind {
        case .average:
            let window = pool.window(row: row, column: column)
            return pool.sum(window, plane: plane) / pool.divisor(row: row, column: column, window)
        case .averageGradient:
            return pool.gathered(row: row, column: column) { outputRow, outputColumn in
                let window = pool.window(row: outputRow, column: outputColumn)
                let gradient = pool.a[pool.output(plane, outputRow, outputColumn)]
                return gradient / pool.divisor(row: outputRow, column: outputColumn, window)
            }
        case .maximumGradient:
            let own = row * pool.columns.input + column
            return pool.gathered(row: row, column: column) { outputRow, outputColumn in
                let winner = pool.winner(pool.window(row: outputRow, column: outputColumn), plane: plane)
                let gradient = pool.b![pool.output(plane, outputRow, outputColumn)]
                return pool.k.select(winner.place == own, gradient, pool.zero)
            }
        case .maximum, .maximumIndices, .maximumGather:
            let winner = pool.winner(pool.window(row: row, column: column), plane: plane)
            let isEmpty = winner.place < 0
            let place = pool.k.select(isEmpty, pool.k.constant(0, winner.place.type), winner.place)
            if kind == .maximumIndices { return place.convert(to: .int64) }
            if kind == .maximumGather {
                return pool.k.select(isEmpty, pool.zero, pool.b![pool.input(plane) + place])
            }
            return pool.k.select(isEmpty, pool.k.constant(-Double.infinity, pool.zero.type), winner.value)
        }
    }
}

/// The windows of a pooling in a kernel that is being built.
struct PoolingWindows {
    /// One axis of the geometry.
    struct Axis {
        let input, output, kernel, stride, padding, dilation: Value
    }

    /// The taps of a window within the input: from `first` up to `last` on each axis, the first tap at `start`.
    struct Part {
        let start, first, last: Value
    }

    let k: KernelBuilder
    let a: BufferReference
    let b: BufferReference?
    let rows, columns: Axis
    let zero: Value
    private let index: ValueType
    private let countsPadding: Bool

    init(_ k: KernelBuilder, _ kernel: PoolingShaderKernel) {
        self.k = k
        a = k.buffer("a", kernel.dtype, .read)
        let hasTwo = kernel.kind == .maximumGradient || kernel.kind == .maximumGather
        b = hasTwo ? k.buffer("b", kernel.dtype, .read) : nil
        let index = ValueType(kernel.index)
        let axes = ["Rows", "Columns"].enumerated().map { axis, name in
            let argument = { (what: String) in k.argument(what + name, kernel.index) }
            let part = { (what: String, part: KeyPath<Window, SIMD2<Int>>) in
                kernel.window.map { k.constant($0[keyPath: part][axis], index) } ?? argument(what)
            }
            return Axis(
                input: argument("input"), output: argument("output"), kernel: part("kernel", \.kernel),
                stride: part("stride", \.stride), padding: part("padding", \.padding),
                dilation: part("dilation", \.dilation))
        }
        (rows, columns) = (axes[0], axes[1])
        zero = k.constant(0, ValueType(kernel.dtype.valueScalar))
        self.index = index
        countsPadding = kernel.countsPadding
    }

    func input(_ plane: Value) -> Value { plane * rows.input * columns.input }

    func output(_ plane: Value, _ row: Value, _ column: Value) -> Value {
        (plane * rows.output + row) * columns.output + column
    }

    func window(row: Value, column: Value) -> (rows: Part, columns: Part) {
        (part(rows, row), part(columns, column))
    }

    private func part(_ axis: Axis, _ place: Value) -> Part {
        let start = place * axis.stride - axis.padding
        let none = k.constant(0, index)
        // At most 0 where the window starts within the input.
        let first = ((axis.dilation - 1 - start) / axis.dilation).binary(.maximum, none)
        let last = k.least(axis.kernel, (axis.input - 1 - start) / axis.dilation + 1)
        return Part(start: start, first: first, last: k.select(start < axis.input, last, none))
    }

    private func forEachTap(_ window: (rows: Part, columns: Part), _ body: (Value) -> Void) {
        k.loop(from: window.rows.first, to: window.rows.last) { row in
            let line = (window.rows.start + row * rows.dilation) * columns.input + window.columns.start
            k.loop(from: window.columns.first, to: window.columns.last) { column in
                body(line + column * columns.dilation)
            }
        }
    }

    func sum(_ window: (rows: Part, columns: Part), plane: Value) -> Value {
        let sum = k.variable(zero)
        let base = input(plane)
        forEachTap(window) { sum.value = sum.value + a[base + $0] }
        return sum.value
    }

    /// The first largest element of a window: the first NaN, if there is one. Its place is -1 in a window without any.
    func winner(_ window: (rows: Part, columns: Part), plane: Value) -> (place: Value, value: Value) {
        let place = k.variable(k.constant(-1, index))
        let best = k.variable(zero)
        let base = input(plane)
        forEachTap(window) { at in
            let value = a[base + at]
            let takes = (place.value < 0) | PoolingWindows.isLarger(value, best.value)
            best.value = k.select(takes, value, best.value)
            place.value = k.select(takes, at, place.value)
        }
        return (place.value, best.value)
    }

    /// Whether a later element beats the largest before it.
    static func isLarger(_ value: Value, _ best: Value) -> Value {
        (value > best) | ((value != value) & (best == best))
    }

    /// What an average divides by: the taps within the input, or, with padding counted, within the padded input.
    func divisor(row: Value, column: Value, _ window: (rows: Part, columns: Part)) -> Value {
        let count =
            countsPadding
            ? padded(rows, row) * padded(columns, column)
            : taps(window.rows) * taps(window.columns)
        return count.convert(to: zero.type.scalar)
    }

    private func taps(_ part: Part) -> Value {
        (part.last - part.first).binary(.maximum, k.constant(0, index))
    }

    private func padded(_ axis: Axis, _ place: Value) -> Value {
        let rest = axis.input + axis.padding * 2 - 1 - place * axis.stride
        return k.least(axis.kernel, rest / axis.dilation + 1)
    }

    /// The sum over the windows that hold an input element, in ascending order.
    func gathered(row: Value, column: Value, _ share: (Value, Value) -> Value) -> Value {
        let sum = k.variable(zero)
        forEachWindow(rows, row) { outputRow in
            forEachWindow(columns, column) { outputColumn in
                sum.value = sum.value + share(outputRow, outputColumn)
            }
        }
        return sum.value
    }

    private func forEachWindow(_ axis: Axis, _ place: Value, _ body: (Value) -> Void) {
        k.loop(from: 0, to: axis.kernel) { number in
            let reach = place + axis.padding - (axis.kernel - 1 - number) * axis.dilation
            let result = reach / axis.stride
            k.if((reach >= 0) & (result * axis.stride == reach) & (result < axis.output)) { body(result) }
        }
    }
}
