import TensorRuntime

/// The numbers of a pooling over the last axes, checked.
struct PoolingGeometry: Sendable {
    let kernel: [Int]
    let stride: [Int]
    let padding: [Int]
    let dilation: [Int]
    /// Whether a last window that begins inside but ends outside counts.
    let ceilMode: Bool
    let name: String
    let isPossible: Bool

    init(
        kernel: [Int], stride: [Int]?, padding: [Int], dilation: [Int]? = nil, ceilMode: Bool, name: String,
        at site: CallSite
    ) {
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        self.dilation = dilation ?? kernel.map { _ in 1 }
        self.ceilMode = ceilMode
        self.name = name
        let most = 1 << 30
        let isSound = [kernel, self.stride, self.dilation].allSatisfy { $0.allSatisfy { (1...most).contains($0) } }
        isPossible = isSound && zip(padding, kernel).allSatisfy { $0 >= 0 && $0 <= $1 / 2 }
        if !isPossible {
            WrongCall.report(
                name,
                "kernel \(Printed.extents(kernel)), stride \(Printed.extents(self.stride)), "
                    + "padding \(Printed.extents(padding)), dilation \(Printed.extents(self.dilation))",
                remedy: "kernels, strides and dilations are at least 1, and padding is at most half the kernel",
                at: site)
        }
    }

    /// The places of a window.
    var volume: Double { kernel.reduce(1) { $0 * Double($1) } }

    /// The number of windows along an axis, and by how much they reach beyond the padded end; nil where none fits.
    func windows(_ axis: Int, _ size: Int) -> (count: Int, beyond: Int)? {
        let reach = dilation[axis] * (kernel[axis] - 1) + 1
        let room = size + 2 * padding[axis] - reach
        var count = room >= 0 ? room / stride[axis] + 1 : ceilMode && -room < stride[axis] ? 1 : 0
        if ceilMode, room >= 0, room % stride[axis] != 0 { count += 1 }
        // The last window begins in the input or in the padding before it.
        if ceilMode, (count - 1) * stride[axis] >= size + padding[axis] { count -= 1 }
        guard count > 0 else { return nil }
        return (count, Swift.max((count - 1) * stride[axis] + reach - size - 2 * padding[axis], 0))
    }

    /// The input with a batch, and how far each axis is extended at its end; nil after what is wrong was reported.
    func checked(_ input: Tensor) -> Result<(input: Tensor, beyond: [Int], output: [Int]), WrongInput> {
        let axes = kernel.count
        let lead = input.rank - axes
        func wrong(_ problem: String, _ remedy: String) -> WrongInput {
            WrongInput(result: input.invalid(name, problem, remedy: remedy, [input], at: nil))
        }
        let sizes = ["length", "height, width", "depth, height, width"][axes - 1]
        guard lead == 1 || lead == 2, input.dtype.isFloat, isPossible else {
            return .failure(
                wrong(
                    "input \(input.dtype)\(input.shape) is not [N, channels, \(sizes)]", "reshape the input, or cast it"
                ))
        }
        var (beyond, output): ([Int], [Int]) = ([], [])
        for axis in 0..<axes {
            guard let windows = windows(axis, input.shape[lead + axis]) else {
                return .failure(
                    wrong(
                        "kernel \(Printed.extents(kernel)) exceeds padded input \(input.shape)",
                        "increase padding or use a smaller kernel; strides and dilations are at least 1"))
            }
            beyond.append(windows.beyond)
            output.append(windows.count)
        }
        return .success((lead == 1 ? input.unsqueeze(0) : input, beyond, output))
    }

    /// The poisoned result of a call that was wrong.
    struct WrongInput: Error { let result: Tensor }

    /// The numbers of one 2-D pooling.
    func window(_ rows: Int?, _ columns: Int?) -> Window {
        func pair(_ numbers: [Int], _ neutral: Int) -> SIMD2<Int> {
            [rows.map { numbers[$0] } ?? neutral, columns.map { numbers[$0] } ?? neutral]
        }
        return Window(
            kernel: pair(kernel, 1), stride: pair(stride, 1), padding: pair(padding, 0), dilation: pair(dilation, 1))
    }
}

/// The 2-D poolings that one over one to three axes consists of.
extension PoolingGeometry {
    /// Runs `pool` on planes of the last two axes, then, of three axes, on planes of the first and all places of the others.
    /// Inputs are extended by `fill`.
    func run(
        _ input: Tensor, beyond: [Int], fill: Double,
        _ pool: (_ planes: Tensor, _ window: Window, _ stage: Int) -> Tensor
    ) -> Tensor {
        let axes = kernel.count
        var x = input
        for axis in 0..<axes {
            x = x.padded(axis: 2 + axis, before: 0, after: beyond[axis], value: .float(fill))
        }
        let (n, c) = (x.shape[0], x.shape[1])
        switch axes {
        case 1:
            let result = pool(x.unsqueeze(2), window(nil, 0), 0)
            return result.viewed(as: [n, c, result.shape[3]])
        case 2: return pool(x, window(0, 1), 0)
        default:
            let depth = x.shape[2]
            let planes = pool(x.viewed(as: [n, c * depth, x.shape[3], x.shape[4]]), window(1, 2), 0)
            let (h, w) = (planes.shape[2], planes.shape[3])
            let result = pool(planes.viewed(as: [n, c, depth, h * w]), window(0, nil), 1)
            return result.viewed(as: [n, c, result.shape[2], h, w])
        }
    }

    private static func shape(_ planes: Tensor, _ window: Window) -> Shape {
        let output = window.outputSize(for: [planes.shape[2], planes.shape[3]])
        return [planes.shape[0], planes.shape[1], output[0], output[1]]
    }

    /// The largest elements of the windows, of a checked input.
    func largest(_ input: Tensor, beyond: [Int]) -> Tensor {
        run(input, beyond: beyond, fill: -.infinity) { planes, window, _ in
            Tensor.pooling(.maximum, planes, window: window, result: PoolingGeometry.shape(planes, window))
        }
    }

    /// Both the largest elements and where they stand: over one or two axes one launch.
    func largestWithPlaces(_ input: Tensor, beyond: [Int]) -> (values: Tensor, places: Tensor) {
        let sizes = kernel.indices.map { input.shape[2 + $0] + beyond[$0] }
        // Where a window has nothing but padding under it, its largest element stands nowhere.
        guard kernel.count < 3, kernel.indices.allSatisfy({ !hasEmptyWindow($0, sizes[$0]) }) else {
            return (largest(input, beyond: beyond), places(input, beyond: beyond))
        }
        var indices: Tensor?
        let values = run(input, beyond: beyond, fill: -.infinity) { planes, window, _ in
            let shape = PoolingGeometry.shape(planes, window)
            let found = Tensor.pooling(.maximumIndices, planes.detach(), window: window, result: shape)
            indices = found
            return planes.largest(at: found, window: window)
        }
        let numbers = places(ofPlane: Array(kernel.indices.map { input.shape[2 + $0] }), beyond: beyond)
        return (values, indices!.looked(up: numbers).viewed(as: values.shape))
    }

    private func hasEmptyWindow(_ axis: Int, _ size: Int) -> Bool {
        let reach = dilation[axis] * (kernel[axis] - 1) + 1
        let count = Swift.max(size + 2 * padding[axis] - reach, 0) / stride[axis] + 1
        return (0..<count).contains { window in
            let start = window * stride[axis] - padding[axis]
            return !(0..<kernel[axis]).contains { (0..<size).contains(start + $0 * dilation[axis]) }
        }
    }

    /// The place in the input of each place of a plane, which may be extended.
    private func places(ofPlane plane: [Int], beyond: [Int]) -> [Int] {
        let extended = zip(plane, beyond).map { $0 + $1 }
        if extended.count == 1 { return Array(0..<extended[0]) }
        return (0..<extended[0]).flatMap { row in (0..<extended[1]).map { row * plane[1] + $0 } }
    }

    /// Where those stand in the flat input of each channel.
    func places(_ input: Tensor, beyond: [Int]) -> Tensor {
        let axes = kernel.count
        let sizes = (0..<axes).map { input.shape[2 + $0] }
        let numbers = places(ofPlane: Array(sizes.suffix(2)), beyond: Array(beyond.suffix(2)))
        var inner: Tensor?
        return run(input.detach(), beyond: beyond, fill: -.infinity) { planes, window, stage in
            let shape = PoolingGeometry.shape(planes, window)
            let indices = Tensor.pooling(.maximumIndices, planes, window: window, result: shape)
            if stage == 0 {
                inner = indices.looked(up: numbers)
                guard axes == 3 else { return inner! }
                return Tensor.pooling(.maximum, planes, window: window, result: shape)
            }
            let (n, c) = (shape[0], shape[1])
            let flat = indices.viewed(as: [n, c, shape[2] * shape[3]])
            let within = inner!.viewed(as: [n, c, planes.shape[2] * planes.shape[3]]).gathered(axis: 2, flat)
            let depths = (0..<planes.shape[2]).flatMap { Array(repeating: $0, count: planes.shape[3]) }
            return (flat.looked(up: depths) * (sizes[1] * sizes[2]) + within).viewed(as: shape)
        }
    }

    /// The means of the windows, of a checked input.
    func means(
        _ input: Tensor, beyond: [Int], output: [Int], countsPadding: Bool, divisor: Int?
    ) -> Tensor {
        let isPlain = beyond.allSatisfy { $0 == 0 } && divisor == nil && (kernel.count < 3 || countsPadding)
        if isPlain {
            return run(input, beyond: beyond, fill: 0) { planes, window, _ in
                Tensor.pooling(
                    .average, planes, window: window, countsPadding: countsPadding,
                    result: PoolingGeometry.shape(planes, window))
            }
        }
        let means = run(input, beyond: beyond, fill: 0) { planes, window, _ in
            Tensor.pooling(
                .average, planes, window: window, countsPadding: true, result: PoolingGeometry.shape(planes, window))
        }
        if let divisor { return means * (volume / Double(divisor)) }
        var factors = [volume]
        for axis in kernel.indices {
            let size = input.shape[2 + axis]
            let counts = (0..<output[axis]).map { place -> Double in
                let start = place * stride[axis] - padding[axis]
                let end = Swift.min(start + kernel[axis], size + padding[axis])
                return Double(countsPadding ? end - start : Swift.min(end, size) - Swift.max(start, 0))
            }
            factors = factors.flatMap { factor in counts.map { factor / $0 } }
        }
        return means * Tensor.table(factors, shape: Shape(output), dtype: input.dtype, in: input.context)
    }
}

extension Tensor {
    /// The elements of planes `[n, c, h, w]` at the places of their windows' largest, with a maximum pooling's gradient.
    fileprivate func largest(at places: Tensor, window: Window) -> Tensor {
        let source = shape
        return Tensor.composite(self) {
            let area = source[2] * source[3]
            let data = viewed(as: [source[0], source[1], area, 1])
                .expanded(to: [source[0], source[1], area, places.shape[3]])
            return data.gathered(axis: 2, places)
        } pullback: {
            { p in
                InputGradients(
                    Tensor.pooling(.maximumGradient, self.detach(), p.gradient, window: window, result: source))
            }
        }
    }

    /// The element of a table that each of these indices names.
    fileprivate func looked(up table: [Int]) -> Tensor {
        if table.indices.allSatisfy({ table[$0] == $0 }) { return self }
        let numbers = Tensor.host(table.map(Int64.init), shape: [table.count], in: context)
        return numbers.gathered(axis: 0, viewed(as: [elementCount])).viewed(as: shape)
    }
}
