import OpenCLBackend
import TensorRuntime
import TestSupport
import Testing

/// Copies as a discrete GPU has them, through the ring of pinned memory. What is copied is compared bit for bit.
@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct StagingTests {
    /// More than the ring, in pieces whose last one is odd.
    private static let large = (0..<5_300_003).map { Float($0 % 1_048_573) }

    private func open() throws -> (device: OpenCLDevice, calls: OpenCLCalls, stream: any DeviceStream) {
        let (device, calls) = try OpenCLTesting.open { $0.openCLScheduleClass = .gpu }
        return (device, calls, try device.makeStream())
    }

    @Test func aCopyLargerThanTheRingArrivesWhole() throws {
        let (device, calls, stream) = try open()
        let buffer = try device.allocate(byteCount: 4 * (Self.large.count + 5))
        try stream.write([-1, -2, -3], to: buffer)
        try stream.write(Self.large, to: buffer, at: 3)
        try stream.write([-4, -5], to: buffer, at: Self.large.count + 3)
        let found = try stream.read(buffer, count: Self.large.count + 5)
        #expect(found.prefix(3) == [-1, -2, -3])
        #expect(found.dropFirst(3).dropLast(2) == Self.large[...])
        #expect(found.suffix(2) == [-4, -5])
        // The ring, and no mapping of the buffer itself.
        #expect(calls[.map] == 1)
        #expect(calls[.createBuffer] == 2)
    }

    @Test func aSourceIsFreeOnceItIsCopiedAndBytesAreTakenAgainOnlyWhenTheyWereFetched() throws {
        let (device, _, stream) = try open()
        let count = 70_001
        let places = 64
        let buffer = try device.allocate(byteCount: 4 * count * places)
        // 18 MB through a ring of 8, with launches before and between and nobody waiting.
        let kernel = try Scaling(count: 16, passes: 2_000).kernel(on: device)
        let scaled = try device.allocate(byteCount: 64)
        for place in 0..<places {
            try stream.launch(kernel, [BufferBinding(buffer: buffer), BufferBinding(buffer: scaled)], [1])
            let source = [Float](repeating: Float(place), count: count)
            try stream.write(source, to: buffer, at: place * count)
            if place % 3 == 0 { try stream.submit() }
        }
        for place in 0..<places {
            let found = try stream.read(buffer, count: count, from: place * count)
            #expect(found.allSatisfy { $0 == Float(place) }, "place \(place)")
        }
    }

    @Test func copiesOfEverySizeAroundTheEndOfTheRingTouchTheirBytesOnly() throws {
        let (device, _, stream) = try open()
        let limit = 1 << 19
        let buffer = try device.allocate(byteCount: 4 * (limit + 64))
        for (turn, count) in [limit, 1, limit - 1, 17, limit, 5, limit, limit, 3, limit - 7].enumerated() {
            let clear = [Float](repeating: -1, count: limit + 64)
            try stream.write(clear, to: buffer)
            let source = (0..<count).map { Float($0 + turn) }
            try stream.write(source, to: buffer, at: turn)
            let found = try stream.read(buffer, count: limit + 64)
            #expect(found[turn..<turn + count] == source[...], "turn \(turn)")
            #expect(found[..<turn].allSatisfy { $0 == -1 } && found[(turn + count)...].allSatisfy { $0 == -1 })
        }
    }

    @Test func aStreamWithoutCopiesHasNoRing() throws {
        let (device, calls, stream) = try open()
        let input = try device.allocate(byteCount: 64)
        let output = try device.allocate(byteCount: 64)
        try stream.launch(
            Scaling(count: 16).kernel(on: device), [BufferBinding(buffer: input), BufferBinding(buffer: output)], [1])
        try stream.synchronize()
        #expect(calls[.createBuffer] == 2 && calls[.map] == 0)
    }
}
