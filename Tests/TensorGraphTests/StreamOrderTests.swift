import Foundation
import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

/// The order of work on several streams of a device that does nothing before somebody waits for it.
@Suite struct StreamOrderTests {
    private static func makeLate() throws -> DeviceContext {
        try DeviceContext(device: DeferredDevice(ReferenceDevice()), configuration: RuntimeConfiguration())
    }

    @Test func aValueOfAnotherStreamIsWaitedForByWorkAndByTheHost() throws {
        let context = try Self.makeLate()
        let streams = [context.main, try context.makeStream(), try context.makeStream()]
        var x = try Value.make([1, 2], [2], in: context)
        var expected: [Float] = [1, 2]
        for turn in 0..<30 {
            x = try context.on(streams[turn % 3]) {
                let y = x.binary(.multiply, 2).binary(.subtract, 1.0)
                if turn % 2 == 0 { try context.evaluate([y.handle]) }
                return y
            }
            expected = expected.map { $0 * 2 - 1 }
            if turn % 7 == 0 { #expect(try x.floats() == expected) }
        }
        #expect(try x.floats() == expected)
    }

    /// An operand whose last claim goes is overwritten, here by another stream than the one that made it and those that read it.
    @Test func aValueIsOverwrittenBehindAllStreamsThatUseIt() throws {
        let context = try Self.makeLate()
        let (a, b, c) = (try context.makeStream(), try context.makeStream(), try context.makeStream())
        var x: Value? = try context.on(a) {
            let x = try Value.make([1, 2], [2], in: context).binary(.add, 1.0)
            try context.evaluate([x.handle])
            return x
        }
        let read = try context.on(b) {
            let read = x!.binary(.multiply, 10)
            try context.evaluate([read.handle])
            return read
        }
        let place = context.blockPlace(of: x!.handle)
        var y: Value? = context.on(c) { x!.binary(.multiply, 100) }
        x = nil
        try context.evaluate([y!.handle])
        #expect(context.blockPlace(of: y!.handle) == place)
        #expect(try y!.floats() == [200, 300])
        #expect(try read.floats() == [20, 30])
        y = nil
    }

    @Test func whatIsPendingOnOneStreamIsEvaluatedThereForAnother() throws {
        let context = try Self.makeLate()
        let (a, b) = (try context.makeStream(), try context.makeStream())
        let x = try context.on(a) { try Value.make([1], [1], in: context).binary(.add, 1.0) }
        let other = try context.on(a) { try Value.make([5], [1], in: context).binary(.add, 1.0) }
        #expect(!x.handle.isEvaluated)
        let y = context.on(b) { x.binary(.multiply, 3) }
        #expect(x.handle.isEvaluated && !other.handle.isEvaluated && !y.handle.isEvaluated)
        let pair = context.on(b) { Value.concatenate([y, other], axis: 0) }
        #expect(other.handle.isEvaluated && !y.handle.isEvaluated)
        #expect(try pair.floats() == [6, 6])
    }

    /// A flag that is computed on another stream than the value that it guards.
    @Test func aGuardOfAnotherStreamIsReadWithItsValue() throws {
        let context = try Self.makeLate()
        let (a, b) = (try context.makeStream(), try context.makeStream())
        for isBad in [false, true] {
            let x = try context.on(a) { try Value.make([1], [1], in: context).binary(.add, 1.0) }
            let flag = context.on(b) {
                context.trace(.fill, shape: [], dtype: .int32, scalar0: .int(isBad ? 1 : 0))
            }
            context.guardValue(x.handle, by: flag, error: TensorError(.invalidArgument, "bad"))
            let y = context.on(b) { x.binary(.add, 1.0) }
            if isBad {
                #expect(throws: TensorError.self) { try y.floats() }
            } else {
                #expect(try y.floats() == [3])
            }
        }
    }

    @Test func aMarkIsReachedOnceTheWorkBeforeItIsDone() throws {
        let context = try Self.makeLate()
        let (a, b) = (try context.makeStream(), try context.makeStream())
        #expect(try context.isIdle(a))
        let x = try context.on(a) { try Value.make([1], [1], in: context).binary(.add, 1.0) }
        let mark = try context.mark(a)
        #expect(x.handle.isEvaluated)
        #expect(!mark.event.isComplete)
        #expect(try !context.isIdle(a) && context.isIdle(b))
        try context.wait(b, for: mark)
        let y = try context.on(b) { try Value.make([1], [1], in: context).binary(.add, 1.0) }
        #expect(try !context.isIdle(b))
        // b's work stands behind a's.
        #expect(try y.floats() == [2])
        #expect(mark.event.isComplete)
        #expect(try context.isIdle(a))
    }

    /// The copy of the next batch is done while the work before it is still on its way: nothing but its stream orders it.
    @Test func aCopyOnASecondStreamIsDoneBesideTheComputationOnTheFirst() throws {
        let context = try Self.makeLate()
        let copies = try context.makeStream()
        let x = try Value.make([Float](repeating: 2, count: 1000), [1000], in: context)
        let sum = x.reduce(.sum, axes: [0])
        try context.evaluate([sum.handle])
        let computed = try context.mark(context.main)
        let next = try context.on(copies) { try Value.make([Float](repeating: 5, count: 1000), [1000], in: context) }
        let copied = try context.mark(copies)
        try copied.event.synchronize()
        #expect(copied.event.isComplete && !computed.event.isComplete)
        let both = next.reduce(.sum, axes: [0]).binary(.add, sum)
        #expect(try both.floats() == [7000])
    }

    @Test func synchronizeWaitsForAllStreams() throws {
        let context = try Self.makeLate()
        let streams = try (0..<4).map { _ in try context.makeStream() }
        var values: [Value] = []
        for stream in streams {
            values.append(try context.on(stream) { try Value.make([1], [1], in: context).binary(.add, 1.0) })
        }
        let marks = try streams.map { try context.mark($0) }
        #expect(marks.allSatisfy { !$0.event.isComplete })
        try context.synchronize()
        #expect(!marks.contains { !$0.event.isComplete })
        for value in values { #expect(try value.floats() == [2]) }
    }

    @Test func thereAre31StreamsBesideTheFirst() throws {
        let context = try Self.makeLate()
        let streams = try (0..<70).map { _ in try context.makeStream() }
        #expect(Set(streams.map(ObjectIdentifier.init)).count == 31)
        #expect(!streams.contains { $0 === context.main })
        #expect(streams[31] === streams[0])
        for (number, stream) in streams.prefix(31).enumerated() {
            let x = try context.on(stream) { try Value.make([Float(number)], [1], in: context).binary(.add, 1.0) }
            #expect(try x.floats() == [Float(number + 1)])
        }
    }

    @Test func workThatFailsOnOneStreamFailsWhatAnotherComputesFromIt() throws {
        let device = FragileDevice(launchesLeft: 0)
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let a = try context.makeStream()
        let x = try context.on(a) { try Value.make([1], [1], in: context).binary(.add, 1.0) }
        let y = x.binary(.add, 1.0)
        #expect(throws: TensorError.self) { try y.floats() }
        device.launchesLeft.withLock { $0 = .max }
        #expect(try Value.make([1], [1], in: context).binary(.add, 1.0).floats() == [2])
        #expect(try context.on(a) { try Value.make([1], [1], in: context).binary(.add, 1.0).floats() } == [2])
    }

    @Test func whatIsReadByTwoStreamsDoesNotOrderThem() throws {
        let gate = Gate(holds: 1)
        let context = try DeviceContext(
            device: FragileDevice(beforeLaunch: { gate.pass() }), configuration: RuntimeConfiguration())
        let (a, b) = (try context.makeStream(), try context.makeStream())
        let x = try Value.make([1], [1], in: context)
        gate.close()
        let held = context.on(a) { x.binary(.add, 1.0) }
        // Its error is what is waited for below.
        let first = Thread { _ = try? held.floats() }
        first.start()
        gate.awaitArrival()
        #expect(try context.on(b) { x.binary(.multiply, 5) }.floats() == [5])
        #expect(try x.binary(.multiply, 7).floats() == [7])
        let next = try context.on(b) { try Value.make([3], [1], in: context) }
        #expect(try next.floats() == [3])
        #expect(gate.isHolding)
        gate.open()
        #expect(try held.floats() == [2])
    }

    @Test func manyThreadsOnStreamsOfTheirOwnReadEachOthersValues() throws {
        let context = try Self.makeLate()
        let shared = try Value.make([1, 2, 3], [3], in: context).binary(.add, 1.0)
        let streams = try (0..<6).map { _ in try context.makeStream() }
        let threads = streams.enumerated().map { number, stream in
            Thread {
                do {
                    var x = shared
                    for turn in 0..<40 {
                        x = try context.on(streams[(number + turn) % streams.count]) {
                            let next = x.binary(.add, Double(number)).binary(.add, shared).binary(.subtract, shared)
                            if turn % 3 == 0 { try context.evaluate([next.handle]) }
                            return next
                        }
                    }
                    #expect(try x.floats() == [2, 3, 4].map { $0 + Float(40 * number) })
                } catch { Issue.record(error) }
            }
        }
        for thread in threads { thread.start() }
        while threads.contains(where: { !$0.isFinished }) { usleep(500) }
    }

    // MARK: Tickets

    /// Work that has its ticket and is still being encoded is waited for by what reads its result, on its stream and on others.
    @Test(arguments: [false, true]) func whatReadsWorkThatIsStillBeingEncodedWaitsForIt(isOnAnotherStream: Bool) throws
    {
        let gate = Gate(holds: 1)
        let context = try DeviceContext(
            device: FragileDevice(beforeLaunch: { gate.pass() }), configuration: RuntimeConfiguration())
        let other = isOnAnotherStream ? try context.makeStream() : context.main
        let held = try Value.make([1, 2], [2], in: context).binary(.add, 1.0)
        gate.close()
        // Its error is what is waited for below.
        let first = Thread { _ = try? held.floats() }
        first.start()
        gate.awaitArrival()
        let y = context.on(other) { held.binary(.multiply, 5) }
        let plans = context.statistics.plansBuilt
        let second = Thread { _ = try? context.evaluate([y.handle]) }
        second.start()
        while context.statistics.plansBuilt == plans { usleep(500) }
        // Long enough for one that does not wait; one that does is never done before the gate opens.
        for _ in 0..<100 where !second.isFinished { usleep(1000) }
        #expect(!second.isFinished && gate.isHolding)
        gate.open()
        #expect(try y.floats() == [10, 15])
    }

    /// What overwrites a value waits for work of another stream that reads it and is still being encoded.
    @Test func whatIsOverwrittenIsReadFirstByWorkThatIsStillBeingEncoded() throws {
        let gate = Gate(holds: 1)
        let context = try DeviceContext(
            device: FragileDevice(beforeLaunch: { gate.pass() }), configuration: RuntimeConfiguration())
        let (a, b) = (try context.makeStream(), try context.makeStream())
        var x: Value? = try Value.make([1, 2], [2], in: context)
        let place = context.blockPlace(of: x!.handle)
        let read = context.on(a) { x!.binary(.add, 1.0) }
        gate.close()
        // Its error is what is waited for below.
        let first = Thread { _ = try? read.floats() }
        first.start()
        gate.awaitArrival()
        let y = context.on(b) { x!.binary(.multiply, 100) }
        x = nil
        let plans = context.statistics.plansBuilt
        let second = Thread { _ = try? context.evaluate([y.handle]) }
        second.start()
        while context.statistics.plansBuilt == plans { usleep(500) }
        // As above.
        for _ in 0..<100 where !second.isFinished { usleep(1000) }
        #expect(!second.isFinished && gate.isHolding)
        gate.open()
        #expect(try read.floats() == [2, 3])
        #expect(try y.floats() == [100, 200])
        #expect(context.blockPlace(of: y.handle) == place)
    }

    /// Work that comes to nothing says nothing of the work before it, which still runs.
    @Test func workThatFailsLeavesWhatIsBeforeItOnItsWay() throws {
        let device = FragileDevice(inner: DeferredDevice(ReferenceDevice()), launchesLeft: 1)
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2], [2], in: context).binary(.add, 1.0)
        let y = try Value.make([5], [1], in: context).binary(.add, 1.0)
        try context.evaluate([x.handle])
        #expect(throws: TensorError.self) { try context.evaluate([y.handle]) }
        #expect(try !context.isIdle(context.main))
        #expect(try x.floats() == [2, 3])
        #expect(try context.isIdle(context.main))
    }

    /// A ticket whose work fails before the device has it is left and counts as done.
    @Test func aCopyThatFailsLeavesItsStreamIdle() throws {
        let device = FragileDevice()
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let stream = try context.makeStream()
        device.refusesCopies.withLock { $0 = true }
        #expect(throws: TensorError.self) { try context.on(stream) { try Value.make([1], [1], in: context) } }
        #expect(try context.isIdle(stream))
        device.refusesCopies.withLock { $0 = false }
        #expect(try context.on(stream) { try Value.make([1], [1], in: context).binary(.add, 1.0).floats() } == [2])
    }
}
