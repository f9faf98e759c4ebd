import KernelIR
import Shaders
import TensorConformance
import TensorRuntime
import Testing

/// How many programs a network needs whose batch changes: a last, smaller batch must not compile everything again.
@Suite struct ProgramCountTests {
    /// A pointwise program over one value that stores it plus one.
    private static func addOne(_ shape: Shape) -> FusedKernel {
        let access = FusedKernel.Access(strides: shape.contiguousStrides)
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                FusedProgram.Step(.load(input: 0), dtype: .float32),
                FusedProgram.Step(.pointwise(.add), [.value(0), .scalar(0)], dtype: .float32),
            ], outputs: [.init(value: 1)], scalarCount: 1)
        return FusedKernel(
            program: program, extents: shape, outerRank: shape.rank, inputs: [access], outputs: [access])
    }

    /// Sums over `axis` of `[batch, 100]`.
    private static func sum(_ batch: Int, overRows: Bool) -> FusedKernel {
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                FusedProgram.Step(.load(input: 0), dtype: .float32),
                FusedProgram.Step(.reduce(.sum), [.value(0)], dtype: .float32, level: .row),
            ], outputs: [.init(value: 1)])
        return FusedKernel(
            program: program, extents: overRows ? [batch, 100] : [100, batch], outerRank: 1,
            inputs: [.init(strides: overRows ? [100, 1] : [1, 100])], outputs: [.init(strides: [1, 0])])
    }

    /// The kernels of a batch of this size, by name.
    private static func specs(batch: Int) -> [(name: String, spec: KernelSpec)] {
        func matmul(_ m: Int, _ n: Int, _ k: Int, a: Strides, b: Strides) -> KernelSpec {
            KernelSpec(
                MatmulKernel(
                    dtype: .float32, batch: [], m: m, n: n, k: k, aStrides: a, bStrides: b, epilogue: addOne([m, n])))
        }
        func convolution(_ kind: ConvolutionKernel.Kind) -> KernelSpec {
            var kernel = ConvolutionKernel(
                kind: kind, dtype: .float32, batch: batch, inputChannels: 8, outputChannels: 16, inputSize: [14, 14],
                outputSize: [14, 14], window: Window(kernel: [3, 3], padding: [1, 1]), groups: 1,
                epilogue: addOne([1]))
            kernel.epilogue = addOne(kernel.resultShape)
            return KernelSpec(kernel)
        }
        func pooling(_ kind: PoolingKernel.Kind) -> KernelSpec {
            var kernel = PoolingKernel(
                kind: kind, dtype: .float32, planes: 8 * batch, inputSize: [14, 14], outputSize: [7, 7],
                window: Window(kernel: [2, 2], stride: [2, 2]), countsPadding: true, epilogue: addOne([1]))
            kernel.epilogue = addOne([8 * batch, kernel.resultSize[0], kernel.resultSize[1]])
            return KernelSpec(kernel)
        }
        func sort(_ shape: Shape) -> KernelSpec {
            KernelSpec(
                SortKernel(
                    dtype: .float32, shape: shape, strides: shape.contiguousStrides, kept: shape[1], descending: true,
                    results: SortKernel.Result.allCases))
        }
        func scan(_ operation: ScanKernel.Operation, axis: Int) -> KernelSpec {
            let shape: Shape = [batch, 100]
            return KernelSpec(
                ScanKernel(
                    operation: operation, dtype: .float32, shape: shape, strides: shape.contiguousStrides, axis: axis,
                    reverse: batch % 2 == 0, results: operation.yieldsIndices ? [.values, .indices] : [.values]))
        }
        return [
            ("pointwise", KernelSpec(addOne([batch, 100]))),
            ("row sums", KernelSpec(sum(batch, overRows: true))),
            ("column sums", KernelSpec(sum(batch, overRows: false))),
            ("forward product", matmul(batch, 128, 784, a: [784, 1], b: [1, 784])),
            ("input's product", matmul(batch, 784, 128, a: [128, 1], b: [784, 1])),
            ("weight's product", matmul(128, 784, batch, a: [1, 128], b: [784, 1])),
            ("convolution", convolution(.forward)),
            ("input's convolution", convolution(.inputGradient)),
            ("weight's convolution", convolution(.weightGradient)),
            ("pooling", pooling(.maximum)),
            ("pooling's gradient", pooling(.maximumGradient)),
            ("scan of rows", scan(.sum, axis: 1)),
            ("scan along the batch", scan(.maximum, axis: 0)),
            ("sort of rows", sort([batch, 100])),
            ("sort along the batch", sort([100, batch])),
            (
                "scatterAdd",
                KernelSpec(
                    ScatterAddKernel(
                        dtype: .float32, sourceShape: [batch, 32], sourceStrides: [32, 1], indexStrides: [1, 0],
                        axis: 0, count: 50))
            ),
        ]
    }

    @Test(arguments: ShaderTarget.DeviceClass.allCases)
    func batchesOfEverySizeShareTheirPrograms(_ deviceClass: ShaderTarget.DeviceClass) throws {
        let library = ShaderLibrary(target: .common(deviceClass))
        var kernels: [ShaderKey: Kernel] = [:]
        var programs: [String: Set<ShaderKey>] = [:]
        var programsOfOne: [String: Int] = [:]
        for batch in 1...100 {
            for (name, spec) in Self.specs(batch: batch) {
                let launches = try library.plan(spec).launches
                programsOfOne[name] = max(programsOfOne[name] ?? 0, Set(launches.map(\.key)).count)
                for launch in launches {
                    programs[name, default: []].insert(launch.key)
                    let kernel = launch.build()
                    #expect(kernels[launch.key] ?? kernel == kernel, "two kernels of one key: \(launch.key)")
                    kernels[launch.key] = kernel
                }
            }
        }
        for (name, _) in Self.specs(batch: 1) {
            let (count, limit) = (programs[name]!.count, 3 * programsOfOne[name]!)
            #expect(count <= limit, "\(deviceClass) \(name): \(count) programs, more than \(limit)")
        }
    }
}
