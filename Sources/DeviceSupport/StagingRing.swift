import TensorRuntime

/// The driver's part of a staging ring: host memory that the device can reach, and copies between it and device memory,
/// each queued in order with the stream's other work.
public protocol StagingPort {
    associatedtype Memory
    associatedtype Event: DeviceEvent

    /// The ring's memory: ``StagingRing/byteCount`` bytes.
    var base: UnsafeMutableRawPointer { get }

    /// Queues a copy of `count` bytes from `place` in the ring. Its event is complete once the place may be used again.
    func copyIn(_ place: UnsafeMutableRawPointer, count: Int, to destination: Memory, offset: Int)
        throws(TensorError) -> Event

    /// Queues a copy of `count` bytes to `place` in the ring. Its event is complete once they are there.
    func copyOut(from source: Memory, offset: Int, to place: UnsafeMutableRawPointer, count: Int)
        throws(TensorError) -> Event

    /// Starts what was queued.
    func flush() throws(TensorError)
}

/// A ring of host memory through which a stream's copies go that the host cannot make in the device's memory.
///
/// A copy to the device ends when its last piece lies here: the source is free, and the transfer waits for its turn in the
/// queue. Bytes are taken again when the transfers that used them are done. Large copies go in pieces, so that the host
/// copies one while another is on its way. Used by one thread at a time, as its stream is.
public final class StagingRing<Port: StagingPort> {
    public static var byteCount: Int { 8 << 20 }
    /// The largest piece: with two being read and one being placed, the ring has room, whatever it skips at its end.
    public static var pieceLimit: Int { byteCount / 4 }
    private static var alignment: Int { 64 }

    private struct Transfer {
        /// Position behind its bytes.
        let end: Int
        let event: Port.Event
    }

    private let port: Port
    private var transfers: [Transfer] = []
    /// Positions only grow; a byte's place is its position modulo the ring's size. What lies between the two is in use.
    private var freed = 0
    private var taken = 0

    public init(_ port: Port) { self.port = port }

    /// All transfers are done.
    public func reset() {
        transfers.removeAll(keepingCapacity: true)
        freed = taken
    }

    /// Queues a copy of `source`, which is free afterwards.
    public func write(_ source: UnsafeRawBufferPointer, to destination: Port.Memory, offset: Int) throws(TensorError) {
        var placed = 0
        while placed < source.count {
            let count = min(Self.pieceLimit, source.count - placed)
            let place = try take(count)
            UnsafeMutableRawBufferPointer(start: place, count: count)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[placed..<placed + count]))
            _ = keep(try port.copyIn(place, count: count, to: destination, offset: offset + placed))
            placed += count
            if placed < source.count { try port.flush() }
        }
    }

    /// Copies to `destination` and waits for it.
    public func read(
        from source: Port.Memory, offset: Int, to destination: UnsafeMutableRawBufferPointer
    ) throws(TensorError) {
        var arriving: [(event: Port.Event, place: UnsafeMutableRawPointer, target: UnsafeMutableRawBufferPointer)] = []
        /// Waits for the oldest piece and hands it over.
        func receive() throws(TensorError) {
            let (event, place, target) = arriving.removeFirst()
            try event.synchronize()
            target.copyMemory(from: UnsafeRawBufferPointer(start: place, count: target.count))
        }
        var asked = 0
        while asked < destination.count {
            if arriving.count == 2 { try receive() }
            let count = min(Self.pieceLimit, destination.count - asked)
            let target = UnsafeMutableRawBufferPointer(rebasing: destination[asked..<asked + count])
            let place = try take(count)
            let event = keep(try port.copyOut(from: source, offset: offset + asked, to: place, count: count))
            arriving.append((event, place, target))
            asked += count
            try port.flush()
        }
        while !arriving.isEmpty { try receive() }
    }

    /// Keeps the bytes taken last until their transfer is done.
    private func keep(_ event: Port.Event) -> Port.Event {
        transfers.append(Transfer(end: taken, event: event))
        return event
    }

    /// The next `count` bytes of the ring, once the transfers that used them are done.
    private func take(_ count: Int) throws(TensorError) -> UnsafeMutableRawPointer {
        let size = Self.byteCount
        let used = (count + Self.alignment - 1) / Self.alignment * Self.alignment
        let room = size - taken % size
        let start = used <= room ? taken : taken + room
        // Those that are done go at once, so that small copies do not pile up.
        while let oldest = transfers.first, oldest.event.isComplete {
            freed = oldest.end
            transfers.removeFirst()
        }
        while start + used - freed > size, !transfers.isEmpty {
            let oldest = transfers.removeFirst()
            freed = oldest.end
            try oldest.event.synchronize()
        }
        if transfers.isEmpty { freed = start }
        taken = start + used
        return port.base + start % size
    }
}
