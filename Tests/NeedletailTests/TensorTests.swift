import Needletail
import TensorRuntime
import Testing

@Suite("Tensor values")
struct TensorTests {
    @Test func `creation`() throws {
        #expect(try Tensor.zeros([2, 2]).scalars(as: Float.self) == [0, 0, 0, 0])
        #expect(try Tensor.full([2], 7).scalars(as: Int.self) == [7, 7])
        #expect(Tensor.full([2], 7).dtype == .int64)
        #expect(try Tensor.arange(2, 11, step: 3).scalars(as: Int.self) == [2, 5, 8])
        #expect(try Tensor.arange(1.0, 0.0, step: -0.25).scalars(as: Float.self) == [1, 0.75, 0.5, 0.25])
        #expect(try Tensor.linspace(0, 1, count: 3).scalars(as: Float.self) == [0, 0.5, 1])
        #expect(try Tensor.eye(3, 2).scalars(as: Float.self) == [1, 0, 0, 1, 0, 0])
        #expect(try Tensor([[1, 2], [3, 4]]).T.scalars(as: Int.self) == [1, 3, 2, 4])
        #expect(try Tensor(bytes: [1, 0, 2, 0], shape: [4], dtype: .uint8).scalars(as: Int.self) == [1, 0, 2, 0])
        #expect(try Tensor(2.5).item() == 2.5)
        #expect(Tensor.zeros([0, 4]).elementCount == 0)
    }

    @Test(
        "random numbers repeat with the state, and use up a multiple of 4",
        arguments: [
            { Tensor.uniform([7], generator: $0) }, { Tensor.normal([7], generator: $0) },
            { Tensor.bernoulli([7], probability: 0.5, generator: $0) }, { Tensor.permutation(7, generator: $0) },
        ] as [@Sendable (Generator) -> Tensor])
    func random(_ make: @Sendable (Generator) -> Tensor) throws {
        let generator = Generator(seed: 5)
        let start = generator.state
        let first = try make(generator).scalars(as: Double.self)
        #expect(generator.state.offset % 4 == 0 && generator.state.offset > 0)
        let second = try make(generator).scalars(as: Double.self)
        generator.state = start
        #expect(try make(generator).scalars(as: Double.self) == first)
        #expect(first != second)
    }

    @Test func `uniform numbers are Philox's`() throws {
        let generator = Generator(seed: 99)
        _ = generator.reserve(8)
        let found = try Tensor.uniform([6], generator: generator).scalars(as: Float.self)
        #expect(found == (0..<6).map { Philox.uniform(index: $0, key: 99, offset: 8) })
    }

    @Test func `normal numbers have mean and deviation`() throws {
        let sample = Tensor.normal([20_000], mean: 3, std: 2, generator: Generator(seed: 1))
        #expect(Swift.abs(try sample.mean().item() - 3) < 0.06)
        #expect(Swift.abs(try sample.std().item() - 2) < 0.04)
    }

    @Test func `a permutation holds each number once`() {
        #expect(Generator(seed: 3).permutation(1000).sorted() == Array(0..<1000))
    }

    @Test func `withGenerator leaves the outer generator alone`() {
        let outer = Generator.current.state
        withGenerator(Generator(seed: 1)) { _ = Tensor.uniform([10]) }
        #expect(Generator.current.state == outer)
    }

    @Test func `sums of integers and bool are int64`() throws {
        #expect(Tensor([true, false, true]).sum().dtype == .int64)
        #expect(try Tensor([true, false, true]).sum().item() == 2)
        #expect(try Tensor([UInt8(200), 100]).sum().item() == 300)
    }

    @Test func `reductions over any axes`() throws {
        let x = Tensor((0..<24).map(Float.init), shape: [2, 3, 4])
        #expect(try x.sum(axes: 0, 2).scalars(as: Float.self) == [60, 92, 124])
        #expect(x.sum(axes: -1, keepDims: true).shape == [2, 3, 1])
        #expect(try x.max(axes: 1).scalars(as: Float.self) == [8, 9, 10, 11, 20, 21, 22, 23])
        #expect(try x.mean().item() == 11.5)
        #expect(try x.prod(axes: 2)[0].scalars(as: Float.self) == [0, 840, 7920])
        #expect(try Tensor([1, 2, 3, 4] as [Float]).variance().item() == Double(Float(5.0 / 3)))
        #expect(try x.argmax(2).scalars(as: Int.self) == [3, 3, 3, 3, 3, 3])
        #expect(try x.argmax().item() == 23)
        #expect(try (x .> 22).any(axes: 1, 2).scalars(as: Bool.self) == [false, true])
        #expect(try (x .>= 0).all().item(as: Bool.self))
    }

    @Test func `reductions of nothing`() throws {
        let empty = Tensor.zeros([0, 2])
        #expect(try empty.sum().item() == 0)
        #expect(try empty.prod(axes: 0).scalars(as: Float.self) == [1, 1])
        #expect(try empty.mean().item().isNaN)
        #expect(try !empty.any().item(as: Bool.self))
        #expect(try matmul(Tensor.ones([2, 0]), Tensor.ones([0, 2])).scalars(as: Float.self) == [0, 0, 0, 0])
    }

    @Test func `NaN is kept`() throws {
        let x = Tensor([1, .nan, 3] as [Float])
        #expect(try x.max().item().isNaN)
        #expect(try x.relu()[1].item().isNaN)
        #expect(try x.argmax().item() == 1)
        #expect(try x.isNaN().scalars(as: Bool.self) == [false, true, false])
    }

    @Test func `subscripts`() throws {
        let x = Tensor.arange(24).reshape(2, 3, 4)
        #expect(try x[1, 2, 3].item() == 23)
        #expect(try x[-1, 0].scalars(as: Int.self) == [12, 13, 14, 15])
        #expect(try x[.ellipsis, 0].scalars(as: Int.self) == [0, 4, 8, 12, 16, 20])
        #expect(x[0..<1, .newAxis, 1...].shape == [1, 1, 2, 4])
        #expect(try x[0, 0, .range(0, nil, by: 2)].scalars(as: Int.self) == [0, 2])
        #expect(try x[0, 0, .range(-2, nil)].scalars(as: Int.self) == [2, 3])
        #expect(x[.all, Tensor([[0, 2], [1, 1]])].shape == [2, 2, 2, 4])
        #expect(try x[0, Tensor([2, 0]), 1].scalars(as: Int.self) == [9, 1])
    }

    @Test func `assigning to a part rebinds the variable only`() throws {
        let x = Tensor.zeros([3, 3])
        var y = x
        y[1] = Tensor([1, 2, 3] as [Float])
        y[.all, 0] = Tensor(9.0 as Float)
        y[.range(0, nil, by: 2), 2] = Tensor(5)
        #expect(try y.scalars(as: Float.self) == [9, 0, 5, 9, 2, 3, 9, 0, 5])
        #expect(try x.scalars(as: Float.self) == [Float](repeating: 0, count: 9))
    }

    @Test func `shapes`() throws {
        let x = Tensor.arange(6).reshape(2, -1)
        #expect(x.shape == [2, 3])
        #expect(x.flatten().shape == [6])
        #expect(Tensor.ones([2, 3, 4]).flatten(from: 1).shape == [2, 12])
        #expect(x.unsqueeze(-1).squeeze().shape == [2, 3])
        #expect(try x.flip(1).scalars(as: Int.self) == [2, 1, 0, 5, 4, 3])
        #expect(try x.permute(1, 0).reshape(2, 3).scalars(as: Int.self) == [0, 3, 1, 4, 2, 5])
        #expect(Tensor.stack([x, x], axis: 1).shape == [2, 2, 3])
        #expect(x.chunk(2, axis: 1).map(\.shape) == [[2, 2], [2, 1]])
        #expect(try x.pad([(0, 0), (1, 1)], value: -1).scalars(as: Int.self) == [-1, 0, 1, 2, -1, -1, 3, 4, 5, -1])
    }

    @Test func `indexing by tensors`() throws {
        let x = Tensor([[1, 2], [3, 4], [5, 6]] as [[Float]])
        #expect(try x.gather(axis: 1, index: Tensor([[1], [0], [1]])).scalars(as: Float.self) == [2, 3, 6])
        #expect(try x.indexSelect(axis: 0, index: Tensor([2, 2])).scalars(as: Float.self) == [5, 6, 5, 6])
        let added = Tensor.zeros([3]).scatterAdd(
            axis: 0, index: Tensor([0, 2, 0]), source: Tensor([1, 2, 3] as [Float]))
        #expect(try added.scalars(as: Float.self) == [4, 0, 2])
        #expect(try Tensor([2, 0]).oneHot(classes: 3).scalars(as: Float.self) == [0, 0, 1, 1, 0, 0])
    }

    @Test func `matrix products`() throws {
        let a = Tensor([[1, 2], [3, 4]] as [[Float]])
        let v = Tensor([1, -1] as [Float])
        #expect(try matmul(a, v).scalars(as: Float.self) == [-1, -1])
        #expect(try matmul(v, a).scalars(as: Float.self) == [-2, -2])
        #expect(try matmul(v, v).item() == 2)
        #expect(try matmul(a, transposed: true, a).scalars(as: Float.self) == [10, 14, 14, 20])
        #expect(matmul(Tensor.ones([5, 1, 2, 3]), Tensor.ones([4, 3, 6])).shape == [5, 4, 2, 6])
    }

    @Test func `casts`() throws {
        #expect(try Tensor([1.9, -1.9] as [Float]).to(.int64).scalars(as: Int.self) == [1, -1])
        #expect(try Tensor([0, 0.5, -2] as [Float]).to(.bool).scalars(as: Bool.self) == [false, true, true])
        #expect(try Tensor([1.5] as [Float]).to(.float16).to(.float32).item() == 1.5)
    }

    @Test func `softmax does not overflow`() throws {
        let y = try Tensor([1000, 1000] as [Float]).softmax().scalars(as: Float.self)
        #expect(y == [0.5, 0.5])
        #expect(try Tensor([-1000, 0] as [Float]).logSoftmax().scalars(as: Float.self) == [-1000, 0])
        #expect(try Tensor([-Float.infinity, -.infinity]).logSumExp().item() == -Double.infinity)
    }

    @Test func `item of several elements throws`() {
        #expect(throws: TensorError.self) { try Tensor.ones([2]).item() }
    }
}

@Suite("Description")
struct DescriptionTests {
    @Test(
        "as PyTorch prints",
        arguments: [
            (Tensor([1, 2.5] as [Float]), "tensor([1.0000, 2.5000])"),
            (Tensor([1, 2]), "tensor([1, 2])"),
            (Tensor([[1, -1], [2, 30]] as [[Float]]), "tensor([[ 1., -1.],\n        [ 2., 30.]])"),
            (Tensor(3.5 as Float), "tensor(3.5000)"),
            (Tensor([true, false]), "tensor([ True, False])"),
            (Tensor.zeros([0]), "tensor([])"),
            (Tensor.zeros([2, 0]), "tensor([], size=(2, 0))"),
            (Tensor([1], device: nil).to(.uint8), "tensor([1], dtype=uint8)"),
            (Tensor([1e-5, 1] as [Float]), "tensor([1.0000e-05, 1.0000e+00])"),
            (Tensor([.nan, 1.5] as [Float]), "tensor([   nan, 1.5000])"),
            (Tensor.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
            (
                Tensor.ones([1, 2, 2]),
                "tensor([[[1., 1.],\n         [1., 1.]]])"
            ),
        ] as [(Tensor, String)])
    func prints(_ tensor: Tensor, _ expected: String) {
        #expect(tensor.description == expected)
    }
}
