import Synchronization
import TensorGraph
import TensorRuntime

/// What a pullback gets: the gradient of the loss by the operation's result, and what the operation kept.
package struct PullbackArguments {
    /// Of the result's shape and dtype.
    let gradient: Tensor
    fileprivate let savedOutput: Tensor?
    fileprivate let needed: SIMD4<UInt8>

    /// The operation's result; only where the recording said that the pullback reads it.
    var output: Tensor {
        guard let savedOutput else {
            fatalError("a derivative reads its operation's result, and its row does not say so")
        }
        return savedOutput
    }

    /// Whether operand `index` (0...2) requires a gradient.
    func needs(_ index: Int) -> Bool { needed[index] != 0 }
}

/// Gradients by an operation's operands, in their order; nil where there is none.
package struct InputGradients {
    var first: Tensor?
    var second: Tensor?
    var third: Tensor?
    /// Of an operation with any number of operands: all of them, in place of the three above.
    var all: [Tensor?]?
    /// Where the first stands in its operand's gradient, which is 0 elsewhere; nil is all over.
    var part: GradientPart?

    init(_ first: Tensor?, _ second: Tensor? = nil, _ third: Tensor? = nil) {
        self.first = first
        self.second = second
        self.third = third
    }

    init(all: [Tensor?]) { self.all = all }

    /// The gradient by a slice's operand.
    init(_ gradient: Tensor, part: GradientPart) {
        first = gradient
        self.part = part
    }
}

/// A slice of a tensor: elements `steps` apart from `starts` on.
struct GradientPart {
    var shape: Shape
    var starts: Shape
    var steps: Shape
}

/// Computes operands' gradients from the result's, in tensor operations, so that it can be differentiated again.
package typealias Pullback = @Sendable (PullbackArguments) -> InputGradients

/// One step of the tape: how gradients flow from an operation's result to its operands, or the place where they gather.
///
/// A result's handle carries its function as a tag; a function refers to its operands' functions, so the tape lives as
/// long as a result does, and no longer. What pullbacks need are tensors that they capture, or the output.
final class GradientFunction: Sendable {
    /// What is dropped when the tape is consumed.
    struct Links {
        var first: GradientFunction?
        var second: GradientFunction?
        var third: GradientFunction?
        var more: [GradientFunction?] = []
        var pullback: Pullback?
        var savedOutput: Handle?
    }

    private struct State {
        var links: Links
        var isConsumed = false
    }

    /// Where a leaf's gradient is added up; nil for the function of an operation.
    let accumulator: GradientAccumulator?
    /// Creation order: operands' functions have lower numbers, but for those of leaves.
    let sequence: UInt64
    private let state: Lock<State>

    private static let next = Atomic<UInt64>(1)

    /// The function of an operation.
    init(_ links: consuming Links) {
        accumulator = nil
        sequence = GradientFunction.next.wrappingAdd(1, ordering: .relaxed).oldValue
        state = Lock(State(links: links))
    }

    /// The function of a leaf. Leaves come after all operations in a backward pass.
    init(leaf accumulator: GradientAccumulator) {
        self.accumulator = accumulator
        sequence = 0
        state = Lock(State(links: Links()))
    }

    deinit {
        var links = state.withLock { state in
            let links = state.links
            state.links = Links()
            return links
        }
        if links.pullback != nil { Graveyard.bury(&links) }
    }

    /// Keeps the operation's own result for its pullback.
    func save(output: Handle) { state.withLock { $0.links.savedOutput = output } }

    /// The links, which are dropped unless `retain`; nil where an earlier backward pass has dropped them.
    func take(retain: Bool) -> Links? {
        state.withLock { state in
            if state.isConsumed { return nil }
            let links = state.links
            if !retain {
                state.links = Links()
                state.isConsumed = true
            }
            return links
        }
    }

    /// Runs the pullback of `links`, which were taken from this function.
    func pullback(_ links: Links, gradient: Tensor) -> InputGradients {
        var needed = SIMD4<UInt8>.zero
        if links.first != nil { needed[0] = 1 }
        if links.second != nil { needed[1] = 1 }
        if links.third != nil { needed[2] = 1 }
        let output = links.savedOutput.map { Tensor($0.retagged(self)) }
        return links.pullback!(PullbackArguments(gradient: gradient, savedOutput: output, needed: needed))
    }
}

/// Takes apart what dead functions held, one after another: a chain of a million must not recurse a million deep.
private enum Graveyard {
    private struct State {
        var waiting: [GradientFunction.Links] = []
        var isDigging = false
    }

    private static let state = Lock(State())

    /// Drops `links`, and whatever dies with them, from one loop. Another thread's are left to the loop that runs.
    static func bury(_ links: inout GradientFunction.Links) {
        let digs = state.withLock { state in
            state.waiting.append(links)
            links = GradientFunction.Links()
            if state.isDigging { return false }
            state.isDigging = true
            return true
        }
        while digs {
            let next: GradientFunction.Links? = state.withLock { state in
                if state.waiting.isEmpty { state.isDigging = false }
                return state.waiting.popLast()
            }
            guard let next else { return }
            withExtendedLifetime(next) {}
        }
    }
}

/// Adds up the gradient of a leaf.
final class GradientAccumulator: Sendable {
    private let stored = Lock<Tensor?>(nil)
    /// Held while a part is added, so that passes of several tasks lose none. It comes before the device context's lock,
    /// under which nothing here is called.
    private let adding = Lock(())
    /// The capture in which the leaf was made, whose step makes it anew each time.
    private let birth = Capture.current.map(ObjectIdentifier.init)

    /// The running capture, where it has to be told of changes.
    private var capture: Capture? {
        guard let capture = Capture.current, birth != ObjectIdentifier(capture) else { return nil }
        return capture
    }

    var gradient: Tensor? {
        get {
            capture?.own(self)
            return stored.withLock { $0 }
        }
        set {
            let capture = capture
            capture?.own(self, drops: newValue == nil)
            stored.withLock { $0 = newValue }
            capture?.didChange(self, resets: newValue == nil)
        }
    }

    func add(_ gradient: Tensor) {
        let capture = capture
        capture?.own(self)
        defer { capture?.didChange(self) }
        adding.withLock { _ in
            let before = stored.withLock { $0 }
            let sum = before.map { $0 + gradient } ?? gradient
            stored.withLock { $0 = sum }
        }
    }
}

extension GradientAccumulator: Carrier {
    package var carriedCount: Int { 1 }
    package func carried(_ index: Int) -> Handle? { stored.withLock { $0?.handle } }
    package func setCarried(_ handles: [Handle?]) {
        let gradient = handles[0].map { Tensor($0) }
        stored.withLock { $0 = gradient }
    }
    package var carrierName: String { "gradients" }
    package var isScratch: Bool { true }
}
