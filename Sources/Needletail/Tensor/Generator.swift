import TensorGraph
import TensorRuntime

/// A source of random numbers: a key, and an offset that moves on with every use.
///
/// Number `i` of a use is Philox 4x32-10's word at `offset + i` under the key (`Philox`), so every device draws the same
/// bits, and a generator is saved as two integers.
public final class Generator: Sendable {
    /// What a checkpoint keeps of a generator.
    public struct State: Hashable, Sendable, Codable {
        /// The seed: generators of equal keys draw the same numbers.
        public var key: UInt64
        /// How many words were drawn: the next draw begins here.
        public var offset: UInt64

        /// - Parameters:
        ///   - key: any number; ``Generator/init(seed:)`` takes its seed as the key.
        ///   - offset: the words that count as drawn.
        public init(key: UInt64, offset: UInt64 = 0) {
            self.key = key
            self.offset = offset
        }
    }

    private let stored: Lock<State>

    /// Equal seeds draw equal numbers, on every device and on every run.
    public init(seed: UInt64 = 0) { stored = Lock(State(key: seed)) }

    /// Key and offset; setting them repeats what was drawn from there on.
    public var state: State {
        get { stored.withLock { $0 } }
        set {
            if let capture = Capture.current {
                capture.refuse("a generator is seeded in the step, so that each would draw the same; seed it before")
                return
            }
            stored.withLock { $0 = newValue }
        }
    }

    /// Starts over under another key.
    public func seed(_ seed: UInt64) { state = State(key: seed) }

    /// Takes `count` numbers, rounded up to whole blocks of 4, and says where they start.
    public func reserve(_ count: Int, file: StaticString = #fileID, line: UInt = #line) -> State {
        if count < 0 || count > .max - 3 {
            WrongCall.report(
                "reserve", "\(count) numbers", remedy: "use a count of at least 0, below 2^63 - 3",
                at: CallSite(file, line))
            return state
        }
        if let capture = Capture.current { capture.willDraw(from: self) }
        return advance(by: UInt64((count + 3) & ~3))
    }

    /// Moves on, and says where it was.
    func advance(by count: UInt64) -> State {
        stored.withLock { state in
            let start = state
            state.offset &+= count
            return start
        }
    }

    /// A generator of its own for a child task: the same parent state and index give the same numbers.
    public func child(_ index: Int) -> Generator {
        let now = state
        let words = Philox.block(
            counter: now.offset ^ (UInt64(bitPattern: Int64(index)) &+ 0x9E37_79B9_7F4A_7C15), key: ~now.key)
        return Generator(seed: UInt64(words[0]) << 32 | UInt64(words[1]))
    }

    /// A random order of `0..<count`, by Fisher and Yates, drawn on the host: the same on every device.
    public func permutation(_ count: Int, file: StaticString = #fileID, line: UInt = #line) -> [Int64] {
        if count < 0 {
            WrongCall.report(
                "permutation", "of \(count) numbers", remedy: "use a count of at least 0", at: CallSite(file, line))
        }
        guard count < 1 << 58, hostHasMemory(count * MemoryLayout<Int64>.stride) else {
            WrongCall.report(
                TensorError(
                    .outOfMemory, "permutation: the host has no memory for \(count) numbers; use fewer"),
                at: CallSite(file, line))
            return []
        }
        var order = Array(0..<Int64(Swift.max(count, 0)))
        guard count > 1 else { return order }
        let start = reserve(2 * (count - 1))
        var counter = start.offset >> 2
        var words = Philox.block(counter: counter, key: start.key)
        var word = Int(start.offset & 3)
        func next() -> UInt64 {
            if word == 4 {
                counter &+= 1
                words = Philox.block(counter: counter, key: start.key)
                word = 0
            }
            defer { word += 1 }
            return UInt64(words[word])
        }
        for last in stride(from: count - 1, to: 0, by: -1) {
            let bits = next() << 32 | next()
            order.swapAt(last, Int(bits.multipliedFullWidth(by: UInt64(last + 1)).high))
        }
        return order
    }

    private static let process = Generator()

    /// The generator in use here: of the innermost ``withGenerator(_:_:)``, or the process's.
    public static var current: Generator { ExecutionContext.current.generator ?? process }
}

/// Seeds the generator in use here.
public func manualSeed(_ seed: UInt64) { Generator.current.seed(seed) }

/// Makes `generator` the source of random numbers in `body`.
public func withGenerator<Result, Failure: Error>(
    _ generator: Generator, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    var context = ExecutionContext.current
    context.generator = generator
    return try bind(context, body)
}
