import Foundation
import TensorRuntime

extension ContractBench {
    func checkSubmissions() throws {
        let (end, expected) = try chain()
        try Self.expect(read(end, count: expected.count), expected, "copyOut without submit")
        let kernel = try kernel(64)
        let x = try buffer([Float](repeating: 1, count: 64))
        for turn in 1...12 {
            try launch(kernel, x, x, factor: 2, summand: 1)
            try launch(kernel, x, x, summand: -1)
            // An empty submission is none.
            for _ in 0..<(turn % 3) { try stream.submit() }
        }
        try Self.expect(read(x, count: 64), [Float](repeating: 4096, count: 64), "12 submissions that nobody waits for")
    }

    func checkSynchronize() throws {
        try stream.submit()
        try stream.synchronize()
        let (end, expected) = try chain()
        try stream.submit()
        try stream.synchronize()
        let other = try device.makeStream()
        try Self.expect(
            read(end, count: expected.count, on: other), expected, "another stream, after this one was synchronized")
    }

    func checkEvents() throws {
        let other = try device.makeStream()
        let empty = try other.record()
        try empty.synchronize()
        try Self.expect(empty.isComplete, "the event of a stream without work is not complete")

        let (end, expected) = try chain()
        let event = try stream.record()
        if event.isComplete {
            try Self.expect(
                read(end, count: expected.count, on: other), expected, "what an event that is complete stands behind")
        }
        try event.synchronize()
        try Self.expect(event.isComplete, "an event that was waited for is not complete")
        try Self.expect(
            read(end, count: expected.count, on: other), expected, "another stream, after an event was waited for")
        try event.synchronize()
        try checkEventWithoutStream(other)
    }

    /// An event outlives its stream.
    private func checkEventWithoutStream(_ other: any DeviceStream) throws {
        func leave() throws -> (event: any DeviceEvent, end: BufferBinding, values: [Float]) {
            let own = try device.makeStream()
            let (end, values) = try chain(length: 8, on: own)
            return (try own.record(), end, values)
        }
        let (event, end, expected) = try leave()
        try event.synchronize()
        try Self.expect(
            read(end, count: expected.count, on: other), expected, "an event whose stream was released")
    }

    func checkWaits() throws {
        let other = try device.makeStream()
        // Nobody but `wait` orders what two streams do with one buffer.
        let (end, start) = try chain()
        var expected = start
        let kernel = try kernel(expected.count)
        var event = try stream.record()
        var streams = (stream, other)
        for turn in 1...16 {
            streams = (streams.1, streams.0)
            try streams.0.wait(for: event)
            try launch(kernel, end, end, factor: turn % 2 == 0 ? 0.5 : 2, summand: Float(turn), on: streams.0)
            for index in expected.indices {
                expected[index] = expected[index] * (turn % 2 == 0 ? 0.5 : 2) + Float(turn)
            }
            event = try streams.0.record()
            // A stream may wait for its own event.
            try streams.0.wait(for: event)
        }
        try streams.1.wait(for: event)
        try Self.expect(
            read(end, count: expected.count, on: streams.1), expected, "two streams that took 16 turns with one buffer")

        // A copy, seen by another stream's launch.
        let x = try buffer([Float](repeating: 7, count: expected.count))
        let y = try buffer([Float](repeating: -1, count: expected.count), on: other)
        try other.wait(for: stream.record())
        try launch(kernel, x, y, summand: 1, on: other)
        try Self.expect(
            read(y, count: expected.count, on: other), [Float](repeating: 8, count: expected.count),
            "a launch that waits for another stream's copy")
    }

    func checkKernelsOnThreads() throws {
        let (workers, turns, count) = (4, 25, 256)
        let shared = try kernel(count)
        let device = device
        let start = StartingLine(workers)
        let findings = Findings()
        start.run { worker in
            do {
                let bench = try ContractBench(device)
                let values = (0..<count).map { Float($0 + worker) }
                let x = try bench.buffer(values)
                let y = try bench.buffer([Float](repeating: -1, count: count))
                for turn in 0..<turns {
                    let summand = Float(1000 * worker + turn)
                    try bench.launch(shared, x, y, factor: 2, summand: summand)
                    try Self.expect(
                        bench.read(y, count: count), values.map { 2 * $0 + summand }, "thread \(worker), launch \(turn)"
                    )
                }
            } catch {
                findings.all.withLock { $0.append("\(error)") }
            }
        }
        if let first = findings.all.withLock({ $0.first }) {
            throw ContractViolation("a kernel of \(workers) threads: \(first)")
        }
    }

    func checkRefusedKernels() throws {
        try refuse(KernelSpec(UnknownKernel()), "of a family that nobody knows")
        for dtype in DType.allCases where !device.description.dtypes.contains(dtype) {
            try refuse(ContractBench.copy(8, dtype), "of \(dtype), which its description lacks")
        }
        let (end, expected) = try chain(length: 2)
        try Self.expect(read(end, count: expected.count), expected, "work after a kernel was refused")
    }

    private func refuse(_ spec: KernelSpec, _ what: String) throws {
        try Self.expect(device.unsupportedReason(spec) != nil, "there is no reason against a kernel \(what)")
        do throws(TensorError) {
            _ = try device.makeKernel(spec)
            throw TensorError(.deviceFailure, "it was made")
        } catch {
            try Self.expect(
                error.kind == .unsupported,
                "a kernel \(what) must be refused as unsupported, but \(error.kind): \(error)")
        }
    }

    func checkRefusedLaunches() throws {
        let kernel = try kernel(64)
        let x = try buffer([Float](repeating: 3, count: 64))
        let y = try buffer([Float](repeating: -1, count: 64))
        let foreign = ForeignKernel()
        for turn in 0..<3 {
            try launch(kernel, x, y, factor: 2)
            var isRefused = false
            do {
                try encode(foreign, [x, y], on: stream)
            } catch {
                isRefused = true
            }
            try Self.expect(isRefused, "a stream takes the kernel of another device")
            try launch(kernel, y, x, summand: 1)
            if turn == 1 { try stream.submit() }
        }
        try Self.expect(read(x, count: 64), [Float](repeating: 31, count: 64), "launches around one that is refused")
        try Self.expect(read(y, count: 64), [Float](repeating: 30, count: 64), "launches before one that is refused")
    }
}

/// A kernel that no backend knows.
private struct UnknownKernel: KernelBody {
    static var family: KernelFamily { KernelFamily(rawValue: "conformance.unknown") }
    var operands: [KernelOperand] {
        [KernelOperand(.float32, contiguous: [1]), KernelOperand(.float32, contiguous: [1], isOutput: true)]
    }
    var code: KernelCode { KernelCode(Self.family, []) }
    var summary: String { "unknown" }
}

/// A kernel that no device made.
private final class ForeignKernel: DeviceKernel {
    let spec = KernelSpec(UnknownKernel())
}

/// What threads found.
private final class Findings: Sendable {
    let all = Lock<[String]>([])
}

/// Threads that begin together.
private final class StartingLine: @unchecked Sendable {
    // Safety: the numbers are touched only under `condition`.
    private let condition = NSCondition()
    private let count: Int
    private var ready = 0
    private var done = 0

    init(_ count: Int) { self.count = count }

    /// Runs `body` on threads of their own, and waits for all.
    func run(_ body: @escaping @Sendable (Int) -> Void) {
        for number in 0..<count {
            Thread {
                self.change { $0.ready += 1 }
                self.wait { $0.ready == $0.count }
                body(number)
                self.change { $0.done += 1 }
            }.start()
        }
        wait { $0.done == $0.count }
    }

    private func change(_ body: (StartingLine) -> Void) {
        condition.lock()
        defer { condition.unlock() }
        body(self)
        condition.broadcast()
    }

    private func wait(for isSo: (StartingLine) -> Bool) {
        condition.lock()
        defer { condition.unlock() }
        while !isSo(self) { condition.wait() }
    }
}
