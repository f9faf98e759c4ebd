import CVulkan
import TensorRuntime

/// What was encoded since the last submission.
///
/// Launches that touch nothing of each other's run side by side; one that reads what another wrote, or writes what it
/// touches, waits for all before it.
struct VulkanWork {
    private struct Access {
        let buffer: UInt64
        let bytes: Range<Int>
        let isWritten: Bool
    }

    private(set) var dispatches: [VulkanDispatch] = []
    private(set) var bindings: [VkDescriptorBufferInfo] = []
    /// Whether each dispatch waits for those before it.
    private(set) var waits: [Bool] = []
    /// What the parameters are, in the dispatches' order: offsets of buffers, then varying arguments.
    private(set) var values: [UInt64] = []
    /// What a recording depends on: pipelines and grids, barriers, bound parts of buffers.
    private(set) var key: [UInt64] = []
    /// Each buffer once.
    private(set) var buffers: [VulkanBuffer] = []
    /// Nanoseconds that the dispatches take, as far as that is known.
    private var estimate = 0
    /// What was touched since the last barrier.
    private var accesses: [Access] = []

    var isEmpty: Bool { dispatches.isEmpty }

    /// Tells plans apart: of the dispatches alone, wherever their operands lie.
    var planHash: UInt64 {
        dispatches.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ $1.serial) &* 0x9E37_79B9_7F4A_7C15 ^ ($0 >> 29) }
    }

    mutating func removeAll() {
        dispatches.removeAll(keepingCapacity: true)
        bindings.removeAll(keepingCapacity: true)
        waits.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        key.removeAll(keepingCapacity: true)
        buffers.removeAll(keepingCapacity: true)
        accesses.removeAll(keepingCapacity: true)
        estimate = 0
    }

    /// Whether the dispatch is to come into a submission of its own or with others: drivers end a submission that takes some
    /// seconds, and desktops stand still meanwhile.
    func isFull(for dispatch: VulkanDispatch) -> Bool {
        !isEmpty && estimate + dispatch.estimate > VulkanWork.longest
    }

    /// Nanoseconds of a submission at most, where it is more than one dispatch.
    static let longest = 300_000_000

    mutating func append(
        _ dispatch: VulkanDispatch, _ operands: UnsafeBufferPointer<BufferBinding>,
        _ scalars: UnsafeBufferPointer<UInt64>, isSerial: Bool
    ) {
        let place = key.count
        key.append(0)
        var mustWait = isSerial && !dispatch.isFurtherPiece
        let before = accesses.count
        for (number, touched) in dispatch.buffers.enumerated() {
            let (bound, offset) = dispatch.binding.buffer(number, operands)
            let buffer = unsafeDowncast(bound, to: VulkanBuffer.self)
            let start = offset * touched.elementByteCount
            // Packed elements are read and written by words.
            let low = max(start + touched.bytes.lowerBound, 0) & ~3
            let bytes = low..<max((start + touched.bytes.upperBound + 3) & ~3, low)
            // The binding of a far buffer is not used.
            let window = touched.isFar ? (start: 0, count: 4) : buffer.window(bytes)
            key.append(buffer.serial)
            key.append(UInt64(window.start))
            key.append(UInt64(window.count))
            values.append(
                touched.isFar
                    ? buffer.memory.address + UInt64(start)
                    : UInt64(bitPattern: Int64((start - window.start) / touched.elementByteCount)))
            bindings.append(
                VkDescriptorBufferInfo(
                    buffer: buffer.memory.buffer, offset: UInt64(window.start), range: UInt64(window.count)))
            if !buffers.contains(where: { $0 === buffer }) { buffers.append(buffer) }
            let seen = buffer.isBoundExactly && !touched.isFar ? window.start..<window.start + window.count : bytes
            let access = Access(buffer: buffer.serial, bytes: seen, isWritten: touched.isWritten)
            mustWait = mustWait || !dispatch.isFurtherPiece && conflicts(access, before)
            accesses.append(access)
        }
        for argument in dispatch.binding.varying {
            values.append(dispatch.binding.bits(argument, operands, scalars))
        }
        if mustWait && !dispatches.isEmpty { accesses.removeFirst(before) } else { mustWait = false }
        key[place] = dispatch.serial << 1 | (mustWait ? 1 : 0)
        waits.append(mustWait)
        dispatches.append(dispatch)
        estimate += dispatch.estimate
    }

    private func conflicts(_ access: Access, _ count: Int) -> Bool {
        for number in 0..<count {
            let other = accesses[number]
            if other.buffer == access.buffer && (other.isWritten || access.isWritten)
                && other.bytes.overlaps(access.bytes)
            {
                return true
            }
        }
        return false
    }
}
