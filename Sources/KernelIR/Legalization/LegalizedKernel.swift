import TensorRuntime

/// A kernel written anew for a device that lacks narrow or wide integers or wide vectors, and how its parameters follow
/// from the original's.
///
/// Elements of 8 and 16 bits are read from 32-bit words and written to them, each byte by the work-item that wrote the
/// element; an int64 is two words, in values, arguments, arrays and memory. Buffers keep their numbers. A buffer of words
/// is bound at a word (``offset(ofBuffer:from:)``), and an argument says which of the word's elements comes first.
/// An index is taken modulo 2^32: buffers that such a device can have are no larger than that many bytes.
public struct LegalizedKernel: Hashable, Sendable {
    /// What an argument of the kernel holds.
    public enum Argument: Hashable, Sendable {
        /// The same as one of the original.
        case argument(Int)
        /// Half of an int64 of the original.
        case lowWord(argument: Int)
        case highWord(argument: Int)
        /// The number of a buffer's first element among the elements of its word.
        case position(buffer: Int)
    }

    public internal(set) var kernel: Kernel
    /// By position in ``Kernel/arguments``.
    public let arguments: [Argument]
    /// The original's elements of each buffer.
    public let elements: [DType]

    /// The same with a kernel that says no more than its parameters.
    public var withoutBody: LegalizedKernel {
        LegalizedKernel(kernel: kernel.withoutBody, arguments: arguments, elements: elements)
    }

    /// The element of the kernel's buffer at which an operand is bound that begins at an element of the original's.
    public func offset(ofBuffer number: Int, from offset: Int) -> Int {
        let bytes = offset * elements[number].byteCount
        let size = kernel.buffers[number].element.byteCount
        return bytes >= 0 ? bytes / size : -((size - 1 - bytes) / size)
    }

    /// The bits of the kernel's arguments.
    ///
    /// - Parameters:
    ///   - arguments: the original's.
    ///   - offsets: the elements of the original's buffers at which the operands begin.
    public func argumentBits(_ arguments: [UInt64], offsets: [Int]) -> [UInt64] {
        self.arguments.map { argument in
            switch argument {
            case .argument(let number): arguments[number]
            case .lowWord(let number): arguments[number] & 0xFFFF_FFFF
            case .highWord(let number): arguments[number] >> 32
            case .position(let buffer): UInt64(offsets[buffer] & (4 / elements[buffer].byteCount - 1))
            }
        }
    }

    /// The same memory as the kernel's buffer stands for it. A region of words must be a whole number of them.
    public func buffer(_ number: Int, _ buffer: InterpreterBuffer) -> InterpreterBuffer {
        let size = elements[number].byteCount
        let newSize = kernel.buffers[number].element.byteCount
        if size == newSize { return buffer }
        var result = buffer
        result.offset = offset(ofBuffer: number, from: buffer.offset)
        if let bounds = buffer.bounds {
            let first = (buffer.offset + bounds.lowerBound) * size
            let end = (buffer.offset + bounds.upperBound) * size
            result.bounds =
                bounds.isEmpty
                ? 0..<0 : first / newSize - result.offset..<(end + newSize - 1) / newSize - result.offset
        }
        return result
    }
}

extension Kernel {
    /// Name, workgroups, buffers, arguments and arrays.
    public var withoutBody: Kernel {
        var result = self
        result.body = []
        result.types = []
        return result
    }

    /// The kernel as a device can run it: without vectors wider than it has, without 8-, 16- and 64-bit integers where
    /// it lacks them, and with quotients and square roots put right where its own are not. What the device can run as it is
    /// stays as it is.
    ///
    /// - Throws: `target` where the kernel needs what no other form of it does without (float64, subgroups, more memory,
    ///   arguments or work-items than there are); what ``validate()`` throws where the kernel is wrong.
    public func legalized(for target: KernelTarget) throws(KernelError) -> LegalizedKernel {
        try validate()
        let needs = requirements
        let missing = needs.features.subtracting(target.features)
        let others = missing.subtracting([.int64, .storage8, .storage16])
        if !others.isEmpty { throw error(.target, "it needs \(others), which the device lacks") }
        var result: LegalizedKernel
        if missing.isEmpty && needs.vectorLanes <= target.maximumVectorLanes {
            result = LegalizedKernel(
                kernel: self, arguments: arguments.indices.map { .argument($0) }, elements: buffers.map(\.element))
        } else {
            if missing.contains(.int64) { try checkBitsOfInt64() }
            result = KernelLegalizer.legalize(self, for: target)
        }
        if !target.dividesExactly {
            result.kernel = result.kernel.expandingQuotients(hasInt64: target.features.contains(.int64))
        }
        try result.kernel.validate(for: target)
        return result
    }

    /// The two words of an int64 are no float64 to a device that has the one and not the other.
    private func checkBitsOfInt64() throws(KernelError) {
        var found: Statement?
        forEachStatement { statement in
            if case .define(let value, .bitcast(let source)) = statement,
                types[value].scalar == .int64 || types[source].scalar == .int64
            {
                found = statement
            }
        }
        if let found {
            throw error(.target, "it needs int64, which the device lacks, for the bits of a float64", at: found)
        }
    }
}
