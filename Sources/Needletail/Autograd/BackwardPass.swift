import TensorGraph
import TensorRuntime

/// One walk over a tape, from results to leaves.
///
/// Functions are taken from a heap by falling creation number: when one comes up, all that use its result have been
/// through, so its gradient is complete. Leaves come last, in order of arrival. The same tape is walked in the same order
/// every time.
struct BackwardPass {
    private struct Entry {
        var function: GradientFunction
        var gradient: Tensor
        var part: GradientPart?
        var arrival: Int

        /// The gradient of all of the function's result.
        var whole: Tensor {
            guard let part else { return gradient }
            return gradient.placed(in: part.shape, starts: part.starts, steps: part.steps)
        }

        /// Higher creation numbers first, then in order of arrival.
        func precedes(_ other: Entry) -> Bool {
            if function.sequence != other.function.sequence { return function.sequence > other.function.sequence }
            return arrival < other.arrival
        }
    }

    private var heap: [Entry] = []
    private var leaves: [(function: GradientFunction, gradient: Tensor)] = []
    private var arrivals = 0
    private let retainsGraph: Bool

    init(retainsGraph: Bool) { self.retainsGraph = retainsGraph }

    /// Starts a walk at `function` with `gradient`.
    mutating func seed(_ function: GradientFunction, gradient: Tensor) { push(function, gradient, nil) }

    /// Walks to the leaves. `visit` gets each function with its whole gradient, leaves' parts one by one.
    ///
    /// - Returns: whether all of the tape was there; false where an earlier pass has consumed some of it.
    mutating func run(_ visit: (GradientFunction, Tensor) -> Void) -> Bool {
        while let entry = pop() {
            var entries = [entry]
            while let next = heap.first, next.function === entry.function { entries.append(pop()!) }
            let gradient = BackwardPass.sum(of: entries)
            visit(entry.function, gradient)
            guard let links = entry.function.take(retain: retainsGraph) else { return false }
            let result = entry.function.pullback(links, gradient: gradient)
            if let all = result.all {
                for (function, gradient) in zip(links.more, all) { push(function, gradient, nil) }
            } else {
                push(links.first, result.first, result.part)
                push(links.second, result.second, nil)
                push(links.third, result.third, nil)
            }
        }
        for leaf in leaves { visit(leaf.function, leaf.gradient) }
        return true
    }

    /// The sum of a function's gradients. Slices side by side become one concatenation, not a sum of padded ones: what was
    /// split, or read step by step.
    private static func sum(of entries: [Entry]) -> Tensor {
        if entries.count > 1, let joined = joined(entries) { return joined }
        return entries.dropFirst().reduce(entries[0].whole) { $0 + $1.whole }
    }

    /// Gradients that are slices along one axis, none over another, with zeros between; nil where they are not.
    private static func joined(_ entries: [Entry]) -> Tensor? {
        guard let shape = entries[0].part?.shape else { return nil }
        var axis: Int?
        for entry in entries {
            guard let part = entry.part, entry.gradient.dtype == entries[0].gradient.dtype else { return nil }
            for other in 0..<shape.rank where entry.gradient.shape[other] != shape[other] {
                guard other == axis ?? other, part.steps[other] == 1 else { return nil }
                axis = other
            }
        }
        guard let axis, entries.allSatisfy({ $0.part!.steps.allSatisfy { $0 == 1 } }) else { return nil }
        var parts: [Tensor] = []
        var end = 0
        func fill(to start: Int) {
            guard start > end else { return }
            var gap = shape
            gap[axis] = start - end
            parts.append(entries[0].gradient.filled(gap, .float(0), dtype: entries[0].gradient.dtype))
        }
        for entry in entries.sorted(by: { $0.part!.starts[axis] < $1.part!.starts[axis] }) {
            let start = entry.part!.starts[axis]
            guard start >= end else { return nil }
            fill(to: start)
            parts.append(entry.gradient)
            end = start + entry.gradient.shape[axis]
        }
        fill(to: shape[axis])
        return Tensor.joined(parts, axis: axis, shape: shape)
    }

    private mutating func push(_ function: GradientFunction?, _ gradient: Tensor?, _ part: GradientPart?) {
        guard let function, let gradient else { return }
        let entry = Entry(function: function, gradient: gradient, part: part, arrival: arrivals)
        if function.accumulator != nil {
            leaves.append((function, entry.whole))
            return
        }
        heap.append(entry)
        arrivals += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func pop() -> Entry? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return top }
        heap[0] = last
        var parent = 0
        while true {
            var best = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[best]) {
                best = child
            }
            if best == parent { return top }
            heap.swapAt(best, parent)
            parent = best
        }
    }
}
