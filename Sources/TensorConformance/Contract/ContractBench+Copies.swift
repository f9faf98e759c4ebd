import TensorRuntime

extension ContractBench {
    func checkCopyOffsets() throws {
        var expected = (0..<1000).map { UInt8($0 % 253) }
        let buffer = try device.allocate(byteCount: expected.count)
        try write(bytes: expected, to: buffer)
        let pieces = [(0, 1), (1, 3), (7, 64), (129, 1), (256, 256), (500, 0), (997, 3), (1000, 0)]
        for (number, (offset, count)) in pieces.enumerated() {
            let piece = (0..<count).map { UInt8(($0 + 101 * number) % 251) ^ 0x55 }
            try write(bytes: piece, to: buffer, at: offset)
            expected.replaceSubrange(offset..<offset + count, with: piece)
            try Self.expect(
                read(bytes: expected.count, from: buffer), expected, "after copying \(count) bytes to offset \(offset)")
        }
        for (offset, count) in pieces {
            try Self.expect(
                read(bytes: count, from: buffer, at: offset), Array(expected[offset..<offset + count]),
                "copying \(count) bytes from offset \(offset)")
        }
        try checkLargeCopy()
    }

    /// More than drivers copy in one piece.
    private func checkLargeCopy() throws {
        let size = 9 << 20
        let buffer = try device.allocate(byteCount: size)
        try write(bytes: [UInt8](repeating: 0x11, count: size), to: buffer)
        let (offset, count) = (4097, (8 << 20) + 333)
        let piece = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        try write(bytes: piece, to: buffer, at: offset)
        let found = try read(bytes: size, from: buffer)
        try Self.expect(Array(found[offset..<offset + count]), piece, "\(count) bytes at offset \(offset)")
        try Self.expect(
            found[..<offset].allSatisfy { $0 == 0x11 } && found[(offset + count)...].allSatisfy { $0 == 0x11 },
            "a copy of \(count) bytes to offset \(offset) touched others")
        try Self.expect(
            read(bytes: count - 5, from: buffer, at: offset + 5), Array(piece[5...]),
            "\(count - 5) bytes from offset \(offset + 5)")
    }

    func checkOperandOffsets() throws {
        let (count, total) = (37, 400)
        var ran = 0
        for dtype in DType.allCases where device.description.dtypes.contains(dtype) {
            let spec = ContractBench.copy(count, dtype)
            if device.unsupportedReason(spec) != nil { continue }
            let kernel = try device.makeKernel(spec)
            let width = dtype.byteCount
            let fill: Fill = dtype == .bool ? .integers(0, 1) : .integers(1, 100)
            let values = fill.values(count: total, dtype: dtype, seed: seed(of: "contract/\(dtype)"))
            var bytes = [UInt8](repeating: 0, count: total * width)
            bytes.withUnsafeMutableBytes { for index in 0..<total { values.store(index, to: $0, place: index) } }
            for (input, output) in [(3, 301), (200, 1), (0, 363), (5, 42)] {
                let buffer = try device.allocate(byteCount: bytes.count)
                try write(bytes: bytes, to: buffer)
                let operands = [
                    BufferBinding(buffer: buffer, offset: input), BufferBinding(buffer: buffer, offset: output),
                ]
                try encode(kernel, operands, on: stream)
                var expected = bytes
                expected.replaceSubrange(
                    output * width..<(output + count) * width, with: bytes[input * width..<(input + count) * width])
                try Self.expect(
                    read(bytes: bytes.count, from: buffer), expected,
                    "\(dtype): bytes after copying \(count) elements from \(input) to \(output) of one buffer")
            }
            ran += 1
        }
        try Self.expect(ran > 0, "the device copies elements of no type")
    }

    func checkOrder() throws {
        let count = 64
        let kernel = try kernel(count)
        let first = (0..<count).map(Float.init)
        let second = first.map { 100 - $0 }
        let x = try buffer(first)
        let results = try (0..<3).map { _ in try buffer([Float](repeating: -1, count: count)) }
        try launch(kernel, x, results[0], factor: 2)
        try write(second, to: x.buffer!)
        try launch(kernel, x, results[1], factor: 3)
        try launch(kernel, results[0], results[2], summand: 5)
        try launch(kernel, results[2], x)
        try Self.expect(read(results[0], count: count), first.map { 2 * $0 }, "a launch before a copy to its operand")
        try Self.expect(read(results[1], count: count), second.map { 3 * $0 }, "a launch behind a copy to its operand")
        try Self.expect(
            read(x, count: count), first.map { 2 * $0 + 5 }, "a launch that overwrites what one before read")
        // Copies alone, none of which anybody waits for.
        for turn in 0..<40 { try write([Float](repeating: Float(turn), count: count), to: x.buffer!) }
        try Self.expect(read(x, count: count), [Float](repeating: 39, count: count), "the last of 40 copies")
    }

    func checkReleasedBuffers() throws {
        let count = 1024
        let kernel = try kernel(count)
        let values = (0..<count).map { Float($0 % 97) }
        let result = try buffer([Float](repeating: -1, count: count))
        // Each intermediate is held by nobody once its reader is encoded.
        func encodeChain(_ length: Int) throws {
            var x = try buffer(values)
            for step in 1...length {
                let next = step == length ? result : BufferBinding(buffer: try device.allocate(byteCount: 4 * count))
                try launch(kernel, x, next, summand: Float(step))
                x = next
            }
        }
        try encodeChain(20)
        try stream.submit()
        // Memory that was freed too early is somebody else's by now.
        let other = try device.makeStream()
        for _ in 0..<24 { _ = try buffer([Float](repeating: 1e6, count: count), on: other) }
        try other.synchronize()
        try Self.expect(
            read(result, count: count), values.map { $0 + 210 }, "a chain whose buffers were released while it ran")
    }

    func checkOutOfMemory() throws {
        for _ in 0..<2 {
            do throws(TensorError) {
                _ = try device.allocate(byteCount: 1 << 60)
                throw TensorError(.deviceFailure, "2^60 bytes were allocated")
            } catch {
                try Self.expect(
                    error.kind == .outOfMemory,
                    "a request for 2^60 bytes must fail as outOfMemory, and failed as \(error.kind): \(error)")
            }
        }
        let (end, expected) = try chain(length: 2)
        try Self.expect(read(end, count: expected.count), expected, "work after a request for too much memory")
    }
}
