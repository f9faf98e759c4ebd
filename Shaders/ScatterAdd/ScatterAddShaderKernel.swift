import KernelIR
import TensorRuntime

/// Writes the kernels of ``ScatterAddShader``.
struct ScatterAddShaderKernel {
    let dtype: DType
    let rank: Int
    let axis: Int
    let size: Int
    let index: ScalarType
    /// How the owner of columns walks the source; nil where each work-item owns one element.
    let walk: Walk?

    enum Walk: Hashable, Sendable {
        /// One column a work-item.
        case column
        /// Some columns a work-item, one by one.
        case columns
        /// Some columns a work-item, that lie together in the source and share their indices.
        case vectors(lanes: Int)
    }

    var variant: [Int] {
        let walk =
            switch walk {
            case nil: 0
            case .column?: 1
            case .columns?: 2
            case .vectors(let lanes)?: 2 + lanes
            }
        return [size, walk, Int(index.rawValue)]
    }

    private struct Parameters {
        let source, places, result: BufferReference
        let columns, count, items, inner: Value
        let extents, sourceStrides, indexStrides: [Value]

        init(_ k: KernelBuilder, _ kernel: ScatterAddShaderKernel) {
            source = k.buffer("source", kernel.dtype, .read)
            places = k.buffer("places", .int64, .read)
            result = k.buffer("result", kernel.dtype, .readWrite)
            let argument = { (name: String) in k.argument(name, kernel.index) }
            (columns, count) = (argument("columns"), argument("count"))
            (items, inner) = (argument("items"), argument("inner"))
            extents = (0..<kernel.rank).map { argument("extent\($0)") }
            sourceStrides = (0..<kernel.rank).map { argument("sourceStride\($0)") }
            indexStrides = (0..<kernel.rank).map { argument("indexStride\($0)") }
        }
    }

    func build() -> Kernel {
        KernelBuilder.build("scatter_add", workgroupSize: [size, 1, 1]) { k in
            let p = Parameters(k, self)
            let item = k.group(index) * size + k.localID(0).convert(to: index)
            k.if(item < p.items) {
                if let walk {
                    walkColumns(k, p, walk, item: item)
                } else {
                    sumElement(k, p, item: item)
                }
            }
        }
    }

    /// Where a column starts in the source and the index, and in the result.
    private func starts(_ k: KernelBuilder, _ p: Parameters, column: Value) -> (
        source: Value, index: Value, result: Value
    ) {
        var rest = column
        var source = k.constant(0, ValueType(index))
        var place = source
        for dimension in (0..<rank).reversed() where dimension != axis {
            let next = rest / p.extents[dimension]
            let coordinate = rest - next * p.extents[dimension]
            source = source + coordinate * p.sourceStrides[dimension]
            place = place + coordinate * p.indexStrides[dimension]
            rest = next
        }
        return (source, place, resultStart(p, column: column))
    }

    private func resultStart(_ p: Parameters, column: Value) -> Value {
        let outer = column / p.inner
        return outer * p.count * p.inner + (column - outer * p.inner)
    }

    /// Clears the part of the result that the work-item owns, then walks the source along the axis.
    private func walkColumns(_ k: KernelBuilder, _ p: Parameters, _ walk: Walk, item: Value) {
        let owners = k.argument("owners", index)
        let rangeLength = k.argument("rangeLength", index)
        let range = item / owners
        let low = range * rangeLength
        let rows = (low: low, high: k.least(low + rangeLength, p.count))
        let owner = item - range * owners
        switch walk {
        case .column: addColumn(k, p, rows, column: owner)
        case .columns, .vectors:
            let perItem = k.argument("perItem", index)
            let first = owner * perItem
            let columns = (first: first, last: k.least(first + perItem, p.columns))
            k.loop(from: rows.low, to: rows.high) { row in
                k.loop(from: columns.first, to: columns.last) { column in
                    p.result[resultStart(p, column: column) + row * p.inner] = zero(k)
                }
            }
            if case .vectors(let lanes) = walk {
                addVectors(k, p, rows, columns, lanes: lanes)
            } else {
                k.loop(from: k.constant(0, ValueType(index)), to: p.extents[axis]) { place in
                    k.loop(from: columns.first, to: columns.last) { column in
                        add(k, p, rows, starts(k, p, column: column), place: place)
                    }
                }
            }
        }
    }

    private func zero(_ k: KernelBuilder) -> Value { k.constant(0, ValueType(dtype.valueScalar)) }

    private func addColumn(_ k: KernelBuilder, _ p: Parameters, _ rows: (low: Value, high: Value), column: Value) {
        let start = starts(k, p, column: column)
        k.loop(from: rows.low, to: rows.high) { row in p.result[start.result + row * p.inner] = zero(k) }
        k.loop(from: k.constant(0, ValueType(index)), to: p.extents[axis]) { place in
            add(k, p, rows, start, place: place)
        }
    }

    /// Adds one element of the source, if it belongs to the rows that the work-item owns.
    private func add(
        _ k: KernelBuilder, _ p: Parameters, _ rows: (low: Value, high: Value),
        _ start: (source: Value, index: Value, result: Value), place: Value
    ) {
        let row = p.places[start.index + place * p.indexStrides[axis]]
        k.if(isOwned(row, rows)) {
            let target = start.result + row.convert(to: index) * p.inner
            p.result[target] = p.result[target].wrapping(
                .add, p.source[start.source + place * p.sourceStrides[axis]])
        }
    }

    private func isOwned(_ row: Value, _ rows: (low: Value, high: Value)) -> Value {
        (row >= rows.low.convert(to: .int64)) & (row < rows.high.convert(to: .int64))
    }

    /// Adds neighbouring columns as vectors: they share one index, and lie together.
    private func addVectors(
        _ k: KernelBuilder, _ p: Parameters, _ rows: (low: Value, high: Value), _ columns: (first: Value, last: Value),
        lanes: Int
    ) {
        let whole = columns.first + (columns.last - columns.first) / lanes * lanes
        k.loop(from: k.constant(0, ValueType(index)), to: p.extents[axis]) { place in
            let row = p.places[place * p.indexStrides[axis]]
            k.if(isOwned(row, rows)) {
                let target = row.convert(to: index) * p.inner
                let source = place * p.sourceStrides[axis]
                k.loop(from: columns.first, to: whole, by: lanes) { column in
                    let sum = p.result.load(target + column, width: lanes)
                    p.result.store(
                        sum.wrapping(.add, p.source.load(source + column, width: lanes)), at: target + column)
                }
                k.loop(from: whole, to: columns.last) { column in
                    p.result[target + column] = p.result[target + column].wrapping(
                        .add, p.source[source + column])
                }
            }
        }
    }

    /// Adds, in order, the source elements whose index is the work-item's row.
    private func sumElement(_ k: KernelBuilder, _ p: Parameters, item: Value) {
        let outer = item / (p.count * p.inner)
        let rest = item - outer * (p.count * p.inner)
        let row = rest / p.inner
        let column = outer * p.inner + (rest - row * p.inner)
        let start = starts(k, p, column: column)
        let wanted = row.convert(to: .int64)
        let sum = k.variable(zero(k))
        k.loop(from: k.constant(0, ValueType(index)), to: p.extents[axis]) { place in
            k.if(p.places[start.index + place * p.indexStrides[axis]] == wanted) {
                sum.value = sum.value.wrapping(
                    .add, p.source[start.source + place * p.sourceStrides[axis]])
            }
        }
        p.result[item] = sum.value
    }
}
