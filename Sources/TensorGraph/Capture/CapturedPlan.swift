import TensorRuntime

/// A plan of a captured step, bound to its memory once. Its launches are a part of the graph's list.
package final class CapturedPlan {
    /// A scalar operand that a source gives.
    struct SourcedScalar {
        /// Its number among the plan's scalars.
        let scalar: Int
        let source: Int
        let value: Int
        let dtype: DType
    }

    let plan: Plan
    /// As it was captured.
    let bound: BoundPlan
    /// Where its operands and scalars begin in the graph's list.
    private(set) var firstBinding = 0
    private(set) var firstScalar = 0
    /// The storages of the leaves, by their numbers in the plan.
    let leaves: [Storage]
    var outputs: [Storage] { bound.outputs }
    private(set) var sourced: [SourcedScalar] = []
    /// What a second capture of the same step has to have in common with this one.
    let fingerprint: Fingerprint

    struct Fingerprint {
        let words: [UInt64]
        /// Scalars without a source, each with the operation that takes it.
        let scalars: [(operation: String, value: Scalar)]
        let starts: [Int]
    }

    /// - Parameter owners: the nodes that the snapshot's scalars are of.
    init(_ bound: BoundPlan, snapshot: Snapshot, owners: [ScalarOwner], capture: Capture) {
        plan = bound.plan
        self.bound = bound
        leaves = snapshot.leafStorages
        var constants: [(operation: String, value: Scalar)] = []
        var sources: [(source: Int, value: Int)?] = []
        for (owner, scalar) in zip(owners, snapshot.scalars) {
            let source = capture.source(ofNode: owner.node)
            sources.append(source.map { ($0.source, $0.value + owner.position) })
            if source == nil { constants.append((owner.operation, scalar)) }
        }
        for (index, scalar) in plan.scalars.enumerated() {
            guard case .traced(let number) = scalar.source, let source = sources[number] else { continue }
            sourced.append(
                SourcedScalar(scalar: index, source: source.source, value: source.value, dtype: scalar.dtype))
        }
        fingerprint = Fingerprint(words: Array(snapshot.words.values), scalars: constants, starts: snapshot.starts)
    }

    /// Puts its launches behind those of a list.
    func append(to list: LaunchList) {
        firstBinding = list.bindings.count
        firstScalar = list.scalars.count
        var (bindings, scalars) = (bound.bindings[...], bound.scalars[...])
        for (kernel, count) in zip(plan.kernels, plan.counts) {
            list.append(
                kernel, bindings: bindings.prefix(count.operands), scalars: scalars.prefix(count.scalars))
            bindings = bindings.dropFirst(count.operands)
            scalars = scalars.dropFirst(count.scalars)
        }
    }

    /// Writes what the sources gave.
    func write(_ sources: [any CaptureSource], to list: LaunchList) {
        for slot in sourced {
            let value = sources[slot.source].values[slot.value]
            list.set(firstScalar + slot.scalar, to: value.bits(as: slot.dtype))
        }
    }

    /// What differs in a second capture of the same step; nil where nothing does.
    func difference(to other: CapturedPlan) -> String? {
        let (a, b) = (fingerprint, other.fingerprint)
        if a.words != b.words || a.scalars.count != b.scalars.count { return "its operations or shapes differ" }
        for (x, y) in zip(a.scalars, b.scalars) where x.value != y.value {
            return "a scalar operand of \(x.operation) is \(x.value.doubleValue), then \(y.value.doubleValue)"
        }
        return a.starts == b.starts ? nil : "a slice starts at another place"
    }
}

/// The node of a scalar operand.
struct ScalarOwner {
    let node: UInt64
    /// Its number among the node's scalars.
    let position: Int
    let operation: String
}

extension Snapshot {
    /// The nodes of all scalars, in their order. Under the context's lock, at which the snapshot was taken.
    var scalarOwners: [ScalarOwner] {
        nodes.flatMap { node in
            (0..<(node.pointee.trace == nil ? 0 : node.scalarCount)).map {
                ScalarOwner(node: node.pointee.id, position: $0, operation: node.pointee.operation.name)
            }
        }
    }
}
