import TensorRuntime

/// Part of another value's memory, as the strides of the value that is written there.
struct Region {
    var target: Int
    var layout: PlanLayout
}

/// Values that are made for one reader, which would only copy them, are written where the copy would be: the parts of a
/// concatenation, and products whose axes are permuted behind them.
extension Lowering {
    /// Lets the kernel of `base` write into its part of a concatenation; false where it cannot.
    ///
    /// - Parameter region: over the operand of the concatenation, which has all of `base` in its order.
    func write(_ base: Int, to concatenation: Int, _ region: PlanLayout) -> Bool {
        guard isMade(base, onlyFor: concatenation) else { return false }
        let node = graph.nodes[base]
        let view = PlanNode(operation: .reshape, shape: node.shape, dtype: node.dtype, operands: [])
        guard let layout = region.applying(view) else { return false }
        regions[base] = Region(target: concatenation, layout: layout)
        return true
    }

    /// Whether the group is a copy of a permuted value whose kernel can write the copy itself, in rows as it makes them.
    func passesOn(_ group: Group) -> Bool {
        guard group.nodes.count == 1, !group.isTransient else { return false }
        let index = group.nodes[0]
        let node = graph.nodes[index]
        guard node.operation == .pointwise(.identity), let source = node.operands[0].node,
            isStored[index] != (regions[index] != nil)
        else { return false }
        let (base, view) = graph.resolve(source)
        let made = graph.nodes[base]
        guard isMade(base, onlyFor: index), made.dtype == node.dtype else { return false }
        let goal = regions[index] ?? Region(target: index, layout: PlanLayout(contiguous: node.shape))
        let own = made.shape.contiguousStrides
        let places = node.shape.indices.filter { node.shape[$0] != 1 }
        var strides = Strides(repeating: 0, rank: made.shape.rank)
        var last = 0
        var found = 0
        // Views do not overlap themselves: with each axis's stride and extent, the view is the whole value in another order.
        for axis in made.shape.indices where made.shape[axis] != 1 {
            guard
                let place = places.first(where: {
                    view.strides[$0] == own[axis] && node.shape[$0] == made.shape[axis]
                })
            else { return false }
            strides[axis] = goal.layout.strides[place]
            last = strides[axis]
            found += 1
        }
        guard found == places.count, last == 1 else { return false }
        var layout = PlanLayout(shape: made.shape, strides: strides)
        layout.offset = goal.layout.offset
        regions[base] = Region(target: goal.target, layout: layout)
        regions[index] = nil
        return true
    }

    /// Whether a kernel makes the value that can write it anywhere, and nothing but `reader`, once, and that kernel itself
    /// reads it.
    private func isMade(_ base: Int, onlyFor reader: Int) -> Bool {
        let node = graph.nodes[base]
        guard fuser.isFusing, !node.isLeaf, !node.isFree, !isStored[base], node.shape.elementCount > 0
        else { return false }
        let number = fuser.groupOf[base]
        guard number >= 0, let group = fuser.groups[number], !group.isOpaque, !group.isTransient, group.reduced == nil
        else { return false }
        // Pooling kernels see batch and channels as one dimension.
        if let anchor = group.anchor, case .pooling = graph.nodes[anchor].operation { return false }
        guard isRead(base, onlyBy: reader, orWithin: number) else { return false }
        // The value and its views: a concatenation of many parts is asked for each, and resolves none of the others.
        var names = [base]
        var next = 0
        while next < names.count {
            names += fuser.consumers[names[next]].filter { graph.nodes[$0].operation.isView }
            next += 1
        }
        let reads = graph.nodes[reader].operands.count { operand in
            operand.node.map { names.contains($0) && graph.resolve($0).base == base } ?? false
        }
        return reads == 1
    }

    private func isRead(_ index: Int, onlyBy reader: Int, orWithin number: Int) -> Bool {
        fuser.consumers[index].allSatisfy { consumer in
            // A view that is live has its base stored.
            if graph.nodes[consumer].operation.isView { return isRead(consumer, onlyBy: reader, orWithin: number) }
            return consumer == reader || fuser.groupOf[consumer] == number
        }
    }
}
