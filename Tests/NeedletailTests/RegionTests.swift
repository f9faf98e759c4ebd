import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// Values that a kernel may write where their only reader would copy them, beside programs in which it may not: each is equal to
/// the same, evaluated step by step.
@Suite struct RegionTests {
    /// What a program's values are, evaluated together and one after another.
    private func expectEqual(
        _ shape: Shape, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (Tensor, _ step: (Tensor) throws -> Tensor) throws -> [Tensor]
    ) throws {
        let x = Tensor(sampleNumbers(shape.elementCount), shape: shape)
        func values(_ tensors: [Tensor]) throws -> [[Float]] {
            try evaluate(tensors)
            return try tensors.map { try $0.scalars(as: Float.self) }
        }
        let together = try values(body(x) { $0 })
        let apart = try values(
            body(x) {
                try $0.evaluate()
                return $0
            })
        #expect(together.map(\.count) == apart.map(\.count), sourceLocation: sourceLocation)
        for (a, b) in zip(together.joined(), apart.joined()) {
            #expect(abs(a - b) <= 1e-5 * max(1, abs(b)), sourceLocation: sourceLocation)
        }
    }

    @Test func aLivePartIsStoredForItself() throws {
        try expectEqual([4, 6]) { x, step in
            let a = try step(x.exp())
            return [a, try step(Tensor.concatenate([a, step(x.sin())], axis: 1))]
        }
    }

    @Test func aLiveViewOfAPartIsStored() throws {
        try expectEqual([4, 6]) { x, step in
            let a = try step(x.exp())
            return [try step(a.reshape(6, 4)), try step(Tensor.concatenate([a, step(x.sin())], axis: 1))]
        }
    }

    @Test func aPartTwiceInTheWhole() throws {
        try expectEqual([4, 6]) { x, step in
            let a = try step(x.exp())
            return [try step(Tensor.concatenate([a, a], axis: 1))]
        }
    }

    @Test func aPartOfTwoWholes() throws {
        try expectEqual([4, 6]) { x, step in
            let a = try step(x.exp())
            let b = try step(x.sin())
            return [
                try step(Tensor.concatenate([a, b], axis: 1)), try step(Tensor.concatenate([b, a], axis: 1)),
            ]
        }
    }

    @Test func aPartIsASlice() throws {
        try expectEqual([4, 6]) { x, step in
            let a = try step(x.exp())
            return [try step(Tensor.concatenate([a.slice(axis: 1, from: 2, to: 5), step(x.sin())], axis: 1))]
        }
    }

    @Test func aPartIsAProductThatIsReadElsewhere() throws {
        try expectEqual([6, 6]) { x, step in
            let product = try step(x.matmul(x))
            let other = try step(product.tanh())
            return [other, try step(Tensor.concatenate([product, other], axis: 1))]
        }
    }

    @Test func productsWithPermutedAxes() throws {
        try expectEqual([2, 3, 4, 4]) { x, step in
            let product = try step(x.matmul(x))
            return [
                try step(product.permute(0, 2, 1, 3).reshape(2, 4, 12)),
                try step(step(x.matmul(x.T)).permute(0, 3, 1, 2).reshape(2, 4, 12)),
                try step(step((x + 1).matmul(x)).permute(2, 0, 1, 3).reshape(4, 24)),
            ]
        }
    }

    @Test func aPermutedProductThatIsLive() throws {
        try expectEqual([2, 3, 4, 4]) { x, step in
            let product = try step(x.matmul(x))
            return [product, try step(product.permute(0, 2, 1, 3).reshape(2, 4, 12))]
        }
    }

    @Test func aPermutedProductAndAFunctionOfIt() throws {
        try expectEqual([2, 3, 4, 4]) { x, step in
            let copy = try step(step(x.matmul(x)).permute(0, 2, 1, 3).contiguous())
            let flat = try step(step(x.matmul(x.T)).permute(0, 2, 1, 3).reshape(2, 4, 12))
            return [copy, try step(copy.exp()), flat, try step(flat.sin())]
        }
    }

    @Test func permutedProductsInsideOfAConcatenation() throws {
        try expectEqual([2, 3, 4, 4]) { x, step in
            let a = try step(step(x.matmul(x)).permute(0, 2, 1, 3).reshape(2, 4, 12))
            let b = try step(x.reshape(2, 4, 12).cos())
            return [try step(Tensor.concatenate([a, b], axis: 2)), try step(Tensor.concatenate([b, a], axis: 1))]
        }
    }

    @Test func anExpandedProduct() throws {
        try expectEqual([4, 4]) { x, step in
            let product = try step(x.matmul(x))
            return [
                try step(product.unsqueeze(0).expand([3, 4, 4]).reshape(12, 4)),
                try step(step(x.matmul(x.T)).unsqueeze(1).expand([4, 2, 4]).reshape(8, 4)),
            ]
        }
    }

    @Test func aReversedProduct() throws {
        try expectEqual([4, 4]) { x, step in
            let product = try step(x.matmul(x))
            return [try step(product.flip(0).T.reshape(2, 8)), try step(step(x.matmul(x.T)).flip(1))]
        }
    }

    @Test func aHalfOfAPermutedProduct() throws {
        try expectEqual([2, 3, 4, 4]) { x, step in
            let half = try step(x.matmul(x)).slice(axis: 1, from: 1, to: 3)
            return [try step(half.permute(0, 2, 1, 3).reshape(2, 4, 8))]
        }
    }

    @Test func poolingsAndReductionsAreCopied() throws {
        try expectEqual([2, 3, 4, 4]) { x, step in
            let pooled = try step(Tensor.maxPool2d(x, kernel: [2, 2]))
            let sums = try step(x.sum(axes: -1))
            return [
                try step(Tensor.concatenate([pooled, step(x.slice(axis: 2, from: 0, to: 2).exp())], axis: 3)),
                try step(Tensor.concatenate([sums, step(x.slice(axis: 3, from: 0, to: 1).squeeze(3).exp())], axis: 2)),
            ]
        }
    }

    /// Along channels, where the pooling's batch and channels cannot be one dimension of what it writes.
    @Test func poolingsBesideOtherChannels() throws {
        try expectEqual([2, 3, 4, 4]) { x, step in
            let pooled = try step(Tensor.maxPool2d(x, kernel: [2, 2]))
            let other = try step(x.slice(axis: 2, from: 0, to: 2).slice(axis: 3, from: 0, to: 2).exp())
            return [
                try step(Tensor.concatenate([pooled, other.slice(axis: 1, from: 0, to: 1)], axis: 1)),
                try step(Tensor.concatenate([step(Tensor.avgPool2d(x, kernel: [2, 2])), other], axis: 0)),
            ]
        }
    }

    /// Where slices begin is no part of a plan's signature: the second run takes the first one's plan.
    @Test func slicesThatMoveBetweenRuns() throws {
        for start in [0, 1, 3] {
            try expectEqual([4, 8]) { x, step in
                let a = try step(x.exp()).slice(axis: 1, from: start, to: start + 4)
                let b = try step(x.slice(axis: 1, from: start, to: start + 4).sin())
                return [try step(Tensor.concatenate([a, b], axis: 1))]
            }
        }
    }

    @Test func gradientsOfSlices() throws {
        try expectEqual([4, 8]) { x, step in
            let leaf = x.requiringGrad()
            let parts = [(0, 3), (2, 5), (5, 8)].map { leaf.slice(axis: 1, from: $0.0, to: $0.1) }
            var sum = (parts[0].exp() * parts[1].sin()).sum()
            sum = sum + parts[2].square().sum() + leaf.slice(axis: 1, from: 0, to: 8).cos().sum()
            let found = gradients(of: sum, withRespectTo: [leaf])[0]!
            return [try step(found)]
        }
    }
}
