import TensorRuntime

extension ConformanceCatalogue {
    /// Products of every transposition, odd and even sizes, batches, and epilogues.
    static func matmuls(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        let types = sumTypes(device) + (device.dtypes.contains(.int32) ? [.int32] : [])
        for dtype in types {
            for transposes in transpositions {
                for (m, n, k) in dtype == .float32 ? sizes + largeSizes : Array(sizes[..<5]) {
                    rows.append(MatmulSample(dtype, m, n, k, transposes).row("\(m)x\(n)x\(k)"))
                }
            }
            rows += batches(dtype) + degenerate(dtype)
            if dtype.isShortFloat { rows += widened(dtype) }
        }
        for dtype in types where !dtype.isFloat {
            for (m, n, k) in sizes[..<8] {
                var sample = MatmulSample(dtype, m, n, k, (false, true))
                sample.fill = dtype == .int32 ? .integers(-0x8000_0000, 0x7FFF_FFFF) : .integers(-1 << 61, 1 << 61)
                rows.append(sample.row("\(m)x\(n)x\(k) wrapping"))
            }
        }
        for dtype in floats(device) {
            for epilogue in Epilogue.allCases {
                for (m, n, k) in [(33, 31, 17), (1, 129, 64), (64, 10, 128), (7, 1, 5)] {
                    var sample = MatmulSample(dtype, m, n, k, (false, true))
                    sample.epilogue = epilogue
                    rows.append(sample.row("\(m)x\(n)x\(k) \(epilogue)"))
                }
            }
            var batched = MatmulSample(dtype, 17, 9, 33, (false, false))
            batched.batch = [3, 2]
            batched.epilogue = .biasReluMask
            rows.append(batched.row("batch with epilogue"))
        }
        return rows
    }

    /// Long rows with few results, and few rows with a large second operand, for backends that take them by methods of
    /// their own.
    public static func lopsidedProducts() -> [ConformanceCase] {
        let samples: [(DType, Int, Int, Int, (a: Bool, b: Bool))] = [
            (.float32, 33, 70, 4001, (true, false)), (.float32, 5, 7, 240_007, (true, false)),
            (.bfloat16, 33, 70, 2051, (false, false)), (.bfloat16, 5, 7, 9001, (true, true)),
            (.float32, 3, 1037, 2055, (false, false)), (.float32, 3, 1037, 2055, (true, false)),
            (.float32, 2, 515, 520, (false, false)), (.float32, 1, 1030, 260, (true, false)),
        ]
        return samples.flatMap { dtype, m, n, k, transposes in
            [Epilogue.none, .biasReluMask].map { epilogue in
                var sample = MatmulSample(dtype, m, n, k, transposes)
                sample.epilogue = epilogue
                return sample.row("\(m)x\(n)x\(k) \(epilogue)")
            }
        }
    }

    /// Products of many tiles, and weight gradients of one part and of several, whose result is no output: they add to what
    /// the output's buffer holds.
    public static func resultsInParts() -> [ConformanceCase] {
        let forms = [(false, false), (true, false), (false, true)]
        var rows = forms.flatMap { transposes in
            [(300, 257, 130), (41, 1300, 70), (1100, 33, 90), (3, 5, 0)].map {
                m, n, k in
                var sample = MatmulSample(.float32, m, n, k, transposes)
                sample.epilogue = .accumulate
                return sample.row("\(m)x\(n)x\(k) accumulate in parts")
            }
        }
        for (m, n, k, turns) in [(33, 70, 4001, true), (3, 1037, 2055, false)] {
            var sample = MatmulSample(.float32, m, n, k, (turns, false))
            sample.epilogue = .accumulate
            rows.append(sample.row("\(m)x\(n)x\(k) accumulate in parts"))
        }
        var batched = MatmulSample(.float32, 70, 50, 90, (false, false))
        batched.batch = [3, 5]
        batched.epilogue = .accumulate
        rows.append(batched.row("batch of 3x5 accumulate in parts"))
        return rows + accumulatedWeights()
    }

    /// Few columns and many steps, for backends that pack such operands.
    public static var narrowProduct: ConformanceCase {
        MatmulSample(.float32, 2, 3, 70_000, (false, false)).row("2x3x70000")
    }

    private static let transpositions = [(false, false), (false, true), (true, false), (true, true)]
    private static let sizes = [
        (1, 1, 1), (7, 31, 33), (33, 1, 129), (1, 33, 7), (31, 7, 1), (127, 129, 33), (129, 127, 31), (64, 64, 64),
        (64, 10, 784), (3, 5, 1031),
    ]
    private static let largeSizes = [
        (260, 257, 300), (1, 1024, 512), (512, 3, 512), (14, 100, 40), (25, 44, 300), (19, 20, 270),
    ]

    /// Products of several blocks, and those that come as they were added up, in float32.
    private static func widened(_ dtype: DType) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for transposes in transpositions {
            for (m, n, k) in [(64, 10, 784), (3, 5, 1031), (200, 257, 300), (1, 129, 513)] {
                var sample = MatmulSample(dtype, m, n, k, transposes)
                rows.append(sample.row("\(m)x\(n)x\(k)"))
                sample.result = .float32
                rows.append(sample.row("\(m)x\(n)x\(k) in float32"))
            }
        }
        for epilogue in Epilogue.allCases where epilogue != .none {
            var sample = MatmulSample(dtype, 33, 31, 17, (true, false))
            sample.epilogue = epilogue
            sample.result = .float32
            rows.append(sample.row("33x31x17 in float32 \(epilogue)"))
        }
        return rows
    }

    private static func batches(_ dtype: DType) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for transposes in transpositions {
            var sample = MatmulSample(dtype, 7, 9, 33, transposes)
            sample.batch = [5]
            rows.append(sample.row("batch of 5"))
            sample.batch = [2, 3]
            rows.append(sample.row("batch of 2x3"))
            sample.broadcastsB = true
            rows.append(sample.row("batch of 2x3, b broadcast"))
            sample.broadcastsB = false
            sample.broadcastsA = true
            rows.append(sample.row("batch of 2x3, a broadcast"))
        }
        return rows
    }

    /// Extents of zero, and operands inside larger matrices.
    private static func degenerate(_ dtype: DType) -> [ConformanceCase] {
        var rows = [(5, 7, 0), (0, 7, 5), (5, 0, 7)].map { m, n, k in
            MatmulSample(dtype, m, n, k, (false, false)).row("\(m)x\(n)x\(k)")
        }
        var padded = MatmulSample(dtype, 17, 19, 23, (false, true))
        padded.padding = 5
        padded.offset = 3
        rows.append(padded.row("leading dimensions and offsets"))
        padded = MatmulSample(dtype, 17, 19, 23, (true, false))
        padded.padding = 5
        padded.offset = 16
        rows.append(padded.row("leading dimensions and offsets, other way"))
        return rows
    }
}

/// A product to be made into a row.
private struct MatmulSample {
    let dtype: DType
    let m: Int
    let n: Int
    let k: Int
    let transposes: (a: Bool, b: Bool)
    var batch: Shape = []
    var broadcastsA = false
    var broadcastsB = false
    /// Elements between the end of a row and the next.
    var padding = 0
    var offset = 0
    var epilogue = Epilogue.none
    /// The product's type; nil is the operands'.
    var result: DType?
    /// The operands' values where they are not ordinary ones.
    var fill: Fill?

    init(_ dtype: DType, _ m: Int, _ n: Int, _ k: Int, _ transposes: (a: Bool, b: Bool)) {
        self.dtype = dtype
        self.m = m
        self.n = n
        self.k = k
        self.transposes = transposes
    }

    /// A matrix `[batch..., rows, columns]`, stored column-major where `isTransposed`.
    private func layout(_ rows: Int, _ columns: Int, isTransposed: Bool, isBroadcast: Bool) -> Layout {
        let stored = isTransposed ? (columns, rows) : (rows, columns)
        var shape = batch
        var strides = Strides(repeating: 0, rank: batch.rank)
        var next = stored.0 * (stored.1 + padding)
        for axis in stride(from: batch.rank - 1, through: 0, by: -1) where !isBroadcast {
            strides[axis] = next
            next *= batch[axis]
        }
        shape.append(rows)
        shape.append(columns)
        strides.append(isTransposed ? 1 : stored.1 + padding)
        strides.append(isTransposed ? stored.1 + padding : 1)
        return Layout(shape: shape, strides: strides, offset: offset)
    }

    func row(_ what: String) -> ConformanceCase {
        let a = layout(m, k, isTransposed: transposes.a, isBroadcast: broadcastsA)
        let b = layout(k, n, isTransposed: transposes.b, isBroadcast: broadcastsB)
        var shape = batch
        shape.append(m)
        shape.append(n)
        let builder = epilogue.builder(
            over: shape, dtype: result ?? dtype, biasAxis: shape.rank - 1, tolerance: .product(result ?? dtype))
        let kernel = MatmulKernel(
            dtype: dtype, batch: batch, m: m, n: n, k: k, aStrides: a.strides, bStrides: b.strides,
            epilogue: builder.kernel)
        let fill = self.fill ?? (dtype.isFloat ? Fill.uniform(-1, 1) : .integers(-100, 100))
        let sources = [a, b].map {
            ConformanceCase.Operand(
                dtype: dtype, count: max($0.extent.upperBound, $0.offset), offset: $0.offset, fill: fill)
        }
        let form = (transposes.a ? "T" : "N") + (transposes.b ? "T" : "N")
        var tags: Set<ConformanceCase.Tag> = []
        if transposes.a || transposes.b { tags.insert(.layout(.transposed)) }
        if broadcastsA || broadcastsB { tags.insert(.layout(.broadcast)) }
        if offset > 0 { tags.insert(.layout(.offset)) }
        return ConformanceCase(
            name: "matmul/\(dtype)/\(form)/\(what)", spec: KernelSpec(kernel), sources: sources, epilogue: builder,
            operations: 2 * batch.elementCount * m * n * k, tags: tags)
    }
}
