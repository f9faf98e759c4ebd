import Needletail
import TensorRuntime
import Testing

/// Order statistics, moments, sets and histograms: against PyTorch, with their gradients.
@Suite struct GoldenTensorStatisticsTests {
    private static let interpolations: [(name: String, interpolation: QuantileInterpolation)] = [
        ("linear", .linear), ("lower", .lower), ("higher", .higher), ("nearest", .nearest), ("midpoint", .midpoint),
    ]

    static let orders: [GoldenCase] =
        [
            GoldenCase("median") { $0[0].median() },
            GoldenCase("median_values") { $0[0].median(axis: 0, keepDims: true).values },
            GoldenCase("median_indices") { $0[0].median(axis: 0, keepDims: true).indices },
            GoldenCase("median_nan_values") { $0[0].median(axis: 1).values },
            GoldenCase("median_nan_indices") { $0[0].median(axis: 1).indices },
            GoldenCase("nan_median") { $0[0].nanMedian() },
            GoldenCase("nan_median_axis") { $0[0].nanMedian(axis: 1).values },
            GoldenCase("median_int") { $0[0].median() },
            GoldenCase("kth_values") { $0[0].kthValue(2, axis: 0).values },
            GoldenCase("kth_indices") { $0[0].kthValue(2, axis: 0).indices },
            GoldenCase("mode") { $0[0].mode(axis: 1).values },
            GoldenCase("quantile_all") { $0[0].quantile(0.25, keepDims: true) },
            GoldenCase("quantile_several") { $0[0].quantile([0, 0.5, 1], axis: 1, keepDims: true) },
            GoldenCase("quantile_nan") { $0[0].quantile(0.3, axis: 1) },
            GoldenCase("nan_quantile") { $0[0].nanQuantile(0.3) },
            GoldenCase("msort") { $0[0].msort() },
        ]
        + interpolations.flatMap { name, interpolation in
            [
                GoldenCase("quantile_\(name)") { $0[0].quantile(0.4, axis: 0, interpolation: interpolation) },
                GoldenCase("nan_quantile_\(name)") { $0[0].nanQuantile(0.7, axis: 1, interpolation: interpolation) },
            ]
        }

    static let moments: [GoldenCase] = [
        GoldenCase("variance_mean") {
            let (variance, mean) = $0[0].varianceMean(axes: [1])
            return Tensor.stack([variance, mean])
        },
        GoldenCase("std_mean") {
            let (std, mean) = $0[0].stdMean(axes: [0, 2], correction: 0)
            return Tensor.stack([std, mean])
        },
        GoldenCase("aminmax") {
            let (least, largest) = $0[0].aminmax(axis: 1)
            return Tensor.stack([least, largest])
        },
        GoldenCase("amax") { $0[0].amax(axes: [0, 2]) },
        GoldenCase("count_nonzero") { $0[0].countNonzero(axes: [1]) },
        GoldenCase("nan_sum") { $0[0].nanSum(axes: [1]) },
        GoldenCase("nan_mean") { $0[0].nanMean(axes: [1]) },
        GoldenCase("nan_mean_gradient") { $0[0].nanMean(axes: [1]) },
        GoldenCase("cov") { $0[0].cov() },
        GoldenCase("cov_vector") { $0[0].cov(correction: 0) },
        GoldenCase("cov_weights") {
            $0[0].cov(frequencies: Tensor([1, 2, 0, 1, 3] as [Int64]), weights: $0[1].detach())
        },
        GoldenCase("corrcoef") { $0[0].corrcoef() },
        GoldenCase("diff") { $0[0].diff(n: 2, axis: 0) },
        GoldenCase("diff_ends") { $0[0].diff(axis: 1, prepend: $0[1], append: $0[2]) },
        GoldenCase("diff_bool") { $0[0].diff() },
        GoldenCase("diff_more") { $0[0].diff(n: 9) },
        GoldenCase("trapezoid") { $0[0].trapezoid(spacing: 0.5, axis: 0) },
        GoldenCase("trapezoid_at") { $0[0].trapezoid(at: $0[1], axis: 1) },
        GoldenCase("vander") { $0[0].vander(4) },
        GoldenCase("vander_increasing") { $0[0].vander(3, increasing: true) },
        GoldenCase("cartesian_prod") { Tensor.cartesianProd($0) },
        GoldenCase("combinations") { $0[0].combinations(3) },
        GoldenCase("combinations_again") { $0[0].combinations(2, withReplacement: true) },
    ]

    static let sets: [GoldenCase] = [
        GoldenCase("searchsorted_0") { $0[0].searchsorted($0[1]) },
        GoldenCase("searchsorted_1") { $0[0].searchsorted($0[1], right: true) },
        GoldenCase("bucketize_0") { $0[0].bucketize($0[1]) },
        GoldenCase("bucketize_1") { $0[0].bucketize($0[1], right: true) },
        GoldenCase("searchsorted_rows") { $0[0].searchsorted($0[1]) },
        GoldenCase("searchsorted_int") { $0[0].searchsorted($0[1]) },
        GoldenCase("isin") { $0[0].isin($0[1]) },
        GoldenCase("isin_inverted") { $0[0].isin($0[1], invert: true) },
        GoldenCase("unique_values") { $0[0].unique().values },
        GoldenCase("unique_inverse") { $0[0].unique().inverse },
        GoldenCase("unique_counts") { $0[0].unique().counts },
        GoldenCase("unique_rows_values") { $0[0].unique(axis: 0).values },
        GoldenCase("unique_rows_inverse") { $0[0].unique(axis: 0).inverse },
        GoldenCase("unique_rows_counts") { $0[0].unique(axis: 0).counts },
        GoldenCase("unique_columns_values") { $0[0].unique(axis: 1).values },
        GoldenCase("unique_columns_inverse") { $0[0].unique(axis: 1).inverse },
        GoldenCase("unique_columns_counts") { $0[0].unique(axis: 1).counts },
        GoldenCase("consecutive_values") { $0[0].uniqueConsecutive().values },
        GoldenCase("consecutive_inverse") { $0[0].uniqueConsecutive().inverse },
        GoldenCase("consecutive_counts") { $0[0].uniqueConsecutive().counts },
        GoldenCase("consecutive_columns") { $0[0].uniqueConsecutive(axis: 1).values },
        GoldenCase("bincount") { $0[0].bincount() },
        GoldenCase("bincount_weights") { $0[0].bincount(weights: $0[1], minLength: 9) },
        GoldenCase("histc") { $0[0].histc(bins: 5, min: -1, max: 1) },
        GoldenCase("histc_open") { $0[0].histc(bins: 4) },
        GoldenCase("histogram") { $0[0].histogram(bins: 4).counts },
        GoldenCase("histogram_edges") { $0[0].histogram(bins: 4).edges },
        GoldenCase("histogram_density") { $0[0].histogram(edges: $0[1], density: true).counts },
        GoldenCase("histogram_weights") { $0[0].histogram(bins: 3, range: -1...1, weights: $0[1]).counts },
        GoldenCase("is_close") { $0[0].isClose($0[1]) },
        GoldenCase("is_close_nan") { $0[0].isClose($0[1], relative: 0, absolute: 0.01, equalNaN: true) },
        GoldenCase("is_close_int") { $0[0].isClose($0[1], relative: 0.3) },
    ]

    @Test(arguments: GraphDevice.wanted) func statisticsArePyTorchs(_ device: GraphDevice) throws {
        try (Self.orders + Self.moments + Self.sets).compare(with: GoldenFile("tensor_statistics"), on: device)
    }

    static let matrix = Tensor(sampleNumbers(12).map(Double.init), shape: [3, 4])

    @Test(arguments: [
        GradientCheck(name: "median", inputs: [matrix]) { $0[0].median(axis: 1).values.square() },
        GradientCheck(name: "quantile", inputs: [matrix]) { $0[0].quantile(0.3, axis: 0).square() },
        GradientCheck(name: "std", inputs: [matrix]) { $0[0].stdMean(axes: [1]).std },
        GradientCheck(name: "cov", inputs: [matrix]) { $0[0].cov() },
        GradientCheck(name: "corrcoef", inputs: [matrix[..<2]]) { $0[0].corrcoef() * $0[0].sum() },
        GradientCheck(name: "trapezoid", inputs: [matrix, matrix[0]]) { $0[0].trapezoid(at: $0[1]) },
    ]) func theyAreDifferentiatedTwice(_ check: GradientCheck) throws {
        try withDevice(.cpu) { () throws(any Error) in try check.run() }
    }

    @Test func modesAndMediansStandWhereTheySay() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let x = Tensor([2, 1, 2, 1, 3] as [Float])
            #expect(try x.mode().values.item() == 1 && x.mode().indices.item() == 3)
            let nan = Tensor([.nan, 1, .nan] as [Float])
            #expect(try nan.median().item().isNaN && nan.median(axis: 0).indices.item() == 0)
            #expect(try nan.nanMedian().item() == 1 && nan.nanMedian(axis: 0).indices.item() == 1)
            #expect(try Tensor.zeros([0]).median().item().isNaN && Tensor(3.0).median().item() == 3)
            #expect(try Tensor([.nan, .nan] as [Float]).nanQuantile(0.5).item().isNaN)
            #expect(try Tensor(3.0).quantile(0.5).item() == 3)
        }
    }

    @Test func comparisonsGiveOneAnswer() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let x = Tensor([1, 2] as [Float])
            #expect(try x.allClose(x + 1e-7) && !x.allClose(x + 0.1) && x.allClose(x + 0.1, absolute: 0.2))
            #expect(try x.equal(x) && !x.equal(x + 1) && !x.equal(x.unsqueeze(0)))
            let nan = Tensor([Float.nan])
            #expect(try !nan.equal(nan) && !nan.allClose(nan) && nan.allClose(nan, equalNaN: true))
            let infinity = Tensor([Float.infinity])
            #expect(try infinity.allClose(infinity) && !infinity.allClose(-infinity) && !infinity.allClose(x[0]))
            #expect(try Tensor([1, 2] as [Int64]).allClose(Tensor([1, 2] as [Int64])))
        }
    }

    @Test func emptyTensorsHaveStatisticsWherePyTorchHasThem() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let empty = Tensor.zeros([0])
            #expect(empty.unique().values.shape == [0] && empty.uniqueConsecutive().counts.shape == [0])
            #expect(try empty.histc(bins: 3).scalars() == [0, 0, 0] as [Float])
            #expect(try Tensor([] as [Int64]).bincount(minLength: 2).scalars(as: Int.self) == [0, 0])
            #expect(try empty.searchsorted(Tensor([1] as [Float])).scalars(as: Int.self) == [0])
            #expect(try Tensor([1] as [Float]).isin(empty).scalars(as: Int.self) == [0])
            #expect(empty.diff().shape == [0] && empty.combinations().shape == [0, 2])
            #expect(try empty.trapezoid().item() == 0 && empty.nanSum().item() == 0)
            #expect(try Tensor([.nan, 1, .nan] as [Float]).unique().counts.scalars(as: Int.self) == [1, 1, 1])
            #expect(try Tensor([-0.0, 0] as [Float]).unique().counts.scalars(as: Int.self) == [2])
        }
    }

    @Test func wrongStatisticsAreNamed() {
        let x = Tensor.ones([2, 3])
        let counts = Tensor([1, -2] as [Int64])
        expectWrongCalls([
            ("median: axis 2 is outside", { x.median(axis: 2).values }),
            ("median: shape [0, 2] has no element", { Tensor.zeros([0, 2]).median(axis: 0).indices }),
            ("kthValue: element 4 of axis -1", { x.kthValue(4).values }),
            ("quantile: [1.5] of float32", { x.quantile(1.5) }),
            ("quantile: [0.5] of int64", { counts.quantile(0.5) }),
            ("nanMean: the tensor is int64", { counts.nanMean() }),
            ("cov: int64[2]", { counts.cov() }),
            ("cov: frequencies or weights float32[2]", { x.cov(weights: Tensor.ones([2])) }),
            ("diff: -1 times", { x.diff(n: -1) }),
            ("trapezoid: places of shape [2]", { x.trapezoid(at: Tensor.ones([2])) }),
            ("vander: 3 columns of float32[2, 3]", { x.vander(3) }),
            ("combinations: 2 elements of shape [2, 3]", { x.combinations() }),
            ("cartesianProd: a tensor of shape [2, 3]", { Tensor.cartesianProd([x]) }),
            ("searchsorted: a sequence of shape [2, 3] and values of shape [3]", { x.searchsorted(Tensor.ones([3])) }),
            ("bucketize: boundaries of shape [2, 3]", { x.bucketize(x) }),
            ("unique: axis 2 is outside", { x.unique(axis: 2).values }),
            ("bincount: numbers from -2 to 1", { counts.bincount() }),
            ("bincount: float32[2, 3]", { x.bincount() }),
            ("histc: 0 bins", { x.histc(bins: 0) }),
            ("histogram: float32[2, 3] with edges float32[1]", { x.histogram(edges: Tensor.ones([1])).counts }),
            ("isClose: tolerances -1.0", { x.isClose(x, relative: -1) }),
        ])
    }
}
