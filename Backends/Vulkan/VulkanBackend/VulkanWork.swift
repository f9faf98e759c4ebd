import CVulkan
import DeviceSupport
import TensorRuntime

/// What was encoded since the last submission.
struct VulkanWork {
    struct Step {
        let dispatch: VulkanDispatch
        /// Whether it waits for those before it.
        let waits: Bool
        /// Where its part of the key and its parameters begin.
        let firstKey: Int
        let firstValue: Int
    }

    private(set) var steps: [Step] = []
    private(set) var bindings: [VkDescriptorBufferInfo] = []
    /// What the parameters are, in the dispatches' order: offsets of buffers, then varying arguments.
    private(set) var values: [UInt64] = []
    /// What a recording depends on: pipelines and grids, barriers, bound parts of buffers.
    private(set) var key: [UInt64] = []
    /// Each buffer once.
    private(set) var buffers: [VulkanBuffer] = []
    private var writes: [LaunchOrder.Access] = []
    private var order = LaunchOrder()
    /// Nanoseconds that the dispatches take, as far as that is known.
    private var estimate = 0

    var isEmpty: Bool { steps.isEmpty }

    /// Tells plans apart: of the dispatches alone, wherever their operands lie.
    var planHash: UInt64 {
        steps.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ $1.dispatch.serial) &* 0x9E37_79B9_7F4A_7C15 ^ ($0 >> 29) }
    }

    mutating func removeAll() {
        steps.removeAll(keepingCapacity: true)
        bindings.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        key.removeAll(keepingCapacity: true)
        buffers.removeAll(keepingCapacity: true)
        writes.removeAll(keepingCapacity: true)
        order.removeAll()
        estimate = 0
    }

    // MARK: How long it takes

    /// Nanoseconds of a submission at most, where it is more than one dispatch.
    private static let longest = 300_000_000

    /// Whether the dispatch is to come into a submission of its own or with others: drivers end a submission that takes some
    /// seconds, and desktops stand still meanwhile.
    func isFull(for dispatch: VulkanDispatch) -> Bool {
        !isEmpty && estimate + dispatch.estimate > VulkanWork.longest
    }

    /// Whether the same dispatches would be cut by what is known of their times since.
    var isLong: Bool {
        steps.count > 1 && steps.reduce(0) { $0 + $1.dispatch.estimate } > VulkanWork.longest
    }

    // MARK: Dispatches

    /// A buffer as a dispatch is bound to it.
    private struct Bound {
        let buffer: VulkanBuffer
        let window: (start: Int, count: Int)
        /// Its parameter: the element of the window at which the operand begins, or its address.
        let value: UInt64
        let access: LaunchOrder.Access

        init(_ number: Int, of dispatch: VulkanDispatch, _ operands: UnsafeBufferPointer<BufferBinding>) {
            let touched = dispatch.buffers[number]
            let (bound, offset) = dispatch.binding.buffer(number, operands)
            buffer = unsafeDowncast(bound, to: VulkanBuffer.self)
            let start = offset * touched.elementByteCount
            // Packed elements are read and written by words.
            let low = max(start + touched.bytes.lowerBound, 0) & ~3
            let bytes = low..<max((start + touched.bytes.upperBound + 3) & ~3, low)
            // The binding of a far buffer is not used.
            window = touched.isFar ? (start: 0, count: 4) : buffer.window(bytes)
            value =
                touched.isFar
                ? buffer.memory.address + UInt64(start)
                : UInt64(bitPattern: Int64((start - window.start) / touched.elementByteCount))
            let isSeenWhole = buffer.isBoundExactly && !touched.isFar
            access = LaunchOrder.Access(
                buffer: buffer.serial, bytes: isSeenWhole ? window.start..<window.start + window.count : bytes,
                isWritten: touched.isWritten)
        }

        /// What a recording depends on.
        var key: (UInt64, UInt64, UInt64) { (buffer.serial, UInt64(window.start), UInt64(window.count)) }
    }

    mutating func append(
        _ dispatch: VulkanDispatch, _ operands: UnsafeBufferPointer<BufferBinding>,
        _ scalars: UnsafeBufferPointer<UInt64>, isSerial: Bool
    ) {
        let (firstKey, firstValue) = (key.count, values.count)
        key.append(0)
        for number in dispatch.buffers.indices {
            let bound = Bound(number, of: dispatch, operands)
            let (serial, start, count) = bound.key
            key.append(serial)
            key.append(start)
            key.append(count)
            values.append(bound.value)
            bindings.append(VkDescriptorBufferInfo(buffer: bound.buffer.memory.buffer, offset: start, range: count))
            if !buffers.contains(where: { $0 === bound.buffer }) { buffers.append(bound.buffer) }
            order.touch(bound.access)
            if bound.access.isWritten { writes.append(bound.access) }
        }
        for argument in dispatch.binding.varying {
            values.append(dispatch.binding.bits(argument, operands, scalars))
        }
        let waits = order.launch(mustWait: dispatch.isFurtherPiece ? false : isSerial ? true : nil)
        key[firstKey] = dispatch.serial << 1 | (waits ? 1 : 0)
        steps.append(Step(dispatch: dispatch, waits: waits, firstKey: firstKey, firstValue: firstValue))
        estimate += dispatch.estimate
    }

    /// Takes a dispatch's operands and scalars as they are now.
    ///
    /// - Returns: false where it would be recorded in another way: it is bound to other memory, writes elsewhere, or reads what
    ///   one of the dispatches writes. Then nothing of this holds any more.
    mutating func renew(
        _ step: Step, _ operands: UnsafeBufferPointer<BufferBinding>, _ scalars: UnsafeBufferPointer<UInt64>
    ) -> Bool {
        var value = step.firstValue
        for number in step.dispatch.buffers.indices {
            let bound = Bound(number, of: step.dispatch, operands)
            let place = step.firstKey + 1 + 3 * number
            if (key[place], key[place + 1], key[place + 2]) != bound.key { return false }
            if values[value] != bound.value {
                if bound.access.isWritten || writes.contains(where: { $0.conflicts(with: bound.access) }) {
                    return false
                }
                values[value] = bound.value
            }
            value += 1
        }
        for argument in step.dispatch.binding.varying {
            values[value] = step.dispatch.binding.bits(argument, operands, scalars)
            value += 1
        }
        return true
    }
}
