import Needletail
import Testing

/// Reductions, selections and products against PyTorch, with their gradients.
@Suite struct GoldenReductionTests {
    static let reductionFile = GoldenFile("reductions")
    static let selectionFile = GoldenFile("selection")
    static let algebraFile = GoldenFile("algebra")

    static let reductions: [GoldenCase] = [
        GoldenCase("sum") { $0[0].sum() },
        GoldenCase("sum_middle") { $0[0].sum(axes: 1) },
        GoldenCase("sum_outer_kept") { $0[0].sum(axes: 0, 2, keepDims: true) },
        GoldenCase("mean_last") { $0[0].mean(axes: -1) },
        GoldenCase("max_last") { $0[0].max(axes: 2) },
        GoldenCase("min_outer") { $0[0].min(axes: 0, 1) },
        GoldenCase("max_ties") { $0[0].max(axes: 1) },
        GoldenCase("prod") { $0[0].prod(axes: 2) },
        GoldenCase("variance") { $0[0].variance(axes: 2) },
        GoldenCase("variance_biased") { $0[0].variance(axes: 0, 1, correction: 0) },
        GoldenCase("variance_far_from_zero", relative: 2e-4) { $0[0].variance(axes: 1) },
        GoldenCase("std") { $0[0].std() },
        GoldenCase("log_sum_exp", relative: 2e-5) { ($0[0] * 30).logSumExp(axes: 2) },
        GoldenCase("softmax") { ($0[0] * 5).softmax(axis: 1) },
        GoldenCase("softmax_large") { $0[0].softmax() },
        GoldenCase("log_softmax") { ($0[0] * 5).logSoftmax() },
        GoldenCase("max_nan") { $0[0].max(axes: 1) },
        GoldenCase("argmax_nan") { $0[0].argmax(1) },
        GoldenCase("argmax") { $0[0].argmax(1) },
        GoldenCase("argmin_all") { $0[0].argmin() },
        GoldenCase("sum_bool") { $0[0].sum() },
        GoldenCase("sum_uint8") { $0[0].sum(axes: 0) },
        GoldenCase("any") { $0[0].any(axes: 1) },
        GoldenCase("all") { $0[0].all(axes: 1) },
    ]

    static let selections: [GoldenCase] = [
        GoldenCase("gather_rows") { $0[0].gather(axis: 0, index: $0[1]) },
        GoldenCase("gather_columns") { $0[0].gather(axis: 1, index: $0[1]) },
        GoldenCase("index_select") { $0[0].indexSelect(axis: 0, index: $0[1]) },
        GoldenCase("index_select_last") { $0[0].indexSelect(axis: 1, index: $0[1]) },
        GoldenCase("scatter_add") { $0[0].scatterAdd(axis: 0, index: $0[1], source: $0[2]) },
        GoldenCase("scatter_add_last") { $0[0].scatterAdd(axis: 1, index: $0[1], source: $0[2]) },
        GoldenCase("one_hot") { $0[0].oneHot(classes: 4) },
        GoldenCase("slice") { $0[0].slice(axis: 0, from: 1, to: 4).slice(axis: 1, by: 2) },
        GoldenCase("flip") { $0[0].flip(0, 1) },
        GoldenCase("permute") { $0[0].permute(2, 0, 1) },
        GoldenCase("expand") { $0[0].expand(3, 2, 5) },
        GoldenCase("concatenate") { Tensor.concatenate([$0[0], $0[1]], axis: 1) },
        GoldenCase("stack") { Tensor.stack([$0[0], $0[1]], axis: 1) },
        GoldenCase("pad") { $0[0].pad([(0, 3), (1, 2)], value: 1.5) },
    ]

    static let products: [GoldenCase] =
        [
            "matrices", "vectors", "matrix_vector", "vector_matrix", "batches", "batch_matrix", "matrix_batch",
            "batches_broadcast", "vector_batch", "odd",
        ].map { name in GoldenCase(name) { matmul($0[0], $0[1]) } } + [
            GoldenCase("transposed") { matmul($0[0], transposed: true, $0[1], transposed: true) },
            GoldenCase("linear") { Tensor.linear($0[0], $0[1], bias: $0[2]) },
        ]

    @Test(arguments: reductions) func reductionsArePyTorchs(_ row: GoldenCase) throws {
        try row.check(GoldenReductionTests.reductionFile)
    }

    @Test(arguments: selections) func selectionsAndViewsArePyTorchs(_ row: GoldenCase) throws {
        try row.check(GoldenReductionTests.selectionFile)
    }

    @Test(arguments: products) func productsBroadcastAsInPyTorch(_ row: GoldenCase) throws {
        try row.check(GoldenReductionTests.algebraFile)
    }

    @Test func everyCaseOfTheFilesIsChecked() {
        #expect(GoldenReductionTests.reductions.map(\.name).sorted() == GoldenReductionTests.reductionFile.cases)
        #expect(GoldenReductionTests.selections.map(\.name).sorted() == GoldenReductionTests.selectionFile.cases)
        #expect(GoldenReductionTests.products.map(\.name).sorted() == GoldenReductionTests.algebraFile.cases)
    }
}
