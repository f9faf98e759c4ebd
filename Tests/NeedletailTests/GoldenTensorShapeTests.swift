import Needletail
import TensorRuntime
import Testing

/// Triangles, diagonals, repetitions, moved and split axes, windows: against PyTorch, with their gradients.
@Suite struct GoldenTensorShapeTests {
    static let cases: [GoldenCase] =
        [
            GoldenCase("tril") { $0[0].tril(diagonal: 1) },
            GoldenCase("triu") { $0[0].triu(diagonal: -1) },
            GoldenCase("tril_bool") { $0[0].tril() },
            GoldenCase("triu_int") { $0[0].triu(diagonal: 2) },
            GoldenCase("diag_vector") { $0[0].diag(diagonal: 1) },
            GoldenCase("diag_vector_below") { $0[0].diag(diagonal: -2) },
            GoldenCase("diag_matrix") { $0[0].diag(diagonal: -1) },
            GoldenCase("diagonal") { $0[0].diagonal(offset: 1, axis1: 0, axis2: 2) },
            GoldenCase("diagonal_below") { $0[0].diagonal(offset: -1, axis1: -1, axis2: 1) },
            GoldenCase("diagonal_outside") { $0[0].diagonal(offset: 5) },
            GoldenCase("diag_embed") { $0[0].diagEmbed(offset: 1, axis1: 0, axis2: 2) },
            GoldenCase("diag_embed_below") { $0[0].diagEmbed(offset: -2) },
            GoldenCase("trace") { $0[0].trace() },
            GoldenCase("trace_int") { $0[0].trace() },
            GoldenCase("roll") { $0[0].roll(shifts: [1, -2], axes: [0, 2]) },
            GoldenCase("roll_flat") { $0[0].roll(5) },
            GoldenCase("repeat") { $0[0].repeat(2, 1, 3) },
            GoldenCase("tile") { $0[0].tile(2, 2) },
            GoldenCase("repeat_none") { $0[0].repeat(2, 0, 3) },
            GoldenCase("repeat_interleave") { $0[0].repeatInterleave(2, axis: 1) },
            GoldenCase("repeat_interleave_flat") { $0[0].repeatInterleave(3) },
            GoldenCase("repeat_interleave_counts") { $0[0].repeatInterleave($0[1], axis: 1) },
            GoldenCase("movedim") { $0[0].movedim([0, -1], [-1, 0]) },
            GoldenCase("movedim_one") { $0[0].moveAxis(0, 1) },
            GoldenCase("unbind") { $0[0].unbind(axis: 1)[2] },
            GoldenCase("split_sizes") { $0[0].split(sizes: [1, 3, 1], axis: 1)[1] },
            GoldenCase("tensor_split") { $0[0].tensorSplit(3, axis: 1)[1] },
            GoldenCase("tensor_split_at") { $0[0].tensorSplit(at: [1, -1], axis: 1)[1] },
            GoldenCase("tensor_split_crossed") { $0[0].tensorSplit(at: [4, 2], axis: 1)[1] },
            GoldenCase("unflatten") { $0[0].unflatten(axis: 2, sizes: [2, -1]) },
            GoldenCase("hstack") { Tensor.hstack($0) },
            GoldenCase("vstack") { Tensor.vstack($0) },
            GoldenCase("dstack") { Tensor.dstack($0) },
            GoldenCase("hstack_matrices") { Tensor.hstack($0) },
            GoldenCase("vstack_matrices") { Tensor.vstack($0) },
            GoldenCase("dstack_matrices") { Tensor.dstack($0) },
            GoldenCase("column_stack") { Tensor.columnStack($0) },
            GoldenCase("at_least_3d") { $0[0].atLeast3d() },
            GoldenCase("unfold") { $0[0].unfold(axis: 2, size: 2, step: 1) },
            GoldenCase("unfold_side_by_side") { $0[0].unfold(axis: 1, size: 2, step: 2) },
            GoldenCase("unfold_apart") { $0[0].unfold(axis: 0, size: 1, step: 3) },
            GoldenCase("unfold2d") {
                $0[0].unfold2d(kernel: [2, 3], stride: [2, 1], padding: [1, 0], dilation: [1, 2])
            },
            GoldenCase("fold") {
                $0[0].fold(outputSize: [5, 6], kernel: [2, 3], stride: [2, 1], padding: [1, 0], dilation: [1, 2])
            },
            GoldenCase("fold_one") {
                $0[0].fold(outputSize: [5, 6], kernel: [2, 3], stride: [2, 1], padding: [1, 0], dilation: [1, 2])
            },
            GoldenCase("any_axes") { ($0[0] .> 1.0).any(axes: [0, 2]) },
            GoldenCase("all_axes") { ($0[0] .> -1.0).all(axes: [0, 2]) },
            GoldenCase("std_axes") { $0[0].std(axes: [0, 2]) },
            GoldenCase("variance_fractional") { $0[0].variance(axes: [0, 2], correction: 0.5) },
        ] + (-1...3).map { count in GoldenCase("rot90_\(count + 1)") { $0[0].rot90(count, axes: (0, 2)) } }
        + (0..<3).flatMap { place in
            [
                GoldenCase("meshgrid_ij\(place)") { Tensor.meshgrid($0)[place] },
                GoldenCase("meshgrid_xy\(place)") { Tensor.meshgrid($0, indexing: .xy)[place] },
            ]
        }

    @Test(arguments: GraphDevice.wanted) func shapesArePyTorchs(_ device: GraphDevice) throws {
        try Self.cases.compare(with: GoldenFile("tensor_shapes"), on: device)
    }

    static let matrix = Tensor(sampleNumbers(12).map(Double.init), shape: [3, 4])

    @Test(arguments: [
        GradientCheck(name: "diagonal", inputs: [matrix]) { $0[0].diagonal(offset: 1) * $0[0].diagonal(offset: 1) },
        GradientCheck(name: "diagEmbed", inputs: [matrix]) { $0[0].diagEmbed(offset: -1).square() },
        GradientCheck(name: "roll", inputs: [matrix]) { $0[0].roll(1, axis: 1) * $0[0] },
        GradientCheck(name: "repeat", inputs: [matrix]) { $0[0].repeat(2, 2).square() },
        GradientCheck(name: "unfold", inputs: [matrix]) { $0[0].unfold(axis: 1, size: 3, step: 1).square() },
        GradientCheck(name: "unfold2d", inputs: [matrix]) {
            $0[0].reshape([1, 3, 4]).unfold2d(kernel: [2, 2]).square()
        },
    ]) func theyAreDifferentiatedTwice(_ check: GradientCheck) throws {
        try withDevice(.cpu) { () throws(any Error) in try check.run() }
    }

    @Test func emptyAndScalarTensorsHaveShapesToo() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let empty = Tensor.zeros([0, 3])
            #expect(empty.tril().shape == [0, 3] && empty.diagonal().shape == [0])
            #expect(empty.roll(2).shape == [0, 3] && empty.repeat(2, 2).shape == [0, 6])
            #expect(
                empty.repeatInterleave(2).shape == [0] && empty.unfold(axis: 1, size: 2, step: 1).shape == [0, 2, 2])
            #expect(empty.unbind().isEmpty && empty.rot90().shape == [3, 0])
            #expect(try empty.trace().item() == 0)
            let one = Tensor(3.0)
            #expect(one.repeat(2, 2).shape == [2, 2] && one.tile().shape == [] && one.flip([]).shape == [])
            #expect(
                one.atLeast1d().shape == [1] && one.atLeast2d().shape == [1, 1] && one.atLeast3d().shape == [1, 1, 1])
            #expect(one.repeatInterleave(2).shape == [2] && one.movedim(0, -1).shape == [])
            #expect(try Tensor([1, 2] as [Int64]).repeat(2).scalars(as: Int64.self) == [1, 2, 1, 2])
        }
    }

    @Test func wrongShapesAreNamed() {
        let x = Tensor.ones([2, 3])
        expectWrongCalls([
            ("tril: shape [3]", { Tensor.ones([3]).tril() }),
            ("diag: shape [2, 3, 1]", { x.unsqueeze(-1).diag() }),
            ("diagonal: axes 0 and -2 of shape [2, 3]", { x.diagonal(axis1: 0, axis2: -2) }),
            ("trace: shape [3]", { Tensor.ones([3]).trace() }),
            ("roll: 2 shifts along 1 axes", { x.roll(shifts: [1, 2], axes: [0]) }),
            ("roll: axis 2 is outside", { x.roll(1, axis: 2) }),
            ("repeat: counts [2] for shape [2, 3]", { x.repeat(2) }),
            ("tile: counts [1, -1]", { x.tile(-1) }),
            ("repeatInterleave: 2 counts from 1 on", { x.repeatInterleave([1, 2], axis: 1) }),
            ("rot90: axes 0 and 0", { x.rot90(axes: (0, 0)) }),
            ("movedim: axes [0, 0]", { x.movedim([0, 0], [0, 1]) }),
            ("split: sizes [1, 1] of axis 1", { x.split(sizes: [1, 1], axis: 1)[0] }),
            ("tensorSplit: 0 sections", { x.tensorSplit(0)[0] }),
            ("unflatten: axis 1 of shape [2, 3] to [2, -1]", { x.unflatten(axis: 1, sizes: [2, -1]) }),
            ("unfold: windows of 4 elements", { x.unfold(axis: 1, size: 4, step: 1) }),
            ("unfold2d: kernel 3x3", { x.unsqueeze(0).unfold2d(kernel: [3, 3]) }),
            ("fold: kernel 2x2", { x.fold(outputSize: [3, 3], kernel: [2, 2]) }),
            ("meshgrid: float32[2, 3]", { Tensor.meshgrid([Tensor.ones([3]), x])[0] }),
            ("hstack: there are no tensors", { Tensor.hstack([]) }),
        ])
    }
}
