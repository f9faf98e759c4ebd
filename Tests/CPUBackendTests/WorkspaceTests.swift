import CPUBackend
import TensorConformance
import TensorRuntime
import Testing

/// What CPU kernels need beside their operands: large parts are workspace, which the core counts and takes back, small ones
/// stay in the device's scratch.
@Suite struct WorkspaceTests {
    private static let suite = ConformanceSuite()

    private static func device(threads: Int = 2) throws -> any Device {
        var configuration = RuntimeConfiguration()
        configuration.threads = threads
        return try CPUBackend().open(index: 0, configuration: configuration)
    }

    private static func product(_ side: Int, k: Int, epilogue: FusedKernel) -> KernelSpec {
        KernelSpec(
            MatmulKernel(
                dtype: .float32, batch: [], m: side, n: side, k: k, aStrides: [k, 1], bStrides: [side, 1],
                epilogue: epilogue))
    }

    /// A program over the product: `steps` beside its load, an input of the product's layout if it adds one.
    private static func epilogue(
        _ side: Int, adding strides: Strides? = nil, storing dtype: DType = .float32
    ) -> FusedKernel {
        let access = FusedKernel.Access(strides: [side, 1])
        var program = FusedProgram.copy(from: .float32, to: dtype)
        var inputs = [access]
        if let strides {
            inputs.append(FusedKernel.Access(strides: strides))
            program = FusedProgram(
                inputs: [.float32, .float32],
                steps: [
                    .init(.load(input: 0), dtype: .float32), .init(.load(input: 1), dtype: .float32),
                    .init(.pointwise(.add), [.value(0), .value(1)], dtype: .float32),
                ], outputs: [.init(value: 2)])
        }
        return FusedKernel(
            program: program, extents: [side, side], outerRank: 2, inputs: inputs, outputs: [access])
    }

    /// Where the result has no output to lie in, the workers make it in parts: in the scratch while that is little.
    @Test func aProductWithoutAnOutputOfItsOwnTypeIsMadeInParts() throws {
        let device = try Self.device()
        func bytes(_ side: Int, _ epilogue: FusedKernel) throws -> Int {
            try device.makeKernel(Self.product(side, k: 8, epilogue: epilogue)).workspaceByteCount
        }
        #expect(try bytes(256, Self.epilogue(256, storing: .bfloat16)) == 0)
        #expect(try bytes(256, Self.epilogue(256, adding: [256, 1])) == 0)
        let large = 4096
        #expect(try bytes(large, Self.epilogue(large)) == 0)
        // An addend of the output's layout may be given in the output's memory; a row that is broadcast may not.
        #expect(try bytes(large, Self.epilogue(large, adding: [0, 1])) == 0)
        for epilogue in [Self.epilogue(large, adding: [large, 1]), Self.epilogue(large, storing: .bfloat16)] {
            let found = try bytes(large, epilogue)
            #expect(found > 0 && found <= large * large * 4, "\(found) bytes")
        }
    }

    @Test func resultsInPartsAndLopsidedProductsAreRight() throws {
        for row in ConformanceCatalogue.resultsInParts() + ConformanceCatalogue.lopsidedProducts() {
            for threads in [1, 3] {
                let device = try Self.device(threads: threads)
                let result = Self.suite.run(row, on: device)
                #expect(result.passed, "\(threads) threads: \(result)")
            }
        }
    }

    @Test func convolutionsWithLargeAreasAskForThemAndAreRight() throws {
        let device = try Self.device()
        var asking = 0
        for row in ConformanceCatalogue.roomyConvolutions() {
            let bytes = try device.makeKernel(row.spec).workspaceByteCount
            if bytes > 2 << 20 { asking += 1 }
            let result = Self.suite.run(row, on: device)
            #expect(result.passed, "\(bytes) bytes: \(result)")
        }
        #expect(asking >= 6)
    }

    /// Each worker has an area of its own, so that more threads ask for more.
    @Test func theWorkspaceGrowsWithTheThreads() throws {
        let row = ConformanceCatalogue.roomyConvolutions().first {
            $0.name.hasSuffix("weightGradient/float32/a line of 600,000")
        }
        let spec = try #require(row).spec
        let bytes = try [1, 3].map { try Self.device(threads: $0).makeKernel(spec).workspaceByteCount }
        #expect(bytes[0] > 600_000 * 4 && bytes[1] == 3 * bytes[0])
    }

    @Test func aNarrowProductOfManyStepsPacksIntoItsWorkspace() throws {
        let device = try Self.device()
        let row = ConformanceCatalogue.narrowProduct
        #expect(try device.makeKernel(row.spec).workspaceByteCount > 2 << 20)
        let result = Self.suite.run(row, on: device)
        #expect(result.passed, "\(result)")
    }
}
