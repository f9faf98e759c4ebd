import Glibc
import TensorRuntime

/// Checks a plan against the trace that it was made for, without the planner's passes: from its kernels, their operands'
/// places and the traced operations alone.
///
/// - Every access lies inside its operand's memory, and no launch touches what it must not: it reads what it overwrites
///   only place by place, its outputs and its workspace are apart, and leaves that someone else may still read are not
///   written.
/// - Every element of every live value is, launch after launch, what the traced operations say: the same operations on the
///   same elements of the same leaves, whatever was stored in between, placed in another value or written over it. It
///   is written once.
///
/// Slices are checked at the starts they have and at others, since a plan serves all of them. In a trace of many elements
/// some are looked at (``TermSampling``); the launches' accesses are always looked at whole.
struct PlanVerifier {
    private let plan: Plan
    private let snapshot: Snapshot
    private let graph: PlanGraph

    /// Traces of at most so many elements are looked at whole.
    private static let exactLimit = 200_000

    /// - Parameter graph: the planner's, for the operations that it wrote in the form of others.
    init(_ plan: Plan, snapshot: Snapshot, graph: PlanGraph) {
        self.plan = plan
        self.snapshot = snapshot
        self.graph = graph
    }

    /// - Throws: `internalFault` that says what is wrong.
    func verify() throws(TensorError) {
        var trials = [snapshot.starts]
        if let others = otherStarts(), others != snapshot.starts { trials.append(others) }
        for starts in trials {
            // Chains of many thousand operations are followed to their beginning, a few calls for each.
            let stackSize = Swift.min(Swift.max(8 << 20, snapshot.records.count << 14), 1 << 30)
            guard let problem = onStack(of: stackSize, { problem(starts: starts) }) else { continue }
            throw TensorError(
                .internalFault,
                "plan verifier: \(problem); this is a fault of Needletail: please report it with the program. "
                    + "NEEDLETAIL_EAGER=1 evaluates without plans of several operations")
        }
    }

    /// Starts that the slices could have as well.
    private func otherStarts() -> [Int]? {
        var random = TermBuilder(.index)
        for word in snapshot.words.values { random.add(word) }
        var result: [Int] = []
        for node in snapshot.records {
            guard case .slice(let steps) = node.operation, let source = node.inputs[0] else { continue }
            for axis in 0..<steps.rank {
                let (count, extent) = (node.shape[axis], snapshot.records[source].shape[axis])
                let reach = Swift.max(count - 1, 0) * Swift.abs(steps[axis])
                let room = extent - reach
                if count == 0 || room <= 1 {
                    result.append(node.starts[axis])
                    continue
                }
                random.add(axis)
                result.append(Int(random.term % UInt64(room)) + (steps[axis] < 0 ? reach : 0))
            }
        }
        return result.count == snapshot.starts.count ? result : nil
    }

    private func problem(starts: [Int]) -> String? {
        var memory = PlanMemory(plan, storageSizes: snapshot.leafStorages.map(\.block.byteCount))
        if let problem = donations() { return problem }
        func leafByte(_ node: Int) -> Int {
            snapshot.records[node].leaf!.offset * snapshot.records[node].dtype.byteCount
        }
        let donors = Set(plan.outputs.compactMap(\.donor))
        var launches: [PlanLaunch] = []
        for (number, step) in plan.steps.enumerated() {
            guard let launch = PlanLaunch(step, starts: starts, memory: memory, leafByte: leafByte) else {
                return "launch \(number): the family \(step.kernel.spec.family) is not known to the verifier"
            }
            if let problem = LaunchHazards(launch, memory: memory, writableLeaves: donors).problem {
                return "launch \(number) (\(launch.label)): \(problem)"
            }
            for (output, access) in launch.writes.enumerated() {
                memory.append(.init(step: number, output: output, access: access))
            }
            if let access = launch.workspace { memory.append(.init(step: number, output: nil, access: access)) }
            launches.append(launch)
        }
        return values(launches, memory, starts: starts, leafByte: leafByte)
    }

    /// What results may overwrite.
    private func donations() -> String? {
        var seen: Set<Int> = []
        for output in plan.outputs {
            guard let donor = output.donor else { continue }
            if !seen.insert(donor).inserted { return "leaf storage \(donor) is overwritten by two results" }
            if !snapshot.donatable[donor] { return "leaf storage \(donor) is overwritten although others may read it" }
            if output.byteCount > snapshot.leafStorages[donor].block.byteCount {
                return "leaf storage \(donor) is smaller than the result that overwrites it"
            }
        }
        return nil
    }

    // MARK: Values

    private func values(
        _ launches: [PlanLaunch], _ memory: PlanMemory, starts: [Int], leafByte: (Int) -> Int
    ) -> String? {
        let nodes = tracedNodes(starts: starts, leafByte: leafByte)
        let size = nodes.reduce(0) { sum, node in
            node.operation.isView ? sum : sum &+ node.shape.elementCount
        }
        let sampling = TermSampling(isExact: size <= PlanVerifier.exactLimit)
        let traced = TracedTerms(nodes, sampling: sampling)
        let lowered = LoweredTerms(launches, memory: memory, sampling: sampling)
        var named = Set<Int>()
        for result in plan.results {
            named.insert(result.node)
            if let problem = check(result, traced, lowered, memory, sampling, starts, launches.count, leafByte) {
                return problem
            }
        }
        for (index, node) in snapshot.records.enumerated() where node.isLive && !named.contains(index) {
            return "value \(index) (\(node.operation.name)) is live and has no place"
        }
        return nil
    }

    private func check(
        _ result: Plan.Result, _ traced: TracedTerms, _ lowered: LoweredTerms, _ memory: PlanMemory,
        _ sampling: TermSampling, _ starts: [Int], _ end: Int, _ leafByte: (Int) -> Int
    ) -> String? {
        let node = snapshot.records[result.node]
        let width = node.dtype.byteCount
        guard let begin = memory.begin(of: result.slot, leafByte: leafByte) else { return "a result without a place" }
        let base = begin.byte + result.offset.value(starts) * width
        let name = "value \(result.node) (\(node.operation.name), \(node.dtype) \(node.shape))"
        let isLeaf = if case .leaf = result.slot { true } else { false }
        for place in sampling.places(of: node.shape.elementCount) {
            let coordinates = node.shape.coordinates(of: place)
            let byte = base + coordinates.dot(result.strides) * width
            if byte < 0 || byte + width > memory.sizes[begin.space] {
                return "\(name): element \(coordinates) lies outside \(memory.name(begin.space))"
            }
            let found = lowered.term(at: MemoryPlace(space: begin.space, byte: byte), node.dtype, before: end)
            if let violation = lowered.violation { return "\(name): element \(coordinates): \(violation)" }
            if found != traced.term(result.node, place) {
                return "\(name): element \(coordinates) is not what was traced"
            }
            let writers = memory.writes[begin.space].filter { $0.access.element(at: byte, width: width) != .outside }
            if !isLeaf && writers.count != 1 {
                return "\(name): element \(coordinates) is written by \(writers.count) launches"
            }
        }
        return nil
    }

    /// The traced nodes, and behind them the planner's, for those that run in the form of others.
    private func tracedNodes(starts: [Int], leafByte: (Int) -> Int) -> [TracedTerms.TracedNode] {
        var nextScalar = 0
        var nextStart = 0
        func scalar() -> PlanOperand {
            nextScalar += 1
            return .scalar(.traced(nextScalar - 1))
        }
        var nodes: [TracedTerms.TracedNode] = []
        for (index, node) in snapshot.records.enumerated() {
            var traced = TracedTerms.TracedNode(
                operation: node.operation, shape: node.shape, dtype: node.dtype, operands: [])
            if let leaf = node.leaf {
                traced.leaf = (leaf.storage, leafByte(index), leaf.strides)
                nodes.append(traced)
                continue
            }
            switch node.operation {
            case .fill: traced.operands = [scalar()]
            case .pointwise(let operation):
                traced.operands = node.inputs.prefix(operation.arity).map { $0.map { .node($0) } ?? scalar() }
            case .leaf, .index, .reduce, .gather, .scatterAdd, .matmul, .convolution, .pooling, .concatenate, .scan,
                .sort,
                .permute, .expand, .reshape, .slice, .flip:
                traced.operands = node.inputs.compactMap { $0.map { .node($0) } }
            }
            if case .slice = node.operation {
                traced.starts = Shape(starts[nextStart..<nextStart + node.shape.rank])
                nextStart += node.shape.rank
            }
            nodes.append(traced)
        }
        guard !graph.decompositions.isEmpty else { return nodes }
        let first = nodes.count
        for (place, index) in graph.decompositions { nodes[place].alias = first + index }
        nodes += graph.nodes.map { planned(from: $0, at: first, starts: starts, leafByte: leafByte) }
        return nodes
    }

    private func planned(
        from node: PlanNode, at first: Int, starts: [Int], leafByte: (Int) -> Int
    ) -> TracedTerms.TracedNode {
        var traced = TracedTerms.TracedNode(
            operation: node.operation, shape: node.shape, dtype: node.dtype,
            operands: node.operands.map { $0.node.map { .node(first + $0) } ?? $0 })
        if case .slice = node.operation {
            traced.starts = node.fixedStarts ?? Shape(starts[node.firstStart..<node.firstStart + node.shape.rank])
        }
        if let leaf = node.leaf { traced.leaf = (leaf.storage, leafByte(leaf.node), leaf.strides) }
        return traced
    }
}

/// Runs `body` on a thread whose stack has so many bytes.
private func onStack(of size: Int, _ body: () -> String?) -> String? {
    withoutActuallyEscaping(body) { body in
        final class Job {
            let body: () -> String?
            var result: String?
            init(_ body: @escaping () -> String?) { self.body = body }
        }
        let job = Job(body)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, size)
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, &attributes,
            { argument in
                let job = Unmanaged<Job>.fromOpaque(argument!).takeUnretainedValue()
                job.result = job.body()
                return nil
            }, Unmanaged.passUnretained(job).toOpaque())
        // Without room for such a stack, the caller's serves all but the longest chains.
        if failed != 0 { return job.body() }
        pthread_join(thread, nil)
        return job.result
    }
}
