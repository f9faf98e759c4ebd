import Needletail
import Testing

/// The dtypes and values of operations on every pair of dtypes, against PyTorch.
@Suite struct GoldenPromotionTests {
    static let file = GoldenFile("promotion")
    static let dtypes: [DType] = [.bool, .uint8, .int32, .int64, .float16, .bfloat16, .float32]

    /// Half types round at each step, in another place than PyTorch does.
    static func tolerance(_ dtype: DType) -> GoldenTolerance {
        switch dtype {
        case .float16: GoldenTolerance(relative: 1e-3, absolute: 0, normalizedSquare: 1e-6)
        case .bfloat16: GoldenTolerance(relative: 8e-3, absolute: 0, normalizedSquare: 1e-4)
        default: GoldenTolerance(relative: 1e-6, absolute: 0)
        }
    }

    private func expect(_ result: Tensor, _ name: String) throws {
        let file = GoldenPromotionTests.file
        try expectGolden(result, file, name, GoldenPromotionTests.tolerance(try file.entry(name).dtype))
    }

    @Test(arguments: dtypes, dtypes) func pairsOfDTypesPromoteAsInPyTorch(_ first: DType, _ second: DType) throws {
        try withDevice(.cpu) {
            let a = try GoldenPromotionTests.file.tensor("a/\(first)")
            let b = try GoldenPromotionTests.file.tensor("b/\(second)")
            try expect(a + b, "add/\(first)/\(second)")
            try expect(a * b, "multiply/\(first)/\(second)")
            try expect(a / b, "divide/\(first)/\(second)")
            try expect(a .< b, "less/\(first)/\(second)")
        }
    }

    @Test(arguments: dtypes) func aScalarNeverRaisesADTypeWithinItsKind(_ dtype: DType) throws {
        try withDevice(.cpu) {
            let a = try GoldenPromotionTests.file.tensor("a/\(dtype)")
            try expect(a + 2, "add_int/\(dtype)")
            try expect(a + 1.5, "add_float/\(dtype)")
            try expect(a / 2, "divide_int/\(dtype)")
            try expect(a.sum(), "sum/\(dtype)")
            try expect(a.exp(), "exp/\(dtype)")
        }
    }
}
