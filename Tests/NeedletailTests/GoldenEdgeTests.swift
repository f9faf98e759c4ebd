import Needletail
import TensorRuntime
import TestSupport
import Testing

/// Edges that reviews found, against PyTorch: gradients at ties, integers, leading axes, tables of float64.
@Suite struct GoldenEdgeTests {
    private static func assigned(_ x: [Tensor], _ write: (inout Tensor) -> Void) -> Tensor {
        var copy = x[0]
        write(&copy)
        return copy
    }

    private static let numbers: [GoldenCase] = [
        GoldenCase("clamp") { $0[0].clamp(min: $0[1], max: $0[2]) },
        GoldenCase("clamp_crossed") { $0[0].clamp(min: $0[1], max: $0[2]) },
        GoldenCase("clamp_low") { $0[0].clamp(min: $0[1]) },
        GoldenCase("clamp_high") { $0[0].clamp(max: $0[1]) },
        GoldenCase("median_ties") { $0[0].median() },
        GoldenCase("median_nan") { $0[0].median() },
        GoldenCase("nan_median_ties") { $0[0].nanMedian() },
        GoldenCase("nan_median_none") { $0[0].nanMedian() },
        GoldenCase("trapezoid_bytes") { $0[0].trapezoid() },
        GoldenCase("trapezoid_int") { $0[0].trapezoid() },
        GoldenCase("trapezoid_at") { $0[0].trapezoid(at: $0[1]) },
        GoldenCase("combinations_none") { $0[0].combinations(3) },
        GoldenCase("scatter_mean_1") {
            $0[0].scatterReduce(axis: 0, index: $0[1], source: $0[2], reduction: .mean)
        },
        GoldenCase("scatter_mean_0") {
            $0[0].scatterReduce(axis: 0, index: $0[1], source: $0[2], reduction: .mean, includeSelf: false)
        },
    ]

    private static let assignments: [GoldenCase] = [
        GoldenCase("assign_row") { x in assigned(x) { $0[0] = x[1] } },
        GoldenCase("assign_number") { x in assigned(x) { $0[0, 0] = x[1] } },
        GoldenCase("assign_rows") { x in assigned(x) { $0[Tensor([2, 0] as [Int64])] = x[1] } },
        GoldenCase("assign_mask") { x in
            let row = Tensor([true, false, true]).expand([4, 3])
            return assigned(x) { $0[row] = x[1] }
        },
    ]

    private static let sums: [GoldenCase] = [
        ("sum", "i->"), ("keep", "i->i"), ("rows", "ij->i"), ("pair", "ij,j->i"), ("half", "ij,j->j"),
        ("apart", "i,j->"), ("dot", "i,i->"), ("outer", "i,j->ij"), ("bytes", "ij->i"), ("bool", "i->"),
    ].map { name, equation in GoldenCase("einsum_\(name)") { Tensor.einsum(equation, $0) } }

    @Test(arguments: GraphDevice.wanted) func edgesArePyTorchs(_ device: GraphDevice) throws {
        try (Self.numbers + Self.assignments + Self.sums).compare(with: GoldenFile("tensor_edges"), on: device)
    }

    @Test func tablesOfFloat64HaveItsDigits() throws {
        let file = GoldenFile("wide_tables")
        let functions: [String: @Sendable (Tensor) -> Tensor] = [
            "adaptive": { AdaptiveAvgPool1d(3)($0) },
            "average": { AvgPool1d(kernel: 3, stride: 2, padding: 1, ceilMode: true, countsPadding: false)($0) },
            "linear": { $0.interpolate(size: [11], mode: .linear) },
            "bicubic": { $0.interpolate(size: [9, 4], mode: .bicubic, alignCorners: true) },
        ]
        #expect(functions.keys.sorted() == file.cases)
        let tolerance = GoldenTolerance(relative: 1e-13, absolute: 1e-14, normalizedSquare: 1e-26)
        try withDevice(.cpu) { () throws(any Error) in
            for (name, function) in functions {
                try expectGolden(function(file.tensor("\(name)/in0")), file, "\(name)/out", tolerance)
            }
        }
    }

    @Test(arguments: GraphDevice.wanted)
    func anEmbeddingWithAMaximalNormTrainsAsPyTorchsWithinTheOptimizersTensor(_ device: GraphDevice) throws {
        let file = GoldenFile("clipped_embedding")
        try device.run { _ in
            let layer = Embedding(6, 4, maxNorm: 1.5)
            let head = Linear(4, 2, bias: false)
            layer.weight.assign(try file.tensor("table"))
            head.weight.assign(try file.tensor("weight"))
            let optimizer = Adam([head.weight, layer.weight], learningRate: 0.05)
            let rows = try file.tensor("rows")
            var losses: [Double] = []
            for step in 0..<5 {
                optimizer.zeroGrad()
                let loss = head(layer(rows[step])).square().mean()
                loss.backward()
                try optimizer.step()
                losses.append(try loss.item())
            }
            let tolerance = GoldenTolerance(relative: 5e-5, absolute: 1e-5, normalizedSquare: 1e-8)
            expectGolden(losses, try file.numbers("losses"), "losses", tolerance)
            try expectGolden(layer.weight.value, file, "last_table", tolerance)
            try expectGolden(head.weight.value, file, "last_weight", tolerance)
        }
    }
    @Test func anEmbeddingWithAMaximalNormLeavesTheOptimizersTensorsWhereTheyAre() throws {
        func lastStep(_ maxNorm: Double?) throws -> ExecutionStatistics {
            try withOwnDevice { context in
                let layer = Embedding(6, 4, maxNorm: maxNorm)
                let head = Linear(4, 2)
                let optimizer = Adam(head.parameters + layer.parameters)
                let rows = Tensor([0, 3, 5] as [Int64])
                var before = context.statistics
                for _ in 0..<4 {
                    before = context.statistics
                    optimizer.zeroGrad()
                    head(layer(rows)).square().mean().backward()
                    try optimizer.step()
                }
                return context.statistics - before
            }
        }
        let (clipped, free) = (try lastStep(0.5), try lastStep(nil))
        #expect(clipped.plansBuilt == 0 && clipped.driverAllocations == 0)
        // The rows' factors, which are known before the step, are all that is more.
        #expect(clipped.blockRequests <= free.blockRequests + 1, "\(clipped.blockRequests), \(free.blockRequests)")
    }

    @Test func rowsThatWereShortenedAreSavedAndTakenOver() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let layer = Embedding(3, 2, maxNorm: 1)
            layer.weight.assign(Tensor([[3, 4], [0.3, 0.4], [6, 8]] as [[Float]]))
            let optimizer = SGD(layer.parameters, learningRate: 0)
            _ = layer(Tensor([0, 1] as [Int64]))
            let table = try layer.stateDictionary()["weight"]!.scalars(as: Float.self)
            expectGolden(table.map(Double.init), [0.6, 0.8, 0.3, 0.4, 6, 8], "shortened")
            // Another row before a step, and a step that changes nothing.
            layer(Tensor([2] as [Int64])).sum().backward()
            try optimizer.step()
            let last = try layer.weight.value.scalars(as: Float.self)
            expectGolden(last.map(Double.init), [0.6, 0.8, 0.3, 0.4, 0.6, 0.8], "after a step")
            layer.weight.requiresGrad = false
            #expect(!layer.weight.value.requiresGrad)
        }
    }
}
