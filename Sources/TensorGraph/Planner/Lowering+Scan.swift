import TensorRuntime

extension Lowering {
    /// One kernel for those results of a scan that have to be in memory.
    func lowerScan(_ stored: [Int], _ operation: ScanKernel.Operation, axis: Int, reverse: Bool) {
        let first = graph.nodes[stored[0]]
        let (source, layout) = graph.resolve(first.operands[0].node!)
        // The kernel writes its results in this order, whichever was traced first.
        let results = ScanKernel.Result.allCases.compactMap { result in
            stored.first {
                graph.nodes[$0].operation == .scan(operation, axis: axis, reverse: reverse, result)
            }.map { (result: result, node: $0) }
        }
        let body = ScanKernel(
            operation: operation, dtype: graph.nodes[source].dtype, shape: layout.shape, strides: layout.strides,
            axis: axis, reverse: reverse, results: results.map(\.result))
        let outputs = results.map { result in
            KernelDraft.Binding(
                target: .value(result.node), offset: .init(), dtype: graph.nodes[result.node].dtype, isOutput: true)
        }
        demand(
            KernelDraft(
                body: body,
                bindings: [
                    .init(target: .value(source), offset: layout.offset, dtype: body.dtype, isOutput: false)
                ] + outputs, scalars: [], label: operation.name,
                outputCounts: results.map { _ in first.shape.elementCount }))
    }
}
