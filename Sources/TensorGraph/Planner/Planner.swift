import TensorRuntime

/// Turns a snapshot into a plan: simplify, fuse, order, lower, place in memory. No pass names a layer or a composite,
/// none reads a scalar's value, and none iterates a Set or a Dictionary, so that two processes make the same plan.
struct Planner {
    let device: any Device
    /// Off: one kernel for each operation.
    let isFusing: Bool
    /// Whether each plan is checked against its trace (``PlanVerifier``).
    let verifies: Bool

    func plan(_ snapshot: Snapshot, kernelsMade: inout Int) throws(TensorError) -> Plan {
        let graph = Planner.simplify(snapshot, device: device.description)
        var fuser = Fuser(
            graph: graph, isFusing: isFusing, maximumOperands: device.description.maximumOperands)
        fuser.run()
        let lowering = Lowering(graph: graph, fuser: fuser, maximumOperands: device.description.maximumOperands)
        lowering.run(order: Planner.order(fuser, graph))
        // Kernels before memory: they say what workspace they need.
        var kernels: [any DeviceKernel] = []
        kernels.reserveCapacity(lowering.drafts.count)
        device.prepareKernels(lowering.drafts.map { KernelSpec($0.body) })
        for draft in lowering.drafts {
            kernels.append(try makeKernel(draft, in: graph))
            kernelsMade += 1
        }
        let memory = MemoryPlan(
            graph: graph, lowering: lowering, workspaces: kernels.map(\.workspaceByteCount),
            storages: snapshot.leafBlockSizes, successors: snapshot.successors)
        let plan = Plan(
            steps: kernels.indices.map { memory.step($0, kernel: kernels[$0]) }, arenaByteCount: memory.arenaByteCount,
            outputs: memory.outputs, results: memory.results, decomposedOperations: graph.decomposedOperations)
        if verifies { try PlanVerifier(plan, snapshot: snapshot, graph: graph).verify() }
        return plan
    }

    /// - Throws: `unsupported` with operation, types and device, whoever refuses: nothing is computed elsewhere unasked.
    private func makeKernel(_ draft: KernelDraft, in graph: PlanGraph) throws(TensorError) -> any DeviceKernel {
        let spec = KernelSpec(draft.body)
        if let reason = device.unsupportedReason(spec) { throw refusal(of: draft, in: graph, reason) }
        do throws(TensorError) {
            return try device.makeKernel(spec)
        } catch {
            throw error.kind == .unsupported ? refusal(of: draft, in: graph, error.message) : error
        }
    }

    private func refusal(of draft: KernelDraft, in graph: PlanGraph, _ reason: String) -> TensorError {
        let id = device.description.id
        var types: [String] = []
        for type in draft.bindings.map({ $0.dtype.description }) where !types.contains(type) { types.append(type) }
        var facts = reason.contains("\(id)") ? reason : "\(id): \(reason)"
        if graph.decomposedOperations > 0 { facts += " (\(id) runs convolution or pooling in other operations)" }
        return TensorError(
            .unsupported,
            "\(draft.label) of \(types.joined(separator: ", ")): \(facts); move the tensors to a device that has it")
    }

    /// Groups in a topological order that stays close to the program's, so that its peak memory does.
    ///
    /// A group stands where its kernel, matmul or last reduction, stands in the program. What was traced later and joined to
    /// it (the addition of a gradient to the sum so far) does not hold it back, and its operands alive.
    static func order(_ fuser: Fuser, _ graph: PlanGraph) -> [Int] {
        func place(_ group: Group) -> Int {
            if let anchor = group.anchor { return anchor }
            let reduction = group.nodes.last { if case .reduce = graph.nodes[$0].operation { true } else { false } }
            return reduction ?? group.nodes.last!
        }
        let waiting = fuser.groups.indices.filter { fuser.groups[$0] != nil }
            .sorted { (place(fuser.groups[$0]!), $0) < (place(fuser.groups[$1]!), $1) }
        var isDone = [Bool](repeating: false, count: fuser.groups.count)
        var result: [Int] = []
        for group in waiting {
            var stack = [group]
            while let top = stack.last {
                if isDone[top] {
                    stack.removeLast()
                    continue
                }
                let missing = sources(of: top, fuser, graph).filter { !isDone[$0] }
                if missing.isEmpty {
                    isDone[top] = true
                    result.append(top)
                    stack.removeLast()
                } else {
                    stack.append(contentsOf: missing.reversed())
                }
            }
        }
        return result
    }

    /// The groups whose values a group reads.
    private static func sources(of group: Int, _ fuser: Fuser, _ graph: PlanGraph) -> [Int] {
        var result: [Int] = []
        for index in fuser.groups[group]!.nodes {
            for operand in graph.nodes[index].operands {
                guard var source = operand.node else { continue }
                while graph.nodes[source].operation.isView { source = graph.nodes[source].operands[0].node! }
                let made = fuser.groupOf[source]
                if made >= 0, made != group, !result.contains(made) { result.append(made) }
            }
        }
        return result
    }
}

extension Snapshot {
    /// The block size of each donatable leaf storage; nil for the others.
    var leafBlockSizes: [Int?] {
        leafStorages.indices.map { donatable[$0] ? leafStorages[$0].block.byteCount : nil }
    }
}
