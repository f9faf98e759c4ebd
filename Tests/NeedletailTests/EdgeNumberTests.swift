import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// Numbers and dtypes at the edges, with PyTorch's results.
@Suite struct EdgeNumberTests {
    @Test func paddingOfNothingHasThePaddedShape() throws {
        #expect(Tensor.zeros([0, 3, 1]).pad([(before: 0, after: 1)]).shape == [0, 3, 2])
        let padded = Tensor.zeros([0, 2]).pad([(before: 1, after: 0), (before: 0, after: 1)], value: 7)
        #expect(padded.shape == [1, 3])
        #expect(try padded.scalars(as: Float.self) == [7, 7, 7])
        #expect(Tensor.concatenate([Tensor.zeros([2, 0]), Tensor.zeros([3, 0])]).shape == [5, 0])
    }

    @Test func gradientsFlowThroughNothing() throws {
        let x = Tensor.zeros([3, 0]).requiringGrad()
        let sum = gradients(of: (x[0] + x[1]).sum(), withRespectTo: [x])[0]
        #expect(try #require(sum).shape == [3, 0])
        let y = Tensor.zeros([0, 2]).requiringGrad()
        let padded = gradients(of: y.pad([(1, 1), (0, 0)]).sum(), withRespectTo: [y])[0]
        #expect(try #require(padded).shape == [0, 2])
        let z = Tensor.ones([2]).requiringGrad()
        let joined = Tensor.concatenate([z, Tensor.zeros([0])])
        #expect(try #require(gradients(of: joined.sum(), withRespectTo: [z])[0]).scalars(as: Float.self) == [1, 1])
    }

    @Test func linspaceHasItsDType() throws {
        let numbers = Tensor.linspace(0, 7, count: 5, dtype: .int64)
        #expect(numbers.dtype == .int64)
        #expect(try numbers.scalars(as: Int.self) == [0, 1, 3, 5, 7])
        #expect(try Tensor.linspace(-3, 3, count: 3, dtype: .int32).scalars(as: Int32.self) == [-3, 0, 3])
        #expect(Tensor.linspace(0, 1, count: 4, dtype: .float16).dtype == .float16)
        #expect(try Tensor.linspace(2, 9, count: 1).scalars(as: Float.self) == [2])
    }

    @Test func linspaceHitsItsEnds() throws {
        for count in 2..<400 {
            for (low, high) in [(0.0, 1.0), (-0.3, 0.7), (1, 1000.1)] {
                let numbers = try Tensor.linspace(low, high, count: count).scalars(as: Float.self)
                #expect(numbers.first == Float(low) && numbers.last == Float(high), "\(count) from \(low) to \(high)")
                #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "\(count) from \(low) to \(high)")
            }
        }
    }

    @Test func maskingKeepsTheDType() throws {
        let mask = Tensor([true, false])
        let flags = Tensor([false, false]).masked(where: mask, with: 1)
        #expect(flags.dtype == .bool)
        #expect(try flags.scalars(as: Bool.self) == [true, false])
        #expect(try Tensor([true, true]).masked(where: mask, with: 0.0).scalars(as: Bool.self) == [false, true])
        let whole = Tensor([5, 6]).masked(where: mask, with: 2.0)
        #expect(whole.dtype == .int64)
        #expect(try whole.scalars(as: Int.self) == [2, 6])
        #expect(throws: TensorError.self) { try checked { Tensor([5, 6]).masked(where: mask, with: 0.5) } }
        #expect(throws: TensorError.self) { try checked { Tensor([5, 6]).masked(where: mask, with: Double.infinity) } }
    }

    @Test func integerPowersByTensorsAreIntegers() throws {
        let base = Tensor([2, 3, -2, 0, 1, -1, 7])
        let powers = base.pow(Tensor([10, 4, 3, 0, -5, -3, -1]))
        #expect(powers.dtype == .int64)
        #expect(try powers.scalars(as: Int.self) == [1024, 81, -8, 1, 1, -1, 0])
        // Around the ends, as multiplication wraps.
        #expect(try Tensor([3]).pow(Tensor([41])).item(as: Int.self) == -420_491_770_248_316_829)
        #expect(try Tensor([2]).pow(Tensor([64])).item(as: Int.self) == 0)
        #expect(try Tensor([200, 3] as [UInt8]).pow(Tensor([2, 5] as [UInt8])).scalars(as: UInt8.self) == [64, 243])
        #expect(
            try Tensor([[2], [3]] as [[Int32]]).pow(Tensor([1, 2] as [Int32])).scalars(as: Int32.self) == [2, 4, 3, 9])
        // Exponents of the device.
        #expect(try Tensor([2, 5]).pow(Tensor([3, 1]) + 1).scalars(as: Int.self) == [16, 25])
        #expect(Tensor([2]).pow(Tensor([0.5] as [Float])).dtype == .float32)
    }

    @Test func uniformDoublesHave53Bits() throws {
        let numbers = try Tensor.uniform([4000], dtype: .float64, generator: Generator(seed: 7)).scalars(
            as: Double.self)
        #expect(numbers.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(numbers.allSatisfy { ($0 * 0x1p53) == ($0 * 0x1p53).rounded() })
        #expect(numbers.filter { ($0 * 0x1p52) != ($0 * 0x1p52).rounded() }.count > 1800)
        #expect(abs(numbers.reduce(0, +) / 4000 - 0.5) < 0.02)
        // The upper bits are Philox's word, the lower those of the next numbers.
        let word = { UInt64(Philox.word(index: $0, key: 7, offset: 0)) }
        #expect(numbers[1] == Double((word(1) << 21) + (word(4001) >> 11)) * 0x1p-53)
    }

    @Test func normalDoublesAreNoFloats() throws {
        let numbers = try Tensor.normal([1000], mean: 1e9, dtype: .float64, generator: Generator(seed: 7))
            .scalars(as: Double.self)
        #expect(Set(numbers).count == 1000)
        let mean = numbers.reduce(0, +) / 1000
        #expect(abs(mean - 1e9) < 0.2)
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 999
        #expect(abs(variance - 1) < 0.2)
    }

    @Test(arguments: [DType.float16, .bfloat16, .float32, .float64]) func uniformNeverReachesItsBound(
        _ dtype: DType
    ) throws {
        for (low, high) in [(0.0, 1.0), (1, 2), (-1, 3), (0, 0.1), (-2, -1)] {
            let sample = Tensor.uniform([200_000], low: low, high: high, dtype: dtype, generator: Generator(seed: 3))
            let numbers = try sample.scalars(as: Double.self)
            let (least, largest) = (try #require(numbers.min()), try #require(numbers.max()))
            #expect(largest < high, "\(largest) from \(low) to \(high)")
            #expect(largest > high - 0.02 * (high - low))
            #expect(least >= low && least < low + 0.02 * (high - low))
        }
        #expect(try Tensor.uniform([3], low: 2, high: 2, dtype: dtype).scalars(as: Double.self) == [2, 2, 2])
    }

    @Test func uniformIsBelowItsBoundWhereTheSumRoundsUp() throws {
        // The largest number below 1: plus 1 it is 2 in float32.
        var counter: UInt64 = 0
        func holdsLargest(_ words: SIMD4<UInt32>) -> Bool { (0..<4).contains { words[$0] >> 8 == 0xFF_FFFF } }
        while !holdsLargest(Philox.block(counter: counter, key: 5)) { counter += 1 }
        let generator = Generator()
        generator.state = Generator.State(key: 5, offset: counter * 4)
        let numbers = try Tensor.uniform([4], low: 1, high: 2, generator: generator).scalars(as: Float.self)
        #expect(numbers.max() == Float(2).nextDown)
    }

    @Test func aSecondDerivativeOfAProductWithZerosIsThere() throws {
        func hessian(_ values: [Double]) throws -> [[Double]] {
            let x = Tensor(values).requiringGrad()
            let first = try #require(gradients(of: x.prod(), withRespectTo: [x], createGraph: true)[0])
            return try values.indices.map { row in
                try #require(gradients(of: first[row], withRespectTo: [x], retainGraph: true)[0])
                    .scalars(as: Double.self)
            }
        }
        #expect(try hessian([0, 2, 3]) == [[0, 3, 2], [3, 0, 0], [2, 0, 0]])
        #expect(try hessian([0, 0, 3]) == [[0, 3, 0], [3, 0, 0], [0, 0, 0]])
        #expect(try hessian([2, 3, 4, 5, 6])[0] == [0, 120, 90, 72, 60])
        // Along one axis of two, and a third derivative.
        let x = Tensor([[1, 2, 3], [0, 4, 5]] as [[Double]]).requiringGrad()
        let rows = x.prod(axes: 1)
        let first = try #require(gradients(of: rows.sum(), withRespectTo: [x], createGraph: true)[0])
        #expect(try first.scalars(as: Double.self) == [6, 3, 2, 20, 0, 0])
        let second = try #require(gradients(of: first[1, 0], withRespectTo: [x], createGraph: true)[0])
        #expect(try second.scalars(as: Double.self) == [0, 0, 0, 0, 5, 4])
        let third = try #require(gradients(of: second[1, 1], withRespectTo: [x])[0])
        #expect(try third.scalars(as: Double.self) == [0, 0, 0, 0, 0, 1])
        let columns = x.prod(axes: 0)
        let byColumns = try #require(gradients(of: columns.sum(), withRespectTo: [x], createGraph: true)[0])
        #expect(try byColumns.scalars(as: Double.self) == [0, 4, 5, 1, 2, 3])
    }

    @Test(arguments: [DType.uint8, .int32, .int64, .bool]) func fullIsACast(_ dtype: DType) throws {
        for value in [3e9, -3e9, 1e30, -1e30, .infinity, -.infinity, .nan, 0.5, -0.5, 2.9, -2.9, 300] as [Double] {
            let cast = try Tensor([value]).to(dtype).item(as: Int64.self)
            #expect(try Tensor.full([1], value, dtype: dtype).item(as: Int64.self) == cast, "\(value)")
            #expect(try Tensor.full([1000], value, dtype: dtype)[7].item(as: Int64.self) == cast, "\(value)")
            #expect(try Tensor.fullLike(Tensor.ones([2], dtype: dtype), value)[1].item(as: Int64.self) == cast)
            #expect(try Tensor(value, dtype: dtype).item(as: Int64.self) == cast)
        }
        #expect(try Tensor.full([1], 3e9, dtype: .int32).item(as: Int64.self) == Int64(Int32.max))
    }

    @Test func crossEntropyOfLargeLogitsKeepsItsLogarithm() throws {
        for size in [1e4, 1e8] as [Float] {
            let loss = try crossEntropy(Tensor([[size, size]]), Tensor([0])).item()
            #expect(abs(loss - 0.693147) < 1e-6, "\(loss) at \(size)")
            let smoothed = try crossEntropy(Tensor([[size, size]]), Tensor([0]), labelSmoothing: 0.2).item()
            #expect(abs(smoothed - 0.693147) < 1e-6)
            let weighted = try crossEntropy(
                Tensor([[size, size]]), Tensor([0]), weight: Tensor([2, 3] as [Float]), labelSmoothing: 0.2,
                ignoredIndex: nil
            ).item()
            #expect(abs(weighted - 0.693147 * (0.8 + 0.1 * 5 / 2)) < 1e-5)
            let mixed = try crossEntropy(Tensor([[size, size]]), Tensor([[0.25, 0.75]] as [[Float]])).item()
            #expect(abs(mixed - 0.693147) < 1e-6)
        }
    }

    @Test func crossEntropyHasAGradientByItsTarget() throws {
        let logits = Tensor([[1, 2, 4], [0, -1, 1]] as [[Double]]).requiringGrad()
        let target = Tensor([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]] as [[Double]]).requiringGrad()
        let weight = Tensor([1, 2, 3] as [Double])
        let loss = crossEntropy(logits, target, weight: weight, labelSmoothing: 0.1)
        let found = gradients(of: loss, withRespectTo: [target, logits])
        let log = try logits.detach().logSoftmax(axis: 1).scalars(as: Double.self)
        let expected = zip(log, [1, 2, 3, 1, 2, 3]).map { -$0 * $1 * 0.9 / 2 }
        let values = try #require(found[0]).scalars(as: Double.self)
        #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-12 }, "\(values)")
        // The mixed second derivative agrees with finite differences of the gradient by the logits.
        let again = crossEntropy(logits, target, weight: weight, labelSmoothing: 0.1)
        let byLogits = try #require(gradients(of: again, withRespectTo: [logits], createGraph: true)[0])
        let mixed = try #require(gradients(of: byLogits[0, 1], withRespectTo: [target])[0]).scalars(as: Double.self)
        let step = 1e-5
        for place in 0..<6 {
            func slope(_ offset: Double) throws -> Double {
                var moved = try target.scalars(as: Double.self)
                moved[place] += offset
                let loss = crossEntropy(
                    logits, Tensor(moved, shape: [2, 3]), weight: weight, labelSmoothing: 0.1)
                return try #require(gradients(of: loss, withRespectTo: [logits])[0])[0, 1].item()
            }
            let difference = (try slope(step) - slope(-step)) / (2 * step)
            #expect(abs(mixed[place] - difference) < 1e-8, "\(place): \(mixed[place]), \(difference)")
        }
    }

    @Test func accuracyTakesColumnsOfClassesAndOneLogit() throws {
        func accuracy(_ logits: Tensor, _ classes: Tensor) throws -> Double? {
            let metric = Accuracy()
            metric.update(logits, classes)
            return try metric.value()
        }
        let logits = Tensor([[2, 1], [1, 2], [3, 0], [0, 1]] as [[Float]])
        #expect(try accuracy(logits, Tensor([0, 1, 0, 0])) == 0.75)
        #expect(try accuracy(logits, Tensor([[0], [1], [0], [0]] as [[Int]])) == 0.75)
        let column = Tensor([[2], [-1], [0.5], [-3]] as [[Float]])
        #expect(try accuracy(column, Tensor([1, 0, 1, 0])) == 1)
        #expect(try accuracy(column, Tensor([[1], [0], [0], [0]] as [[Int]])) == 0.75)
        #expect(try accuracy(column.squeeze(1), Tensor([1, 0, 1, 1])) == 0.75)
        #expect(try accuracy(Tensor([1, 5, 2] as [Float]), Tensor(1)) == 1)
    }
}
