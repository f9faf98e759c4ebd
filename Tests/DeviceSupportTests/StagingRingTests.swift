import DeviceSupport
import TensorRuntime
import Testing

/// The ring's policy, on a queue that copies nothing before somebody waits for it.
@Suite struct StagingRingTests {
    private typealias Ring = StagingRing<LazyPort>

    private static func write(_ ring: Ring, _ bytes: [UInt8], to memory: LazyPort.Memory, offset: Int = 0) throws {
        var source = bytes
        try source.withUnsafeMutableBytes { source in
            try ring.write(UnsafeRawBufferPointer(source), to: memory, offset: offset)
            // The source is the caller's again.
            _ = source.initializeMemory(as: UInt8.self, repeating: 0xEE)
        }
    }

    private static func read(_ ring: Ring, _ memory: LazyPort.Memory, offset: Int = 0, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { try ring.read(from: memory, offset: offset, to: $0) }
        return bytes
    }

    @Test func aSourceIsFreeAndBytesAreTakenAgainOnlyWhenTheyWereFetched() throws {
        let port = LazyPort()
        let ring = Ring(port)
        let memory = LazyPort.Memory(count: 20 << 20)
        // 18 MB through 8, in sizes that leave a rest at the end of the ring.
        let count = 700_001
        for turn in 0..<26 {
            try Self.write(ring, [UInt8](repeating: UInt8(turn), count: count), to: memory, offset: turn * count)
        }
        #expect(port.pending > 0 && port.pending < 26)
        for turn in 0..<26 {
            let found = try Self.read(ring, memory, offset: turn * count, count: count)
            #expect(found.allSatisfy { $0 == UInt8(turn) }, "turn \(turn)")
        }
    }

    @Test func aCopyLargerThanTheRingGoesInPieces() throws {
        let port = LazyPort()
        let ring = Ring(port)
        let count = 2 * Ring.byteCount + 4097
        let memory = LazyPort.Memory(count: count + 10)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        try Self.write(ring, bytes, to: memory, offset: 3)
        #expect(port.largest == Ring.pieceLimit)
        #expect(port.flushes == 8)
        #expect(try Self.read(ring, memory, offset: 3, count: count) == bytes)
        #expect(memory.bytes.prefix(3).allSatisfy { $0 == 0 } && memory.bytes.suffix(7).allSatisfy { $0 == 0 })
        #expect(port.mostReading == 2)
    }

    @Test func aRingWhoseWorkIsDoneIsEmpty() throws {
        let port = LazyPort()
        let ring = Ring(port)
        let memory = LazyPort.Memory(count: Ring.byteCount)
        for turn in 0..<5 {
            try Self.write(ring, [UInt8](repeating: UInt8(turn), count: Ring.byteCount / 2), to: memory)
            port.run()
            ring.reset()
        }
        #expect(port.waits == 0)
        #expect(memory.bytes[0] == 4)
    }
}

/// A queue that runs in order, and only when it is told or waited for.
private final class LazyPort: StagingPort {
    final class Memory {
        var bytes: [UInt8]
        init(count: Int) { bytes = [UInt8](repeating: 0, count: count) }
    }

    final class Event: DeviceEvent, @unchecked Sendable {
        // Safety: one thread.
        let port: LazyPort
        let number: Int

        init(_ port: LazyPort, _ number: Int) {
            self.port = port
            self.number = number
        }

        var isComplete: Bool { port.done > number }
        func synchronize() throws(TensorError) {
            port.waits += 1
            port.run(upTo: number)
        }
    }

    let base = UnsafeMutableRawPointer.allocate(byteCount: StagingRing<LazyPort>.byteCount, alignment: 64)
    private var work: [() -> Void] = []
    private var reading: [Bool] = []
    private(set) var done = 0
    var waits = 0
    private(set) var flushes = 0
    private(set) var largest = 0
    private(set) var mostReading = 0

    var pending: Int { work.count - done }

    deinit { base.deallocate() }

    func copyIn(_ place: UnsafeMutableRawPointer, count: Int, to destination: Memory, offset: Int)
        throws(TensorError) -> Event
    {
        append(count, isReading: false) {
            destination.bytes.withUnsafeMutableBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + count])
                    .copyMemory(from: UnsafeRawBufferPointer(start: place, count: count))
            }
        }
    }

    func copyOut(from source: Memory, offset: Int, to place: UnsafeMutableRawPointer, count: Int)
        throws(TensorError) -> Event
    {
        append(count, isReading: true) {
            source.bytes.withUnsafeBytes { bytes in
                place.copyMemory(from: bytes.baseAddress! + offset, byteCount: count)
            }
        }
    }

    func flush() throws(TensorError) { flushes += 1 }

    /// Runs what is queued, up to a number.
    func run(upTo number: Int = .max) {
        while done < work.count, done <= number {
            work[done]()
            done += 1
        }
    }

    private func append(_ count: Int, isReading: Bool, _ copy: @escaping () -> Void) -> Event {
        largest = max(largest, count)
        work.append(copy)
        reading.append(isReading)
        mostReading = max(mostReading, reading[done...].count { $0 })
        return Event(self, work.count - 1)
    }
}
