import TensorRuntime

/// Gives every stored value its place: results in blocks of their own, or over a donated leaf; everything else in one
/// arena, where values that do not live at the same time share bytes.
struct MemoryPlan {
    private(set) var outputs: [Plan.Output] = []
    private(set) var results: [Plan.Result] = []
    private(set) var arenaByteCount = 0

    private let graph: PlanGraph
    private let placements: [Int: (concatenation: Int, offset: Int)]
    private let drafts: [KernelDraft]
    /// The block of each value that is not placed inside another.
    private var slots: [PlanSlot?]
    /// First and last launch that touches each such value.
    private var firstUse: [Int]
    private var lastUse: [Int]

    /// - Parameter storages: block sizes of the leaf storages that may be overwritten.
    init(graph: PlanGraph, lowering: Lowering, storages: [Int?]) {
        self.graph = graph
        placements = lowering.placements
        drafts = lowering.drafts
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
        return storages.indices.first { storage in
            guard storages[storage] == size else { return false }
            for leaf in graph.nodes.indices where graph.nodes[leaf].leaf?.storage == storage {
                if lastUse[leaf] > first { return false }
                if lastUse[leaf] == first && !isReadInPlace(leaf, by: first, writing: index) { return false }
            }
            return true
        }
    }

    /// Whether launch `step` reads leaf `leaf` only at the places where it writes `index`.
    private func isReadInPlace(_ leaf: Int, by step: Int, writing index: Int) -> Bool {
        graph.nodes[leaf].leaf!.isAtStart && drafts[step].reads(leaf, inPlaceOf: index)
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

    /// Walks the launches, giving each value the smallest free range that holds it, and freeing it after its last use.
    private mutating func placeArena() {
        var starting = [[Int]](repeating: [], count: drafts.count)
        var ending = [[Int]](repeating: [], count: drafts.count)
        for index in graph.nodes.indices
        where firstUse[index] != Int.max && slots[index] == nil && !graph.nodes[index].isLeaf {
            starting[firstUse[index]].append(index)
            ending[lastUse[index]].append(index)
        }
        var free: [Range<Int>] = []
        var taken: [Int: Range<Int>] = [:]
        for step in drafts.indices {
            for index in starting[step] {
                let node = graph.nodes[index]
                let size = max((node.shape.elementCount * node.dtype.byteCount + 63) & ~63, 64)
                let range: Range<Int>
                if let dying = dying(ending[step], in: step, for: index, size: size, taken) {
                    // The sum of gradients so far, say, becomes the next one.
                    range = taken.removeValue(forKey: dying)!
                    ending[step].removeAll { $0 == dying }
                } else {
                    range = take(size, from: &free)
                }
                taken[index] = range
                slots[index] = .arena(byteOffset: range.lowerBound)
            }
            for index in ending[step] { give(taken[index]!, to: &free) }
        }
    }

    /// A value that launch `step` reads for the last time, only where it writes `index`, and that has the same size.
    private func dying(
        _ ending: [Int], in step: Int, for index: Int, size: Int, _ taken: [Int: Range<Int>]
    ) -> Int? {
        guard placements[index] == nil else { return nil }
        return ending.first { old in
            old != index && firstUse[old] < step && taken[old]?.count == size
                && graph.nodes[old].dtype.byteCount == graph.nodes[index].dtype.byteCount
                && drafts[step].reads(old, inPlaceOf: index)
        }
    }

    private mutating func take(_ size: Int, from free: inout [Range<Int>]) -> Range<Int> {
        var best: Int?
        for (place, range) in free.enumerated() where range.count >= size {
            if best == nil || range.count < free[best!].count { best = place }
        }
        guard let best else {
            // Grow the arena, starting in its free tail if there is one.
            var start = arenaByteCount
            if let last = free.last, last.upperBound == arenaByteCount {
                start = last.lowerBound
                free.removeLast()
            }
            arenaByteCount = start + size
            return start..<start + size
        }
        let range = free[best]
        if range.count == size {
            free.remove(at: best)
        } else {
            free[best] = range.lowerBound + size..<range.upperBound
        }
        return range.lowerBound..<range.lowerBound + size
    }

    /// Puts a range back, in order and joined with its neighbours.
    private func give(_ range: Range<Int>, to free: inout [Range<Int>]) {
        let place = free.firstIndex { $0.lowerBound > range.lowerBound } ?? free.count
        free.insert(range, at: place)
        if place + 1 < free.count, free[place].upperBound == free[place + 1].lowerBound {
            free[place] = free[place].lowerBound..<free.remove(at: place + 1).upperBound
        }
        if place > 0, free[place - 1].upperBound == free[place].lowerBound {
            free[place - 1] = free[place - 1].lowerBound..<free.remove(at: place).upperBound
        }
    }

    // MARK: Steps

    /// The launch with its operands in their places.
    func step(_ draft: KernelDraft, kernel: any DeviceKernel, graph: PlanGraph) -> PlanStep {
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
        return PlanStep(
            kernel: kernel, bindings: bindings, scalars: draft.scalars.map { ($0.source, $0.dtype) },
            label: draft.label, results: found)
    }
}
