import TensorRuntime

/// Loads and stores of some bytes of 32-bit elements. What is checked, bytes that were written and work-items that meet,
/// is checked for those bytes alone: atomic operations keep the others as they are.
extension InterpreterMachine {
    func loadBits(_ instruction: Instruction) throws(KernelError) {
        let buffer = buffers[instruction.number]
        let active = try resolve(instruction, bounds: buffer.bounds, offset: buffer.offset, name: buffer.name)
        let masks = pointer(instruction.c, UInt32.self)
        let memory = buffer.base.assumingMemoryBound(to: UInt32.self)
        let result = pointer(instruction.result, UInt32.self)
        for entry in 0..<active {
            let item = items[entry]
            for byte in bytes(of: entry, masks[item]) {
                if let written = buffer.written, !written[byte] {
                    throw failure(
                        .uninitialized, "nothing wrote byte \(byte % 4) of index \(index(byte, buffer))", instruction,
                        item: item)
                }
                if let table = buffer.table, !tables[table].read(byte, by: number(of: item)) {
                    throw failure(
                        .race, "another work-item writes byte \(byte % 4) of index \(index(byte, buffer))", instruction,
                        item: item)
                }
            }
            result[item] = UInt32(littleEndian: memory[places[entry]]) & masks[item]
        }
    }

    func storeBits(_ instruction: Instruction) throws(KernelError) {
        let buffer = buffers[instruction.number]
        let active = try resolve(instruction, bounds: buffer.bounds, offset: buffer.offset, name: buffer.name)
        let masks = pointer(instruction.c, UInt32.self)
        let values = pointer(instruction.b, UInt32.self)
        let memory = buffer.base.assumingMemoryBound(to: UInt32.self)
        for entry in 0..<active {
            let item = items[entry]
            for byte in bytes(of: entry, masks[item]) {
                buffer.written?[byte] = true
                if let table = buffer.table, !tables[table].write(byte, by: number(of: item)) {
                    throw failure(
                        .race, "another work-item is at byte \(byte % 4) of index \(index(byte, buffer))", instruction,
                        item: item)
                }
            }
            let kept = UInt32(littleEndian: memory[places[entry]]) & ~masks[item]
            memory[places[entry]] = (kept | (values[item] & masks[item])).littleEndian
        }
    }

    /// The region's bytes that a mask has bits of.
    private func bytes(of entry: Int, _ mask: UInt32) -> some Sequence<Int> {
        let first = 4 * places[entry]
        return (0..<4).lazy.filter { (mask >> UInt32(8 * $0)) & 0xFF != 0 }.map { first + $0 }
    }

    private func index(_ byte: Int, _ buffer: BoundBuffer) -> Int { byte / 4 - buffer.offset }
}
