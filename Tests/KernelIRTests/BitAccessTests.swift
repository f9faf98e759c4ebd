import KernelIR
import Testing

/// Loads and stores of some bytes of a word, products and sums that round once or twice, and subgroups of every size.
@Suite struct BitAccessTests {
    /// Work-item i copies byte i of x to byte i + shift of y.
    private static func copy(byteMask: Int = 0xFF) -> Kernel {
        KernelBuilder.build("copy", workgroupSize: [16, 1, 1]) { k in
            let x = k.buffer("x", .int32, .read)
            let y = k.buffer("y", .int32, .readWrite)
            let shift = k.argument("shift", .int32)
            let mask = k.constant(byteMask, .uint32)
            let i = k.localID(0)
            let bits = ((i & 3) * 8).bitcast(to: .uint32)
            let value = x.loadBits(i >> 2, mask: k.constant(0xFF, .uint32).binary(.shiftLeft, bits))
                .binary(.shiftRight, bits)
            let place = i + shift
            let target = ((place & 3) * 8).bitcast(to: .uint32)
            y.storeBits(
                value.binary(.shiftLeft, target), mask: mask.binary(.shiftLeft, target), at: place >> 2)
        }
    }

    @Test func neighboursWriteTheirBytesOfOneWord() throws {
        let source: [UInt8] = (0..<16).map { 200 - $0 }
        let words = source.withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
        let result = try run(Self.copy(), arguments: [3], [words, [Int32](repeating: 0x7777_7777, count: 5)])[1]
        let bytes = result.withUnsafeBytes { Array($0) }
        #expect(bytes == [0x77, 0x77, 0x77] + source + [0x77])
    }

    @Test func twoAtOneByteAreARace() {
        let error = expectError(.race) {
            _ = try run(Self.copy(byteMask: 0xFFFF), arguments: [0], [[Int32](repeating: 0, count: 4), [0, 0, 0, 0]])
        }
        #expect(error?.message.contains("byte 1 of index 0") == true)
    }

    @Test func readingWhatAnotherWritesIsARace() throws {
        let kernel = KernelBuilder.build("k", workgroupSize: [2, 1, 1]) { k in
            let x = k.buffer("x", .int32, .readWrite)
            let mask = k.constant(0xFF, .uint32)
            k.if(k.localID(0) == 0) {
                x.storeBits(mask, mask: mask, at: k.int(0))
            } else: {
                x[k.int(1)] = x.loadBits(k.int(0), mask: k.argument("mask", .uint32)).bitcast(to: .int32)
            }
        }
        expectError(.race) { _ = try run(kernel, arguments: [0xFFFF], [[0x1234_5678, 0] as [Int32]]) }
        #expect(try run(kernel, arguments: [0xFF00], [[0x1234_5678, 0] as [Int32]])[0] == [0x1234_56FF, 0x5600])
    }

    @Test func bitsAreOfWordsThatMayBeTouched() {
        func build(_ access: Kernel.Access, _ body: @escaping (BufferReference, Value) -> Void) -> Kernel {
            KernelBuilder.build("k") { k in body(k.buffer("x", .int32, access), k.constant(255, .uint32)) }
        }
        expectError(.access) { try build(.read) { $0.storeBits($1, mask: $1, at: $1.bitcast(to: .int32)) }.validate() }
        expectError(.access) { try build(.write) { _ = $0.loadBits($1.bitcast(to: .int32), mask: $1) }.validate() }
        expectError(.type) { try build(.read) { _ = $0.loadBits($1, mask: $1) }.validate() }
        expectError(.type) {
            try build(.read) { _ = $0.loadBits($1.bitcast(to: .int32), mask: $1.bitcast(to: .int32)) }.validate()
        }
        expectError(.type) {
            try KernelBuilder.build("k") { k in
                let x = k.buffer("x", .float32, .readWrite)
                _ = x.loadBits(k.int(0), mask: k.constant(255, .uint32))
            }.validate()
        }
        expectError(.bounds) {
            let kernel = build(.read) { _ = $0.loadBits($1.bitcast(to: .int32), mask: $1) }
            _ = try run(kernel, [[0, 0] as [Int32]])
        }
    }

    @Test func aMultiplyAddRoundsOnceOrTwiceAndAFusedOneOnce() throws {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .float32, .readWrite)
            let (a, b, c) = (x[k.int(0)], x[k.int(1)], x[k.int(2)])
            x[k.int(3)] = k.multiplyAdd(a, b, c)
            x[k.int(4)] = k.fusedMultiplyAdd(a, b, c)
        }
        var values: [Float] = [1 + 0x1p-13, 1 - 0x1p-13, -1, 0, 0]
        for fuses in [true, false] {
            let interpreter = try KernelInterpreter(kernel, fusesMultiplyAdd: fuses)
            try values.withUnsafeMutableBytes { region in
                try interpreter.launch(workgroups: [1, 1, 1], buffers: [InterpreterBuffer(region: region)])
            }
            #expect(values[3] == (fuses ? -0x1p-26 : 0))
            #expect(values[4] == -0x1p-26)
        }
    }

    /// Sums of 128 work-items by subgroups, whatever their size: in each a sum and a sum by shuffles, then shared memory.
    private static let sums = KernelBuilder.build("sums", workgroupSize: [128, 1, 1]) { k in
        let x = k.buffer("x", .int32, .readWrite)
        let parts = k.shared("parts", .int32, count: 128)
        let i = k.localID(0)
        let size = k.subgroupSize()
        let value = x[i]
        let sum = value.subgroup(.add)
        let shuffled = k.variable(value)
        for mask in [1, 2] { shuffled.value = shuffled.value + shuffled.value.subgroup(.shuffleXor(mask: mask)) }
        let least = shuffled.value.subgroup(.minimum)
        k.if(k.subgroupLane() == 0) { parts[i / size] = sum + least * 1000 }
        k.barrier()
        let total = k.variable(k.int(0))
        k.loop(from: 0, to: k.int(128) / size) { part in total.value = total.value + parts[part] }
        x[i] = total.value
    }

    @Test(arguments: [4, 8, 16, 32, 64, 128]) func subgroupOperationsFollowTheSubgroupsSize(_ size: Int) throws {
        try Self.sums.validate()
        var values = (0..<128).map { Int32(($0 * 37) % 101) }
        let fours = stride(from: 0, to: 128, by: 4).map { values[$0..<$0 + 4].reduce(0, +) }
        var expected = values.reduce(0, +)
        for first in stride(from: 0, to: 32, by: size / 4) { expected += 1000 * fours[first..<first + size / 4].min()! }
        let interpreter = try KernelInterpreter(Self.sums, subgroupSize: size)
        try values.withUnsafeMutableBytes { region in
            try interpreter.launch(workgroups: [1, 1, 1], buffers: [InterpreterBuffer(region: region)])
        }
        #expect(values.allSatisfy { $0 == expected })
    }
}
