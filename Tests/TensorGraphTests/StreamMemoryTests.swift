import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

/// Memory that goes from one stream to another, on a device that does nothing before somebody waits for it.
@Suite struct StreamMemoryTests {
    private static func context(
        _ fault: CachingAllocator.Fault? = nil, on device: any Device = DeferredDevice(ReferenceDevice())
    ) throws -> DeviceContext {
        try DeviceContext(device: device, configuration: RuntimeConfiguration(), allocatorFault: fault)
    }

    /// What work on one stream reads from a value that is released while it is on its way, and whose memory other work then asks
    /// for: `other` makes a value of its size.
    private static func readsBehind(
        _ context: DeviceContext, _ other: (DeviceContext) throws -> Value
    ) throws -> (mine: [Float], other: [Float]) {
        let (a, b) = (try context.makeStream(), try context.makeStream())
        var x: Value? = try context.on(a) { try Value.make([1, 2, 3, 4], [4], in: context) }
        _ = try x?.floats()
        let y = try context.on(a) {
            let y = x!.binary(.multiply, 10)
            try context.evaluate([y.handle])
            return y
        }
        x = nil
        let z = try context.on(b) { try other(context) }
        let others = try z.floats()
        return (try y.floats(), others)
    }

    private static let others: [@Sendable (DeviceContext) throws -> Value] = [
        { try Value.make([7, 7, 7, 7], [4], in: $0) },
        { Value.fill(7, [4], in: $0) },
        { context in try context.on(context.main) { try Value.make([7, 7, 7, 7], [4], in: context) } },
        { context in context.on(context.main) { Value.fill(7, [4], in: context) } },
    ]

    @Test(arguments: others.indices) func aBlockIsNotReusedBeforeAnotherStreamIsDoneWithIt(_ other: Int) throws {
        let (mine, others) = try Self.readsBehind(Self.context(), Self.others[other])
        #expect(mine == [10, 20, 30, 40] && others == [7, 7, 7, 7])
    }

    /// That the above can fail: an allocator that hands out what another stream still uses makes the numbers wrong.
    @Test(arguments: others.indices) func anAllocatorThatReusesABlockTooEarlyIsNoticed(_ other: Int) throws {
        let context = try Self.context(.reusedBeforeOtherStreamsAreDone)
        let (mine, others) = try Self.readsBehind(context, Self.others[other])
        #expect(mine == [70, 70, 70, 70] && others == [7, 7, 7, 7])
    }

    /// What the kernels of a submission alone read and write is nobody else's before it is done, though nothing holds it.
    @Test func anArenaIsNotSharedWithAnotherStreamBeforeItsWorkIsDone() throws {
        let device = WorkspaceDevice(byteCount: 1024, inner: DeferredDevice(ReferenceDevice()))
        let context = try Self.context(on: device)
        let (a, b) = (try context.makeStream(), try context.makeStream())
        let x = try Value.make([1, 2, 3, 4], [4], in: context)
        func compute(on stream: StreamContext) throws -> Value {
            try context.on(stream) {
                let y = x.binary(.add, 1.0)
                try context.evaluate([y.handle])
                return y
            }
        }
        let values = [try compute(on: a), try compute(on: b)]
        let places = device.places.withLock { $0 }
        #expect(places.count == 2 && places[0] != places[1])
        for value in values { #expect(try value.floats() == [2, 3, 4, 5]) }
    }

    /// A value that is released while the work that computes it is on its way.
    @Test(arguments: others.indices) func aBlockThatWorkOnItsWayWritesIsNotReused(_ other: Int) throws {
        let context = try Self.context()
        let (a, b) = (try context.makeStream(), try context.makeStream())
        let x = try Value.make([1, 2, 3, 4], [4], in: context)
        var y: Value? = try context.on(a) {
            let y = x.binary(.multiply, 10)
            try context.evaluate([y.handle])
            return y
        }
        let place = context.blockPlace(of: y!.handle)
        y = nil
        let z = try context.on(b) { try Self.others[other](context) }
        #expect(try z.floats() == [7, 7, 7, 7])
        #expect(context.blockPlace(of: z.handle) != place)
        try context.synchronize()
        #expect(try z.floats() == [7, 7, 7, 7])
    }

    /// The host's copies wait for nothing, so they want memory that nothing uses, of their own stream either.
    @Test func theHostDoesNotCopyIntoABlockThatWorkOnItsWayReads() throws {
        let context = try Self.context()
        var x: Value? = try Value.make([1, 2, 3, 4], [4], in: context)
        let y = x!.binary(.multiply, 10)
        try context.evaluate([y.handle])
        let place = context.blockPlace(of: x!.handle)
        x = nil
        let other = try Value.make([7, 7, 7, 7], [4], in: context)
        #expect(context.blockPlace(of: other.handle) != place)
        #expect(try other.floats() == [7, 7, 7, 7])
        #expect(try y.floats() == [10, 20, 30, 40])
    }

    @Test func aBlockIsReusedOnItsOwnStreamAtOnce() throws {
        let context = try Self.context()
        for stream in [try context.makeStream(), try context.makeStream()] {
            let places = try (0..<3).map { turn in
                let x = try context.on(stream) { try Value.make([Float(turn)], [1], in: context) }
                return context.blockPlace(of: x.handle)
            }
            #expect(places[1] == places[0] && places[2] == places[0])
        }
    }

    /// A device that has no more memory: the other stream's block is taken all the same, and its work waited for.
    @Test func whereThereIsNoOtherMemoryWorkWaitsForTheStreamThatUsesIt() throws {
        let device = DeferredDevice(SmallDevice(byteCount: 5 << 20, largestAllocation: 3 << 20))
        let context = try Self.context(on: device)
        let (a, b) = (try context.makeStream(), try context.makeStream())
        let count = 300_000
        // Two values in one segment, of which one stays.
        let kept = try Value.make([Float](repeating: 4, count: count), [count], in: context)
        var x: Value? = try context.on(a) { try Value.make([Float](repeating: 3, count: count), [count], in: context) }
        let place = context.blockPlace(of: x!.handle)
        _ = try x?.floats()
        let sum = try context.on(a) {
            let sum = x!.reduce(.sum, axes: [0])
            try context.evaluate([sum.handle])
            return sum
        }
        x = nil
        let y = context.on(b) { Value.fill(1, [count], in: context).binary(.multiply, 2) }
        try context.evaluate([y.handle])
        #expect(context.blockPlace(of: y.handle) == place)
        #expect(try y.floats() == [Float](repeating: 2, count: count))
        #expect(try sum.floats() == [Float(3 * count)])
        #expect(try kept.floats() == [Float](repeating: 4, count: count))
    }
}

/// The reference with little memory.
private final class SmallDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: the count is set before the device is shared, and touched by one test's thread.

    private var left: Int

    init(byteCount: Int, largestAllocation: Int) {
        left = byteCount
        let inner = ReferenceDevice()
        var description = inner.description
        description.maximumAllocation = largestAllocation
        super.init(inner, description: description)
    }

    override func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        guard byteCount <= left else { throw TensorError(.outOfMemory, "the small device is full") }
        left -= byteCount
        return try inner.allocate(byteCount: byteCount)
    }
}
