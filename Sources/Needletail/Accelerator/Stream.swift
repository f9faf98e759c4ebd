import TensorGraph
import TensorRuntime

extension Accelerator {
    /// An order of work on a device: what is called on one stream is done in that order, and work of two streams may run side by
    /// side where the device can.
    ///
    ///     let copies = try Accelerator.Stream()
    ///     for batch in batches {
    ///         let next = Accelerator.Stream.with(copies) { Tensor(batch) }
    ///         step(next)
    ///     }
    ///
    /// An operation belongs to the stream that is current where it is called, whoever evaluates it; the operations of `backward()`
    /// to that where this is called. A value that another stream makes is waited for by itself: results never depend on streams.
    /// After [torch.Stream](https://pytorch.org/docs/stable/generated/torch.Stream.html).
    ///
    /// Streams are equal where they are one order of work. A device has 31 beside its first one, which is current unless
    /// ``with(_:_:)`` says otherwise: the 32nd that is asked for is the first of them again.
    public struct Stream: Hashable, Sendable {
        let context: DeviceContext
        let stream: StreamContext

        /// A stream of a device; nil is the current device, which is the processor where there is no accelerator.
        ///
        /// - Parameter priority: a wish, which no device grants so far.
        /// - Throws: `deviceUnavailable`.
        public init(device: DeviceID? = nil, priority: Int = 0) throws(TensorError) {
            context = try deviceContext(device)
            stream = try context.makeStream()
        }

        private init(_ stream: StreamContext, of context: DeviceContext) {
            self.stream = stream
            self.context = context
        }

        /// The stream to which operations on a device go here; nil is the current device.
        ///
        /// - Throws: `deviceUnavailable`.
        public static func current(_ device: DeviceID? = nil) throws(TensorError) -> Stream {
            let context = try deviceContext(device)
            return Stream(context.currentStream, of: context)
        }

        /// The one whose work the stream orders.
        public var device: DeviceID { context.deviceID }

        /// Makes a stream, and its device, the current one in `body`.
        public static func with<Result, Failure: Error>(
            _ stream: Stream, _ body: () throws(Failure) -> Result
        ) throws(Failure) -> Result {
            let scope = StreamScope(stream.stream, of: stream.context)
            let outcome: Swift.Result<Result, Failure> = StreamScope.$current.withValue(scope) {
                do throws(Failure) { return .success(try withDeviceContext(stream.context, body)) } catch {
                    return .failure(error)
                }
            }
            return try outcome.get()
        }

        /// Makes a stream, and its device, the current one in `body`.
        public static func with<Result>(
            _ stream: Stream, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
        ) async rethrows -> Result {
            var surroundings = ExecutionContext.current
            surroundings.device = stream.context
            let scope = StreamScope(stream.stream, of: stream.context)
            return try await ExecutionContext.$current.withValue(surroundings) {
                try await StreamScope.$current.withValue(scope, operation: body)
            }
        }

        /// Evaluates what this task has pending on the stream and says whether all its work is done.
        ///
        /// - Throws: what the evaluation throws.
        public func query() throws(TensorError) -> Bool { try context.isIdle(stream) }

        /// Evaluates what this task has pending on the stream and waits until all its work is done.
        ///
        /// - Throws: `deviceFailure`, `outOfMemory`.
        public func synchronize() throws(TensorError) { try context.synchronize(stream) }

        /// Makes work that is called later wait for an event, where that was recorded.
        public func wait(for event: Event) throws(TensorError) {
            if let mark = event.recorded { try context.wait(stream, for: mark) }
        }

        /// Makes work that is called later wait for all that this task called on another stream before, and for what is on its way
        /// there.
        public func wait(for other: Stream) throws(TensorError) {
            if other != self { try context.wait(stream, for: other.context.mark(other.stream)) }
        }

        /// Places an event, a new one where none is given, behind all work that this task called on the stream.
        @discardableResult
        public func record(_ event: Event = Event()) throws(TensorError) -> Event {
            event.take(try context.mark(stream, isTimed: event.isTimed))
            return event
        }

        public static func == (a: Stream, b: Stream) -> Bool { a.stream === b.stream }
        public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(stream)) }
    }
}

extension Accelerator.Stream: CustomStringConvertible {
    public var description: String { "stream \(stream.number) of \(device)" }
}
