import TensorRuntime
import Testing

/// Views against index arithmetic, over all small shapes.
@Suite struct LayoutTests {
    /// All shapes of rank 0 to 3 with extents 0 to 3.
    static let shapes: [Shape] = {
        var shapes: [Shape] = [[]]
        for a in 0...3 {
            shapes.append([a])
            for b in 0...3 {
                shapes.append([a, b])
                for c in 0...3 { shapes.append([a, b, c]) }
            }
        }
        return shapes
    }()

    /// Every index of `shape`, in row-major order.
    static func indices(_ shape: Shape) -> [[Int]] {
        shape.reduce([[]]) { prefixes, extent in prefixes.flatMap { prefix in (0..<extent).map { prefix + [$0] } } }
    }

    /// The element offset of `index`.
    static func offset(_ layout: Layout, _ index: [Int]) -> Int {
        zip(index, layout.strides).reduce(layout.offset) { $0 + $1.0 * $1.1 }
    }

    /// The offsets of all elements, in row-major order.
    static func offsets(_ layout: Layout) -> [Int] { indices(layout.shape).map { offset(layout, $0) } }

    static func permutations(_ rank: Int) -> [Shape] {
        rank == 0
            ? [[]]
            : permutations(rank - 1).flatMap { shorter in (0..<rank).map { shorter.inserting(rank - 1, at: $0) } }
    }

    /// A contiguous layout of `shape` and views of others that have this shape.
    static func variants(of shape: Shape) -> [Layout] {
        var layouts = [Layout(contiguous: shape), Layout(contiguous: shape, offset: 5)]
        for axis in 0..<shape.rank {
            layouts.append(Layout(contiguous: shape).flipped(axis: axis))
            var wide = shape
            wide[axis] = 2 * shape[axis] + 1
            layouts.append(Layout(contiguous: wide).sliced(axis: axis, start: 1, count: shape[axis], step: 2))
            layouts.append(Layout(contiguous: wide).sliced(axis: axis, start: 0, count: shape[axis]))
            var unit = shape
            unit[axis] = 1
            layouts.append(Layout(contiguous: unit).expanded(to: shape))
        }
        layouts.append(Layout(contiguous: Shape(shape.reversed())).permuted(Shape((0..<shape.rank).reversed())))
        return layouts
    }

    @Test func aContiguousLayoutCountsUpwards() {
        for shape in Self.shapes {
            let layout = Layout(contiguous: shape, offset: 7)
            #expect(Self.offsets(layout) == Array(7..<7 + shape.elementCount))
            if shape.elementCount > 0 { #expect(layout.isContiguous) }
        }
    }

    @Test func anEmptyLayoutIsContiguous() {
        let wrong = Self.shapes.filter { $0.elementCount == 0 && !Layout(contiguous: $0).isContiguous }
        #expect(wrong.isEmpty)
    }

    @Test func contiguityIsWhatTheOffsetsSay() {
        for shape in Self.shapes where shape.elementCount > 0 {
            for layout in Self.variants(of: shape) {
                let isDense = Self.offsets(layout) == Array(layout.offset..<layout.offset + shape.elementCount)
                #expect(layout.isContiguous == isDense, "\(layout)")
            }
        }
    }

    @Test func theExtentIsTheRangeOfOffsets() {
        for shape in Self.shapes {
            for layout in Self.variants(of: shape) {
                let offsets = Self.offsets(layout)
                if let low = offsets.min(), let high = offsets.max() {
                    #expect(layout.extent == low..<high + 1, "\(layout)")
                } else {
                    #expect(layout.extent.isEmpty)
                }
            }
        }
    }

    @Test func aPermutationMovesIndices() {
        for shape in Self.shapes {
            for layout in Self.variants(of: shape) {
                for axes in Self.permutations(shape.rank) {
                    let permuted = layout.permuted(axes)
                    for index in Self.indices(permuted.shape) {
                        var source = [Int](repeating: 0, count: shape.rank)
                        for (position, axis) in axes.enumerated() { source[axis] = index[position] }
                        #expect(Self.offset(permuted, index) == Self.offset(layout, source))
                    }
                }
            }
        }
    }

    @Test func aSliceKeepsEveryStepthElement() {
        for shape in Self.shapes {
            for axis in 0..<shape.rank {
                for layout in Self.variants(of: shape) {
                    for start in 0..<max(shape[axis], 1) {
                        for step in 1...2 {
                            for count in 0...max((shape[axis] - start + step - 1) / step, 0) {
                                let slice = layout.sliced(axis: axis, start: start, count: count, step: step)
                                for index in Self.indices(slice.shape) {
                                    var source = index
                                    source[axis] = start + index[axis] * step
                                    #expect(Self.offset(slice, index) == Self.offset(layout, source))
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test func aFlipReadsBackwardsAndTwoFlipsAreNone() {
        for shape in Self.shapes {
            for axis in 0..<shape.rank {
                for layout in Self.variants(of: shape) {
                    let flipped = layout.flipped(axis: axis)
                    for index in Self.indices(shape) {
                        var source = index
                        source[axis] = shape[axis] - 1 - index[axis]
                        #expect(Self.offset(flipped, index) == Self.offset(layout, source))
                    }
                    #expect(flipped.flipped(axis: axis) == layout)
                }
            }
        }
    }

    @Test func anExpansionRepeatsUnitDimensions() {
        for shape in Self.shapes {
            for target in Self.shapes where shape.broadcast(with: target) == target {
                let layout = Layout(contiguous: shape, offset: 2)
                let expanded = layout.expanded(to: target)
                for index in Self.indices(target) {
                    let source = zip(index.suffix(shape.rank), shape).map { $1 == 1 ? 0 : $0 }
                    #expect(Self.offset(expanded, index) == Self.offset(layout, Array(source)))
                }
            }
        }
    }

    @Test func aReshapeKeepsTheLogicalOrderOrRefuses() {
        for shape in Self.shapes {
            for layout in Self.variants(of: shape) {
                for target in Self.shapes where target.elementCount == shape.elementCount {
                    guard let reshaped = layout.reshaped(to: target) else {
                        #expect(!layout.isContiguous, "a contiguous \(shape) is always a \(target)")
                        continue
                    }
                    #expect(reshaped.shape == target)
                    #expect(Self.offsets(reshaped) == Self.offsets(layout), "\(layout) to \(target)")
                }
            }
        }
    }

    @Test func aReshapeRefusesOnlyWhatNoStridesCanSay() {
        for shape in Self.shapes where shape.elementCount > 0 {
            for layout in Self.variants(of: shape) {
                for target in Self.shapes where target.elementCount == shape.elementCount {
                    let wanted = Self.offsets(layout)
                    let isPossible = Self.strides(saying: wanted, over: target) != nil
                    #expect((layout.reshaped(to: target) != nil) == isPossible, "\(layout) to \(target)")
                }
            }
        }
    }

    /// Strides with which `shape` reads `offsets` in order, or nil.
    private static func strides(saying offsets: [Int], over shape: Shape) -> Strides? {
        let contiguous = shape.contiguousStrides
        var strides = Strides(repeating: 0, rank: shape.rank)
        for axis in 0..<shape.rank where shape[axis] > 1 { strides[axis] = offsets[contiguous[axis]] - offsets[0] }
        let layout = Layout(shape: shape, strides: strides, offset: offsets[0])
        return Self.offsets(layout) == offsets ? strides : nil
    }

    @Test func collapsingKeepsEveryOperandsOffsetsAndTheBoundary() {
        for shape in Self.shapes {
            for first in Self.variants(of: shape) {
                for second in Self.variants(of: shape) {
                    for boundary in 0...shape.rank {
                        let result = Layout.collapsed(
                            extents: shape, strides: [first.strides, second.strides], boundary: boundary)
                        for (layout, strides) in zip([first, second], result.strides) {
                            let collapsed = Layout(shape: result.extents, strides: strides, offset: layout.offset)
                            #expect(Self.offsets(collapsed) == Self.offsets(layout))
                        }
                        let outer = shape[..<boundary].reduce(1, *)
                        #expect(result.extents[..<result.boundary].reduce(1, *) == outer)
                        #expect(!result.extents.contains(1))
                    }
                }
            }
        }
    }

    @Test func contiguousOperandsCollapseToOneDimension() {
        let strides = Shape([4, 5, 6]).contiguousStrides
        let whole = Layout.collapsed(extents: [4, 5, 6], strides: [strides, strides], boundary: 3)
        #expect(whole.extents == [120])
        let rows = Layout.collapsed(extents: [4, 5, 6], strides: [strides, strides], boundary: 2)
        #expect(rows.extents == [20, 6])
        #expect(rows.boundary == 1)
    }
}
