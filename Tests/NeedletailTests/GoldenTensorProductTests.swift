import Needletail
import TensorRuntime
import Testing

/// Products by name, `einsum`, norms and distances: against PyTorch, with their gradients.
@Suite struct GoldenTensorProductTests {
    /// The equations of the file, in its order.
    static let equations = [
        "ij,jk->ik", "bij,bjk->bik", "ij,jk", "ii->i", "ii", "bii->bi", "i,j->ij", "ij->ji", "ij->",
        "...ij,...jk->...ik",
        "...i,i->...", "ijk,jl,k->il", "bhqd,bhkd->bhqk", "ij,ij->i", "ij,ij->ij", "iij,jk->ik", "ij,kj->",
        "B a, a c -> B c",
        "i...->...", "zb,ab", "ij,i->ij",
    ]

    static let cases: [GoldenCase] =
        equations.enumerated().map { number, equation in
            GoldenCase("einsum\(number)") { Tensor.einsum(equation, $0) }
        } + [
            GoldenCase("dot") { $0[0].dot($0[1]) },
            GoldenCase("outer") { $0[0].outer($0[1]) },
            GoldenCase("inner") { $0[0].inner($0[1]) },
            GoldenCase("vecdot") { $0[0].vecdot($0[1], axis: 0) },
            GoldenCase("cross") { $0[0].cross($0[1], axis: 1) },
            GoldenCase("mv") { $0[0].mv($0[1]) },
            GoldenCase("addmm") { $0[0].addmm($0[1], $0[2], beta: 0.5, alpha: 2) },
            GoldenCase("addmm_nan") { $0[0].addmm($0[1], $0[2], beta: 0) },
            GoldenCase("addmv") { $0[0].addmv($0[1], $0[2]) },
            GoldenCase("addr") { $0[0].addr($0[1], $0[2], alpha: 3) },
            GoldenCase("baddbmm") { $0[0].baddbmm($0[1], $0[2], alpha: 2) },
            GoldenCase("kron") { $0[0].kron($0[1]) },
            GoldenCase("kron_ranks") { $0[0].kron($0[1]) },
            GoldenCase("tensordot") { $0[0].tensordot($0[1]) },
            GoldenCase("tensordot_axes") { $0[0].tensordot($0[1], axes: (own: [0, -1], other: [2, 1])) },
            GoldenCase("tensordot_none") { $0[0].tensordot($0[1], axes: 0) },
            GoldenCase("matrix_power", relative: 1e-5) { $0[0].matrixPower(5) },
            GoldenCase("matrix_power_0") { $0[0].matrixPower(0) },
            GoldenCase("multi_dot") { Tensor.multiDot($0) },
            GoldenCase("multi_dot_vectors") { Tensor.multiDot($0) },
            GoldenCase("norm_0") { $0[0].norm(p: 0, axes: [1]) },
            GoldenCase("norm_1") { $0[0].norm(p: 1, axes: [1]) },
            GoldenCase("norm_2") { $0[0].norm(axes: [0, 2], keepDims: true) },
            GoldenCase("norm_3", relative: 1e-5) { $0[0].norm(p: 3, axes: 1) },
            GoldenCase("norm_15", relative: 1e-5) { $0[0].norm(p: 1.5, axes: 1) },
            GoldenCase("norm_half", relative: 2e-5) { $0[0].norm(p: 0.5, axes: 1) },
            GoldenCase("norm_inf") { $0[0].norm(p: .infinity, axes: 1) },
            GoldenCase("norm_inf_ties") { $0[0].norm(p: .infinity, axes: 1) },
            GoldenCase("norm_minus_inf") { $0[0].norm(p: -.infinity, axes: []) },
            GoldenCase("norm_zeros") { $0[0].norm(axes: [1]) },
            GoldenCase("norm_nan") { $0[0].norm(p: .infinity, axes: 1) },
            GoldenCase("normalize") { $0[0].normalize() },
            GoldenCase("normalize_1") { $0[0].normalize(p: 1, axis: -1) },
            GoldenCase("renorm") { $0[0].renorm(p: 2, axis: 1, maximum: 1.5) },
            GoldenCase("cosine_similarity") { Tensor.cosineSimilarity($0[0], $0[1]) },
            GoldenCase("pairwise_distance") { Tensor.pairwiseDistance($0[0], $0[1], keepDims: true) },
            GoldenCase("cdist") { $0[0].cdist($0[1]) },
            GoldenCase("cdist_same") { $0[0].cdist($0[1]) },
            GoldenCase("cdist_1") { $0[0].cdist($0[1], p: 1) },
            GoldenCase("cdist_inf") { $0[0].cdist($0[1], p: .infinity) },
            GoldenCase("cdist_3", relative: 1e-5) { $0[0].cdist($0[1], p: 3) },
        ]

    @Test(arguments: GraphDevice.wanted) func productsArePyTorchs(_ device: GraphDevice) throws {
        try Self.cases.compare(with: GoldenFile("tensor_products"), on: device)
    }

    static let matrix = Tensor(sampleNumbers(12).map(Double.init), shape: [3, 4])
    static let square = Tensor(sampleNumbers(9, seed: 2).map(Double.init), shape: [3, 3])

    @Test(arguments: [
        GradientCheck(name: "einsum", inputs: [square, matrix]) {
            Tensor.einsum("iij,jk->ik", [square.diagEmbed(), $0[1]]) * $0[0].sum()
        },
        GradientCheck(name: "kron", inputs: [square, matrix]) { $0[0].kron($0[1]) },
        GradientCheck(name: "cross", inputs: [square, square + 1]) { $0[0].cross($0[1]) },
        GradientCheck(name: "matrixPower", inputs: [square]) { $0[0].matrixPower(3) },
        GradientCheck(name: "norm", inputs: [matrix]) { $0[0].norm(axes: [1]) },
        GradientCheck(name: "norm of p 3", inputs: [matrix]) { $0[0].norm(p: 3, axes: 1) },
        GradientCheck(name: "norm of p 1.5", inputs: [matrix]) { $0[0].norm(p: 1.5, axes: 1) },
        GradientCheck(name: "normalize", inputs: [matrix]) { $0[0].normalize() },
        GradientCheck(name: "cdist", inputs: [matrix, matrix + 1]) { $0[0].cdist($0[1]) },
    ]) func theyAreDifferentiatedTwice(_ check: GradientCheck) throws {
        try withDevice(.cpu) { () throws(any Error) in try check.run() }
    }

    @Test func emptySumsAreZero() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let (a, b) = (Tensor.ones([2, 0]), Tensor.ones([0, 3]))
            #expect(try einsum("ij,jk->ik", a, b).scalars(as: Float.self) == [Float](repeating: 0, count: 6))
            #expect(try a.cdist(Tensor.ones([3, 0])).scalars(as: Float.self) == [Float](repeating: 0, count: 6))
            #expect(try a.norm(axes: [1]).scalars(as: Float.self) == [0, 0])
            #expect(try Tensor([1, 2] as [Int64]).dot(Tensor([3, 4] as [Int64])).item() == 11)
            #expect(Tensor.ones([0]).outer(Tensor.ones([2])).shape == [0, 2])
            #expect(try einsum("i,i->", Tensor([2] as [Float]), Tensor([1, 2, 3] as [Float])).item() == 12)
        }
    }

    @Test func wrongOperandsAreNamed() {
        let (x, v) = (Tensor.ones([2, 3]), Tensor.ones([3]))
        expectWrongCalls([
            ("dot: shapes [3] and [2, 3]", { v.dot(x) }),
            ("outer: shapes [2, 3] and [3]", { x.outer(v) }),
            ("mv: shapes [3] and [3]", { v.mv(v) }),
            ("mm: shapes [2, 3] and [3]", { x.mm(v) }),
            ("bmm: shapes", { x.unsqueeze(0).bmm(Tensor.ones([2, 3, 1])) }),
            ("addmm: [4] on cpu and a product of shape [2, 2]", { Tensor.ones([4]).addmm(x, x.T) }),
            ("cross: shapes [2, 3] and [2, 2]", { x.cross(Tensor.ones([2, 2])) }),
            ("tensordot: shapes [2, 3] and [3]", { x.tensordot(v) }),
            ("matrixPower: power 2 of shape [2, 3]", { x.matrixPower(2) }),
            ("multiDot: shapes [2, 3], [2, 3]", { Tensor.multiDot([x, x]) }),
            ("\"ij,k\" of shapes [2, 3]: 2 operands in the equation and 1 tensors", { einsum("ij,k", x) }),
            ("\"ijk\" does not name the axes of [2, 3]", { einsum("ijk", x) }),
            ("an axis of [2, 3] has extent 3, and 2 elsewhere", { einsum("ii", x) }),
            ("an axis of [3] has extent 3, and 2 elsewhere", { einsum("ij,i->j", x, v) }),
            ("\"ik\" is no result", { einsum("ij->ik", x) }),
            ("more than one arrow", { einsum("ij->i->j", x) }),
            ("norm: p is NaN", { x.norm(p: .nan, axes: 1) }),
            ("norm: axes [2]", { x.norm(p: 1, axes: 2) }),
            ("norm: shape [0] has no element", { Tensor.ones([0]).norm(p: .infinity, axes: 0) }),
            ("cdist: float32[3] and float32[2, 3]", { v.cdist(x) }),
            ("renorm: p 0.0", { x.renorm(p: 0, axis: 0, maximum: 1) }),
        ])
    }
}
