import CPUBackend
import Needletail
import TensorRuntime
import Testing

/// Every mode, instruction set and matmul trains the same model, and repeats itself bit for bit.
@Suite struct ModeTests {
    struct Mode: Sendable, CustomTestStringConvertible {
        let name: String
        let configuration: RuntimeConfiguration

        init(_ name: String, _ change: (inout RuntimeConfiguration) -> Void = { _ in }) {
            self.name = name
            var configuration = RuntimeConfiguration()
            change(&configuration)
            self.configuration = configuration
        }

        var testDescription: String { name }
    }

    static let modes: [Mode] = [
        Mode("eager") { $0.eager = true },
        Mode("fusion off") { $0.fusion = false },
        Mode("eager, fusion off") {
            $0.eager = true
            $0.fusion = false
        },
        Mode("check NaN") { $0.checksNaN = true },
        Mode("baseline") { $0.instructionSet = .baseline },
        Mode("no BLAS") { $0.blas = "none" },
        Mode("baseline, no BLAS, eager") {
            $0.instructionSet = .baseline
            $0.blas = "none"
            $0.eager = true
        },
    ]

    /// Five steps: the losses, then all weights.
    private func train(_ configuration: RuntimeConfiguration) throws -> [Float] {
        try ObservedContext.run(configuration) { _ in
            let training = SmallTraining(optimizer: { SGD($0, learningRate: 0.1, momentum: 0.9) })
            var losses: [Float] = []
            try training.run(5, after: { _, step in losses.append(try step.loss.item(as: Float.self)) })
            return try losses + training.weights()
        }
    }

    private func expectTheSameModel(_ mode: Mode) throws {
        let expected = try train(RuntimeConfiguration())
        let found = try train(mode.configuration)
        #expect(try train(mode.configuration) == found)
        for step in 0..<5 {
            #expect(abs(found[step] - expected[step]) <= 2e-5 * abs(expected[step]), "loss of step \(step)")
        }
        #expect(normalizedSquareError(found, expected) < 1e-9)
    }

    @Test(arguments: modes) func aModeTrainsTheSameModelAndRepeatsItself(_ mode: Mode) throws {
        try expectTheSameModel(mode)
    }

    @Test(.enabled(if: CPUDevice.supports(.avx2), "this processor has no AVX2"))
    func avx2TrainsTheSameModelAndRepeatsItself() throws {
        try expectTheSameModel(Mode("avx2") { $0.instructionSet = .avx2 })
    }

    @Test(.enabled(if: CPUDevice.supports(.avx512), "this processor has no AVX-512"))
    func avx512TrainsTheSameModelAndRepeatsItself() throws {
        try expectTheSameModel(Mode("avx512") { $0.instructionSet = .avx512 })
    }

    @Test func theNumberOfThreadsChangesNoBit() throws {
        let results = try [1, 2, 3].map { (threads: Int) in
            try train(Mode("\(threads) threads") { $0.threads = threads }.configuration)
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
    }

    @Test(arguments: [DType.float16, .bfloat16, .float32, .float64])
    func checkingForNaNNamesTheOperationThatMadeIt(_ dtype: DType) throws {
        try ObservedContext.run(Mode("check NaN") { $0.checksNaN = true }.configuration) { _ in
            let x = Tensor([1, -1, 4] as [Float]).to(dtype)
            let bad = x.log() * 2 + 1
            do throws(TensorError) {
                _ = try bad.scalars(as: Float.self)
                Issue.record("no error was thrown")
            } catch {
                #expect(error.message.contains("log"), "\(error)")
            }
        }
    }
}
