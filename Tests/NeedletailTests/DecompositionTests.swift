import Needletail
import NeedletailVision
import TensorGraph
import TensorRuntime
import Testing

/// A device without convolution and pooling kernels computes both from gathers, products and scatter-adds.
@Suite struct DecompositionTests {
    /// One convolution or pooling, by its shapes and window.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var images = 2
        var inputs = 3
        var outputs = 4
        var groups = 1
        var size: SIMD2<Int> = [7, 6]
        let window: Window

        var testDescription: String { name }
        var output: SIMD2<Int> { window.outputSize(for: size) }
        var inputShape: Shape { [images, inputs, size[0], size[1]] }
        var weightShape: Shape { [outputs, inputs / groups, window.kernel[0], window.kernel[1]] }
        var outputShape: Shape { [images, outputs, output[0], output[1]] }
        var pooledShape: Shape { [images, inputs, output[0], output[1]] }
    }

    static let convolutions: [Case] = [
        Case(name: "plain", window: Window(kernel: [3, 3])),
        Case(name: "padded", window: Window(kernel: [3, 3], padding: [1, 1])),
        Case(name: "padded in width", window: Window(kernel: [2, 3], padding: [0, 1])),
        Case(name: "stride over kernel", size: [11, 9], window: Window(kernel: [2, 1], stride: [3, 2])),
        Case(
            name: "dilated", size: [9, 10],
            window: Window(kernel: [3, 2], stride: [1, 2], padding: [2, 1], dilation: [2, 3])),
        Case(name: "grouped", inputs: 4, outputs: 6, groups: 2, window: Window(kernel: [3, 3], padding: [1, 1])),
        Case(
            name: "depthwise", images: 1, inputs: 3, outputs: 6, groups: 3,
            window: Window(kernel: [3, 3], stride: [2, 2], padding: [1, 1])),
        Case(name: "pointwise", inputs: 5, window: Window(kernel: [1, 1])),
        Case(name: "pointwise, strided", window: Window(kernel: [1, 1], stride: [2, 2])),
        Case(name: "one dimension", size: [1, 17], window: Window(kernel: [1, 5], stride: [1, 2], padding: [0, 2])),
        Case(name: "one of everything", images: 1, inputs: 1, outputs: 1, window: Window(kernel: [3, 3])),
        Case(name: "padded beyond the kernel", window: Window(kernel: [2, 1], padding: [3, 2])),
        Case(
            name: "dilated, padded and grouped", inputs: 4, outputs: 6, groups: 2, size: [9, 10],
            window: Window(kernel: [3, 2], padding: [5, 1], dilation: [2, 3])),
        Case(name: "whole input", window: Window(kernel: [7, 6])),
        Case(name: "no images", images: 0, window: Window(kernel: [3, 3], padding: [1, 1])),
    ]

    static let poolings: [Case] = [
        Case(name: "pairs", window: Window(kernel: [2, 2], stride: [2, 2])),
        Case(name: "overlapping", window: Window(kernel: [3, 2], stride: [2, 1])),
        Case(name: "stride over kernel", window: Window(kernel: [2, 1], stride: [3, 2])),
        Case(name: "padded", window: Window(kernel: [3, 3], stride: [2, 1], padding: [1, 1])),
        Case(name: "padded in height", window: Window(kernel: [3, 2], padding: [1, 0])),
        Case(name: "dilated", size: [9, 8], window: Window(kernel: [3, 2], padding: [1, 1], dilation: [2, 3])),
        Case(
            name: "nothing but padding", size: [4, 6],
            window: Window(kernel: [2, 2], padding: [1, 1], dilation: [5, 1])),
        Case(name: "one element", window: Window(kernel: [1, 1])),
        Case(name: "one dimension", size: [1, 11], window: Window(kernel: [1, 3], stride: [1, 2], padding: [0, 1])),
        Case(name: "one plane", images: 1, inputs: 1, window: Window(kernel: [2, 3], stride: [2, 2])),
    ]

    /// Runs one operation on both devices.
    private func both(
        _ operation: NodeOperation, _ inputs: [(Shape, [Float])], _ result: Shape, _ dtype: DType = .float32
    ) throws -> (found: [Double], expected: [Double]) {
        func run(_ context: DeviceContext) throws -> [Double] {
            let handles = try inputs.map { shape, values in
                try values.withUnsafeBytes { try context.makeValue(shape: shape, dtype: .float32, bytes: $0) }
            }
            let handle = context.trace(
                operation, shape: result, dtype: dtype, handles[0], handles.count > 1 ? handles[1] : nil)
            var bytes = [UInt8](repeating: 0, count: result.elementCount * dtype.byteCount)
            try bytes.withUnsafeMutableBytes { try context.read(handle, into: $0) }
            return GoldenFile.numbers(bytes, dtype)
        }
        let lacking = try LackingDevice.makeContext()
        let found = try run(lacking)
        #expect(lacking.statistics.decomposedOperations == 1)
        return (found, try run(DeviceContext(device: deviceContext(.cpu).device)))
    }

    /// `relative` is of the largest element.
    private func compare(_ pair: (found: [Double], expected: [Double]), _ what: String, relative: Double = 0) {
        let scale = pair.expected.filter(\.isFinite).map(abs).max() ?? 0
        for (index, (a, e)) in zip(pair.found, pair.expected).enumerated() {
            if a == e || (a.isNaN && e.isNaN) { continue }
            if abs(a - e) <= relative * scale { continue }
            Issue.record("\(what)[\(index)] is \(a), not \(e)")
            return
        }
        #expect(pair.found.count == pair.expected.count)
    }

    @Test(arguments: convolutions) func convolutionsAreTheKernels(_ row: Case) throws {
        func sample(_ shape: Shape, _ seed: UInt64) -> (Shape, [Float]) {
            (shape, sampleNumbers(shape.elementCount, seed: seed))
        }
        let (x, w, g) = (sample(row.inputShape, 1), sample(row.weightShape, 2), sample(row.outputShape, 3))
        let parts: [(ConvolutionKernel.Kind, [(Shape, [Float])], Shape)] = [
            (.forward, [x, w], row.outputShape), (.inputGradient, [g, w], row.inputShape),
            (.weightGradient, [x, g], row.weightShape),
        ]
        for (kind, inputs, result) in parts {
            let pair = try both(.convolution(kind, row.window, groups: row.groups), inputs, result)
            compare(pair, "\(kind)", relative: 2e-6)
        }
    }

    @Test(arguments: poolings) func poolingsAreTheKernels(_ row: Case) throws {
        // Few different numbers, so that windows have ties, with NaN and whole windows of negative infinity.
        let plain = sampleNumbers(row.inputShape.elementCount).map { ($0 * 4).rounded() }
        let special = plain.enumerated().map { $0 % 11 == 3 ? .nan : $0 % 42 > 24 ? -.infinity : $1 }
        let gradient = sampleNumbers(row.pooledShape.elementCount, seed: 5)
        let tangent = sampleNumbers(row.inputShape.elementCount, seed: 6)
        for x in [plain, special] {
            for kind in PoolingKernel.Kind.allCases {
                let isGradient = kind == .maximumGradient || kind == .averageGradient
                var inputs: [(Shape, [Float])] = kind == .averageGradient ? [] : [(row.inputShape, x)]
                if isGradient { inputs.append((row.pooledShape, gradient)) }
                if kind == .maximumGather { inputs.append((row.inputShape, tangent)) }
                for countsPadding in [true, false] {
                    let pair = try both(
                        .pooling(kind, row.window, countsPadding: countsPadding), inputs,
                        isGradient ? row.inputShape : row.pooledShape, kind == .maximumIndices ? .int64 : .float32)
                    let isSum = isGradient || kind == .average
                    compare(pair, "\(kind), padding counts: \(countsPadding)", relative: isSum ? 1e-6 : 0)
                }
            }
        }
    }

    @Test(arguments: GoldenConvolutionTests.convolutions + GoldenConvolutionTests.pools)
    func resultsAndGradientsArePyTorchs(_ row: GoldenCase) throws {
        try withDeviceContext(LackingDevice.makeContext()) { () throws(any Error) in
            try row.compare(with: GoldenConvolutionTests.file)
        }
    }

    @Test func aSmallNetworkTrainsAsOnTheCPU() throws {
        var plansBuilt = 0
        func losses(_ context: DeviceContext) throws -> [Float] {
            try withDeviceContext(context) { () throws(any Error) in
                let model = MNISTModel.lenet.make(generator: Generator(seed: 11))
                // Those that draw the initial values.
                let drawing = context.statistics.plansBuilt
                let optimizer = SGD(model.parameters, learningRate: 0.05, momentum: 0.9)
                let dataset = TrainingSample.dataset(count: 96)
                let batches = dataset.batches(of: 16, shuffledBy: Generator(seed: 3))
                var losses: [Float] = []
                for step in 0..<12 {
                    let batch = batches[step % batches.count]
                    optimizer.zeroGrad()
                    let loss = crossEntropy(model(batch.features), batch.labels)
                    loss.backward()
                    try optimizer.step()
                    losses.append(try loss.item(as: Float.self))
                }
                plansBuilt = context.statistics.plansBuilt - drawing
                return losses
            }
        }
        let lacking = try LackingDevice.makeContext()
        let found = try losses(lacking)
        #expect(plansBuilt <= 2)
        let expected = try losses(DeviceContext(device: deviceContext(.cpu).device))
        for (step, (a, e)) in zip(found, expected).enumerated() {
            #expect(abs(a - e) <= 2e-5 * abs(e), "loss of step \(step) is \(a), not \(e)")
        }
        #expect(expected.last! < expected[0])
        // Two convolutions and two poolings forwards, three gradients of convolutions and two of poolings back.
        #expect(lacking.statistics.decomposedOperations == 12 * 9)
        #expect(try losses(LackingDevice.makeContext()) == found)
    }

    /// A padded convolution and a padded pooling with their gradients, in some mode.
    private func chain(_ context: DeviceContext) throws -> [Float] {
        try withDeviceContext(context) { () throws(any Error) in
            let x = Tensor(sampleNumbers(2 * 3 * 36), shape: [2, 3, 6, 6]).requiringGrad()
            let w = Tensor(sampleNumbers(4 * 27, seed: 2), shape: [4, 3, 3, 3]).requiringGrad()
            let y = Tensor.conv2d(x, weight: w, padding: [1, 1]).relu()
            let z = Tensor.maxPool2d(y, kernel: [3, 3], stride: [2, 2], padding: [1, 1])
            let loss = Tensor.avgPool2d(z, kernel: [3, 3], stride: [1, 1], padding: [1, 1], countsPadding: false)
            let found = gradients(of: loss.square().sum(), withRespectTo: [x, w])
            return try found.flatMap { try $0!.scalars(as: Float.self) }
        }
    }

    @Test func allModesAgree() throws {
        let expected = try chain(DeviceContext(device: deviceContext(.cpu).device)).map(Double.init)
        let changes: [@Sendable (inout RuntimeConfiguration) -> Void] = [
            { _ in }, { $0.eager = true }, { $0.fusion = false }, { $0.checksNaN = true },
        ]
        for change in changes {
            let found = try chain(LackingDevice.makeContext(change))
            compare((found.map(Double.init), expected), "gradients", relative: 2e-6)
        }
    }

    /// Launches of one evaluation of `body`.
    private func launches(_ body: () throws -> [Tensor]) throws -> Int {
        let context = try LackingDevice.makeContext()
        return try withDeviceContext(context) { () throws(any Error) in
            try evaluate(try body())
            return context.statistics.launches
        }
    }

    @Test func anOperationIsAFewLaunches() throws {
        let x = { Tensor(sampleNumbers(2 * 3 * 36), shape: [2, 3, 6, 6]) }
        let w = { Tensor(sampleNumbers(4 * 27, seed: 2), shape: [4, 3, 3, 3]) }
        // The table of taps, the columns, the product.
        #expect(try launches { [Tensor.conv2d(x(), weight: w(), padding: [1, 1])] } == 3)
        // The table, and gather and reduction in one.
        #expect(try launches { [Tensor.maxPool2d(x(), kernel: [2, 2])] } == 2)
        #expect(try launches { [Tensor.avgPool2d(x(), kernel: [2, 2])] } == 2)
        // Neither table nor columns.
        #expect(
            try launches { [Tensor.conv2d(x(), weight: Tensor(sampleNumbers(12), shape: [4, 3, 1, 1]))] } == 1)
    }

    @Test func poolingStoresNoWindows() throws {
        let context = try LackingDevice.makeContext()
        try withDeviceContext(context) { () throws(any Error) in
            let x = Tensor(sampleNumbers(8 * 64 * 64), shape: [2, 4, 64, 64])
            let y = Tensor.maxPool2d(x * 2, kernel: [5, 5], stride: [1, 1], padding: [2, 2])
            try y.evaluate()
            // Input, its double, the result, and a table of 25 numbers for each place of a plane.
            let bytes = 3 * 8 * 64 * 64 * 4 + 25 * 64 * 64 * 8
            #expect(context.statistics.peakAllocatedBytes <= bytes + (bytes >> 3))
        }
    }

    /// Columns of a stride are rounded before they are summed, unless they are of float32: the result has one rounding.
    @Test(arguments: [[1, 1], [2, 2], [1, 2]] as [SIMD2<Int>]) func gradientsOfShortFloatsAreRoundedOnce(
        _ stride: SIMD2<Int>
    ) throws {
        let window = Window(kernel: [3, 3], stride: stride, padding: [1, 1])
        let output = window.outputSize(for: [9, 9])
        func gradient(_ context: DeviceContext, _ dtype: DType) throws -> [Double] {
            try withDeviceContext(context) { () throws(any Error) in
                let x = Tensor.zeros([2, 16, 9, 9], dtype: dtype).requiringGrad()
                let w = Tensor(sampleNumbers(32 * 16 * 9, seed: 2), shape: [32, 16, 3, 3]).cast(to: .bfloat16).cast(
                    to: dtype)
                let g = Tensor(
                    sampleNumbers(2 * 32 * output[0] * output[1], seed: 3), shape: [2, 32, output[0], output[1]]
                )
                .cast(to: .bfloat16).cast(to: dtype)
                let y = Tensor.conv2d(x, weight: w, stride: stride, padding: [1, 1])
                let found = gradients(of: (y * g).sum(), withRespectTo: [x])[0]!
                return try found.cast(to: .float32).scalars(as: Float.self).map(Double.init)
            }
        }
        let found = try gradient(LackingDevice.makeContext(), .bfloat16)
        let exact = try gradient(DeviceContext(device: deviceContext(.cpu).device), .float32)
        // Half a unit of bfloat16's last place, and a little for float32's sum.
        let worst = zip(found, exact).map { abs($0 - $1) / max(abs($1), 0.05) }.max() ?? 1
        #expect(worst <= 1.02 / 256, "\(worst)")
    }

    @Test func columnsOfALargeBatchAreStoredInParts() throws {
        // 9 times 8 planes of 128 x 128 for each of 40 images: 189 MB of columns, in three parts.
        func run(_ context: DeviceContext) throws -> (sums: [Double], peak: Int) {
            try withDeviceContext(context) { () throws(any Error) in
                let x =
                    (Tensor(sampleNumbers(8 * 128 * 128), shape: [1, 8, 128, 128])
                    .expand(40, 8, 128, 128) * Tensor(sampleNumbers(40, seed: 4), shape: [40, 1, 1, 1]))
                    .requiringGrad()
                let w = Tensor(sampleNumbers(2 * 8 * 9, seed: 2), shape: [2, 8, 3, 3]).requiringGrad()
                try x.evaluate()
                context.allocator.resetPeak()
                let y = Tensor.conv2d(x, weight: w, padding: [1, 1])
                let found = gradients(of: (y * y).sum(), withRespectTo: [x, w])
                let sums = [found[0]!.abs().sum(axes: [1, 2, 3]), found[1]!]
                try evaluate(sums)
                return (
                    try sums.flatMap { try $0.scalars(as: Float.self).map(Double.init) },
                    context.statistics.peakAllocatedBytes
                )
            }
        }
        let lacking = try LackingDevice.makeContext()
        let (found, peak) = try run(lacking)
        compare(
            (found, try run(DeviceContext(device: deviceContext(.cpu).device)).sums), "sums", relative: 1e-4)
        // The input and its gradient are 21 MB each, the outputs 5; a part of the columns is at most 64 MiB.
        #expect(peak <= 150_000_000, "\(peak) bytes")
    }
}
