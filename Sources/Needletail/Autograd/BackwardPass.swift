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
        var arrival: Int

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
    mutating func seed(_ function: GradientFunction, gradient: Tensor) { push(function, gradient) }

    /// Walks to the leaves. `visit` gets each function with its whole gradient, leaves' parts one by one.
    ///
    /// - Returns: whether all of the tape was there; false where an earlier pass has consumed some of it.
    mutating func run(_ visit: (GradientFunction, Tensor) -> Void) -> Bool {
        while let entry = pop() {
            var gradient = entry.gradient
            while let next = heap.first, next.function === entry.function {
                gradient = gradient + pop()!.gradient
            }
            visit(entry.function, gradient)
            guard let links = entry.function.take(retain: retainsGraph) else { return false }
            let result = entry.function.pullback(links, gradient: gradient)
            if let all = result.all {
                for (function, gradient) in zip(links.more, all) { push(function, gradient) }
            } else {
                push(links.first, result.first)
                push(links.second, result.second)
                push(links.third, result.third)
            }
        }
        for leaf in leaves { visit(leaf.function, leaf.gradient) }
        return true
    }

    private mutating func push(_ function: GradientFunction?, _ gradient: Tensor?) {
        guard let function, let gradient else { return }
        if function.accumulator != nil {
            leaves.append((function, gradient))
            return
        }
        heap.append(Entry(function: function, gradient: gradient, arrival: arrivals))
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
