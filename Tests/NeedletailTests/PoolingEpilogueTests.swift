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

    /// Along batch or channels, which the kernel sees as one dimension.
    @Test(arguments: [0, 1])
    func anAxisThatTheKernelDoesNotTellApart(_ axis: Int) throws {
        let table = Tensor(sampleNumbers(36), shape: [3, 3, 2, 2])
        let index = Tensor((0..<36).map { Int64(($0 / 4 + $0) % 3) }, shape: [3, 3, 2, 2])
        let found = try sums([3, 3, 4, 4], { table.gather(axis: axis, index: index) })
        #expect(found.fused == found.apart)
    }

    @Test(arguments: [0, 1])
    func anAxisOfOneImageOrOneChannel(_ axis: Int) throws {
        let shape: Shape = axis == 0 ? [3, 1, 4, 4] : [1, 3, 4, 4]
        let table = Tensor(sampleNumbers(20), shape: axis == 0 ? [5, 1, 2, 2] : [1, 5, 2, 2])
        let index = Tensor((0..<12).map { Int64(($0 * 3) % 5) }, shape: axis == 0 ? [3, 1, 2, 2] : [1, 3, 2, 2])
        let found = try sums(shape, { table.gather(axis: axis, index: index) })
        #expect(found.fused == found.apart)
    }

    /// Data whose planes are not evenly apart over batch and channels.
    @Test func planesOfASlice() throws {
        let table = Tensor(sampleNumbers(80), shape: [2, 4, 5, 2])
        let index = Tensor((0..<24).map { Int64($0 % 5) }, shape: [2, 3, 2, 2])
        let found = try sums([2, 3, 4, 4], { table.slice(axis: 1, from: 1, to: 4).gather(axis: 2, index: index) })
        #expect(found.fused == found.apart)
    }

    @Test func planesOfPermutedData() throws {
        let table = Tensor(sampleNumbers(60), shape: [3, 2, 5, 2]).permute(1, 0, 2, 3)
        let index = Tensor((0..<24).map { Int64($0 % 5) }, shape: [2, 3, 2, 2])
        let found = try sums([2, 3, 4, 4], { table.gather(axis: 2, index: index) })
        #expect(found.fused == found.apart)
    }
}
