import Needletail
import TensorRuntime
import Testing

/// The rows of streams, events and graphs: the processor has them too.
extension AcceleratorTableTests {
    static let streams: [Row] = [
        Row("`current_stream(device)`") { (id) throws in
            let stream = try Accelerator.Stream.current()
            #expect(try stream.device == id && stream == Accelerator.Stream.current(id))
            #expect(try Accelerator.Stream.current(.cpu).device == .cpu)
        } without: { () throws in
            #expect(try Accelerator.Stream.current().device == .cpu)
        },
        anywhere("`set_stream(s)`, `torch.Stream` as a context") { () throws in
            let (stream, before) = try (Accelerator.Stream(), Accelerator.Stream.current())
            let value = try Accelerator.Stream.with(stream) { () throws(any Error) in
                #expect(try Accelerator.Stream.current() == stream)
                return Tensor([1, 2] as [Float]) * 3
            }
            #expect(try Accelerator.Stream.current() == before && before != stream)
            #expect(try (value + 1).scalars(as: Float.self) == [4, 7])
        },
        Row("`torch.Stream(device, priority=)`") { (id) throws in
            #expect(try Accelerator.Stream(priority: -1).device == id)
            #expect(try Accelerator.Stream(device: DeviceID("made-up:1")!).device == DeviceID("made-up:1")!)
        } without: { () throws in
            #expect(try Accelerator.Stream(priority: -1).device == .cpu)
            expectError(.deviceUnavailable, containing: "made-up:1") { () throws(TensorError) in
                _ = try Accelerator.Stream(device: DeviceID("made-up:1")!)
            }
        },
        anywhere("`Stream.query()`") { () throws in
            let stream = try Accelerator.Stream()
            let value = try working(on: stream)
            try stream.synchronize()
            #expect(try stream.query())
            withExtendedLifetime(value) {}
        },
        anywhere("`Stream.synchronize()`") { () throws in
            let stream = try Accelerator.Stream()
            let value = try working(on: stream)
            let event = try stream.record()
            try stream.synchronize()
            #expect(event.query())
            #expect(try value.scalars(as: Float.self) == expected)
        },
        anywhere("`Stream.wait_event(e)`") { () throws in
            let (a, b) = try (Accelerator.Stream(), Accelerator.Stream())
            let value = try working(on: a)
            let event = try a.record()
            try b.wait(for: event)
            try b.synchronize()
            #expect(event.query())
            #expect(try value.scalars(as: Float.self) == expected)
        },
        anywhere("`Stream.wait_stream(s)`") { () throws in
            let (a, b) = try (Accelerator.Stream(), Accelerator.Stream())
            let value = try working(on: a)
            try b.wait(for: a)
            try b.synchronize()
            #expect(try a.query())
            #expect(try value.scalars(as: Float.self) == expected)
        },
        anywhere("`Stream.record_event(e)`") { () throws in
            let stream = try Accelerator.Stream()
            let value = try working(on: stream)
            let event = Accelerator.Event()
            #expect(try stream.record(event) === event)
            try event.synchronize()
            #expect(try stream.query())
            withExtendedLifetime(value) {}
        },
    ]

    static let events: [Row] = [
        anywhere("`torch.Event(device, enable_timing=)`") { () throws in
            #expect(!Accelerator.Event().isTimed && Accelerator.Event(enableTiming: true).isTimed)
        },
        anywhere("`Event.record(s)`") { () throws in
            let stream = try Accelerator.Stream()
            let value = try working(on: stream)
            let (event, other) = (Accelerator.Event(), Accelerator.Event())
            try event.record(on: stream)
            try other.record()
            try event.synchronize()
            try other.synchronize()
            #expect(try stream.query())
            withExtendedLifetime(value) {}
        },
        anywhere("`Event.wait(s)`") { () throws in
            let (a, b) = try (Accelerator.Stream(), Accelerator.Stream())
            let value = try working(on: a)
            let event = try a.record()
            try event.wait(on: b)
            try event.wait()
            try b.synchronize()
            #expect(event.query())
            withExtendedLifetime(value) {}
        },
        anywhere("`Event.query()`") { () throws in
            let event = Accelerator.Event()
            #expect(event.query())
            try event.record()
            try Accelerator.Stream.current().synchronize()
            #expect(event.query())
        },
        anywhere("`Event.synchronize()`") { () throws in
            let event = Accelerator.Event()
            try event.synchronize()
            let stream = try Accelerator.Stream()
            let value = try working(on: stream)
            try event.record(on: stream)
            try event.synchronize()
            #expect(event.query())
            withExtendedLifetime(value) {}
        },
        anywhere("`Event.elapsed_time(e)`") { () throws in
            let (begin, end) = (Accelerator.Event(enableTiming: true), Accelerator.Event(enableTiming: true))
            try begin.record()
            try (Tensor([1] as [Float]) + 1).evaluate()
            try end.record()
            try end.synchronize()
            #expect(try begin.elapsedTime(to: end) >= 0)
            expectError(.invalidArgument, containing: "enableTiming") { () throws(TensorError) in
                _ = try begin.elapsedTime(to: Accelerator.Event())
            }
        },
    ]

    static let graphs: [Row] = [
        anywhere("`Graph(keep_graph, pool, capture_error_mode)`") { () throws in
            let pool = Accelerator.Graph.Pool()
            let graph = Accelerator.Graph(keepGraph: true, pool: pool, captureErrorMode: .relaxed)
            let known = Tensor([2] as [Float])
            let result = try graph.capture { try (known * known.item(as: Float.self)).reshape([1]) }
            try graph.replay()
            #expect(try result.scalars(as: Float.self) == [4])
        },
        anywhere("`with graph:`") { () throws in
            let graph = Accelerator.Graph()
            let result = try graph.capture { Tensor([1, 2] as [Float]) + 1 }
            try graph.replay()
            #expect(try result.scalars(as: Float.self) == [2, 3])
        },
        anywhere("`Graph.capture_begin()`, `capture_end()`") { () throws in
            let (graph, x) = (Accelerator.Graph(), Tensor([1, 2] as [Float]))
            try graph.captureBegin()
            let result = x + 1
            try graph.captureEnd()
            try graph.replay()
            #expect(try result.scalars(as: Float.self) == [2, 3])
        },
        anywhere("`Graph.instantiate()`") { () throws in
            let (graph, x) = (Accelerator.Graph(keepGraph: true), Tensor([1, 2] as [Float]))
            let result = try graph.capture { x + 1 }
            try graph.instantiate()
            try graph.replay()
            #expect(try result.scalars(as: Float.self) == [2, 3])
            expectError(.invalidArgument, containing: "keepGraph") { () throws(TensorError) in
                try Accelerator.Graph().instantiate()
            }
        },
        anywhere("`Graph.replay()`") { () throws in
            let (graph, x) = (Accelerator.Graph(), Tensor([1, 2] as [Float]))
            let result = try graph.capture { x * 3 }
            let stream = try Accelerator.Stream()
            try Accelerator.Stream.with(stream) { () throws(any Error) in try graph.replay() }
            #expect(try (result + 1).scalars(as: Float.self) == [4, 7])
            expectError(.invalidArgument, containing: "nothing was captured") { () throws(TensorError) in
                try Accelerator.Graph().replay()
            }
        },
        anywhere("`Graph.reset()`") { () throws in
            let (graph, x) = (Accelerator.Graph(), Tensor([1, 2] as [Float]))
            _ = try graph.capture { x + 1 }
            graph.reset()
            expectError(.invalidArgument, containing: "nothing was captured") { () throws(TensorError) in
                try graph.replay()
            }
            let result = try graph.capture { x + 2 }
            try graph.replay()
            #expect(try result.scalars(as: Float.self) == [3, 4])
        },
        anywhere("`Graph.pool()`") { () throws in
            let first = Accelerator.Graph()
            #expect(Accelerator.Graph(pool: first.pool).pool === first.pool)
        },
        anywhere("`Graph.enable_debug_mode()`") { () throws in
            let (graph, x) = (Accelerator.Graph(), Tensor([1, 2] as [Float]))
            graph.enableDebugMode()
            var calls: Float = 0
            expectError(.invalidArgument, containing: "multiply") { () throws(TensorError) in
                do {
                    _ = try graph.capture {
                        calls += 1
                        return x * calls
                    }
                } catch {
                    throw error as! TensorError
                }
            }
        },
        anywhere("`Graph.debug_dump()`") { () throws in
            let (graph, x) = (Accelerator.Graph(), Tensor([1, 2] as [Float]))
            _ = try graph.capture { x + 1 }
            #expect(try graph.debugDump().contains("add"))
        },
        anywhere("static input tensors, copied into") { () throws in
            let graph = Accelerator.Graph()
            let input = try graph.input(like: Tensor([0, 0] as [Float]))
            let result = try graph.capture { input.value * 2 }
            for value: Float in [1, 5] {
                try input.set([value, 3])
                try graph.replay()
                #expect(try result.scalars(as: Float.self) == [2 * value, 6])
            }
        },
    ]

    private static let expected = (0..<1000).map { Float($0) * 2 + 1 }

    /// A value that a stream makes.
    private static func working(on stream: Accelerator.Stream) throws -> Tensor {
        try Accelerator.Stream.with(stream) { () throws(any Error) in
            Tensor((0..<1000).map { Float($0) }, device: stream.device) * 2 + 1
        }
    }
}
