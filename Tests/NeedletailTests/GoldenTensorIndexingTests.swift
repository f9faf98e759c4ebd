import Needletail
import TensorRuntime
import Testing

/// Subscripts with tensors, masks and scatters: against PyTorch, with their gradients.
@Suite struct GoldenTensorIndexingTests {
    /// A case that writes into its first operand.
    private static func writing(
        _ name: String, _ write: @escaping @Sendable (inout Tensor, [Tensor]) -> Void
    ) -> GoldenCase {
        GoldenCase(name) { inputs in
            var x = inputs[0]
            write(&x, inputs)
            return x
        }
    }

    static let subscripts: [GoldenCase] = [
        GoldenCase("mask") { $0[0][$0[1]] },
        GoldenCase("mask_rows") { $0[0][$0[1]] },
        GoldenCase("mask_middle") { $0[0][.all, $0[1], 1..<3] },
        GoldenCase("mask_and_index") { $0[0][$0[2], $0[1]] },
        GoldenCase("mask_none") { $0[0][$0[1]] },
        GoldenCase("mask_int") { $0[0][$0[1]] },
        GoldenCase("two_indices") { $0[0][$0[1], $0[2]] },
        GoldenCase("two_indices_apart") { $0[0][$0[1], .all, $0[2]] },
        GoldenCase("two_indices_last") { $0[0][1..., $0[1], $0[2]] },
        GoldenCase("index_and_number") { $0[0][$0[1], 1, $0[2]] },
        GoldenCase("ellipsis") { $0[0][..., 1] },
        GoldenCase("ellipsis_middle") { $0[0][0, ..., 1..<3] },
        writing("assign_mask") { $0[$1[1]] = 2.5 },
        writing("assign_mask_values") { $0[$1[1]] = $1[2] },
        writing("assign_mask_row") { $0[$1[1]] = $1[2] },
        writing("assign_index") { $0[$1[1]] = $1[2] },
        writing("assign_column") { $0[.all, $1[1], 1..<3] = $1[2] },
        writing("assign_two") { $0[$1[1], $1[2]] = $1[3] },
        writing("assign_two_apart") { $0[$1[1], .all, $1[2]] = $1[3] },
        writing("assign_number") { x, _ in x[0, 0] = 3 },
        writing("assign_ellipsis") { x, _ in x[..., 2] = -1.5 },
        writing("assign_bool") { $0[$1[1]] = 1 },
        GoldenCase("nonzero") { $0[0].nonzero() },
        GoldenCase("nonzero_scalar") { $0[0].nonzero() },
        GoldenCase("masked_select") { $0[0].maskedSelect($0[1]) },
        GoldenCase("masked_fill") { $0[0].maskedFill($0[1], 7.0) },
        GoldenCase("masked_scatter") { $0[0].maskedScatter($0[1], source: $0[2]) },
        GoldenCase("take") { $0[0].take($0[1]) },
        GoldenCase("take_along") { $0[0].takeAlong($0[1], axis: 1) },
        GoldenCase("take_along_flat") { $0[0].takeAlong($0[1]) },
        GoldenCase("put") { $0[0].put($0[1], source: $0[2]) },
        GoldenCase("put_added") { $0[0].put($0[1], source: $0[2], accumulate: true) },
    ]

    static let reductions: [(name: String, reduction: ScatterReduction)] = [
        ("sum", .sum), ("prod", .prod), ("mean", .mean), ("amax", .amax), ("amin", .amin),
    ]

    static let scatters: [GoldenCase] =
        (0..<2).flatMap { axis in
            [
                GoldenCase("index_add\(axis)") { $0[0].indexAdd(axis: axis, index: $0[1], source: $0[2], alpha: 2) },
                GoldenCase("index_copy\(axis)") { $0[0].indexCopy(axis: axis, index: $0[1], source: $0[2]) },
                GoldenCase("index_fill\(axis)") { $0[0].indexFill(axis: axis, index: $0[1], value: 7.0) },
            ]
        } + [
            GoldenCase("scatter") { $0[0].scatter(axis: 0, index: $0[1], source: $0[2]) },
            GoldenCase("scatter_last") { $0[0].scatter(axis: 1, index: $0[1], source: $0[2]) },
            GoldenCase("scatter_number") { $0[0].scatter(axis: 1, index: $0[1], value: 2.5) },
            GoldenCase("scatter_int") { $0[0].scatter(axis: 1, index: $0[1], source: $0[2]) },
            GoldenCase("scatter_reduce_ties") {
                $0[0].scatterReduce(axis: 0, index: $0[1], source: $0[2], reduction: .amax)
            },
            GoldenCase("scatter_reduce_zeros") {
                $0[0].scatterReduce(axis: 0, index: $0[1], source: $0[2], reduction: .prod)
            },
            GoldenCase("scatter_reduce_int") {
                $0[0].scatterReduce(axis: 0, index: $0[1], source: $0[2], reduction: .amin, includeSelf: false)
            },
        ]
        + reductions.flatMap { name, reduction in
            [true, false].map { includesSelf in
                GoldenCase("scatter_reduce_\(name)_\(includesSelf ? 1 : 0)") {
                    $0[0].scatterReduce(
                        axis: 1, index: $0[1], source: $0[2], reduction: reduction, includeSelf: includesSelf)
                }
            }
        }

    @Test(arguments: GraphDevice.wanted) func indexingIsPyTorchs(_ device: GraphDevice) throws {
        try (Self.subscripts + Self.scatters).compare(with: GoldenFile("tensor_indexing"), on: device)
    }

    static let matrix = Tensor(sampleNumbers(12).map(Double.init), shape: [3, 4])
    static let places = Tensor([0, 2, 0] as [Int64])

    @Test(arguments: [
        GradientCheck(name: "subscript", inputs: [matrix]) { $0[0][places, places + 1].square() },
        GradientCheck(name: "assignment", inputs: [matrix, matrix[0]]) { inputs in
            var x = inputs[0]
            x[places] = inputs[1]
            return x.square()
        },
        GradientCheck(name: "product of what is scattered", inputs: [matrix, matrix[0] + 2]) {
            $0[0][0].scatterReduce(
                axis: 0, index: Tensor([1, 0, 1, 1] as [Int64]), source: $0[1], reduction: .prod)
        },
        GradientCheck(name: "largest of what is scattered", inputs: [matrix, matrix[1]]) {
            $0[0][0].square().scatterReduce(
                axis: 0, index: Tensor([1, 0, 1, 1] as [Int64]), source: $0[1].square(), reduction: .amax
            ).square()
        },
    ]) func theyAreDifferentiatedTwice(_ check: GradientCheck) throws {
        try withDevice(.cpu) { () throws(any Error) in try check.run() }
    }

    @Test(arguments: GraphDevice.wanted) func theLastOfSeveralForOnePlaceCounts(_ device: GraphDevice) throws {
        try device.run { (_) throws(any Error) in
            let x = Tensor.zeros([4])
            let places = Tensor([1, 3, 1, 1, 3] as [Int64])
            let values = Tensor([1, 2, 3, 4, 5] as [Float])
            let expected: [Float] = [0, 4, 0, 5]
            #expect(try x.scatter(axis: 0, index: places, source: values).scalars() == expected)
            #expect(try x.indexCopy(axis: 0, index: places, source: values).scalars() == expected)
            #expect(try x.put(places, source: values).scalars() == expected)
            var y = x
            y[places] = values
            #expect(try y.scalars() == expected)
            #expect(try x.scalars() == [0, 0, 0, 0] as [Float])
        }
    }

    @Test func numbersAreAssignedToParts() throws {
        try withDevice(.cpu) { () throws(any Error) in
            var x = Tensor.zeros([2, 3])
            x[0, 0] = 3
            x[...] += 1
            x[..., 2] = -1
            x[1, ...] = 0.5
            x[0, ..., 1] = 9
            x[1..<2, 0] = Tensor(7)
            x[0] *= 2
            #expect(try x.scalars() == [8, 18, -2, 7, 0.5, 0.5] as [Float])
            var counts = Tensor([1, 2, 3] as [UInt8])
            counts[1] = 200
            #expect(try counts.scalars(as: Int.self) == [1, 200, 3])
            #expect(x[...].shape == [2, 3] && x[..., .newAxis].shape == [2, 3, 1])
            var none = Tensor.zeros([0, 3])
            none[Tensor([] as [Int64])] = 1
            none[Tensor.zeros([0], dtype: .bool)] = Tensor.ones([3])
            #expect(none.shape == [0, 3] && none.nonzero().shape == [0, 2])
        }
    }

    @Test(arguments: GraphDevice.wanted) func computedIndicesAreGuarded(_ device: GraphDevice) throws {
        try device.run { (_) throws(any Error) in
            let x = Tensor.ones([3])
            let one = Tensor.ones([1])
            // The host does not know what the device adds.
            let far = Tensor([2] as [Int64]) + 1
            let results = [
                x.scatter(axis: 0, index: far, source: one), x.indexAdd(axis: 0, index: far, source: one), x.take(far),
                x.put(far, source: one), x[far], x.maskedScatter(x .> 0.0, source: one),
            ]
            for result in results {
                #expect(throws: TensorError.self) {
                    try result.evaluate()
                    _ = try result.bytes()
                }
            }
            #expect(try x.take(far - 4).scalars() == [1] as [Float])
        }
    }

    @Test func wrongIndicesAreNamed() {
        let x = Tensor.ones([2, 3])
        let (far, one) = (Tensor([2] as [Int64]), Tensor.ones([1, 3]))
        expectWrongCalls([
            ("subscript: index 2 is outside axis 0 of shape [2, 3]", { x[far, far] }),
            ("subscript: indices of shapes [2], [3]", { x[Tensor([0, 1] as [Int64]), Tensor([0, 1, 1] as [Int64])] }),
            ("subscript: a mask of shape [3] for axes of shape [2]", { x[Tensor.ones([3], dtype: .bool)] }),
            ("subscript: a tensor of float32[1] as index", { x[Tensor.ones([1])] }),
            ("subscript: 3 indices for shape [2, 3]", { x[Tensor.ones([2, 3, 1], dtype: .bool)] }),
            (
                "subscript: a value of shape [2] for a part of shape [1, 3]",
                {
                    var y = x
                    y[Tensor([0] as [Int64])] = Tensor.ones([2])
                    return y
                }
            ),
            (
                "subscript: 300 does not fit a tensor of uint8",
                {
                    var y = Tensor([1] as [UInt8])
                    y[0] = 300
                    return y
                }
            ),
            ("scatter: index 2 is outside axis 0", { x.scatter(axis: 0, index: far.reshape([1, 1]), source: one) }),
            ("scatter: index [1] and source float32[1, 3]", { x.scatter(axis: 0, index: far, source: one) }),
            (
                "scatterReduce: the mean of bool",
                {
                    Tensor([true]).scatterReduce(
                        axis: 0, index: Tensor([0] as [Int64]), source: Tensor([true]), reduction: .mean)
                }
            ),
            ("indexAdd: index [1] and source float32[1, 3]", { x.indexAdd(axis: 1, index: far, source: one) }),
            ("indexCopy: index 2 is outside axis 0", { x.indexCopy(axis: 0, index: far, source: one) }),
            ("indexFill: index 2 is outside axis 0", { x.indexFill(axis: 0, index: far, value: 1) }),
            ("take: index 6 is outside axis 0 of shape [6]", { x.take(Tensor([6] as [Int64])) }),
            ("put: source float32[1, 3]", { x.put(far, source: one) }),
            ("takeAlong: index of shape [1]", { x.takeAlong(far, axis: 1) }),
            ("maskedSelect: a mask int64[1]", { x.maskedSelect(far) }),
            ("maskedScatter: a mask bool[4]", { x.maskedScatter(Tensor.ones([4], dtype: .bool), source: one) }),
        ])
    }
}
