import TensorRuntime

extension ContractBench {
    func checkSharedEvents() throws {
        // One event, for which many streams wait, one of them twice and one when it is complete. Who asked last is read first.
        let (end, expected) = try chain()
        let kernel = try kernel(expected.count)
        let event = try stream.record()
        func ask(_ turn: Int) throws -> (stream: any DeviceStream, result: BufferBinding) {
            let other = try device.makeStream()
            let result = try buffer([Float](repeating: -1, count: expected.count), on: other)
            try other.wait(for: event)
            if turn == 3 { try other.wait(for: event) }
            try launch(kernel, end, result, summand: Float(turn), on: other)
            return (other, result)
        }
        var asked = try (0..<6).map(ask)
        for turn in [5, 4, 3, 2, 1, 0, 6] {
            if turn == 6 { asked.append(try ask(turn)) }
            try Self.expect(
                read(asked[turn].result, count: expected.count, on: asked[turn].stream),
                expected.map { $0 + Float(turn) }, "stream \(turn) of those that wait for one event")
        }

        // One stream that waits for many: none of them may be forgotten, whichever is done first.
        let (workers, home) = (try (0..<4).map { _ in try device.makeStream() }, try device.makeStream())
        var parts: [(end: BufferBinding, values: [Float])] = []
        for (number, worker) in workers.enumerated() {
            parts.append(try chain(length: number == 0 ? 96 : 4, on: worker))
            try home.wait(for: worker.record())
        }
        for (number, part) in parts.enumerated() {
            let result = try buffer([Float](repeating: -1, count: part.values.count), on: home)
            try launch(kernel, part.end, result, factor: 2, on: home)
            try Self.expect(
                read(result, count: part.values.count, on: home), part.values.map { 2 * $0 },
                "what stream \(number) made, of the 4 for which one waits")
        }
        try checkChainOfStreams(kernel)
    }

    /// Each stream waits for the one before it alone, and so for all.
    private func checkChainOfStreams(_ kernel: any DeviceKernel) throws {
        let (end, start) = try chain()
        var event = try stream.record()
        var last = stream
        for number in 1...5 {
            last = try device.makeStream()
            try last.wait(for: event)
            // One has no work of its own.
            if number != 3 { try launch(kernel, end, end, summand: 1, on: last) }
            event = try last.record()
        }
        try event.synchronize()
        try Self.expect(
            read(end, count: start.count), start.map { $0 + 4 }, "a buffer after the last of 5 streams in a row")
    }

    func checkTimes() throws {
        let other = try device.makeStream()
        var events: [any DeviceEvent] = [try stream.recordTimed()]
        var (end, expected) = try chain()
        events.append(try stream.recordTimed())
        let early = events[1].nanoseconds
        try Self.expect(
            early == nil || events[1].isComplete, "an event tells the time \(early ?? 0) before it is complete")
        let kernel = try kernel(expected.count)
        for turn in 0..<6 {
            let next = turn % 2 == 0 ? other : stream
            try next.wait(for: events[events.count - 1])
            try launch(kernel, end, end, summand: 1, on: next)
            events.append(try next.recordTimed())
        }
        expected = expected.map { $0 + 6 }
        try events[events.count - 1].synchronize()
        for event in events { try event.synchronize() }
        try Self.expect(
            read(end, count: expected.count, on: try device.makeStream()), expected,
            "another stream, after an event with a time was waited for")
        try Self.expect(events.allSatisfy(\.isComplete), "events with times that were waited for are not complete")
        let times = events.map(\.nanoseconds)
        let known = times.compactMap { $0 }
        try Self.expect(known.isEmpty || known.count == times.count, "some events have times and others none: \(times)")
        for (number, (a, b)) in zip(known, known.dropFirst()).enumerated() {
            try Self.expect(a <= b, "event \(number) has the time \(a), and the one behind its work \(b)")
        }
        // A span of time is not only ordered.
        if let first = known.first, let last = known.last {
            try Self.expect(first < last, "no time passed in \(times.count) launches and more")
        }
    }
}
