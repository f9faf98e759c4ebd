import Needletail
import TensorRuntime
import Testing

/// Gathers beside a pooling that its kernel's epilogue cannot read: they are kernels of their own, with the right sums.
@Suite struct PoolingEpilogueTests {
    private func sums(
        _ shape: Shape, _ gathered: () -> Tensor, pooled: (Tensor) -> Tensor = { MaxPool2d(kernel: 2)($0) }
    ) throws -> (fused: [Float], apart: [Float]) {
        let x = Tensor(sampleNumbers(shape.elementCount), shape: shape)
        let fused = try (pooled(x) + gathered()).scalars(as: Float.self)
        let (a, b) = (pooled(x), gathered())
        try evaluate([a])
        try evaluate([b])
        return (fused, try (a + b).scalars(as: Float.self))
    }

    @Test func anIndexThatBroadcastsOverTheBatch() throws {
        let table = Tensor(sampleNumbers(60), shape: [2, 3, 5, 2])
        let index = Tensor([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1] as [Int64], shape: [1, 3, 2, 2])
        let found = try sums([2, 3, 4, 4], { table.takeAlong(index, axis: 2) })
        #expect(found.fused == found.apart)
    }

    @Test func aPermutedIndex() throws {
        let table = Tensor(sampleNumbers(60), shape: [2, 3, 5, 2])
        let index = Tensor((0..<24).map { Int64($0 % 5) }, shape: [3, 2, 2, 2]).permute(1, 0, 2, 3)
        let found = try sums([2, 3, 4, 4], { table.gather(axis: 2, index: index) })
        #expect(found.fused == found.apart)
    }

    @Test func aResultOfTheSameElementsInOtherAxes() throws {
        let table = Tensor(sampleNumbers(56), shape: [1, 2, 7, 4])
        let index = Tensor([Int64](repeating: 1, count: 24), shape: [1, 2, 3, 4])
        let found = try sums(
            [2, 3, 8, 2], { table.gather(axis: 2, index: index) },
            pooled: { MaxPool2d(kernel: 2)($0).reshape(1, 2, 3, 4) })
        #expect(found.fused == found.apart)
    }
}
