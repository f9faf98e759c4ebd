import TensorRuntime

/// Turns a snapshot into a plan: simplify, fuse, order, lower, place in memory. No pass names a layer or a composite,
/// none reads a scalar's value, and none iterates a Set or a Dictionary, so that two processes make the same plan.
struct Planner {
    let device: any Device
    /// Off: one kernel for each node.
    let isFusing: Bool

    func plan(_ snapshot: Snapshot, kernelsMade: inout Int) throws(TensorError) -> Plan {
        let graph = Planner.simplify(snapshot)
        var fuser = Fuser(
            graph: graph, isFusing: isFusing, maximumOperands: device.description.maximumOperands)
        fuser.run()
        var lowering = Lowering(graph: graph, fuser: fuser, maximumOperands: device.description.maximumOperands)
        lowering.run(order: Planner.order(fuser, graph))
        let memory = MemoryPlan(graph: graph, lowering: lowering, storages: snapshot.leafBlockSizes)
        var steps: [PlanStep] = []
        steps.reserveCapacity(lowering.drafts.count)
        for draft in lowering.drafts {
            let spec = KernelSpec(draft.body)
            if let reason = device.unsupportedReason(spec) {
                throw TensorError(.unsupported, "\(draft.label): \(reason); move the tensors to a device that has it")
            }
            let kernel = try device.makeKernel(spec)
            kernelsMade += 1
            steps.append(memory.step(draft, kernel: kernel, graph: graph))
        }
        return Plan(
            steps: steps, arenaByteCount: memory.arenaByteCount, outputs: memory.outputs, results: memory.results)
    }

    /// Groups in a topological order that stays close to the program's, so that its peak memory does.
    static func order(_ fuser: Fuser, _ graph: PlanGraph) -> [Int] {
        let waiting = fuser.groups.indices.filter { fuser.groups[$0] != nil }
            .sorted { (fuser.groups[$0]!.nodes.last!, $0) < (fuser.groups[$1]!.nodes.last!, $1) }
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
