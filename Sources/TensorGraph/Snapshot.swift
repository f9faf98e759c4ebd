import TensorRuntime

/// What one evaluation sees of a trace: its needed nodes, leaves, scalars and slice starts, and the signature.
///
/// A context keeps one and refills it, so that a steady step allocates nothing here. It is a struct, so that exclusive
/// access to it is checked once a call and not once an element.
struct Snapshot {
    /// Leaves first seen, and needed nodes, in traversal order; a node's `mark` is its place here.
    var nodes: [Node] = []
    var leafStorages: [Storage] = []
    /// Whether each storage may be overwritten: nothing outside this snapshot can still ask for it.
    var donatable: [Bool] = []
    var scalars: [Scalar] = []
    var starts: [Int] = []
    /// The signature: equal words, equal plan.
    var words: [UInt64] = []

    /// Each leaf's place, and the number of its storage.
    private var leaves: [(node: Int, storage: Int)] = []
    private var insideOwners: [Int] = []
    private var isExposed: [Bool] = []

    mutating func clear() {
        nodes.removeAll(keepingCapacity: true)
        leafStorages.removeAll(keepingCapacity: true)
        donatable.removeAll(keepingCapacity: true)
        scalars.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        words.removeAll(keepingCapacity: true)
        leaves.removeAll(keepingCapacity: true)
        insideOwners.removeAll(keepingCapacity: true)
        isExposed.removeAll(keepingCapacity: true)
    }

    /// Reads a trace whose nodes stand in creation order.
    ///
    /// - Parameter flags: the modes that change plans.
    mutating func take(_ trace: [Node], epoch: UInt64, alignment: Int, flags: UInt64) {
        words.append(flags)
        // From the end: a node is needed if it is live or a needed node reads it. Edges are counted from dead nodes
        // too, since this evaluation cuts them as well.
        for node in trace.reversed() {
            let isNeeded = node.handles > 0 || node.epoch == epoch
            if isNeeded {
                node.epoch = epoch
                node.mark = -1
            }
            node.forEachInput { input in
                if input.edgeEpoch != epoch {
                    input.edgeEpoch = epoch
                    input.edges = 0
                }
                input.edges += 1
                if isNeeded, input.epoch != epoch {
                    input.epoch = epoch
                    input.mark = -1
                }
            }
        }
        for node in trace where node.epoch == epoch {
            node.forEachInput { input in
                if input.mark < 0 { addLeaf(input, alignment: alignment) }
            }
            add(node)
        }
        markDonations()
    }

    private mutating func addLeaf(_ node: Node, alignment: Int) {
        node.mark = nodes.count
        nodes.append(node)
        let storage = node.storage!
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
        leaves.append((node.mark, number))
        insideOwners[number] += 1
        if node.handles > 0 || node.consumers != node.edges { isExposed[number] = true }
        let aligned = alignment == 1 || node.offset % alignment == 0
        words.append(
            0xFF | UInt64(node.dtype.rawValue) << 8 | UInt64(node.shape.rank) << 16 | (aligned ? 1 << 20 : 0)
                | UInt64(number) << 32)
        append(node.shape)
        append(node.strides)
    }

    @inline(__always)
    private mutating func append(_ shape: Shape) {
        for axis in 0..<shape.rank { words.append(UInt64(bitPattern: Int64(shape[axis]))) }
    }

    private mutating func add(_ node: Node) {
        node.mark = nodes.count
        nodes.append(node)
        let operation = node.operation
        var word = operation.code | UInt64(node.dtype.rawValue) << 8 | UInt64(node.shape.rank) << 16
        if node.handles > 0 { word |= 1 << 20 }
        if let input = node.input0 { word |= 1 << 21 | UInt64(input.mark) << 32 }
        if node.input1 != nil { word |= 1 << 22 }
        if node.input2 != nil { word |= 1 << 23 }
        words.append(word)
        append(node.shape)
        if node.input1 != nil || node.input2 != nil {
            words.append(UInt64(node.input1?.mark ?? 0) | UInt64(node.input2?.mark ?? 0) << 32)
        }
        if !node.moreInputs.isEmpty {
            words.append(UInt64(node.moreInputs.count))
            for input in node.moreInputs { words.append(UInt64(input.mark)) }
        }
        operation.appendAttributes(to: &words)
        switch node.scalarCount {
        case 0: break
        case 1: scalars.append(node.scalar0)
        default:
            scalars.append(node.scalar0)
            scalars.append(node.scalar1)
        }
        if case .slice = operation {
            for axis in 0..<node.shape.rank { starts.append(node.starts[axis]) }
        }
    }

    /// A storage is donatable if all nodes that hold it are in here without handles and read by this trace alone.
    private mutating func markDonations() {
        var bits: UInt64 = 0
        var hasFree = false
        for index in leafStorages.indices {
            let isFree = !isExposed[index] && insideOwners[index] == leafStorages[index].ownerCount
            donatable.append(isFree)
            if isFree {
                bits |= 1 << UInt64(index & 63)
                words.append(UInt64(leafStorages[index].block.byteCount))
                hasFree = true
            }
            if index & 63 == 63 {
                words.append(bits)
                bits = 0
            }
        }
        words.append(bits)
        // A result overwrites a donated leaf place by place only if the leaf lies at its block's start.
        guard hasFree else { return }
        for leaf in leaves where donatable[leaf.storage] && nodes[leaf.node].offset == 0 {
            words.append(UInt64(leaf.node))
        }
    }
}

extension Node {
    /// How many operands are scalars.
    var scalarCount: Int {
        switch operation {
        case .fill: 1
        case .pointwise(let operation):
            operation.arity - (input0 == nil ? 0 : 1) - (input1 == nil ? 0 : 1) - (input2 == nil ? 0 : 1)
        default: 0
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
        }
    }

    /// The attributes that a plan depends on, as words.
    func appendAttributes(to words: inout [UInt64]) {
        func append(_ pair: SIMD2<Int>) {
            words.append(UInt64(pair[0]))
            words.append(UInt64(pair[1]))
        }
        func append(_ window: Window) {
            append(window.kernel)
            append(window.stride)
            append(window.padding)
            append(window.dilation)
        }
        switch self {
        case .reduce(_, let axes), .flip(let axes): words.append(UInt64(axes))
        case .gather(let axis), .scatterAdd(let axis), .concatenate(let axis): words.append(UInt64(axis))
        case .permute(let axes): for axis in axes { words.append(UInt64(axis)) }
        case .slice(let steps): for step in steps { words.append(UInt64(bitPattern: Int64(step))) }
        case .convolution(let kind, let window, let groups):
            words.append(UInt64(kind.rawValue) | UInt64(groups) << 8)
            append(window)
        case .pooling(let kind, let window, let countsPadding):
            words.append(UInt64(kind.rawValue) | (countsPadding ? 256 : 0))
            append(window)
        default: break
        }
    }
}
