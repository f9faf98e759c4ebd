import TensorRuntime

/// What may stand in the epilogue of a pooling.
extension Fuser {
    /// Pooling kernels see batch and channels as one dimension, so their epilogues read nothing that tells them apart.
    func poolingTakes(_ a: Group, _ b: Group) -> Bool {
        guard let anchor = a.anchor, case .pooling = graph.nodes[anchor].operation else { return true }
        return b.nodes.allSatisfy { index in
            let node = graph.nodes[index]
            if node.isGather && !gathersPlanes(index, of: graph.nodes[anchor].shape) { return false }
            return node.operands.dropFirst(node.isGather ? 1 : 0).allSatisfy { operand in
                guard let source = operand.node else { return true }
                let layout = graph.resolve(source).layout
                return layout.isContiguous || layout.strides.allSatisfy { $0 == 0 }
            }
        }
    }

    /// Whether a gather over a pooling's result has data that step evenly over batch and channels: from plane to plane.
    private func gathersPlanes(_ index: Int, of result: Shape) -> Bool {
        guard let data = graph.nodes[index].operands[0].node, case .gather(let axis) = graph.nodes[index].operation
        else { return false }
        let layout = graph.resolve(data).layout
        let shape = graph.nodes[index].shape
        return shape == result && shape.rank == 4 && axis >= 2
            && (shape[0] == 1 || shape[1] == 1 || layout.strides[0] == layout.strides[1] * shape[1])
    }
}
