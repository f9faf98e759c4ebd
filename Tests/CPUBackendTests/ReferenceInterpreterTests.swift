import TensorConformance
import TensorRuntime
import Testing

/// The reference against values worked out by hand: what every other test is compared with.
@Suite struct ReferenceInterpreterTests {
    private typealias Step = FusedProgram.Step

    private static func floats(_ values: [Double], offset: Int = 0) -> HostOperand {
        HostOperand(array: HostArray(floats: values, dtype: .float32), offset: offset)
    }

    private static func integers(_ values: [Int64]) -> HostOperand {
        HostOperand(array: HostArray(integers: values, dtype: .int64))
    }

    private static let output = HostOperand(array: HostArray(dtype: .float32))

    /// An epilogue that stores the result.
    private static func store(_ shape: Shape, dtype: DType = .float32) -> FusedKernel {
        let access = FusedKernel.Access(strides: shape.contiguousStrides)
        return FusedKernel(
            program: .copy(from: dtype, to: dtype), extents: shape, outerRank: shape.rank, inputs: [access],
            outputs: [access])
    }

    @Test func aTransposedProductIsRight() throws {
        // [[1, 2, 3], [4, 5, 6]] x [[1, 0], [2, 1], [0, 3]], b stored column-major.
        let kernel = MatmulKernel(
            dtype: .float32, batch: [], m: 2, n: 2, k: 3, aStrides: [3, 1], bStrides: [1, 3],
            epilogue: Self.store([2, 2]))
        #expect(!kernel.transposesA && kernel.transposesB)
        let writes = try ReferenceInterpreter.run(
            KernelSpec(kernel),
            operands: [Self.floats([1, 2, 3, 4, 5, 6]), Self.floats([1, 2, 0, 0, 1, 3]), Self.output], scalars: [])
        #expect(writes[0].operand == 2)
        #expect(writes[0].values.floats == [5, 11, 14, 23])
    }

    @Test func aRowProgramNormalisesEachRowAndTotalsThem() throws {
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                Step(.load(input: 0), dtype: .float32),
                Step(.reduce(.sum), [.value(0)], dtype: .float32, level: .row),
                Step(.pointwise(.divide), [.value(0), .value(1)], dtype: .float32),
                Step(.reduce(.maximum), [.value(1)], dtype: .float32, level: .total),
            ], outputs: [.init(value: 2), .init(value: 1), .init(value: 3)])
        let element = FusedKernel.Access(strides: [2, 1])
        let kernel = FusedKernel(
            program: program, extents: [2, 2], outerRank: 1, inputs: [element],
            outputs: [element, .init(strides: [1, 0]), .init(strides: [0, 0])])
        let writes = try ReferenceInterpreter.run(
            KernelSpec(kernel),
            operands: [Self.floats([9, 1, 3, 2, 6], offset: 1)] + [Self.output, Self.output, Self.output],
            scalars: [])
        #expect(writes.map(\.values.floats) == [[0.25, 0.75, 0.25, 0.75], [4, 8], [8]])
        #expect(writes.map(\.places) == [[0, 1, 2, 3], [0, 1], [0]])
    }

    @Test func aGatherOutsideItsAxisIsNaN() throws {
        let program = FusedProgram(
            inputs: [.int64, .float32],
            steps: [
                Step(.load(input: 0), dtype: .int64),
                Step(.gather(input: 1), [.value(0)], dtype: .float32),
            ], outputs: [.init(value: 1)])
        let kernel = FusedKernel(
            program: program, extents: [4], outerRank: 1,
            inputs: [.init(strides: [1]), .init(strides: [0], gatherStride: 2, gatherCount: 2)],
            outputs: [.init(strides: [1])])
        let writes = try ReferenceInterpreter.run(
            KernelSpec(kernel), operands: [Self.integers([1, -1, 0, 2]), Self.floats([5, 6, 7, 8]), Self.output],
            scalars: [])
        let values = writes[0].values.floats
        #expect(values[0] == 7 && values[1].isNaN && values[2] == 5 && values[3].isNaN)
    }

    @Test func aConvolutionAndItsGradientsAreRight() throws {
        let window = Window(kernel: [1, 2], stride: [1, 2], padding: [0, 1])
        func run(_ kind: ConvolutionKernel.Kind, _ a: [Double], _ b: [Double]) throws -> [Double] {
            var kernel = ConvolutionKernel(
                kind: kind, dtype: .float32, batch: 1, inputChannels: 1, outputChannels: 1, inputSize: [1, 4],
                outputSize: window.outputSize(for: [1, 4]), window: window, groups: 1, epilogue: Self.store([]))
            kernel.epilogue = Self.store(kernel.resultShape)
            return try ReferenceInterpreter.run(
                KernelSpec(kernel), operands: [Self.floats(a), Self.floats(b), Self.output], scalars: [])[0].values
                .floats
        }
        // Windows over [0 1] [2 3] [4 0].
        #expect(try run(.forward, [1, 2, 3, 4], [10, 1]) == [1, 23, 40])
        #expect(try run(.inputGradient, [1, 2, 3], [10, 1]) == [1, 20, 2, 30])
        #expect(try run(.weightGradient, [1, 2, 3, 4], [1, 2, 3]) == [16, 7])
    }

    @Test func poolingTakesTheFirstLargestAndCountsAsAsked() throws {
        let window = Window(kernel: [1, 2], stride: [1, 2], padding: [0, 1])
        func run(_ kind: PoolingKernel.Kind, _ sources: [[Double]], counts: Bool = false) throws -> HostArray {
            var kernel = PoolingKernel(
                kind: kind, dtype: .float32, planes: 1, inputSize: [1, 4], outputSize: [1, 3], window: window,
                countsPadding: counts, epilogue: Self.store([]))
            let size = kernel.resultSize
            kernel.epilogue = Self.store([1, size[0], size[1]], dtype: kind == .maximumIndices ? .int64 : .float32)
            return try ReferenceInterpreter.run(
                KernelSpec(kernel), operands: sources.map { Self.floats($0) } + [Self.output], scalars: [])[0].values
        }
        let x: [Double] = [-1, 5, 5, -.infinity]
        #expect(try run(.maximum, [x]).floats == [-1, 5, -.infinity])
        #expect(try run(.maximumIndices, [x]).integers == [0, 1, 3])
        #expect(try run(.maximumGradient, [x, [1, 2, 3]]).floats == [1, 2, 0, 3])
        #expect(try run(.maximumGather, [x, [7, 8, 9, 6]]).floats == [7, 8, 6])
        #expect(try run(.average, [[1, 2, 4, 8]]).floats == [1, 3, 8])
        #expect(try run(.average, [[1, 2, 4, 8]], counts: true).floats == [0.5, 3, 4])
        #expect(try run(.averageGradient, [[1, 2, 3]]).floats == [1, 1, 1, 3])
        #expect(try run(.maximumIndices, [[1, .nan, 9, 2]]).integers == [0, 1, 3])
    }

    @Test func scatterAddSumsDuplicatesAndDropsWhatIsOutside() throws {
        let kernel = ScatterAddKernel(
            dtype: .float32, sourceShape: [3, 2], sourceStrides: [2, 1], indexStrides: [1, 0], axis: 0, count: 2)
        let writes = try ReferenceInterpreter.run(
            KernelSpec(kernel),
            operands: [Self.floats([1, 2, 3, 4, 5, 6]), Self.integers([1, 1, 2]), Self.output], scalars: [])
        #expect(writes[0].values.floats == [0, 0, 4, 6])
    }

    @Test func valuesAreRoundedToNearestEvenWhenTheyAreStored() {
        func stored(_ value: Double, _ dtype: DType) -> Double {
            var bytes = [UInt8](repeating: 0, count: dtype.byteCount)
            bytes.withUnsafeMutableBytes { HostArray(floats: [value], dtype: dtype).store(0, to: $0, place: 0) }
            return bytes.withUnsafeBytes { HostArray(bytes: $0, dtype: dtype).floats[0] }
        }
        #expect(stored(1 + 0x1p-8, .bfloat16) == 1)
        #expect(stored(1 + 3 * 0x1p-8, .bfloat16) == 1 + 0x1p-6)
        #expect(stored(65519, .float16) == 65504)
        #expect(stored(65520, .float16) == .infinity)
        #expect(stored(.nan, .bfloat16).isNaN)
        #expect(stored(-.infinity, .bfloat16) == -.infinity)
        #expect(stored(0x1p-24, .float16) == 0x1p-24)
    }
}
