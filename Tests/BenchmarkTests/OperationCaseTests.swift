import Needletail
import NeedletailBench
import TensorRuntime
import Testing

/// The published operations, and whether what checks their results finds wrong ones.
@Suite struct OperationCaseTests {
    /// Runs a case on the CPU with random numbers of its own, and gives what its check says of its results and of what `change` makes of them.
    private func problems(
        _ test: OperationCase, _ change: ([Tensor]) -> [Tensor]
    ) throws -> (right: String?, wrong: String?) {
        try withGenerator(Generator(seed: 0)) {
            try withDevice(.cpu) {
                let prepared = try test.prepare(.float32)
                let results = prepared.run()
                try evaluate(results)
                return (try prepared.check(results).problem, try prepared.check(change(results)).problem)
            }
        }
    }

    private func bytes(_ test: OperationCase) throws -> Double {
        try withGenerator(Generator(seed: 0)) { try withDevice(.cpu) { try test.prepare(.float32).bytes } }
    }

    private static func named(_ name: String, _ cases: [OperationCase]) throws -> OperationCase {
        try #require(cases.first { $0.name == name })
    }

    private static func batchNorm() -> OperationCase {
        let input = { Tensor.normal([4, 3, 5, 5]) }
        return .layer("batch_norm", input) {
            let batches = BatchNorm2d(3)
            return (batches, { batches($0) })
        }
    }

    /// With a gradient of ones by the output, that by the input is 0 but for rounding, and twice it would be as right.
    @Test(arguments: [true, false])
    func aWrongGradientBehindANormalisationIsFound(_ isEncoder: Bool) throws {
        let test =
            isEncoder ? OperationCase.encoder(batch: 2, length: 5, width: 8, heads: 2) : OperationCaseTests.batchNorm()
        let (right, wrong) = try problems(test) { $0.dropLast() + [$0.last! * 2] }
        #expect(right == nil && wrong != nil, "\(right ?? "") \(wrong ?? "")")
    }

    /// No gradient of an embedding needs its output, which is computed all the same.
    @Test func theOutputOfALayerIsComputedAndChecked() throws {
        let tokens = { Tensor([3, 1, 4, 1, 5, 9] as [Int64], shape: [2, 3]) }
        let test = OperationCase.layer("embedding", tokens) {
            let embedding = Embedding(10, 4)
            return (embedding, { embedding($0) })
        }
        var shapes: [Shape] = []
        let (right, wrong) = try problems(test) { results in
            shapes = results.map(\.shape)
            return [results[0] * 1.01] + results.dropFirst()
        }
        #expect(shapes == [[2, 3, 4], [10, 4]])
        #expect(right == nil && wrong != nil, "\(right ?? "") \(wrong ?? "")")
    }

    @Test func resultsOfAnotherSizeAreWrong() throws {
        let shorter = try problems(OperationCaseTests.batchNorm()) { [$0[0][0]] + $0.dropFirst() }
        #expect(shorter.wrong == "75 numbers came, not 300")
        let fewer = try problems(OperationCaseTests.batchNorm()) { $0.dropLast() }
        #expect(fewer.wrong == "5 results, not 6")
        let sum = try OperationCaseTests.named("sum 10000", OperationCase.reductions)
        #expect(
            try problems(sum) { [Tensor.concatenate([$0[0].reshape([1]), $0[0].reshape([1])], axis: 0)] }.wrong
                == "2 numbers came, not 1")
    }

    /// Every place of a short last axis, every second one too, and the last number.
    @Test(arguments: [1, 2, 96, 97, 193, 194, 64 * 10, 2048 * 32, 4096 * 1024, 64 * 32 * 26 * 26, 97 * 97])
    func placesAreSpreadOverEveryAxis(_ count: Int) {
        let places = OperationCase.places(count)
        #expect(places.first == 0 && places.last == count - 1 && Set(places).count == places.count)
        #expect(places.count <= 193 && places.count >= min(count, 60), "\(places.count)")
        for extent in 2...16 where count % extent == 0 {
            #expect(Set(places.map { $0 % extent }).count == extent, "\(count), \(extent)")
        }
        #expect(OperationCase.places(0).isEmpty)
    }

    /// By hand: 64 rows of 784 bytes and their 64 numbers in, as many floats out.
    @Test func bytesOfAGatherAreThoseOfItsRows() throws {
        let (read, written) = (64 * 784 + 64 * 8, 64 * 784 * 4)
        let moved = try bytes(OperationCase.gather(64, of: 600))
        #expect(moved == Double(read + written))
    }

    @Test func bytesOfEmbeddingsAreThoseOfTheirTokens() throws {
        let (words, tokens, places) = (10_000 * 128 * 4, 8192 * 128 * 4, 8192 * 8)
        let indices = OperationCase.indices
        let forward = try bytes(OperationCaseTests.named("embedding 10000x128 of 8192", indices))
        #expect(forward == Double(2 * tokens + places))
        let backward = try bytes(OperationCaseTests.named("embedding backward 10000x128 of 8192", indices))
        #expect(backward == Double(tokens + words + places))
    }

    /// Each of the three has one image, one of the same size and the weights to move.
    @Test(arguments: ["", "input gradient ", "weight gradient "])
    func bytesOfConvolutionsAreThoseTheyRead(_ kind: String) throws {
        let (image, weight) = (64 * 64 * 8 * 8 * 4, 64 * 64 * 9 * 4)
        let test = try OperationCaseTests.named("conv2d \(kind)64x64x8x8 k3 o64 p1", OperationCase.convolutions)
        let moved = try bytes(test)
        #expect(moved == Double(2 * image + weight))
    }

    @Test func indicesOfSortsAreChecked() throws {
        for test in [OperationCase.sort("sort", [3, 50]), OperationCase.topk(500, 10)] {
            let (right, wrong) = try problems(test) { [$0[0], $0[1] * 0] }
            #expect(right == nil && wrong?.contains("is 0, ") == true, "\(right ?? "") \(wrong ?? "")")
            #expect(try problems(test) { [$0[0]] }.wrong == "1 results, not values and indices")
        }
    }

    /// By hand: the query of row i sees i + 1 keys.
    @Test func causalAttentionDoesHalfTheProducts() {
        let operations = OperationCase.attentions.map { $0.operations ?? 0 }
        let expected: [Double] = [134_217_728, 67_633_152]
        #expect(operations == expected)
    }

    @Test func numbersThatAreSummedHaveOneSign() throws {
        let test = try OperationCaseTests.named("sum 10000", OperationCase.reductions)
        let numbers = try withDevice(.cpu) { try test.prepare(.float16).operands[0].scalars(as: Float.self) }
        #expect(numbers.min()! >= 0.000_99 && numbers.max()! < 0.01)
    }
}

/// What of the list a command line asks for.
@Suite struct OperationSelectionTests {
    private let all = OperationCase.all

    private func refusal(_ selection: OperationSelection) -> String {
        do {
            return "\(try selection.cases(of: all).count) cases"
        } catch { return "\(error)" }
    }

    @Test func whatIsAskedForIsTaken() throws {
        #expect(try OperationSelection().cases(of: all).count == all.count)
        #expect(try OperationSelection(filter: "gelu 10000").cases(of: all).map(\.name) == ["gelu 10000"])
        #expect(try OperationSelection(family: .scan).cases(of: all).allSatisfy { $0.family == .scan })
        #expect(try OperationSelection(isQuick: true).cases(of: all).allSatisfy { !$0.isLarge })
    }

    @Test func whatLeftNothingIsNamed() {
        #expect(refusal(OperationSelection(filter: "gemm")).contains("--filter \"gemm\": no case"))
        #expect(
            refusal(OperationSelection(filter: "gelu", family: .scan)).contains(
                "--filter \"gelu\" --family scan: no case"))
        let large = refusal(OperationSelection(filter: "gelu 16777216", isQuick: true))
        #expect(large.contains("--quick") && large.contains("leave --quick out") && !large.contains("no case"))
    }

    @Test func dataTypesThatAreLeftOutAreSaid() {
        let cases = all.filter { $0.name == "argmax axis1 4096x1024" || $0.name == "gelu 10000" }
        let (work, leftOut) = OperationSelection.work(
            cases, [.float32, .float16, .bfloat16], on: "vulkan:0", having: [.float32, .bfloat16])
        #expect(
            work.map { "\($0.test.name) \($0.dtype)" }.sorted()
                == ["argmax axis1 4096x1024 float32", "gelu 10000 bfloat16", "gelu 10000 float32"])
        #expect(leftOut == ["float16 is left out: vulkan:0 has no kernels for it"])
        let none = OperationSelection.work(
            cases.filter { $0.dtypes == [.float32] }, [.float16], on: "cpu", having: [.float16])
        #expect(none.work.isEmpty && none.leftOut.count == 1 && none.leftOut[0].contains("none of the cases"))
    }
}
