import TensorRuntime
import Testing

@Suite struct ShapeTests {
    @Test func rankZeroIsOneElement() {
        #expect(Shape().elementCount == 1)
        #expect(Shape().rank == 0)
        #expect(Shape().contiguousStrides == [])
    }

    @Test func stridesAreRowMajorAndEmptyShapesHaveThemToo() {
        #expect(Shape([2, 3, 4]).contiguousStrides == [12, 4, 1])
        #expect(Shape([2, 0, 4]).contiguousStrides == [4, 4, 1])
        #expect(Shape([2, 0, 4]).elementCount == 0)
    }

    @Test func axesCountFromEitherEnd() {
        let shape: Shape = [2, 3, 4]
        for axis in 0..<3 {
            #expect(shape.normalizedAxis(axis) == axis)
            #expect(shape.normalizedAxis(axis - 3) == axis)
        }
        #expect(shape.normalizedAxis(3) == nil)
        #expect(shape.normalizedAxis(-4) == nil)
        #expect(Shape().normalizedAxis(0) == 0)
        #expect(Shape().normalizedAxis(-1) == 0)
        #expect(Shape().normalizedAxis(1) == nil)
    }

    @Test func removingUndoesInserting() {
        for shape in LayoutTests.shapes {
            for axis in 0...shape.rank {
                let longer = shape.inserting(9, at: axis)
                #expect(longer[axis] == 9)
                #expect(longer.removing(axis: axis) == shape)
            }
        }
    }

    @Test func broadcastingFollowsNumPy() {
        #expect(Shape([3, 1]).broadcast(with: [4]) == [3, 4])
        #expect(Shape([5, 1, 7]).broadcast(with: [6, 1]) == [5, 6, 7])
        #expect(Shape([]).broadcast(with: [2, 3]) == [2, 3])
        #expect(Shape([0]).broadcast(with: [1]) == [0])
        #expect(Shape([2]).broadcast(with: [3]) == nil)
        #expect(Shape([0]).broadcast(with: [3]) == nil)
        for a in LayoutTests.shapes {
            for b in LayoutTests.shapes { #expect(a.broadcast(with: b) == b.broadcast(with: a)) }
        }
    }

    @Test func aShapePrintsAsAList() {
        #expect(Shape([64, 10]).description == "[64, 10]")
        #expect(Shape().description == "[]")
    }

    @Test func shapesOfDifferentRankDiffer() {
        #expect(Shape([2]) != Shape([2, 0]))
        #expect(Shape([2, 1]) != Shape([2]))
        #expect(Shape(repeating: 0, rank: 2) == [0, 0])
    }
}
