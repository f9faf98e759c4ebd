import Needletail
import Testing

/// Large tensors go in other blocks, are fetched ahead and written past the cache: what comes out is what small ones give.
@Suite struct LargeTensorTests {
    private static let operations: [(name: String, body: @Sendable (Tensor) -> Tensor)] = [
        ("exp", { $0.exp() }),
        ("softmax", { $0.softmax() }),
        (
            "layer norm",
            { x in
                let centred = x - x.mean(axes: -1, keepDims: true)
                return centred / (centred.square().mean(axes: -1, keepDims: true) + 1e-5).sqrt()
            }
        ),
        (
            "row by row maximum beside the rows",
            { x in x - x.max(axes: -1, keepDims: true) + x.mean(axes: -1, keepDims: true) }
        ),
        ("cast", { $0.to(.float64) }),
        ("columns reversed in pairs", { $0.reshape([-1, 501, 2]).transpose(1, 2) + 1 }),
    ]

    /// Rows of a length that fits no vector: 2 MB, which still goes through the cache, and 9.2 MB, which does not.
    @Test(arguments: operations.indices, [500, 2300]) func aLargeTensorGivesTheBitsOfItsParts(
        _ index: Int, rows: Int
    ) throws {
        let operation = LargeTensorTests.operations[index]
        let (columns, parts) = (1002, 10)
        try withDevice(.cpu) {
            let x = Tensor.uniform([rows, columns], generator: Generator(seed: 5)) * 8 - 4
            let whole = try operation.body(x).bytes()
            var joined: [UInt8] = []
            for part in 0..<parts {
                let slice = x[(part * rows / parts)..<((part + 1) * rows / parts)]
                joined += try operation.body(slice).bytes()
            }
            #expect(whole == joined, "\(operation.name)")
            // Again, into memory that held other numbers.
            _ = try (x * 3).bytes()
            #expect(try operation.body(x).bytes() == whole, "\(operation.name)")
        }
    }
}
