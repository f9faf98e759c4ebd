import TensorRuntime

/// Where an operand begins: a byte of one of a plan's pieces of memory.
struct MemoryPlace: Hashable {
    /// See ``PlanMemory``.
    var space: Int
    var byte: Int
}

/// The elements that one operand of a launch touches: a step in bytes along each of some dimensions.
struct MemoryAccess {
    struct Dimension {
        /// Its place in the iteration space.
        var axis: Int
        var extent: Int
        /// Positive: a dimension that runs backwards begins at its end.
        var step: Int
        var isReversed: Bool
    }

    let space: Int
    let dtype: DType
    /// The first byte of the lowest element, and the byte behind the highest.
    let low: Int
    let high: Int
    /// Those of more than one element, the largest step first.
    let dimensions: [Dimension]
    let isEmpty: Bool

    /// - Parameter steps: in elements, one for each extent.
    init(_ begin: MemoryPlace, _ dtype: DType, extents: [Int], steps: [Int]) {
        space = begin.space
        self.dtype = dtype
        isEmpty = extents.contains(0)
        var low = begin.byte
        var high = begin.byte
        var dimensions: [Dimension] = []
        for (axis, extent) in extents.enumerated() where extent > 1 && !isEmpty {
            let step = steps[axis] * dtype.byteCount
            if step < 0 { low += (extent - 1) * step } else { high += (extent - 1) * step }
            dimensions.append(Dimension(axis: axis, extent: extent, step: Swift.abs(step), isReversed: step < 0))
        }
        self.low = low
        self.high = high + dtype.byteCount
        self.dimensions = dimensions.sorted { ($0.step, $1.axis) > ($1.step, $0.axis) }
    }

    var count: Int { isEmpty ? 0 : dimensions.reduce(1) { $0 * $1.extent } }

    func mayMeet(_ other: MemoryAccess) -> Bool {
        space == other.space && !isEmpty && !other.isEmpty && low < other.high && other.low < high
    }

    /// Whether no two places of the iteration space are one element, and elements are found by dividing by the steps.
    var isOneToOne: Bool {
        var reach = 0
        for dimension in dimensions.reversed() {
            if dimension.step < reach + dtype.byteCount { return false }
            reach += (dimension.extent - 1) * dimension.step
        }
        return true
    }

    enum Match: Equatable {
        case outside
        /// The bytes are one element, at this place of each dimension.
        case element([Int])
        /// The bytes are parts of one or more elements.
        case partial
    }

    /// The element at `width` bytes from `byte` on. The access is one to one.
    func element(at byte: Int, width: Int) -> Match {
        if isEmpty || byte + width <= low || byte >= high { return .outside }
        var rest = byte - low
        guard rest >= 0 else { return .partial }
        var places = [Int](repeating: 0, count: dimensions.count)
        for (index, dimension) in dimensions.enumerated() {
            places[index] = Swift.min(rest / dimension.step, dimension.extent - 1)
            rest -= places[index] * dimension.step
        }
        if rest == 0 { return width == dtype.byteCount ? .element(places) : .partial }
        if rest < dtype.byteCount { return .partial }
        // In a gap; its end may still reach into the next element.
        if width == dtype.byteCount && (byte - low) % width == 0 && dimensions.allSatisfy({ $0.step % width == 0 }) {
            return .outside
        }
        return (1..<width).contains { isTouched(byte + $0) } ? .partial : .outside
    }

    private func isTouched(_ byte: Int) -> Bool {
        var rest = byte - low
        if rest < 0 || byte >= high { return false }
        for dimension in dimensions { rest -= Swift.min(rest / dimension.step, dimension.extent - 1) * dimension.step }
        return rest < dtype.byteCount
    }

    /// Coordinates over an iteration space of `rank` dimensions, from places of ``dimensions``.
    func coordinates(_ places: [Int], rank: Int) -> Shape {
        var result = Shape(repeating: 0, rank: rank)
        for (index, dimension) in dimensions.enumerated() {
            result[dimension.axis] = dimension.isReversed ? dimension.extent - 1 - places[index] : places[index]
        }
        return result
    }

    /// Calls `body` with the first byte of each element, or of some where there are too many, until it gives true.
    func contains(limit: Int, _ body: (Int) -> Bool) -> Bool {
        let moving = dimensions.filter { $0.step != 0 }
        let count = isEmpty ? 0 : moving.reduce(1) { $0 * $1.extent }
        let stride = Swift.max(1, count / limit)
        var place = 0
        while place < count {
            var rest = place
            var byte = low
            for dimension in moving.reversed() {
                byte += rest % dimension.extent * dimension.step
                rest /= dimension.extent
            }
            if body(byte) { return true }
            // The last element is always among them.
            place = place < count - 1 ? Swift.min(place + stride, count - 1) : count
        }
        return false
    }
}

/// A plan's memory as its launches leave it: for each piece (a space) what was written there, launch after launch.
///
/// Spaces are the leaves' storages, by number; the arena; and the results' blocks. A block that is a donated leaf's is that
/// leaf's space.
struct PlanMemory {
    struct Write {
        let step: Int
        /// The number of the output; nil for a workspace, whose contents are nobody's.
        let output: Int?
        let access: MemoryAccess
    }

    let storageCount: Int
    /// Bytes of each space.
    let sizes: [Int]
    private let outputSpaces: [Int]
    private(set) var writes: [[Write]]

    init(_ plan: Plan, storageSizes: [Int]) {
        storageCount = storageSizes.count
        var sizes = storageSizes + [plan.arenaByteCount]
        outputSpaces = plan.outputs.map { output in
            if let donor = output.donor { return donor }
            sizes.append(output.byteCount)
            return sizes.count - 1
        }
        self.sizes = sizes
        writes = Array(repeating: [], count: sizes.count)
    }

    func isLeaf(_ space: Int) -> Bool { space < storageCount }

    func name(_ space: Int) -> String {
        if isLeaf(space) { return "leaf storage \(space)" }
        return space == storageCount ? "the arena" : "a result's block"
    }

    /// The space of a slot, and the byte of it at which the slot begins; nil where there is no buffer.
    ///
    /// - Parameter leafByte: where a leaf begins in its storage.
    func begin(of slot: PlanSlot, leafByte: (Int) -> Int) -> MemoryPlace? {
        switch slot {
        case .leaf(let node, let storage): MemoryPlace(space: storage, byte: leafByte(node))
        case .arena(let byteOffset): MemoryPlace(space: storageCount, byte: byteOffset)
        case .output(let index): MemoryPlace(space: outputSpaces[index], byte: 0)
        case .none: nil
        }
    }

    mutating func append(_ write: Write) { writes[write.access.space].append(write) }
}
