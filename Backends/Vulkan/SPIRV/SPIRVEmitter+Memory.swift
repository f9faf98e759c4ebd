import KernelIR
import TensorRuntime

/// Loads and stores of buffers, lane by lane: what a vector's alignment is, no kernel says.
extension SPIRVEmitter {
    /// The type of elements in memory. 8 and 16 bits are there to be loaded, stored and converted.
    func memoryType(_ element: DType) -> UInt32 {
        switch element {
        case .float32: builder.floatType(32)
        case .float64: builder.floatType(64)
        case .float16: builder.floatType(16)
        case .bfloat16: builder.integerType(16)
        case .int32: builder.integerType(32)
        case .int64: builder.integerType(64)
        case .uint8, .bool: builder.integerType(8)
        }
    }

    private mutating func elements(_ buffer: Int, index: Int, width: Int) -> [UInt32] {
        let type = kernel.types[index]
        if kernel.buffers[buffer].isFar {
            let pointer = builder.pointerType(.physicalStorageBuffer, memoryType(kernel.buffers[buffer].element))
            let base = address(buffer)
            return places(ids[index], type, width: width).map { place in
                value(.accessChain, pointer, base, builder.constant(0), place)
            }
        }
        let start = offset(buffer, as: type.scalar)
        let first =
            constants[index]?.bits == 0 ? start : value(.iAdd, builder.type(type), start, ids[index])
        let pointer = builder.pointerType(.storageBuffer, memoryType(kernel.buffers[buffer].element))
        return places(first, type, width: width).map { place in
            value(.accessChain, pointer, buffers[buffer], builder.constant(0), place)
        }
    }

    /// What a load or a store says of the memory: an address tells no alignment.
    private func alignment(_ buffer: Int) -> [UInt32] {
        let buffer = kernel.buffers[buffer]
        return buffer.isFar ? [SPIRV.MemoryAccess.aligned, UInt32(buffer.element.byteCount)] : []
    }

    mutating func load(_ buffer: Int, index: Int, _ type: ValueType) -> UInt32 {
        let element = kernel.buffers[buffer].element
        let memory = memoryType(element)
        let words = builder.integerType(32)
        let lanes = elements(buffer, index: index, width: type.width).map { place in
            let loaded = value(.load, memory, operands: [place] + alignment(buffer))
            switch element {
            case .float32, .float64, .int32, .int64: return loaded
            case .float16: return value(.fConvert, builder.floatType(32), loaded)
            case .uint8: return value(.uConvert, words, loaded)
            case .bool: return isSet(value(.uConvert, words, loaded))
            case .bfloat16:
                let word = value(.uConvert, words, loaded)
                let bits = value(.shiftLeftLogical, words, word, builder.constant(16))
                return value(.bitcast, builder.floatType(32), bits)
            }
        }
        return construct(lanes, type)
    }

    mutating func store(_ number: Int, buffer: Int, index: Int) {
        let element = kernel.buffers[buffer].element
        let memory = memoryType(element)
        let words = builder.integerType(32)
        let lanes = lanes(of: number)
        for (lane, place) in zip(lanes, elements(buffer, index: index, width: lanes.count)) {
            let stored: UInt32
            switch element {
            case .float32, .float64, .int32, .int64: stored = lane
            case .float16:
                stored = value(.fConvert, memory, lane)
                // To the nearest, halves to even.
                builder.decorate(stored, .fpRoundingMode, 0)
            case .uint8: stored = value(.uConvert, memory, lane)
            case .bool: stored = value(.uConvert, memory, word(of: lane))
            case .bfloat16: stored = value(.uConvert, memory, bfloat(value(.bitcast, words, lane)))
            }
            statement(.store, operands: [place, stored] + alignment(buffer))
        }
    }

    /// A bool as a word, since bools have no form in memory, and back.
    private mutating func word(of bool: UInt32) -> UInt32 {
        value(.select, builder.integerType(32), bool, builder.constant(1), builder.constant(0))
    }

    private mutating func isSet(_ word: UInt32) -> UInt32 {
        value(.iNotEqual, builder.boolType(), word, builder.constant(0))
    }

    /// The upper half of a float32's bits, to the nearest, halves to even; a NaN stays one.
    private mutating func bfloat(_ bits: UInt32) -> UInt32 {
        let words = builder.integerType(32)
        func constant(_ value: UInt32) -> UInt32 { builder.constant(value) }
        let upper = value(.shiftRightLogical, words, bits, constant(16))
        let isOdd = value(.bitwiseAnd, words, upper, constant(1))
        let half = value(.iAdd, words, isOdd, constant(0x7FFF))
        let rounded = value(.shiftRightLogical, words, value(.iAdd, words, bits, half), constant(16))
        let magnitude = value(.bitwiseAnd, words, bits, constant(0x7FFF_FFFF))
        let isNaN = value(.uGreaterThan, builder.boolType(), magnitude, constant(0x7F80_0000))
        return value(.select, words, isNaN, value(.bitwiseOr, words, upper, constant(0x40)), rounded)
    }

    // MARK: Bytes of words

    mutating func loadBits(_ buffer: Int, index: Int, mask: UInt32) -> UInt32 {
        let words = builder.integerType(32)
        let place = elements(buffer, index: index, width: 1)[0]
        let word =
            hasBitStores[buffer]
            ? value(
                .atomicLoad, words, place, builder.constant(SPIRV.Scope.device),
                builder.constant(SPIRV.MemorySemantics.relaxed))
            : value(.load, words, operands: [place] + alignment(buffer))
        return value(.bitwiseAnd, words, word, mask)
    }

    mutating func storeBits(_ bits: UInt32, mask: UInt32, buffer: Int, index: Int) {
        let words = builder.integerType(32)
        let place = elements(buffer, index: index, width: 1)[0]
        let scope = builder.constant(SPIRV.Scope.device)
        let order = builder.constant(SPIRV.MemorySemantics.relaxed)
        let others = value(.not, words, mask)
        value(.atomicAnd, words, place, scope, order, others)
        let set = value(.bitwiseAnd, words, bits, mask)
        value(.atomicOr, words, place, scope, order, set)
    }

    // MARK: Workgroup memory

    /// The type of elements in a shared array.
    func sharedType(_ array: Kernel.SharedArray) -> UInt32 {
        builder.type(ValueType(array.scalar == .bool ? .uint32 : array.scalar))
    }

    mutating func loadShared(_ array: Int, index: Int, _ type: ValueType) -> UInt32 {
        let element = sharedType(kernel.arrays[array])
        let lanes = places(index, width: type.width).map { place in
            let word = value(.load, element, sharedElement(array, place, element))
            return type.scalar == .bool ? isSet(word) : word
        }
        return construct(lanes, type)
    }

    mutating func storeShared(_ number: Int, array: Int, index: Int) {
        let element = sharedType(kernel.arrays[array])
        let lanes = lanes(of: number)
        for (lane, place) in zip(lanes, places(index, width: lanes.count)) {
            let stored = kernel.arrays[array].scalar == .bool ? word(of: lane) : lane
            statement(.store, sharedElement(array, place, element), stored)
        }
    }

    private mutating func sharedElement(_ array: Int, _ place: UInt32, _ element: UInt32) -> UInt32 {
        value(.accessChain, builder.pointerType(.workgroup, element), arrays[array], place)
    }
}
