import Needletail
import Testing

/// What the golden file of functions does not say: exactness, division by zero, types and wrong calls.
@Suite struct FunctionTests {
    private func floats(_ tensor: Tensor) throws -> [Float] { try tensor.scalars(as: Float.self) }

    @Test func powersAndLogarithmsAreExactAtWholeNumbers() throws {
        let exponents = Tensor((-126...127).map(Float.init))
        let powers = try floats(exponents.exp2())
        #expect(powers == (-126...127).map { Float(sign: .plus, exponent: $0, significand: 1) })
        #expect(try floats(Tensor(powers).log2()) == (-126...127).map(Float.init))
        #expect(try floats(Tensor([1, 10, 1000, 1e6, 1e10, 0.01] as [Float]).log10()) == [0, 1, 3, 6, 10, -2])
        #expect(try floats(Tensor([8] as [Float]).log2()) == [3])
    }

    /// As NumPy; PyTorch stops there.
    @Test(arguments: GraphDevice.wanted) func anIntegerDividedByZeroIsZero(_ device: GraphDevice) throws {
        try device.run { (_) throws in
            for dtype in [DType.uint8, .int32, .int64] {
                let x = Tensor([7, 0, 250] as [Int64]).to(dtype)
                let zero = Tensor.zerosLike(x)
                for quotient in [x.floorDivide(zero), x.fmod(zero), x % zero, x.floorDivide(0), x.fmod(0), x % 0] {
                    #expect(try quotient.scalars(as: Int64.self) == [0, 0, 0])
                }
            }
            let least = Tensor([Int64.min, -7, 7])
            #expect(try least.floorDivide(-1).scalars(as: Int64.self) == [.min, 7, -7])
            #expect(try least.fmod(-1).scalars(as: Int64.self) == [0, 0, 0])
            #expect(least.to(.int32).floorDivide(-1).dtype == .int32)
        }
    }

    @Test func scalarsStandOnEitherSideOfBitOperators() throws {
        let x = Tensor([1, 2, 3] as [Int32])
        #expect(try (1 << x).scalars(as: Int32.self) == [2, 4, 8])
        #expect(try (64 >> x).scalars(as: Int32.self) == [32, 16, 8])
        #expect(try (x << 2).scalars(as: Int32.self) == [4, 8, 12])
        #expect(try (6 & x).scalars(as: Int32.self) == [0, 2, 2])
        #expect(try (x | 4).scalars(as: Int32.self) == [5, 6, 7])
        #expect(try (x ^ 1).scalars(as: Int32.self) == [0, 3, 2])
        #expect(try x.bitwiseAnd(2).bitwiseOr(1).bitwiseXor(3).scalars(as: Int32.self) == [2, 0, 0])
        #expect(try x.shiftedLeft(by: 31).shiftedRight(by: x).scalars(as: Int32.self) == [-1 << 30, 0, -1 << 28])
        var mask = x .> 1
        let isSmall = x .< 3
        mask &= isSmall
        #expect(try mask.scalars(as: Bool.self) == [false, true, false])
        #expect((x & Tensor([1, 2, 3] as [Int64])).dtype == .int64)
    }

    @Test func typesArePromotedAsByOperators() throws {
        let x = Tensor([1, 2] as [Int32])
        #expect(x.atan2(x).dtype == .float32)
        #expect(x.hypot(x).dtype == .float32)
        #expect(x.lgamma().dtype == .float32)
        #expect(x.floorDivide(2).dtype == .int32)
        #expect(x.fmod(1.5).dtype == .float32)
        #expect(x.isInf().dtype == .bool)
        #expect(x.nanToNum().dtype == .int32)
        let half = Tensor([1, 2] as [Float]).to(.float16)
        #expect(half.hypot(Tensor(2.0)).dtype == .float16)
        #expect(half.asinh().dtype == .float16)
        #expect(half.clamp(min: x, max: half).dtype == .float16)
        #expect(try floats(half.nanToNum(posInf: 2)) == [1, 2])
        #expect(try Tensor([Float.infinity]).to(.float16).nanToNum().scalars(as: Float.self) == [65504])
        #expect(Tensor.ones([0, 3]).logAddExp(Tensor.ones([3])).shape == [0, 3])
        #expect(try Tensor(Float(0.5)).erfinv().shape == [])
    }

    /// The one line that a wrong call says.
    private func message(_ body: () -> Tensor) throws -> String {
        let error = #expect(throws: TensorError.self) { try checked(body) }
        #expect(error?.kind == .invalidArgument)
        return try #require(error).message
    }

    @Test func wrongOperandsAreNamed() throws {
        let x = Tensor.ones([2])
        let whole = Tensor.ones([2], dtype: .int32)
        let bools = Tensor.ones([2], dtype: .bool)
        let other = Tensor.ones([3])
        #expect(try message { x & whole } == "&: a tensor of float32 has no bits; cast it, to(.int64)")
        #expect(try message { x.bitwiseNot() } == "bitwiseNot: a tensor of float32 has no bits; cast it, to(.int64)")
        #expect(try message { whole << 1.5 } == "<<: the number 1.5 has no bits; give a whole number")
        #expect(try message { bools.shiftedLeft(by: bools) }.hasPrefix("shiftedLeft: both operands are bool; cast one"))
        #expect(try message { bools.fmod(bools) }.hasPrefix("fmod: both operands are bool; cast one"))
        #expect(try message { x.hypot(other) }.hasPrefix("hypot: shapes [2] and [3] do not broadcast; their last"))
        #expect(
            try message { x.clamp(min: x, max: other) }.hasPrefix("clamp: shapes [2] and [3] do not broadcast; their"))
    }
}
