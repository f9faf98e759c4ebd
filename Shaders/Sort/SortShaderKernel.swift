import KernelIR
import TensorRuntime

/// Writes the kernels of ``SortShader``.
struct SortShaderKernel {
    let dtype: DType
    let rank: Int
    let descending: Bool
    /// Whether runs are merged; else the first ones are made.
    let merges: Bool
    /// What is written; empty where places are, for the next pass.
    let results: [SortKernel.Result]
    /// Work-items a workgroup; 1 on CPU-type devices, where a work-item takes several elements.
    let size: Int
    let index: ScalarType

    var variant: [Int] { [merges ? 1 : 0, size, Int(index.rawValue)] }

    func build() -> Kernel {
        KernelBuilder.build("sort", workgroupSize: [size, 1, 1]) { k in
            let rows = SortRows(k, self)
            let items = k.argument("items", index)
            if size > 1 {
                let item = k.group(index) * size + k.localID(0).convert(to: index)
                k.if(item < items) { rows.place(item) }
            } else {
                let perItem = k.argument("per_item", index)
                let first = k.group(index) * perItem
                k.loop(from: first, to: k.least(first + perItem, items)) { item in rows.place(item) }
            }
        }
    }
}

/// The rows of a sort in a kernel that is being built, and how an element finds its place.
private struct SortRows {
    private let k: KernelBuilder
    private let kernel: SortShaderKernel
    private let source: BufferReference
    /// Where the elements stood, in their order so far; nil in the first pass, where they stand as they did.
    private let from: BufferReference?
    private let to: BufferReference?
    private let values, indices: BufferReference?
    private let length: Value
    private let width, halvings: Value?
    private let kept: Value?
    private let extents: [Value?]
    private let strides: [Value]

    init(_ k: KernelBuilder, _ kernel: SortShaderKernel) {
        self.k = k
        self.kernel = kernel
        let argument = { (name: String) in k.argument(name, kernel.index) }
        source = k.buffer("source", kernel.dtype, .read)
        from = kernel.merges ? k.buffer("from", .int32, .read) : nil
        to = kernel.results.isEmpty ? k.buffer("to", .int32, .write) : nil
        values = kernel.results.contains(.values) ? k.buffer("values", kernel.dtype, .write) : nil
        indices = kernel.results.contains(.indices) ? k.buffer("indices", .int64, .write) : nil
        length = argument("length")
        width = kernel.merges ? argument("width") : nil
        halvings = kernel.merges ? argument("halvings") : nil
        kept = kernel.results.isEmpty ? nil : argument("kept")
        let rank = kernel.rank
        extents = (0..<rank).map { $0 > 0 && $0 < rank - 1 ? argument("extent\($0)") : nil }
        strides = (0..<rank).map { argument("stride\($0)") }
    }

    /// Moves the element with this number, counted over all rows in their order so far.
    func place(_ item: Value) {
        let row = item / length
        let position = item - row * length
        let first = row * length
        let start = self.start(of: row)
        let own = stood(first, position)
        let element = source[start + own * strides[kernel.rank - 1]]
        let key = self.key(element)
        let target =
            kernel.merges
            ? merged(first, start, position: position, key: key)
            : counted(start, position: position, key: key)
        if let to {
            to[first + target] = own.convert(to: .int32)
            return
        }
        k.if(target < kept!) {
            let result = row * kept! + target
            values?.store(element, at: result)
            indices?.store(own.convert(to: .int64), at: result)
        }
    }

    /// Where a row begins in the source.
    private func start(of row: Value) -> Value {
        var rest = row
        var result = k.constant(0, ValueType(kernel.index))
        for axis in (0..<kernel.rank - 1).reversed() {
            guard let extent = extents[axis] else { return result + rest * strides[axis] }
            let next = rest / extent
            result = result + (rest - next * extent) * strides[axis]
            rest = next
        }
        return result
    }

    /// Where along the axis the element at a position of a row stood at first.
    private func stood(_ first: Value, _ position: Value) -> Value {
        from.map { $0[first + position].convert(to: kernel.index) } ?? position
    }

    private func key(_ start: Value, at place: Value) -> Value {
        key(source[start + place * strides[kernel.rank - 1]])
    }

    // MARK: Places

    /// The place of an element of the source in its run: as many places on as elements there come before it.
    private func counted(_ start: Value, position: Value, key: Value) -> Value {
        let low = position / SortShader.runLength * SortShader.runLength
        let target = k.variable(low)
        k.loop(from: low, to: k.least(low + SortShader.runLength, length)) { other in
            let otherKey = self.key(start, at: other)
            let comesBefore = (otherKey < key) | ((otherKey == key) & (other < position))
            target.value = target.value + comesBefore.convert(to: kernel.index)
        }
        return target.value
    }

    /// The place of an element of one of two neighbouring runs when both are one: as many places on as elements of the
    /// other run come before it. Of equal elements those of the first run come first.
    private func merged(_ first: Value, _ start: Value, position: Value, key: Value) -> Value {
        let (width, halvings) = (width!, halvings!)
        let low = position / (width * 2) * (width * 2)
        let middle = k.least(low + width, length)
        let isFirst = position < middle
        let otherLow = k.select(isFirst, middle, low)
        let bottom = k.variable(otherLow)
        let top = k.variable(k.select(isFirst, k.least(low + width * 2, length), middle))
        k.loop(from: k.constant(0, halvings.type), to: halvings) { _ in
            k.if(bottom.value < top.value) {
                let half = (bottom.value + top.value) / 2
                let other = self.key(start, at: stood(first, half))
                k.if((other < key) | ((other == key) & !isFirst)) {
                    bottom.value = half + 1
                } else: {
                    top.value = half
                }
            }
        }
        // An element of the second run leaves the first run's length behind it.
        return position + (bottom.value - otherLow) - k.select(isFirst, k.constant(0, width.type), middle - low)
    }

    private func key(_ element: Value) -> Value {
        let ascending = k.orderKey(element, kernel.dtype)
        // Equal keys stay equal, and with them their order.
        return kernel.descending ? ascending.unary(.not) : ascending
    }
}
