import Foundation
import TensorRuntime
import Testing

/// What backends on the host need of numbers: elements in memory, casts, and arithmetic of integers.
@Suite struct ScalarElementTests {
    @Test(arguments: DType.allCases)
    func whatIsStoredIsTheConvertedNumber(_ dtype: DType) {
        let numbers: [Scalar] = [
            .int(0), .int(1), .int(-1), .int(300), .int(.max), .int(.min), .float(-0.0), .float(0.5), .float(-2.75),
            .float(1e-7), .float(65519), .float(1.00390625), .float(1e300), .float(.infinity), .float(.nan),
        ]
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { memory in
            // One place is not aligned.
            for (offset, number) in numbers.flatMap({ [(0, $0), (1, $0)] }) {
                let place = memory.baseAddress! + offset
                dtype.store(number, to: place)
                let (found, expected) = (dtype.load(from: place), number.converted(to: dtype))
                #expect(found.bits(as: .float64) == expected.bits(as: .float64), "\(number) as \(dtype)")
                #expect(found.kind == (dtype.isFloat ? .float : .integer))
                #expect(expected.converted(to: dtype).bits(as: .float64) == expected.bits(as: .float64))
            }
        }
    }

    @Test func castsAreThoseOfTheContract() {
        #expect(Scalar.float(-2.75).converted(to: .int32) == .int(-2))
        #expect(Scalar.float(1e300).integerValue == .max && Scalar.float(.nan).integerValue == 0)
        #expect(Scalar.int(300).converted(to: .uint8) == .int(44))
        #expect(Scalar.float(-1).converted(to: .uint8) == .int(255))
        #expect(Scalar.float(.nan).converted(to: .bool) == .int(1) && Scalar.int(0).converted(to: .bool) == .int(0))
        // Halves go to the even number.
        #expect(Scalar.int(257).converted(to: .bfloat16) == .float(256))
        #expect(Scalar.int(259).converted(to: .bfloat16) == .float(260))
        #expect(Scalar.int(2049).converted(to: .float16) == .float(2048))
        #expect(Scalar.float(0.1).converted(to: .float32) == .float(Double(Float(0.1))))
    }

    @Test func integersWrapAndCompareExactly() {
        let large: Int64 = 1 << 62
        #expect(PointwiseOperation.add.evaluate(integer: .max, 1) == .min)
        #expect(PointwiseOperation.negate.evaluate(integer: .min) == .min)
        #expect(PointwiseOperation.abs.evaluate(integer: .min) == .min)
        #expect(PointwiseOperation.less.evaluate(integer: large, large + 1) == 1)
        #expect(PointwiseOperation.equal.evaluate(integer: large, large + 1) == 0)
        #expect(PointwiseOperation.maximum.evaluate(integer: large, large + 1) == large + 1)
        #expect(PointwiseOperation.remainder.evaluate(integer: -7, 3) == 2)
        #expect(PointwiseOperation.remainder.evaluate(integer: .min, -1) == 0)
        for operation in [PointwiseOperation.remainder, .fmod, .floorDivide] {
            #expect(operation.evaluate(integer: 7, 0) == 0)
        }
        #expect(PointwiseOperation.fmod.evaluate(integer: -7, 3) == -1)
        #expect(PointwiseOperation.floorDivide.evaluate(integer: -7, 3) == -3)
        #expect(PointwiseOperation.floorDivide.evaluate(integer: .min, -1) == .min)
        #expect(PointwiseOperation.bitwiseXor.evaluate(integer: -1, 12) == -13)
        #expect(
            [0, 31, 32, -1].map { PointwiseOperation.shiftLeft.evaluate(integer: 1, $0, bits: 32) } == [
                1, 1 << 31, 0, 0,
            ])
        #expect(
            [1, 31, 32, -1].map { PointwiseOperation.shiftRight.evaluate(integer: -8, $0, bits: 32) } == [
                -4, -1, -1, -1,
            ])
        #expect(PointwiseOperation.logicalXor.evaluate(integer: 1, 1) == 0)
        #expect(ReductionOperation.sum.evaluate(integers: [.max, 1]) == .min)
        #expect(ReductionOperation.argmax.evaluate(integers: [large, large + 1, large + 1]) == 1)
        #expect(ReductionOperation.argmin.evaluate(integers: [3, 1, 1]) == 1)
        #expect(ReductionOperation.maximum.evaluate(integers: []) == 0)
    }
}
