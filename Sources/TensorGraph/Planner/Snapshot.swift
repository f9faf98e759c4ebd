import TensorRuntime

/// What one evaluation sees of a trace: its needed nodes, leaves, scalars and slice starts, and the signature.
///
/// It is taken under the context's lock. Afterwards, without it, `nodes` are read only for what never changes; a planner
/// reads ``records``. A context keeps some and refills them, so that a steady step allocates nothing here. It is a struct, so that exclusive
/// access to it is checked once a call and not once an element.
struct Snapshot {
    /// Leaves first seen, and needed nodes, in traversal order; a node's `mark` is its place here.
    private(set) var nodes: [NodeReference] = []
    /// The nodes as a planner reads them; only where a plan has to be made.
    private(set) var records: [SnapshotRecord] = []
    var leafStorages: [Storage] = []
    /// Whether each storage may be overwritten: nothing outside this snapshot can still ask for it.
    var donatable: [Bool] = []
    /// In a capture, the node that alone may overwrite each storage; -1 for any. Else empty.
    private(set) var successors: [Int] = []
    var scalars: [Scalar] = []
    var starts: [Int] = []
    /// The signature: equal words, equal plan.
    let words = SignatureWords()

    /// Each leaf's place, and the number of its storage.
    private var leaves: [(node: Int, storage: Int)] = []
    private var insideOwners: [Int] = []
    private var isExposed: [Bool] = []

    mutating func clear() {
        nodes.removeAll(keepingCapacity: true)
        records = []
        leafStorages.removeAll(keepingCapacity: true)
        donatable.removeAll(keepingCapacity: true)
        scalars.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        successors.removeAll(keepingCapacity: true)
        words.removeAll()
        leaves.removeAll(keepingCapacity: true)
        insideOwners.removeAll(keepingCapacity: true)
        isExposed.removeAll(keepingCapacity: true)
    }

    /// Reads a trace whose nodes stand in creation order.
    ///
    /// - Parameters:
    ///   - flags: the modes that change plans.
    ///   - capture: the capture that the plan is for, which says what may be overwritten.
    mutating func take(
        _ trace: [NodeReference], epoch: UInt64, alignment: Int, flags: UInt64, capture: Capture? = nil
    ) {
        words.reserve(Snapshot.wordsOfNode)
        words.push(capture == nil ? flags : flags | 4)
        for node in trace.reversed() { mark(node, epoch: epoch) }
        for node in trace where node.pointee.epoch == epoch {
            node.forEachInput { if $0.pointee.mark < 0 { addLeaf($0, alignment: alignment) } }
            add(node)
        }
        markDonations(capture)
    }

    /// A node is needed if it is live or a needed node reads it; called from the end. Edges are counted from dead nodes
    /// too, since this evaluation cuts them as well.
    @inline(__always)
    private func mark(_ node: NodeReference, epoch: UInt64) {
        let isNeeded = node.pointee.handles > 0 || node.pointee.epoch == epoch
        if isNeeded {
            node.pointee.epoch = epoch
            node.pointee.mark = -1
        }
        node.forEachInput { input in
            if input.pointee.edgeEpoch != epoch {
                input.pointee.edgeEpoch = epoch
                input.pointee.edges = 0
            }
            input.pointee.edges += 1
            if isNeeded, input.pointee.epoch != epoch {
                input.pointee.epoch = epoch
                input.pointee.mark = -1
            }
        }
    }

    /// No node has more words than this, the inputs of a concatenation not counted: its own, those of its inputs, and the
    /// attributes; a shape has 8 extents.
    private static let wordsOfNode = 32

    private mutating func addLeaf(_ node: NodeReference, alignment: Int) {
        words.reserve(Snapshot.wordsOfNode)
        node.pointee.mark = nodes.count
        nodes.append(node)
        let storage = node.pointee.storage!
        var number = leafStorages.count
        // Few storages: a linear search from the end beats a dictionary.
        var index = leafStorages.count - 1
        while index >= 0 {
            if leafStorages[index] === storage {
                number = index
                break
            }
            index -= 1
        }
        if number == leafStorages.count {
            leafStorages.append(storage)
            insideOwners.append(0)
            isExposed.append(false)
        }
        leaves.append((node.pointee.mark, number))
        insideOwners[number] += 1
        if node.pointee.handles > 0 || node.pointee.consumers != node.pointee.edges { isExposed[number] = true }
        let aligned = alignment == 1 || node.pointee.offset % alignment == 0
        words.push(
            0xFF | UInt64(node.pointee.dtype.rawValue) << 8 | UInt64(node.pointee.shape.rank) << 16
                | (aligned ? 1 << 20 : 0)
                | UInt64(number) << 32)
        append(node.pointee.shape)
        append(node.pointee.strides)
    }

    @inline(__always)
    private mutating func append(_ shape: Shape) {
        for axis in 0..<shape.rank { words.push(UInt64(bitPattern: Int64(shape[axis]))) }
    }

    private mutating func add(_ node: NodeReference) {
        node.pointee.mark = nodes.count
        nodes.append(node)
        words.reserve(Snapshot.wordsOfNode + (node.pointee.moreInputs?.count ?? 0))
        let operation = node.pointee.operation
        var word = operation.code | UInt64(node.pointee.dtype.rawValue) << 8 | UInt64(node.pointee.shape.rank) << 16
        if node.pointee.handles > 0 { word |= 1 << 20 }
        if let input = node.pointee.input0 { word |= 1 << 21 | UInt64(input.pointee.mark) << 32 }
        if node.pointee.input1 != nil { word |= 1 << 22 }
        if node.pointee.input2 != nil { word |= 1 << 23 }
        words.push(word)
        append(node.pointee.shape)
        if node.pointee.input1 != nil || node.pointee.input2 != nil {
            words.push(
                UInt64(node.pointee.input1?.pointee.mark ?? 0) | UInt64(node.pointee.input2?.pointee.mark ?? 0) << 32)
        }
        if let inputs = node.pointee.moreInputs {
            words.push(UInt64(inputs.count))
            for input in inputs { words.push(UInt64(input.pointee.mark)) }
        }
        switch operation {
        case .pointwise:
            // Most nodes.
            let count = node.scalarCount
            if count > 0 { scalars.append(node.pointee.scalar0) }
            if count > 1 { scalars.append(node.pointee.scalar1) }
        case .fill: scalars.append(node.pointee.scalar0)
        case .slice:
            operation.appendAttributes(to: words)
            for axis in 0..<node.pointee.shape.rank { starts.append(node.pointee.starts[axis]) }
        case .leaf, .index, .reduce, .gather, .scatterAdd, .scan, .sort, .matmul, .convolution, .pooling, .concatenate,
            .permute,
            .expand, .reshape, .flip:
            operation.appendAttributes(to: words)
        }
    }

    /// Whether a plan that is replayed may overwrite a storage: what it holds is computed anew before it is read again.
    private mutating func mayBeOverwritten(_ index: Int, _ capture: Capture) -> Bool {
        let storage = leafStorages[index]
        successors.append(-1)
        guard !isExposed[index], insideOwners[index] + storage.keeperCount == storage.ownerCount,
            let successor = capture.successor(of: storage)
        else { return false }
        if successor == 0 { return true }
        let node = nodes.firstIndex { $0.pointee.id == successor && $0.pointee.trace != nil }
        if let node { successors[index] = node }
        return node != nil
    }

    /// A storage is donatable if all nodes that hold it are in here without handles and read by this trace alone.
    private mutating func markDonations(_ capture: Capture?) {
        words.reserve(2 * leafStorages.count + leaves.count + 1)
        var bits: UInt64 = 0
        var hasFree = false
        for index in leafStorages.indices {
            var isFree = !isExposed[index] && insideOwners[index] == leafStorages[index].ownerCount
            if let capture { isFree = mayBeOverwritten(index, capture) }
            donatable.append(isFree)
            if isFree {
                bits |= 1 << UInt64(index & 63)
                words.push(UInt64(leafStorages[index].block.byteCount))
                hasFree = true
            }
            if index & 63 == 63 {
                words.push(bits)
                bits = 0
            }
        }
        words.push(bits)
        // A result overwrites a donated leaf place by place only if the leaf lies at its block's start.
        guard hasFree else { return }
        words.reserve(leafStorages.count + leaves.count)
        for reserved in successors { words.push(UInt64(bitPattern: Int64(reserved))) }
        for leaf in leaves where donatable[leaf.storage] && nodes[leaf.node].pointee.offset == 0 {
            words.push(UInt64(leaf.node))
        }
    }
}

/// A snapshot that one evaluation fills in place and leaves to the next: as a value it would be copied where it is handed on.
///
/// Safety: whoever took it from its context's list has it alone.
final class SnapshotBox: @unchecked Sendable {
    @exclusivity(unchecked) var value = Snapshot()
}

/// A node of a snapshot by itself: nothing that another snapshot, or the end of the trace, changes.
struct SnapshotRecord {
    let operation: NodeOperation
    let shape: Shape
    let dtype: DType
    /// The snapshot's numbers of the operands, by position; nil where the operand is a scalar.
    let inputs: [Int?]
    /// First index along each axis, of a slice.
    let starts: Shape
    let isLive: Bool
    let leaf: Leaf?

    struct Leaf {
        /// The number of its storage in the snapshot.
        let storage: Int
        let strides: Strides
        let offset: Int
    }
}

extension Snapshot {
    /// Fills ``records``. Under the context's lock, at which the snapshot was taken.
    mutating func record() {
        var numbers: [ObjectIdentifier: Int] = [:]
        for (number, storage) in leafStorages.enumerated() { numbers[ObjectIdentifier(storage)] = number }
        records = nodes.map { reference in
            let node = reference.pointee
            if let storage = node.storage {
                return SnapshotRecord(
                    operation: .leaf, shape: node.shape, dtype: node.dtype, inputs: [], starts: Shape(), isLive: false,
                    leaf: .init(
                        storage: numbers[ObjectIdentifier(storage)]!, strides: node.strides, offset: node.offset))
            }
            let inputs: [Int?] =
                node.moreInputs.map { $0.map(\.pointee.mark) }
                ?? [node.input0, node.input1, node.input2].map { $0?.pointee.mark }
            return SnapshotRecord(
                operation: node.operation, shape: node.shape, dtype: node.dtype, inputs: inputs, starts: node.starts,
                isLive: node.handles > 0, leaf: nil)
        }
    }
}

extension NodeOperation {
    /// A number for the operation without its attributes, 0..<255.
    @inline(__always)
    var code: UInt64 {
        switch self {
        case .pointwise(let operation): UInt64(operation.rawValue)
        case .reduce(let operation, _): 128 + UInt64(operation.rawValue)
        case .leaf: 160
        case .fill: 161
        case .index: 162
        case .gather: 163
        case .scatterAdd: 164
        case .matmul: 165
        case .convolution: 166
        case .pooling: 167
        case .concatenate: 168
        case .permute: 169
        case .expand: 170
        case .reshape: 171
        case .slice: 172
        case .flip: 173
        case .sort: 174
        case .scan: 175
        }
    }

    /// The attributes that a plan depends on, as words, for which there is room.
    func appendAttributes(to words: SignatureWords) {
        func append(_ pair: SIMD2<Int>) {
            words.push(UInt64(pair[0]))
            words.push(UInt64(pair[1]))
        }
        func append(_ window: Window) {
            append(window.kernel)
            append(window.stride)
            append(window.padding)
            append(window.dilation)
        }
        switch self {
        case .reduce(_, let axes), .flip(let axes): words.push(UInt64(axes))
        case .gather(let axis), .scatterAdd(let axis), .concatenate(let axis): words.push(UInt64(axis))
        case .permute(let axes): for axis in axes { words.push(UInt64(axis)) }
        case .slice(let steps): for step in steps { words.push(UInt64(bitPattern: Int64(step))) }
        case .convolution(let kind, let window, let groups):
            words.push(UInt64(kind.rawValue) | UInt64(groups) << 8)
            append(window)
        case .pooling(let kind, let window, let countsPadding):
            words.push(UInt64(kind.rawValue) | (countsPadding ? 256 : 0))
            append(window)
        case .sort(let descending, let result): words.push(UInt64(result.rawValue) | (descending ? 256 : 0))
        case .scan(let operation, let axis, let reverse, let result):
            words.push(
                UInt64(operation.rawValue) | UInt64(result.rawValue) << 8 | (reverse ? 1 << 16 : 0) | UInt64(axis) << 24
            )
        case .leaf, .fill, .index, .pointwise, .matmul, .expand, .reshape: break
        }
    }
}
