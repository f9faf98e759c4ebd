import TensorRuntime

extension Lowering {
    /// One kernel for those results of a sort that have to be in memory.
    func lowerSort(_ stored: [Int], descending: Bool) {
        let first = graph.nodes[stored[0]]
        let (source, layout) = graph.resolve(first.operands[0].node!)
        // The kernel writes its results in this order, whichever was traced first.
        let results = SortKernel.Result.allCases.compactMap { result in
            stored.first { graph.nodes[$0].operation == .sort(descending: descending, result) }
                .map { (result: result, node: $0) }
        }
        let body = SortKernel(
            dtype: graph.nodes[source].dtype, shape: layout.shape, strides: layout.strides,
            kept: first.shape[first.shape.rank - 1], descending: descending, results: results.map(\.result))
        let outputs = results.map { result in
            KernelDraft.Binding(
                target: .value(result.node), offset: .init(), dtype: graph.nodes[result.node].dtype, isOutput: true)
        }
        demand(
            KernelDraft(
                body: body,
                bindings: [
                    .init(target: .value(source), offset: layout.offset, dtype: body.dtype, isOutput: false)
                ] + outputs, scalars: [], label: first.operation.name,
                outputCounts: results.map { _ in first.shape.elementCount }))
    }
}
