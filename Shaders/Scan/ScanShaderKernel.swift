import KernelIR
import TensorRuntime

/// Writes the kernels of ``ScanShader``.
struct ScanShaderKernel {
    enum Form: Hashable, Sendable {
        /// A work-item walks along a line; on CPU-type devices, where workgroups have one, along some lines.
        case lines(size: Int)
        /// A workgroup takes a line in tiles of `size * perItem` elements.
        case tiles(size: Int, perItem: Int)
    }

    let operation: ScanKernel.Operation
    let dtype: DType
    let rank: Int
    let axis: Int
    let results: [ScanKernel.Result]
    let form: Form
    let index: ScalarType

    var hasPlaces: Bool { results.contains(.indices) }
    /// The dimensions beside the axis.
    var beside: [Int] { (0..<rank).filter { $0 != axis } }
    private var size: Int {
        switch form {
        case .lines(let size), .tiles(let size, _): size
        }
    }
    var variant: [Int] { [size, Int(index.rawValue)] }

    func build() -> Kernel {
        KernelBuilder.build("scan", workgroupSize: [size, 1, 1]) { k in
            let lines = ScanLines(k, self)
            switch form {
            case .lines(size: 1):
                let count = k.argument("lines", index)
                let perItem = k.argument("per_item", index)
                let first = k.group(index) * perItem
                k.loop(from: first, to: k.least(first + perItem, count)) { lines.walk(lines.start(of: $0)) }
            case .lines:
                let count = k.argument("lines", index)
                let line = k.group(index) * size + k.localID(0).convert(to: index)
                k.if(line < count) { lines.walk(lines.start(of: line)) }
            case .tiles(let size, let perItem):
                lines.tile(lines.start(of: k.group(index)), size: size, perItem: perItem)
            }
        }
    }
}

/// The lines of a scan in a kernel that is being built.
private struct ScanLines {
    /// Where a line begins in the source and in the results.
    struct Start {
        let source, result: Value
    }

    private let k: KernelBuilder
    private let kernel: ScanShaderKernel
    private let emitter: ScanEmitter
    private let source: BufferReference
    private let values, indices: BufferReference?
    private let length: Value
    private let inner: Value?
    private let sourceFirst, sourceStep, resultFirst, resultStep: Value
    private let places: (first: Value, step: Value)?
    private let extents: [Int: Value]
    private let strides: [Int: Value]

    init(_ k: KernelBuilder, _ kernel: ScanShaderKernel) {
        self.k = k
        self.kernel = kernel
        emitter = ScanEmitter(k: k, operation: kernel.operation, dtype: kernel.dtype, index: kernel.index)
        let argument = { (name: String) in k.argument(name, kernel.index) }
        source = k.buffer("source", kernel.dtype, .read)
        values = kernel.results.contains(.values) ? k.buffer("values", kernel.dtype, .write) : nil
        indices = kernel.hasPlaces ? k.buffer("indices", .int64, .write) : nil
        length = argument("length")
        inner = kernel.axis < kernel.rank - 1 ? argument("inner") : nil
        (sourceFirst, sourceStep) = (argument("source_first"), argument("source_step"))
        (resultFirst, resultStep) = (argument("result_first"), argument("result_step"))
        places = kernel.hasPlaces ? (argument("place_first"), argument("place_step")) : nil
        extents = Dictionary(
            uniqueKeysWithValues: kernel.beside.dropFirst().map { ($0, argument("extent\($0)")) })
        strides = Dictionary(uniqueKeysWithValues: kernel.beside.map { ($0, argument("stride\($0)")) })
    }

    /// Where the line of a number begins, counted over the dimensions beside the axis.
    func start(of line: Value) -> Start {
        var rest = line
        var from = sourceFirst
        for dimension in kernel.beside.reversed() {
            guard let extent = extents[dimension] else {
                from = from + rest * strides[dimension]!
                break
            }
            let next = rest / extent
            from = from + (rest - next * extent) * strides[dimension]!
            rest = next
        }
        guard let inner else { return Start(source: from, result: resultFirst + line * length) }
        let outer = line / inner
        return Start(source: from, result: resultFirst + line + outer * inner * (length - 1))
    }

    private func element(_ start: Start, _ position: Value) -> [Value] {
        emitter.element(
            source[start.source + position * sourceStep], place: places.map { $0.first + position * $0.step })
    }

    private func store(_ state: [Value], _ start: Start, _ position: Value) {
        let target = start.result + position * resultStep
        values?.store(emitter.value(of: state), at: target)
        indices?.store(state[1].convert(to: .int64), at: target)
    }

    // MARK: One work-item

    func walk(_ start: Start) {
        let carry = ScanCarry(emitter, hasPlaces: kernel.hasPlaces)
        k.loop(from: 0, to: length) { position in
            carry.advance(element(start, position))
            store(carry.state, start, position)
        }
    }

    // MARK: A workgroup

    func tile(_ start: Start, size: Int, perItem: Int) {
        let local = k.localID(0)
        let carry = ScanCarry(emitter, hasPlaces: kernel.hasPlaces)
        let totals = emitter.neutral(hasPlaces: kernel.hasPlaces).enumerated().map { number, value in
            k.shared("totals\(number)", value.type.scalar, count: size)
        }
        let load = { (place: Value) in totals.map { $0[place] } }
        let save = { (state: [Value]) in for (array, value) in zip(totals, state) { array[local] = value } }
        let last = length - 1
        k.loop(from: 0, to: k.argument("tiles", kernel.index)) { tile in
            let first = (tile * size + local.convert(to: kernel.index)) * perItem
            // Behind the line's end its last element is read again, and nothing that is written depends on it.
            var running = [element(start, k.least(first, last))]
            for number in 1..<perItem {
                running.append(
                    emitter.combined(running[number - 1], element(start, k.least(first + number, last))))
            }
            var own = running[perItem - 1]
            save(own)
            k.barrier()
            // Each item adds the totals before its own, one more, two more, four more.
            var distance = 1
            while distance < size {
                let before = load((local - distance).binary(.maximum, k.int(0)))
                own = emitter.select(local >= distance, emitter.combined(before, own), own)
                k.barrier()
                save(own)
                k.barrier()
                distance *= 2
            }
            let before = load((local - 1).binary(.maximum, k.int(0)))
            let total = load(k.int(size - 1))
            for (number, state) in running.enumerated() {
                k.if(first + number < length) {
                    let inTile = emitter.select(local > 0, emitter.combined(before, state), state)
                    store(carry.state(followedBy: inTile), start, first + number)
                }
            }
            carry.advance(total)
            k.barrier()
        }
    }
}
