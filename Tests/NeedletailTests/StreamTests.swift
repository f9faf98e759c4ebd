import Needletail
import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

/// `Accelerator.Stream` and `Accelerator.Event` after PyTorch's, on the processor and on a device that works late.
@Suite struct StreamTests {
    private static func onLateDevice(_ body: () throws -> Void) throws {
        let context = try DeviceContext(device: DeferredDevice(ReferenceDevice()))
        try withDeviceContext(context) { () throws(any Error) in try body() }
    }

    @Test func aStreamIsMadeOnTheProcessorOnANamedDeviceAndOnTheCurrentOne() throws {
        #expect(try Accelerator.Stream(device: .cpu).device == .cpu)
        #expect(try Accelerator.Stream(device: .cpu, priority: -1).device == .cpu)
        #expect(try Accelerator.Stream().device == DeviceSelection.current)
        try Self.onLateDevice {
            let stream = try Accelerator.Stream()
            #expect(stream.device == DeviceID(backend: "reference"))
        }
        #expect(throws: TensorError.self) { try Accelerator.Stream(device: DeviceID(backend: "none")) }
    }

    @Test func streamsAreEqualWhereTheyAreOneOrderOfWork() throws {
        try Self.onLateDevice {
            let (a, b) = (try Accelerator.Stream(), try Accelerator.Stream())
            let first = try Accelerator.Stream.current()
            #expect(a == a && a != b && a != first)
            #expect(try Accelerator.Stream.current() == first)
            #expect(Set([a, b, a, first]).count == 3)
        }
    }

    @Test func withMakesAStreamAndItsDeviceCurrentAndRestoresBoth() async throws {
        let device = DeviceID(backend: "reference")
        let late = try DeviceContext(device: DeferredDevice(ReferenceDevice()))
        let a = try withDeviceContext(late) { () throws(TensorError) in try Accelerator.Stream() }
        let b = try Accelerator.Stream(device: .cpu)
        let before = try (DeviceSelection.current, Accelerator.Stream.current())
        try Accelerator.Stream.with(a) { () throws(any Error) in
            #expect(try DeviceSelection.current == device)
            #expect(try Accelerator.Stream.current() == a)
            try Accelerator.Stream.with(b) { () throws(any Error) in
                #expect(try DeviceSelection.current == .cpu)
                #expect(try Accelerator.Stream.current() == b)
                // The other device keeps its own, and a stream may be entered again.
                try Accelerator.Stream.with(a) { () throws(any Error) in
                    #expect(try Accelerator.Stream.current() == a)
                    #expect(try Accelerator.Stream.current(.cpu) == b)
                }
                #expect(try Accelerator.Stream.current() == b)
            }
            #expect(try Accelerator.Stream.current() == a)
            #expect(Tensor([1.0]).device == device)
        }
        #expect(throws: WrongTurn.self) { try Accelerator.Stream.with(a) { throw WrongTurn() } }
        #expect(try DeviceSelection.current == before.0 && Accelerator.Stream.current() == before.1)

        let sum = try await Accelerator.Stream.with(a) {
            await Task.yield()
            #expect(try Accelerator.Stream.current() == a)
            let tensor = Tensor([1, 2] as [Float]) + 1
            // A child task is where its parent is.
            async let child = (tensor * 2).sum().scalars(as: Float.self)
            return try await child
        }
        #expect(sum == [10])
        #expect(try Accelerator.Stream.current() == before.1)
    }

    private struct WrongTurn: Error {}

    @Test func anEventIsCompleteWhenTheWorkBeforeItIsDone() throws {
        try Self.onLateDevice {
            let (a, b) = (try Accelerator.Stream(), try Accelerator.Stream())
            let event = Accelerator.Event()
            // Never recorded: nothing to wait for.
            #expect(event.query())
            try event.synchronize()
            try event.wait(on: a)
            #expect(try a.query())
            let x = Accelerator.Stream.with(a) { Tensor([1, 2] as [Float]) * 3 }
            try event.record(on: a)
            #expect(!event.query())
            #expect(try !a.query() && b.query())
            try event.wait(on: b)
            let later = try Accelerator.Stream.with(b) { () throws(TensorError) in
                _ = Tensor([7] as [Float]) + 1
                return try b.record()
            }
            #expect(!later.query())
            try later.synchronize()
            // b's work stands behind a's.
            #expect(event.query() && later.query())
            #expect(try x.scalars(as: Float.self) == [3, 6])

            // Recorded anew, on the current stream where none is named.
            try Accelerator.Stream.with(b) { () throws(TensorError) in
                _ = Tensor([8] as [Float])
                try event.record()
            }
            #expect(!event.query())
            try b.synchronize()
            #expect(try event.query() && b.query())
        }
    }

    @Test func aStreamWaitsForAnother() throws {
        try Self.onLateDevice {
            let (a, b) = (try Accelerator.Stream(), try Accelerator.Stream())
            let x = Accelerator.Stream.with(a) { Tensor([1, 2] as [Float]) * 3 }
            try b.wait(for: a)
            try b.wait(for: b)
            try b.synchronize()
            #expect(try a.query())
            #expect(try x.scalars(as: Float.self) == [3, 6])
        }
    }

    @Test func synchronizeWaitsForEveryStreamOfTheDevice() throws {
        try Self.onLateDevice {
            let streams = try (0..<3).map { _ in try Accelerator.Stream() }
            let values = streams.map { stream in Accelerator.Stream.with(stream) { Tensor([1] as [Float]) + 1 } }
            let events = try streams.map { try $0.record() }
            #expect(!events.contains { $0.query() })
            try synchronize()
            #expect(!events.contains { !$0.query() })
            #expect(try !streams.contains { try !$0.query() })
            for value in values { #expect(try value.scalars(as: Float.self) == [2]) }
        }
    }

    @Test func gradientsOfAParameterGatheredOnTwoStreamsAddUp() throws {
        try Self.onLateDevice {
            let (a, b) = (try Accelerator.Stream(), try Accelerator.Stream())
            let parameter = Parameter(Tensor([1, 2] as [Float]))
            let optimizer = SGD([parameter], learningRate: 0.5)
            for turn in 0..<3 {
                optimizer.zeroGrad()
                for stream in [a, b] {
                    Accelerator.Stream.with(stream) { (parameter.value * Float(turn + 1)).sum().backward() }
                }
                try Accelerator.Stream.with(turn % 2 == 0 ? b : a) { () throws(TensorError) in try optimizer.step() }
            }
            // Each gradient is twice the turn's number: 2 + 4 + 6, times the rate.
            #expect(try parameter.value.scalars(as: Float.self) == [-5, -4])
        }
    }

    @Test func elapsedTimeIsInMillisecondsAndSaysWhatIsMissing() throws {
        let (start, end) = (Accelerator.Event(enableTiming: true), Accelerator.Event(enableTiming: true))
        let plain = Accelerator.Event()
        #expect(start.isTimed && !plain.isTimed)
        func message(_ body: () throws(TensorError) -> Double) -> String? {
            do throws(TensorError) {
                _ = try body()
                return nil
            } catch {
                #expect(error.kind == .invalidArgument)
                return error.message
            }
        }
        #expect(
            message { () throws(TensorError) in try start.elapsedTime(to: plain) }
                == "elapsedTime: both events must be created with argument 'enableTiming: true'")
        #expect(
            message { () throws(TensorError) in try start.elapsedTime(to: end) }
                == "elapsedTime: both events must be recorded before calculating elapsed time")
        try Self.onLateDevice {
            let stream = try Accelerator.Stream()
            try start.record(on: stream)
            let sum = Accelerator.Stream.with(stream) { (Tensor([1, 2] as [Float]) * 3).sum() }
            try end.record(on: stream)
            #expect(
                message { () throws(TensorError) in try start.elapsedTime(to: end) }
                    == "elapsedTime: both events must be completed before calculating elapsed time; synchronize() them")
            try end.synchronize()
            // The late device's clock counts its work: copies, launches and marks.
            let time = try start.elapsedTime(to: end)
            #expect(time > 0 && time < 1e-4)
            #expect(try end.elapsedTime(to: start) == -time)
            #expect(try sum.scalars(as: Float.self) == [9])
            let other = Accelerator.Event(enableTiming: true)
            try other.record(on: Accelerator.Stream(device: .cpu))
            #expect(
                message { () throws(TensorError) in try start.elapsedTime(to: other) }
                    == "elapsedTime: one event was recorded on reference:0 and one on cpu; record both on one device")
        }
    }

    @Test func aDeviceWithoutTimesSaysSo() throws {
        let context = try DeviceContext(device: ReferenceDevice())
        try withDeviceContext(context) { () throws(any Error) in
            let (start, end) = (Accelerator.Event(enableTiming: true), Accelerator.Event(enableTiming: true))
            try start.record()
            try end.record()
            let error = #expect(throws: TensorError.self) { try start.elapsedTime(to: end) }
            #expect(error?.kind == .unsupported && error?.message.contains("reference:0 keeps no times") == true)
        }
    }

    @Test(arguments: GraphDevice.wanted)
    func everyDeviceHasStreamsEventsAndTimes(_ device: GraphDevice) throws {
        let context = try DeviceContext(device: ParallelTrainingTests.open(device))
        try withDeviceContext(context) { () throws(any Error) in
            let (a, b) = (try Accelerator.Stream(), try Accelerator.Stream())
            let (start, end) = (Accelerator.Event(enableTiming: true), Accelerator.Event(enableTiming: true))
            try start.record(on: a)
            let x = Accelerator.Stream.with(a) { Tensor(sampleNumbers(10_000)) * 2 }
            let y = Accelerator.Stream.with(b) { (x + 1).sum() }
            let z = Accelerator.Stream.with(a) { (x - 1).sum() }
            try end.record(on: a)
            try end.wait(on: b)
            let difference = Accelerator.Stream.with(b) { y - z }
            #expect(abs(try difference.item() - 20_000) < 1)
            try start.synchronize()
            try end.synchronize()
            #expect(start.query() && end.query())
            #expect(try start.elapsedTime(to: end) > 0)
            try context.synchronize()
            #expect(try a.query() && b.query())
        }
    }
}
