import TensorRuntime

/// Writes a kernel for each group that makes something asked for, from the last group to the first, so that what a group
/// must store is known when it is written.
///
/// It is an object, because what a builder asks of it must not hold a copy of all that was written so far.
final class Lowering {
    let graph: PlanGraph
    let fuser: Fuser
    let maximumOperands: Int

    /// In the order of execution, once `run` is done.
    private(set) var drafts: [KernelDraft] = []
    /// Whether a node (no view) has to be in memory.
    private(set) var isStored: [Bool]
    /// A value that is written straight into its place in a concatenation.
    private(set) var placements: [Int: (concatenation: Int, offset: Int)] = [:]
    /// Where the kernel of a value that has no memory of its own writes it.
    var regions: [Int: Region] = [:]

    init(graph: PlanGraph, fuser: Fuser, maximumOperands: Int) {
        self.graph = graph
        self.fuser = fuser
        self.maximumOperands = maximumOperands
        isStored = Array(repeating: false, count: graph.nodes.count)
        for index in graph.nodes.indices where graph.nodes[index].isLive { isStored[graph.resolve(index).base] = true }
    }

    func run(order: [Int]) {
        for group in order.reversed() { lower(group) }
        for index in graph.nodes.indices.reversed() where isStored[index] && graph.nodes[index].isFree {
            lowerSingle(index)
        }
        drafts.reverse()
    }

    func demand(_ draft: KernelDraft) {
        for binding in draft.bindings where !binding.isOutput {
            if case .value(let node) = binding.target, !graph.nodes[node].isLeaf { isStored[node] = true }
        }
        drafts.append(draft)
    }

    private func lower(_ number: Int) {
        let group = fuser.groups[number]!
        if passesOn(group) { return }
        let stored = group.nodes.filter { isStored[$0] || regions[$0] != nil }
        guard !stored.isEmpty else { return }
        if group.isOpaque { return lowerOpaque(stored) }
        if graph.nodes[stored[0]].shape.elementCount == 0,
            stored.allSatisfy({ graph.nodes[$0].shape.elementCount == 0 })
        {
            return
        }
        let (builder, kernel) = build(group, number, stored)
        let label = group.nodes.map { graph.nodes[$0].operation.name }.joined(separator: " ")
        var bindings: [KernelDraft.Binding] = []
        var body: any KernelBody = kernel
        if let anchor = group.anchor {
            for operand in graph.nodes[anchor].operands {
                let (base, layout) = graph.resolve(operand.node!)
                bindings.append(
                    .init(target: .value(base), offset: layout.offset, dtype: graph.nodes[base].dtype, isOutput: false))
            }
            bindings += builder.inputBindings.dropFirst()
            body = anchoredBody(anchor, epilogue: kernel)
        } else {
            bindings += builder.inputBindings
        }
        bindings += builder.outputBindings
        demand(
            KernelDraft(
                body: body, bindings: bindings, scalars: builder.scalars, label: label,
                outputCounts: builder.outputCounts))
    }

    // MARK: Programs

    private func build(_ group: Group, _ number: Int, _ stored: [Int]) -> (ProgramBuilder, FusedKernel) {
        var barred: Set<Int> = []
        var inlines = true
        while true {
            do {
                let builder = try attempt(group, number, stored, inlines: inlines, barred: barred)
                if inlines && builder.operandCount > maximumOperands {
                    inlines = false
                    continue
                }
                return (builder, builder.kernel(collapses: group.anchor == nil))
            } catch {
                // What no kernel of this group could load was not joined with it: each round bars another value.
                let isNew = barred.insert(error.node).inserted
                precondition(isNew, "value \(error.node) can be neither computed nor loaded")
            }
        }
    }

    private func attempt(
        _ group: Group, _ number: Int, _ stored: [Int], inlines: Bool, barred: Set<Int>
    ) throws(ProgramBuilder.NotInlinable) -> ProgramBuilder {
        let surroundings = ProgramBuilder.Surroundings(
            graph: graph, contains: { self.fuser.groupOf[$0] == number }, level: { self.fuser.levels[$0] },
            inlines: { inlines && !barred.contains($0) && self.inlines($0, into: number, broadcasts: $1) })
        var builder: ProgramBuilder
        if let anchor = group.anchor {
            let (extents, places) = iterationSpace(of: anchor)
            builder = ProgramBuilder(surroundings, extents: extents, places: places)
            builder.bindAccumulator(anchor)
        } else {
            builder = ProgramBuilder(surroundings, domain: group.domain, reduced: group.reduced)
        }
        for index in stored {
            let step = try builder.value(of: index)
            let node = graph.nodes[index]
            let region = regions[index] ?? Region(target: index, layout: PlanLayout(contiguous: node.shape))
            builder.store(
                step, as: region.target, shape: node.shape, layout: region.layout, level: fuser.levels[index])
        }
        return builder
    }

    /// Whether a value of another group is computed again by its reader rather than stored and loaded.
    private func inlines(_ index: Int, into reader: Int, broadcasts: Bool) -> Bool {
        guard fuser.isFusing, !graph.nodes[index].isLive, !isStored[index] else { return false }
        if isCheap(index) { return true }
        let made = fuser.groupOf[index]
        guard made >= 0, made != reader, !broadcasts, let group = fuser.groups[made] else { return false }
        guard group.anchor == nil, group.reduced == nil, group.nodes.count <= 16 else { return false }
        // The reader is the only one, and the group holds nothing but plain pointwise work.
        return group.nodes.allSatisfy { member in
            let node = graph.nodes[member]
            guard case .pointwise = node.operation, !node.isLive, !isStored[member] else { return false }
            return isRead(member, onlyBy: made, reader)
        }
    }

    private func isRead(_ index: Int, onlyBy first: Int, _ second: Int) -> Bool {
        fuser.consumers[index].allSatisfy { consumer in
            if graph.nodes[consumer].operation.isView {
                return !graph.nodes[consumer].isLive && isRead(consumer, onlyBy: first, second)
            }
            return fuser.groupOf[consumer] == first || fuser.groupOf[consumer] == second
        }
    }

    /// Cheaper to compute again than to store: one step that reads, from memory that is there anyway, no more bytes than
    /// it makes.
    private func isCheap(_ index: Int) -> Bool {
        let node = graph.nodes[index]
        guard case .pointwise(let operation) = node.operation else { return false }
        switch operation {
        case .cast, .negate, .relu, .add, .subtract, .multiply, .equal, .notEqual, .less, .lessEqual, .greater,
            .greaterEqual, .logicalNot:
            break
        default: return false
        }
        var bytes = 0
        for operand in node.operands {
            guard let source = operand.node else { continue }
            let base = graph.resolve(source).base
            if graph.nodes[base].isFree { continue }
            guard graph.nodes[base].isLeaf else { return false }
            bytes += graph.nodes[base].shape.elementCount * graph.nodes[base].dtype.byteCount
        }
        return bytes <= node.shape.elementCount * node.dtype.byteCount
    }

    // MARK: Other families

    /// The epilogue's iteration space, which is the result's shape (pooling sees batch and channels as planes), and the
    /// place in it of each of the result's dimensions that is not 1.
    private func iterationSpace(of anchor: Int) -> (extents: Shape, places: [Int]) {
        let shape = graph.nodes[anchor].shape
        let axes = (0..<shape.rank).filter { shape[$0] != 1 }
        guard case .pooling = graph.nodes[anchor].operation else { return (shape, axes) }
        return ([shape[0] * shape[1], shape[2], shape[3]], axes.map { max($0 - 1, 0) })
    }

    private func anchoredBody(_ anchor: Int, epilogue: FusedKernel) -> any KernelBody {
        let node = graph.nodes[anchor]
        let first = graph.resolve(node.operands[0].node!).layout
        switch node.operation {
        case .matmul:
            let second = graph.resolve(node.operands[1].node!).layout
            let rank = node.shape.rank
            return MatmulKernel(
                dtype: graph.nodes[node.operands[0].node!].dtype, batch: Shape(node.shape.prefix(rank - 2)),
                m: node.shape[rank - 2],
                n: node.shape[rank - 1], k: first.shape[rank - 1], aStrides: first.strides, bStrides: second.strides,
                epilogue: epilogue)
        case .convolution(let kind, let window, let groups):
            let second = graph.resolve(node.operands[1].node!).layout.shape
            let (input, output): (Shape, Shape) =
                switch kind {
                case .forward: (first.shape, node.shape)
                case .inputGradient: (node.shape, first.shape)
                case .weightGradient: (first.shape, second)
                }
            return ConvolutionKernel(
                kind: kind, dtype: graph.nodes[node.operands[0].node!].dtype, batch: input[0], inputChannels: input[1],
                outputChannels: output[1],
                inputSize: [input[2], input[3]], outputSize: [output[2], output[3]], window: window, groups: groups,
                epilogue: epilogue)
        case .pooling(let kind, let window, let countsPadding):
            let isGradient = kind == .maximumGradient || kind == .averageGradient
            let source = kind == .maximumGradient ? graph.resolve(node.operands[1].node!).layout.shape : first.shape
            let input = isGradient ? node.shape : first.shape
            let output = isGradient ? source : node.shape
            return PoolingKernel(
                kind: kind, dtype: graph.nodes[node.operands[0].node!].dtype,
                planes: node.shape[0] * node.shape[1], inputSize: [input[2], input[3]],
                outputSize: [output[2], output[3]], window: window, countsPadding: countsPadding, epilogue: epilogue)
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .scatterAdd, .scan, .sort, .concatenate, .permute,
            .expand,
            .reshape,
            .slice, .flip:
            fatalError("\(node.operation.name) takes no epilogue")
        }
    }

    /// - Parameter stored: several of an operation with several results, else one.
    private func lowerOpaque(_ stored: [Int]) {
        let index = stored[0]
        let node = graph.nodes[index]
        if node.shape.elementCount == 0 { return }
        if case .sort(let descending, _) = node.operation { return lowerSort(stored, descending: descending) }
        if case .scan(let operation, let axis, let reverse, _) = node.operation {
            return lowerScan(stored, operation, axis: axis, reverse: reverse)
        }
        if case .concatenate(let axis) = node.operation { return lowerConcatenation(index, axis) }
        guard case .scatterAdd(let axis) = node.operation else {
            fatalError("\(node.operation.name) has no kernel of its own")
        }
        let (source, sourceLayout) = graph.resolve(node.operands[0].node!)
        let (places, placeLayout) = graph.resolve(node.operands[1].node!)
        let body = ScatterAddKernel(
            dtype: node.dtype, sourceShape: sourceLayout.shape, sourceStrides: sourceLayout.strides,
            indexStrides: placeLayout.strides, axis: axis, count: node.shape[axis])
        demand(
            KernelDraft(
                body: body,
                bindings: [
                    .init(target: .value(source), offset: sourceLayout.offset, dtype: node.dtype, isOutput: false),
                    .init(target: .value(places), offset: placeLayout.offset, dtype: .int64, isOutput: false),
                    .init(target: .value(index), offset: .init(), dtype: node.dtype, isOutput: true),
                ], scalars: [], label: "scatterAdd", outputCounts: [node.shape.elementCount]))
    }

    /// Operands whose kernels can write straight into the result do; the others are copied into their region.
    private func lowerConcatenation(_ index: Int, _ axis: Int) {
        let node = graph.nodes[index]
        let whole = PlanLayout(contiguous: node.shape)
        let isLeading = node.shape.prefix(axis).allSatisfy { $0 == 1 }
        var start = 0
        for operand in node.operands {
            let source = operand.node!
            let shape = graph.nodes[source].shape
            defer { start += shape[axis] }
            if shape.elementCount == 0 { continue }
            let offset = start * whole.strides[axis]
            let (base, layout) = graph.resolve(source)
            let made = graph.nodes[base]
            let isWhole =
                layout.isContiguous && layout.offset == OffsetExpression()
                && made.shape.elementCount == shape.elementCount
            if isLeading, isWhole, !made.isLeaf, placements[base] == nil {
                placements[base] = (index, offset)
                isStored[base] = true
                continue
            }
            var region = PlanLayout(shape: shape, strides: whole.strides)
            region.offset.constant = offset
            if isWhole, write(base, to: index, region) { continue }
            lowerCopy(of: source, to: index, region)
        }
    }

    /// Copies a value into a region of `target`, computing it on the way where nobody else needs it.
    private func lowerCopy(of source: Int, to target: Int, _ region: PlanLayout) {
        var inlines = true
        while true {
            let surroundings = ProgramBuilder.Surroundings(
                graph: graph, contains: { _ in false }, level: { _ in .element },
                inlines: { [inlines] node, broadcasts in
                    inlines && self.inlines(node, into: self.fuser.groupOf[target], broadcasts: broadcasts)
                })
            var builder = ProgramBuilder(surroundings, domain: region.shape.squeezed, reduced: nil)
            do {
                let operand = try builder.external(source, views: [], level: .element)
                let step = try builder.valueStep(operand, graph.nodes[source].dtype, .element)
                builder.store(step, as: target, shape: region.shape, layout: region, level: .element)
            } catch {
                inlines = false
                continue
            }
            demand(
                KernelDraft(
                    body: builder.kernel(collapses: true), bindings: builder.inputBindings + builder.outputBindings,
                    scalars: builder.scalars, label: "concatenate", outputCounts: []))
            return
        }
    }

    /// A kernel that stores a fill or an index.
    private func lowerSingle(_ index: Int) {
        let node = graph.nodes[index]
        if node.shape.elementCount == 0 { return }
        let surroundings = ProgramBuilder.Surroundings(
            graph: graph, contains: { _ in false }, level: { _ in .element }, inlines: { _, _ in false })
        var builder = ProgramBuilder(surroundings, domain: node.shape.squeezed, reduced: nil)
        guard let operand = try? builder.external(index, views: [], level: .element),
            let step = try? builder.valueStep(operand, node.dtype, .element)
        else { preconditionFailure("a \(node.operation.name) reads nothing") }
        builder.store(
            step, as: index, shape: node.shape, layout: PlanLayout(contiguous: node.shape), level: .element)
        demand(
            KernelDraft(
                body: builder.kernel(collapses: true), bindings: builder.inputBindings + builder.outputBindings,
                scalars: builder.scalars, label: node.operation.name, outputCounts: builder.outputCounts))
    }
}
