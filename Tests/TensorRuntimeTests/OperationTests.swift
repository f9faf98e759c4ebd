import TensorRuntime
import Testing

@Suite struct OperationTests {
    @Test func philoxGivesTheKnownAnswersOfRandom123() {
        #expect(
            Philox.block(counter: 0, key: 0) == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    }

    @Test func philoxNumbersAreTheWordsOfConsecutiveBlocks() {
        for offset in [0, 1, 2, 3, 5, 1 << 40] as [UInt64] {
            for index in 0..<9 as Range<UInt64> {
                let position = offset + index
                let block = Philox.block(counter: position / 4, key: 42)
                #expect(Philox.word(index: index, key: 42, offset: offset) == block[Int(position % 4)])
            }
        }
        #expect(
            Philox.bits(index: 0, key: 7, offset: 9)
                == Int32(bitPattern: Philox.word(index: 0, key: 7, offset: 9)))
    }

    @Test func uniformsLieInZeroToOneAndFillIt() {
        let values = (0..<10_000 as Range<UInt64>).map { Philox.uniform(index: $0, key: 3, offset: 1) }
        #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
        let mean = values.reduce(0, +) / Float(values.count)
        #expect(abs(mean - 0.5) < 0.01)
        #expect(values.min()! < 0.001 && values.max()! > 0.999)
    }

    @Test func everyPointwiseRowIsCompleteAndItsNameIsItsOwn() {
        #expect(Set(PointwiseOperation.allCases.map(\.name)).count == PointwiseOperation.allCases.count)
        for operation in PointwiseOperation.allCases {
            let row = operation.row
            #expect(operation.name == "\(operation)")
            #expect((1...3).contains(row.arity))
            #expect(row.float32ULP >= 0)
            switch row.rule {
            case .selection, .random: #expect(row.arity == 3)
            case .conversion: #expect(row.arity == 1)
            default: #expect(row.arity < 3)
            }
        }
    }

    @Test func nanPropagatesThroughWhatComparesAndSelects() {
        for operation in [PointwiseOperation.maximum, .minimum] {
            #expect(operation.evaluate(.nan, 1).isNaN)
            #expect(operation.evaluate(1, .nan).isNaN)
        }
        #expect(PointwiseOperation.relu.evaluate(.nan).isNaN)
        #expect(PointwiseOperation.sign.evaluate(.nan) == 0)
        #expect(PointwiseOperation.isNaN.evaluate(.nan) == 1)
        #expect(PointwiseOperation.equal.evaluate(.nan, .nan) == 0)
        #expect(PointwiseOperation.notEqual.evaluate(.nan, .nan) == 1)
    }

    @Test func roundingAndRemainderFollowPyTorch() {
        #expect([0.5, 1.5, 2.5, -0.5, -1.5].map { PointwiseOperation.round.evaluate($0) } == [0, 2, 2, 0, -2])
        #expect(PointwiseOperation.remainder.evaluate(-7, 3) == 2)
        #expect(PointwiseOperation.remainder.evaluate(7, -3) == -2)
        #expect(PointwiseOperation.remainder.evaluate(6, 3) == 0)
    }

    @Test func theFirstExtremeWinsAndNaNIsTheExtreme() {
        #expect(ReductionOperation.argmax.evaluate([1, 3, 3, 2]) == 1)
        #expect(ReductionOperation.argmin.evaluate([2, 1, 3, 1]) == 1)
        #expect(ReductionOperation.argmax.evaluate([1, .nan, 9, .nan]) == 1)
        #expect(ReductionOperation.argmin.evaluate([.nan, 0]) == 0)
        #expect(ReductionOperation.maximum.evaluate([1, .nan, 2]).isNaN)
        #expect(ReductionOperation.argmax.evaluate([-.infinity, -.infinity]) == 0)
    }

    @Test func onlySumsAndProductsOfNothingExist() {
        #expect(ReductionOperation.sum.identity == 0)
        #expect(ReductionOperation.product.identity == 1)
        for operation in ReductionOperation.allCases where operation.identity != nil {
            #expect(operation.evaluate([]) == operation.identity)
        }
        #expect(ReductionOperation.allCases.filter { $0.identity == nil }.count == 4)
    }

    @Test func scalarSlotsHaveTheTypeOfTheirStep() {
        let program = FusedProgram(
            inputs: [.int32],
            steps: [
                FusedProgram.Step(.load(input: 0), dtype: .int32),
                FusedProgram.Step(.pointwise(.less), [.value(0), .scalar(0)], dtype: .bool),
                FusedProgram.Step(.pointwise(.select), [.value(1), .scalar(1), .value(0)], dtype: .int32),
                FusedProgram.Step(.fill, [.scalar(2)], dtype: .float16),
            ], outputs: [FusedProgram.Output(value: 2)], scalarCount: 3)
        #expect(program.scalarTypes == [.int32, .int32, .float16])
        #expect(!program.hasReduction)
    }

    @Test func aWindowsOutputSizeIsPyTorchs() {
        #expect(Window(kernel: [3, 3]).outputSize(for: [28, 28]) == [26, 26])
        #expect(Window(kernel: [3, 3], padding: [1, 1]).outputSize(for: [28, 28]) == [28, 28])
        #expect(Window(kernel: [3, 2], stride: [2, 3], dilation: [2, 1]).outputSize(for: [11, 11]) == [4, 4])
        #expect(Window(kernel: [5, 5]).outputSize(for: [3, 3]) == [0, 0])
    }
}
