import TensorRuntime

extension FusedStage {
    /// In how many operands the elements lie apart along a dimension; what is only an index does not count.
    func scattered(along dimension: Int) -> Int {
        var count = 0
        for (position, access) in (kernel.inputs + kernel.outputs).enumerated() {
            let isOutput = position >= kernel.inputs.count
            if !isOutput && !isRead(input: position) { continue }
            if access.strides[dimension] != 0 && access.strides[dimension] != 1 { count += isOutput ? 2 : 1 }
        }
        return count
    }

    private func isRead(input: Int) -> Bool {
        kernel.program.steps.contains { step in
            switch step.operation {
            case .load(input), .gather(input): true
            case .load, .gather, .index, .fill, .pointwise, .reduce: false
            }
        }
    }

    /// The same work with neighbouring dimensions joined, and the dimension that suits vectors best as the last of the
    /// inner ones and of the outer ones.
    func normalised() -> FusedStage {
        var result = collapsed()
        let outerRank = result.kernel.outerRank
        if !yieldsIndex(.row) { result.moveBestLast(in: outerRank..<result.kernel.extents.rank) }
        if !yieldsIndex(.total) { result.moveBestLast(in: 0..<outerRank) }
        return result.collapsed()
    }

    private func collapsed() -> FusedStage {
        let accesses = kernel.inputs + kernel.outputs
        let joined = Layout.collapsed(
            extents: kernel.extents, strides: accesses.map(\.strides), boundary: kernel.outerRank)
        var result = self
        result.kernel.extents = joined.extents
        result.kernel.outerRank = joined.boundary
        for position in kernel.inputs.indices { result.kernel.inputs[position].strides = joined.strides[position] }
        for position in kernel.outputs.indices {
            result.kernel.outputs[position].strides = joined.strides[kernel.inputs.count + position]
        }
        return result
    }

    private mutating func moveBestLast(in range: Range<Int>) {
        guard range.count > 1 else { return }
        let best = range.reversed().min { cost(of: $0) < cost(of: $1) }!
        var order = Array(0..<kernel.extents.rank)
        order.remove(at: best)
        order.insert(best, at: range.upperBound - 1)
        kernel.extents = Shape(order.map { kernel.extents[$0] })
        for position in kernel.inputs.indices {
            kernel.inputs[position].strides = Strides(order.map { kernel.inputs[position].strides[$0] })
        }
        for position in kernel.outputs.indices {
            kernel.outputs[position].strides = Strides(order.map { kernel.outputs[position].strides[$0] })
        }
    }

    /// A dimension of few elements fills no vector.
    private func cost(of dimension: Int) -> Int {
        scattered(along: dimension) + (kernel.extents[dimension] < 4 ? kernel.operandCount : 0)
    }
}
