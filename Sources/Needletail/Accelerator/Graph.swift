import Foundation
import TensorGraph
import TensorRuntime

extension Accelerator {
    /// A step that is traced once and then run again and again at almost no cost to the host, after
    /// [torch.accelerator.Graph](https://pytorch.org/docs/stable/accelerator.html). It works on every device, the CPU too.
    ///
    ///     let graph = Accelerator.Graph()
    ///     let images = try graph.input(like: batch.features)
    ///     let labels = try graph.input(like: batch.labels, values: 0...9)
    ///     let loss = try graph.capture {
    ///         optimizer.zeroGrad()
    ///         let loss = crossEntropy(model(images.value), labels.value)
    ///         loss.backward()
    ///         try optimizer.step()
    ///         return loss
    ///     }
    ///     for batch in batches {
    ///         try images.set(batch.features)
    ///         try labels.set(batch.labels)
    ///         try graph.replay()
    ///     }
    ///
    /// A capture computes nothing: parameters, the optimizer's step count and generators are afterwards what they were before,
    /// and each ``replay()`` is one step. What a replay does is fixed:
    ///
    /// - **Inputs** (``input(like:values:)``) are the only operands that can be replaced. Every other tensor that the step reads
    ///   is a constant.
    /// - **Parameters, buffers, optimizers' state, metrics and gradients** are updated in place: after a replay they read as the
    ///   new values.
    /// - **Numbers** that come from a ``Generator``, an ``Optimizer`` (learning rate, step count) or a
    ///   ``LearningRateScheduler`` are asked for anew at each replay, so that it computes what the step would have computed. Any
    ///   other number of the program is a constant; ``enableDebugMode()`` finds those that are not.
    /// - **Results** are tensors of the graph: from the first replay on they read as what the last one made.
    ///
    /// Reading a value, another device and wrong calls cannot be captured: ``capture(_:)`` throws, and all is as before.
    public final class Graph: @unchecked Sendable {
        // Safety: the state is locked, and what captures is used by the task that began it.

        /// What the capturing task may do beside tracing. No mode concerns other tasks: what they do is never captured.
        public enum CaptureErrorMode: Hashable, Sendable {
            /// As ``global``.
            case `default`
            /// Nothing may be read on the host.
            case global
            /// As ``global``.
            case threadLocal
            /// Values that were there before the capture may be read; they are constants of it.
            case relaxed
        }

        /// Memory for intermediate values that several graphs share. Their replays run one after another.
        public final class Pool: Sendable {
            let pool = GraphPool()
            /// An empty pool: it grows with the first capture that is given it.
            public init() {}
        }

        /// A tensor that the captured step reads, and that is replaced between replays.
        public final class Input: Sendable {
            let input: GraphInput
            private let values: ClosedRange<Int64>?

            init(_ tensor: Tensor, values: ClosedRange<Int64>?) throws(TensorError) {
                self.values = values
                let known = values.map { KnownIntegers(all: $0).part }
                input = try GraphInput(tensor.detach().handle, tag: tensor.dtype.isFloat ? nil : known)
                try check(tensor)
            }

            /// What the step is written with. Its values are those of the first ``set(_:)`` or, before it, of the tensor that the
            /// input was made from.
            public var value: Tensor { Tensor(input.handle) }

            /// Makes replays read another tensor of the same shape, dtype and device. No elements move, except of a view that
            /// does not lie row-major.
            ///
            /// - Throws: `invalidArgument` where it is not such a tensor; what computing the tensor throws.
            public func set(_ tensor: Tensor) throws(TensorError) {
                try check(tensor)
                try input.set(tensor.detach().handle)
            }

            /// Copies elements from the host, row-major, for the replays from now on.
            public func set<Element: TensorScalar>(_ elements: [Element]) throws(TensorError) {
                let (shape, dtype) = (input.handle.shape, input.handle.dtype)
                guard Element.dtype == dtype, elements.count == shape.elementCount else {
                    throw TensorError(
                        .invalidArgument,
                        "Accelerator.Graph.Input.set: \(elements.count) elements of \(Element.dtype) for an input of "
                            + "\(dtype)\(shape); give \(shape.elementCount) of \(dtype)")
                }
                try set(Tensor.host(elements, shape: shape, in: input.context))
            }

            private func check(_ tensor: Tensor) throws(TensorError) {
                guard let values, !tensor.dtype.isFloat else { return }
                let range = Int64(values.lowerBound)..<values.upperBound + 1
                guard let known = tensor.knownIntegers else {
                    throw TensorError(
                        .invalidArgument,
                        "Accelerator.Graph.Input: this input was promised integers of \(values), but these were computed on "
                            + "the device; make them on the host, or make the input without values:")
                }
                guard let outlier = known.outlier(of: range, ignoring: nil) else { return }
                throw TensorError(
                    .invalidArgument,
                    "Accelerator.Graph.Input: \(outlier) is not among the promised integers \(values); give others or a "
                        + "larger range")
            }
        }

        private struct State {
            var capture: Capture?
            var recording: Recording?
            var inputs: [Input] = []
            var isDebugging = false
        }

        /// The memory of intermediate values.
        public let pool: Pool
        private let ownsPool: Bool
        private let keepsGraph: Bool
        private let mode: CaptureErrorMode
        private var state = State()
        private let lock = Lock(())

        /// - Parameters:
        ///   - keepGraph: whether the graph is made ready by ``instantiate()``, or the first ``replay()``, instead of at the end
        ///     of the capture.
        ///   - pool: memory that other graphs use too.
        public init(
            keepGraph: Bool = false, pool: Pool? = nil, captureErrorMode: CaptureErrorMode = .default
        ) {
            keepsGraph = keepGraph
            ownsPool = pool == nil
            self.pool = pool ?? Pool()
            mode = captureErrorMode
        }

        deinit {
            state.capture?.abandon(Graph.error("capture", "the graph was dropped while it was captured", "keep it"))
        }

        private static func error(_ operation: String, _ found: String, _ remedy: String) -> TensorError {
            TensorError(.invalidArgument, "Accelerator.Graph.\(operation): \(found); \(remedy)")
        }

        // MARK: Inputs

        /// An operand of the step to be captured, replaced between replays. It is made before the capture.
        ///
        /// - Parameters:
        ///   - tensor: has the input's shape, dtype and device, and is its first value.
        ///   - values: what all integers given to the input lie in, so that indices and classes are checked when they are given.
        ///     Without it the device checks them, and reading a result throws where one is out of range.
        public func input(like tensor: Tensor, values: ClosedRange<Int64>? = nil) throws(TensorError) -> Input {
            let made = try Input(tensor, values: values)
            lock.withLock { _ in state.inputs.append(made) }
            return made
        }

        /// An operand of zeros, to be replaced before replays; nil is the current device.
        public func input(
            _ shape: Shape, _ dtype: DType = .float32, device: DeviceID? = nil
        ) throws(TensorError) -> Input {
            try input(like: Tensor.zeros(shape, dtype: dtype, device: device))
        }

        // MARK: Capture

        /// Captures what `body` traces and evaluates on the current device, and computes nothing.
        ///
        /// In debug mode the body runs twice.
        ///
        /// - Returns: what `body` returns; its tensors are results of the graph.
        /// - Throws: what `body` throws; `invalidArgument` where something cannot be captured, with the operation and the reason.
        ///   Parameters and all else are then as before.
        public func capture<Result>(_ body: () throws -> Result) throws -> Result {
            var rehearsed: [CapturedPlan]?
            if state.isDebugging {
                let capture = try begin("capture")
                do {
                    let result = try body()
                    rehearsed = try capture.rehearse()
                    withExtendedLifetime(result) {}
                } catch {
                    throw fail(capture, error)
                }
                finishCapture()
            }
            let capture = try begin("capture")
            do {
                let result = try body()
                let recording = try capture.finish()
                if let rehearsed, let difference = recording.difference(to: rehearsed) {
                    let error = Graph.error(
                        "capture", "the step is another each time it is traced: \(difference)",
                        "take the number from a generator, an optimizer or an input, or make it a constant")
                    recording.discard(error)
                    throw error
                }
                keep(recording)
                return result
            } catch {
                throw fail(capture, error)
            }
        }

        /// Begins a capture of what this task traces and evaluates, until ``captureEnd()``.
        ///
        /// - Throws: `invalidArgument` inside of another capture, or where the graph has one already.
        public func captureBegin() throws(TensorError) { _ = try begin("captureBegin") }

        /// Ends the capture that ``captureBegin()`` began.
        ///
        /// - Throws: `invalidArgument` where something could not be captured; then all is as before the capture.
        public func captureEnd() throws(TensorError) {
            guard let capture = lock.withLock({ _ in state.capture }) else {
                throw Graph.error("captureEnd", "no capture was begun", "call captureBegin() before")
            }
            defer { finishCapture() }
            keep(try capture.finish())
        }

        private func begin(_ operation: String) throws(TensorError) -> Capture {
            if lock.withLock({ _ in state.recording != nil || state.capture != nil }) {
                throw Graph.error(operation, "the graph holds a captured step already", "call reset() first")
            }
            let capture = try Capture.begin(
                on: try deviceContext(), pool: pool.pool, isRelaxed: mode == .relaxed)
            for input in state.inputs where input.input.context === capture.context { capture.append(input.input) }
            lock.withLock { _ in state.capture = capture }
            return capture
        }

        private func finishCapture() { lock.withLock { _ in state.capture = nil } }

        private func keep(_ recording: Recording) {
            lock.withLock { _ in
                state.capture = nil
                state.recording = recording
            }
        }

        private func fail(_ capture: Capture, _ error: any Error) -> any Error {
            let cause = capture.problem ?? error
            if !capture.hasEnded {
                capture.abandon(
                    cause as? TensorError ?? Graph.error("capture", "the step threw \(error)", "capture again"))
            }
            finishCapture()
            return cause
        }

        /// Makes a graph ready that keeps what it captured (`keepGraph`).
        ///
        /// - Throws: `invalidArgument` where it does not, or nothing was captured.
        public func instantiate() throws(TensorError) {
            guard keepsGraph else {
                throw Graph.error(
                    "instantiate", "the graph was made ready at the end of its capture",
                    "pass keepGraph: true to do it here")
            }
            try recording("instantiate").instantiate()
        }

        private func recording(_ operation: String) throws(TensorError) -> Recording {
            guard let recording = lock.withLock({ _ in state.recording }) else {
                throw Graph.error(operation, "nothing was captured", "call capture first")
            }
            return recording
        }

        // MARK: Replays

        /// Runs the captured step once: reads inputs and sources, updates what the step updates, and makes the results anew. Like
        /// a step it does not wait for the device.
        ///
        /// - Throws: `invalidArgument` where the graph no longer fits, with the reason; nothing has changed then. `deviceFailure`.
        public func replay() throws(TensorError) { try recording("replay").replay() }

        /// Gives back the graph's memory; a new step can be captured. Tensors that hold results keep theirs.
        public func reset() {
            let old = lock.withLock { _ in
                let old = (state.recording, state.inputs)
                state.recording = nil
                state.inputs = []
                return old
            }
            old.0?.reset()
            if ownsPool { pool.pool.reset() }
        }

        // MARK: Debugging

        /// Makes ``capture(_:)`` trace its step twice and compare: a number that differs although no source gives it is an error
        /// that names the operation.
        public func enableDebugMode() { lock.withLock { _ in state.isDebugging = true } }

        /// The captured step: plans, launches with their operands, and the sources of what varies.
        ///
        /// - Throws: `invalidArgument` where nothing was captured.
        public func debugDump() throws(TensorError) -> String { try recording("debugDump").dump }

        /// Writes ``debugDump()`` to a file.
        ///
        /// - Throws: `file` where it cannot be written.
        public func debugDump(to path: String) throws(TensorError) {
            let text = try debugDump()
            do {
                try text.write(toFile: path, atomically: true, encoding: .utf8)
            } catch {
                throw TensorError(.file, "Accelerator.Graph.debugDump: \(path): \(error.localizedDescription)")
            }
        }

        /// What a replay does to memory, for tests.
        package func sequence() throws(TensorError) -> CapturedSequence { try recording("sequence").sequence }
    }
}
