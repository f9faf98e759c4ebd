import TensorRuntime

/// Gives every stored value its place: results in blocks of their own, or over a donated leaf; everything else in one
/// arena, where values that do not live at the same time share bytes. A kernel's workspace is there during its launch.
struct MemoryPlan {
    private(set) var outputs: [Plan.Output] = []
    private(set) var results: [Plan.Result] = []
    private(set) var arenaByteCount = 0

    private let graph: PlanGraph
    private let placements: [Int: (concatenation: Int, offset: Int)]
    private let drafts: [KernelDraft]
    private let successors: [Int]
    /// Bytes of each launch's workspace, and where in the arena it is.
    private let workspaces: [Int]
    private var workspaceOffsets: [Int]
    /// The block of each value that is not placed inside another.
    private var slots: [PlanSlot?]
    /// First and last launch that touches each such value.
    private var firstUse: [Int]
    private var lastUse: [Int]

    /// - Parameters:
    ///   - workspaces: bytes of workspace of each launch's kernel.
    ///   - storages: block sizes of the leaf storages that may be overwritten.
    ///   - successors: for each of these storages, the place in the snapshot of the value that alone may overwrite it, or
    ///     -1 for any; empty where none is such.
    init(graph: PlanGraph, lowering: Lowering, workspaces: [Int], storages: [Int?], successors: [Int]) {
        self.graph = graph
        self.successors = successors
        placements = lowering.placements
        drafts = lowering.drafts
        self.workspaces = workspaces
        workspaceOffsets = Array(repeating: 0, count: workspaces.count)
        slots = Array(repeating: nil, count: graph.nodes.count)
        firstUse = Array(repeating: Int.max, count: graph.nodes.count)
        lastUse = Array(repeating: -1, count: graph.nodes.count)
        findUses()
        placeOutputs(storages, lowering.isStored)
        placeArena()
        nameResults()
    }

    /// The value that holds `node`'s bytes, and where in it they begin (in elements).
    private func root(_ node: Int) -> (node: Int, offset: Int) {
        var node = node
        var offset = 0
        while let place = placements[node] {
            offset += place.offset
            node = place.concatenation
        }
        return (node, offset)
    }

    private mutating func findUses() {
        for (step, draft) in drafts.enumerated() {
            for binding in draft.bindings {
                guard case .value(let node) = binding.target else { continue }
                let owner = root(node).node
                firstUse[owner] = min(firstUse[owner], step)
                lastUse[owner] = max(lastUse[owner], step)
            }
        }
    }

    // MARK: Results

    private mutating func placeOutputs(_ storages: [Int?], _ isStored: [Bool]) {
        var needsBlock = [Bool](repeating: false, count: graph.nodes.count)
        for index in graph.nodes.indices where graph.nodes[index].isLive {
            let base = graph.resolve(index).base
            if !graph.nodes[base].isLeaf { needsBlock[root(base).node] = true }
        }
        var donors = storages
        for index in graph.nodes.indices where needsBlock[index] {
            let node = graph.nodes[index]
            let bytes = node.shape.elementCount * node.dtype.byteCount
            let donor = donor(for: index, bytes: bytes, among: donors)
            if let donor { donors[donor] = nil }
            slots[index] = .output(outputs.count)
            outputs.append(Plan.Output(byteCount: bytes, donor: donor))
        }
    }

    /// A leaf storage that is dead once `index` is written, or is read only place by place by the launch that writes it.
    private func donor(for index: Int, bytes: Int, among storages: [Int?]) -> Int? {
        let size = CachingAllocator.roundedSize(bytes)
        let first = firstUse[index]
        guard bytes > 0, first != Int.max else { return nil }
        func isAllowed(_ storage: Int) -> Bool {
            if successors.isEmpty || successors[storage] < 0 { return true }
            return graph.nodes[index].liveAs.contains(successors[storage])
        }
        // A value that has a storage to itself lies there and nowhere else.
        let order = successors.indices.filter { successors[$0] >= 0 && isAllowed($0) } + storages.indices
        return order.first { storage in
            guard storages[storage] == size, isAllowed(storage) else { return false }
            for leaf in graph.nodes.indices where graph.nodes[leaf].leaf?.storage == storage {
                if lastUse[leaf] > first { return false }
                if lastUse[leaf] == first && !isReadInPlace(leaf, by: first, writing: index) { return false }
            }
            return true
        }
    }

    /// Whether launch `step` reads leaf `leaf` only at the places where it writes `index`.
    private func isReadInPlace(_ leaf: Int, by step: Int, writing index: Int) -> Bool {
        graph.nodes[leaf].leaf!.isAtStart && drafts[step].reads(leaf, inPlaceOf: index) { root($0).node }
            && graph.nodes[leaf].dtype.byteCount == graph.nodes[index].dtype.byteCount
    }

    private mutating func nameResults() {
        for index in graph.nodes.indices where graph.nodes[index].isLive {
            let (base, layout) = graph.resolve(index)
            var offset = layout.offset
            let slot: PlanSlot
            if let leaf = graph.nodes[base].leaf {
                slot = .leaf(node: leaf.node, storage: leaf.storage)
            } else {
                let place = root(base)
                slot = slots[place.node]!
                offset.constant += place.offset
            }
            for place in graph.nodes[index].liveAs {
                results.append(Plan.Result(node: place, slot: slot, strides: layout.strides, offset: offset))
            }
        }
    }

    // MARK: Arena

    /// Bytes of the arena from launch `first` to launch `last`: one value, several that take each other's place, or a
    /// workspace.
    private struct Block {
        let size: Int
        let first: Int
        var last: Int
        var offset = 0

        /// Every block begins at a multiple of 256 bytes, which serves every device's kernels.
        init(byteCount: Int, first: Int, last: Int) {
            size = max((byteCount + 255) & ~255, 256)
            self.first = first
            self.last = last
        }

        func overlaps(_ other: Block) -> Bool { first <= other.last && other.first <= last }
    }

    /// Puts each block at the lowest offset where it meets no other that lives at the same time: the largest first, which
    /// leaves few gaps, or in a very long plan those that begin first, so that only living ones are looked at.
    private mutating func placeArena() {
        var blocks: [Block] = []
        let blockOf = formBlocks(&blocks)
        var workspaceBlocks: [(step: Int, block: Int)] = []
        for step in drafts.indices where workspaces[step] > 0 {
            workspaceBlocks.append((step, blocks.count))
            blocks.append(Block(byteCount: workspaces[step], first: step, last: step))
        }
        let isLong = blocks.count > 2048
        let order = blocks.indices.sorted { a, b in
            let x = blocks[a]
            let y = blocks[b]
            return isLong || x.size == y.size ? (x.first, a) < (y.first, b) : x.size > y.size
        }
        // By offset.
        var placed: [Int] = []
        for index in order {
            var offset = 0
            var isFound = false
            var kept = 0
            for other in placed {
                if isLong && blocks[other].last < blocks[index].first { continue }
                placed[kept] = other
                kept += 1
                if isFound || !blocks[other].overlaps(blocks[index]) { continue }
                if offset + blocks[index].size <= blocks[other].offset {
                    isFound = true
                } else {
                    offset = max(offset, blocks[other].offset + blocks[other].size)
                }
            }
            placed.removeLast(placed.count - kept)
            let place = placed.partitioningIndex { blocks[$0].offset > offset }
            blocks[index].offset = offset
            arenaByteCount = max(arenaByteCount, offset + blocks[index].size)
            placed.insert(index, at: place)
        }
        for (node, block) in blockOf { slots[node] = .arena(byteOffset: blocks[block].offset) }
        for (step, block) in workspaceBlocks { workspaceOffsets[step] = blocks[block].offset }
    }

    /// Gives each value that is neither a result nor a leaf a block, in order of the launches. A value takes over the block
    /// of one that its launch reads for the last time, place by place: the sum of gradients so far becomes the next one.
    private func formBlocks(_ blocks: inout [Block]) -> [(node: Int, block: Int)] {
        var starting = [[Int]](repeating: [], count: drafts.count)
        for index in graph.nodes.indices
        where firstUse[index] != Int.max && slots[index] == nil && !graph.nodes[index].isLeaf {
            starting[firstUse[index]].append(index)
        }
        var result: [(node: Int, block: Int)] = []
        var blockOf = [Int?](repeating: nil, count: graph.nodes.count)
        for step in drafts.indices {
            for index in starting[step] {
                let node = graph.nodes[index]
                let new = Block(
                    byteCount: node.shape.elementCount * node.dtype.byteCount, first: step, last: lastUse[index])
                let dying = drafts[step].bindings.compactMap { binding -> Int? in
                    guard case .value(let old) = binding.target, let block = blockOf[old], old != index,
                        blocks[block].last == step, blocks[block].size == new.size, firstUse[old] < step,
                        graph.nodes[old].dtype.byteCount == node.dtype.byteCount,
                        drafts[step].reads(old, inPlaceOf: index, owner: { root($0).node })
                    else { return nil }
                    return block
                }.first
                if let dying {
                    blocks[dying].last = new.last
                    blockOf[index] = dying
                } else {
                    blockOf[index] = blocks.count
                    blocks.append(new)
                }
                result.append((index, blockOf[index]!))
            }
        }
        return result
    }

    // MARK: Steps

    /// Launch `number` with its operands, and its workspace behind them, in their places.
    func step(_ number: Int, kernel: any DeviceKernel) -> PlanStep {
        let draft = drafts[number]
        var bindings: [PlanStep.Binding] = []
        var found: [(binding: Int, count: Int)] = []
        for binding in draft.bindings {
            guard case .value(let node) = binding.target else {
                bindings.append(.init(slot: .none, offset: binding.offset, dtype: binding.dtype))
                continue
            }
            if binding.isOutput, found.count < draft.outputCounts.count {
                found.append((bindings.count, draft.outputCounts[found.count]))
            }
            var offset = binding.offset
            if let leaf = graph.nodes[node].leaf {
                bindings.append(
                    .init(slot: .leaf(node: leaf.node, storage: leaf.storage), offset: offset, dtype: binding.dtype))
                continue
            }
            let place = root(node)
            offset.constant += place.offset
            bindings.append(.init(slot: slots[place.node]!, offset: offset, dtype: binding.dtype))
        }
        if workspaces[number] > 0 {
            let slot = PlanSlot.arena(byteOffset: workspaceOffsets[number])
            bindings.append(.init(slot: slot, offset: OffsetExpression(), dtype: .uint8))
        }
        return PlanStep(
            kernel: kernel, bindings: bindings, scalars: draft.scalars.map { ($0.source, $0.dtype) },
            label: draft.label, results: found)
    }
}

extension [Int] {
    /// The first place from which on all elements satisfy `isBehind`, which those before do not.
    fileprivate func partitioningIndex(where isBehind: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
