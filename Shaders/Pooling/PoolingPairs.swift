import KernelIR
import TensorRuntime

/// Maximum over 2x2 windows side by side, and its gradient, on CPU-type devices: vectors of windows, each element read
/// once.
struct PoolingPairs {
    let body: PoolingKernel
    let index: ScalarType
    /// Windows in a vector.
    let lanes: Int

    init(_ body: PoolingKernel, index: ScalarType, target: ShaderTarget) {
        self.body = body
        self.index = index
        lanes = max(2, target.lanes(of: body.dtype) / 2)
    }

    static func fits(_ body: PoolingKernel) -> Bool {
        guard body.kind == .maximum || body.kind == .maximumGradient else { return false }
        return body.window == Window(kernel: [2, 2], stride: [2, 2]) && body.inputSize == body.outputSize &* 2
    }

    func launch(_ schedule: String, target: ShaderTarget) -> ShaderLaunch {
        let epilogue = body.epilogue
        let rows = body.planes * body.outputSize[0]
        let perItem = max(1, min(rows / (16 * target.computeUnits), 2048 / max(body.outputSize[1], 1)))
        let (dtype, index, lanes) = (body.dtype, index, lanes)
        let isGradient = body.kind == .maximumGradient
        var launch = ShaderLaunch(
            key: ShaderKey(
                code: body.code, schedule: schedule,
                variant: [lanes, Int(index.rawValue)] + EpilogueEmitter.variant(epilogue)),
            workgroups: [(rows + perItem - 1) / perItem, 1, 1],
            build: {
                PoolingPairsKernel(dtype: dtype, isGradient: isGradient, lanes: lanes, index: index).build(epilogue)
            })
        launch.setIntegers([
            "rows": rows, "perItem": perItem, "height": body.outputSize[0], "width": body.outputSize[1],
        ])
        return launch
    }
}

/// Writes the kernel of ``PoolingPairs``.
struct PoolingPairsKernel {
    let dtype: DType
    let isGradient: Bool
    let lanes: Int
    let index: ScalarType

    func build(_ epilogue: FusedKernel) -> Kernel {
        KernelBuilder.build("pooling_pairs") { k in
            let a = k.buffer("a", dtype, .read)
            let b = isGradient ? k.buffer("b", dtype, .read) : nil
            let argument = { (name: String) in k.argument(name, index) }
            let (rows, perItem) = (argument("rows"), argument("perItem"))
            let (height, width) = (argument("height"), argument("width"))
            let emitter = EpilogueEmitter(k, epilogue)
            let first = k.group(index) * perItem
            k.loop(from: first, to: k.least(first + perItem, rows)) { line in
                let plane = line / height
                let row = line - plane * height
                let upper = line * 2 * (width * 2)
                func windows(_ column: Value, _ count: Int) {
                    let at = upper + column * 2
                    let elements = pairs(k, a, at, count) + pairs(k, a, at + width * 2, count)
                    guard let b else {
                        let value = scan(k, elements).best
                        emitter.emit(value, at: [plane, row, column].map { $0.convert(to: .int32) })
                        return
                    }
                    let gradient = b.load(line * width + column, width: count)
                    let shares = self.shares(k, elements, gradient)
                    for (number, share) in shares.enumerated() {
                        let place = [plane, row * 2 + number, column * 2]
                        emitter.emit(share, at: place.map { $0.convert(to: .int32) })
                    }
                }
                let whole = width / lanes * lanes
                k.loop(from: 0, to: whole, by: lanes) { windows($0, lanes) }
                k.loop(from: whole, to: width) { windows($0, 1) }
            }
        }
    }

    /// The left and the right elements of some windows in one row.
    private func pairs(_ k: KernelBuilder, _ a: BufferReference, _ at: Value, _ count: Int) -> [Value] {
        let both = a.load(at, width: 2 * count).lanes
        return [0, 1].map { side in k.construct((0..<count).map { both[2 * $0 + side] }) }
    }

    /// The largest of four elements, and for each but the first whether it beat those before it.
    private func scan(_ k: KernelBuilder, _ elements: [Value]) -> (best: Value, beats: [Value]) {
        var best = elements[0]
        var beats: [Value] = []
        for element in elements.dropFirst() {
            let beat = PoolingWindows.isLarger(element, best)
            best = k.select(beat, element, best)
            beats.append(beat)
        }
        return (best, beats)
    }

    /// The gradients of both rows of the windows.
    private func shares(_ k: KernelBuilder, _ elements: [Value], _ gradient: Value) -> [Value] {
        let beats = scan(k, elements).beats
        let zero = k.constant(0, gradient.type)
        // The last to beat those before it has won.
        var rest = gradient
        var parts: [Value] = []
        for beat in beats.reversed() {
            parts.insert(k.select(beat, rest, zero), at: 0)
            rest = k.select(beat, zero, rest)
        }
        parts.insert(rest, at: 0)
        return [0, 2].map { first in
            k.construct(zip(parts[first].lanes, parts[first + 1].lanes).flatMap { [$0, $1] })
        }
    }
}
