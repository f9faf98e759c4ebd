import TensorRuntime

/// Loads and stores.
extension InterpreterMachine {
    func load(_ instruction: Instruction) throws(KernelError) {
        let buffer = buffers[instruction.number]
        let active = try resolve(instruction, bounds: buffer.bounds, offset: buffer.offset, name: buffer.name)
        try checkReads(instruction, buffer, active)
        switch buffer.element {
        case .float32: read(instruction, buffer, active) { (x: Float) in x }
        case .float64: read(instruction, buffer, active) { (x: Double) in x }
        case .int32: read(instruction, buffer, active) { (x: Int32) in x }
        case .int64: read(instruction, buffer, active) { (x: Int64) in x }
        case .float16: read(instruction, buffer, active) { (x: Float16) in Float(x) }
        case .bfloat16: read(instruction, buffer, active) { (x: UInt16) in Float(bitPattern: UInt32(x) << 16) }
        case .uint8: read(instruction, buffer, active) { (x: UInt8) in Int32(x) }
        case .bool: read(instruction, buffer, active) { (x: UInt8) in x != 0 }
        }
    }

    func store(_ instruction: Instruction) throws(KernelError) {
        let buffer = buffers[instruction.number]
        let active = try resolve(instruction, bounds: buffer.bounds, offset: buffer.offset, name: buffer.name)
        try checkWrites(instruction, buffer, active)
        switch buffer.element {
        case .float32: write(instruction, buffer, active) { (x: Float) in x }
        case .float64: write(instruction, buffer, active) { (x: Double) in x }
        case .int32: write(instruction, buffer, active) { (x: Int32) in x }
        case .int64: write(instruction, buffer, active) { (x: Int64) in x }
        case .float16: write(instruction, buffer, active) { (x: Float) in Float16(x) }
        case .bfloat16: write(instruction, buffer, active) { (x: Float) in x.bfloat16Pattern }
        case .uint8: write(instruction, buffer, active) { (x: Int32) in UInt8(truncatingIfNeeded: x) }
        case .bool: write(instruction, buffer, active) { (x: Bool) in x ? 1 as UInt8 : 0 }
        }
    }

    func loadShared(_ instruction: Instruction) throws(KernelError) {
        let (bytes, firstPlace, active) = try resolveShared(instruction)
        for entry in 0..<active {
            let number = number(of: items[entry])
            for lane in places[entry]..<places[entry] + instruction.width {
                if !shared.isWritten(firstPlace + lane) {
                    throw failure(.uninitialized, "nothing wrote element \(lane)", instruction, item: items[entry])
                }
                if !shared.read(firstPlace + lane, by: number) {
                    throw failure(
                        .race, "another work-item writes element \(lane)", instruction, item: items[entry])
                }
            }
        }
        switch instruction.scalar.registerByteCount {
        case 1: read(instruction, bytes, active) { (x: UInt8) in x }
        case 2: read(instruction, bytes, active) { (x: UInt16) in x }
        case 4: read(instruction, bytes, active) { (x: UInt32) in x }
        default: read(instruction, bytes, active) { (x: UInt64) in x }
        }
    }

    func storeShared(_ instruction: Instruction) throws(KernelError) {
        let (bytes, firstPlace, active) = try resolveShared(instruction)
        for entry in 0..<active {
            let number = number(of: items[entry])
            for lane in places[entry]..<places[entry] + instruction.width
            where !shared.write(firstPlace + lane, by: number) {
                throw failure(.race, "another work-item is at element \(lane)", instruction, item: items[entry])
            }
        }
        switch instruction.scalar.registerByteCount {
        case 1: write(instruction, bytes, active) { (x: UInt8) in x }
        case 2: write(instruction, bytes, active) { (x: UInt16) in x }
        case 4: write(instruction, bytes, active) { (x: UInt32) in x }
        default: write(instruction, bytes, active) { (x: UInt64) in x }
        }
    }

    // MARK: Where

    /// Lists the active work-items and the elements that they touch, and counts them.
    func resolve(
        _ instruction: Instruction, bounds: Range<Int>, offset: Int, name: String
    ) throws(KernelError) -> Int {
        instruction.target == .int32
            ? try resolve(instruction, bounds: bounds, offset: offset, name: name, Int32.self)
            : try resolve(instruction, bounds: bounds, offset: offset, name: name, Int64.self)
    }

    private func resolve<T: FixedWidthInteger>(
        _ instruction: Instruction, bounds: Range<Int>, offset: Int, name: String, _: T.Type
    ) throws(KernelError) -> Int {
        let indices = pointer(instruction.a, T.self)
        let active = mask(instruction.mask)
        let isFull = activeCounts[instruction.mask] == count
        let last = bounds.upperBound - instruction.width
        var found = 0
        for item in 0..<count where isFull || active[item] {
            let index = Int(indices[item])
            if index < bounds.lowerBound || index > last {
                throw failure(
                    .bounds, "\(instruction.width) of index \(index) of \(name), whose indices are \(bounds)",
                    instruction, item: item)
            }
            items[found] = item
            places[found] = offset + index
            found += 1
        }
        return found
    }

    /// The array's bytes, its first entry, and the number of active work-items.
    private func resolveShared(
        _ instruction: Instruction
    ) throws(KernelError) -> (UnsafeMutableRawPointer, Int, Int) {
        let array = program.kernel.arrays[instruction.number]
        let (place, byte) = arrayPlaces[instruction.number]
        let active = try resolve(instruction, bounds: 0..<array.count, offset: 0, name: array.name)
        if instruction.width > 1 {
            for entry in 0..<active where places[entry] % instruction.width != 0 {
                throw failure(
                    .alignment, "index \(places[entry]) is no multiple of \(instruction.width)", instruction,
                    item: items[entry])
            }
        }
        return (shared.bytes + byte, place, active)
    }

    // MARK: Checks

    private func checkReads(_ instruction: Instruction, _ buffer: BoundBuffer, _ active: Int) throws(KernelError) {
        let bytes = buffer.element.byteCount
        if let written = buffer.written {
            for entry in 0..<active {
                let first = places[entry] * bytes
                for byte in first..<first + instruction.width * bytes where !written[byte] {
                    throw failure(
                        .uninitialized, "nothing wrote index \(byte / bytes - buffer.offset) of \(buffer.name)",
                        instruction, item: items[entry])
                }
            }
        }
        guard let table = buffer.table.map({ tables[$0] }) else { return }
        let units = bytes / table.unit
        for entry in 0..<active {
            let number = number(of: items[entry])
            let first = places[entry] * units
            for place in first..<first + instruction.width * units where !table.read(place, by: number) {
                throw failure(
                    .race, "another work-item writes index \(place / units - buffer.offset) of \(buffer.name)",
                    instruction, item: items[entry])
            }
        }
    }

    private func checkWrites(_ instruction: Instruction, _ buffer: BoundBuffer, _ active: Int) throws(KernelError) {
        let bytes = buffer.element.byteCount
        if let written = buffer.written {
            for entry in 0..<active {
                (written + places[entry] * bytes).update(repeating: true, count: instruction.width * bytes)
            }
        }
        guard let table = buffer.table.map({ tables[$0] }) else { return }
        let units = bytes / table.unit
        for entry in 0..<active {
            let number = number(of: items[entry])
            let first = places[entry] * units
            for place in first..<first + instruction.width * units where !table.write(place, by: number) {
                throw failure(
                    .race, "another work-item is at index \(place / units - buffer.offset) of \(buffer.name)",
                    instruction, item: items[entry])
            }
        }
    }

    // MARK: Elements

    @inline(__always) private func read<Element, Register>(
        _ instruction: Instruction, _ buffer: BoundBuffer, _ active: Int, _ convert: (Element) -> Register
    ) {
        read(instruction, buffer.base, active, convert)
    }

    @inline(__always) private func read<Element, Register>(
        _ instruction: Instruction, _ base: UnsafeMutableRawPointer, _ active: Int, _ convert: (Element) -> Register
    ) {
        let memory = base.assumingMemoryBound(to: Element.self)
        let result = pointer(instruction.result, Register.self)
        let width = instruction.width
        for entry in 0..<active {
            let source = memory + places[entry]
            let target = result + items[entry] * width
            for lane in 0..<width { target[lane] = convert(source[lane]) }
        }
    }

    @inline(__always) private func write<Register, Element>(
        _ instruction: Instruction, _ buffer: BoundBuffer, _ active: Int, _ convert: (Register) -> Element
    ) {
        write(instruction, buffer.base, active, convert)
    }

    @inline(__always) private func write<Register, Element>(
        _ instruction: Instruction, _ base: UnsafeMutableRawPointer, _ active: Int, _ convert: (Register) -> Element
    ) {
        let memory = base.assumingMemoryBound(to: Element.self)
        let values = pointer(instruction.b, Register.self)
        let width = instruction.width
        for entry in 0..<active {
            let source = values + items[entry] * width
            let target = memory + places[entry]
            for lane in 0..<width { target[lane] = convert(source[lane]) }
        }
    }
}

extension Float {
    /// The nearest bfloat16, halves to the even one; a NaN stays one.
    fileprivate var bfloat16Pattern: UInt16 {
        if isNaN { return UInt16(bitPattern >> 16) | 0x40 }
        return UInt16((bitPattern + 0x7FFF + ((bitPattern >> 16) & 1)) >> 16)
    }
}
