import TensorRuntime

/// What a replay does to memory, launch after launch, as plain numbers: for the verifier, and for dumps.
package struct CapturedSequence {
    package enum Role: Sendable {
        /// There before the capture, and never written: constants and inputs.
        case given
        /// Written by each replay before it is read.
        case made
        /// What a carrier keeps: read as the replay before left it, then written.
        case kept
    }

    package struct Block {
        package var buffer: ObjectIdentifier
        package var bytes: Range<Int>
        package var role: Role
    }

    package struct Access {
        package var buffer: ObjectIdentifier
        package var bytes: Range<Int>
        package var isWritten: Bool
        /// Whether it means the value that was there before the capture.
        package var isOld: Bool
    }

    package struct Launch {
        package var label: String
        package var accesses: [Access]
    }

    /// A scalar operand: the bits that it was traced with, and those that its source gives.
    package struct SourcedBits {
        package var traced: UInt64
        package var given: UInt64
    }

    package var blocks: [Block] = []
    package var launches: [Launch] = []
    /// The places that each replay has to write whole, since they are a carrier's.
    package var renewed: [(buffer: ObjectIdentifier, bytes: Range<Int>)] = []
    package var scalars: [SourcedBits] = []
    /// Operations whose scalars have no source.
    package var constantOperations: [String] = []
}

extension Recording {
    /// The blocks of the values that carriers keep and replays write.
    private func keptBlocks() -> [(place: ValuePlace, isRenewed: Bool)] {
        let results = Set(plans.flatMap(\.outputs).map(ObjectIdentifier.init))
        return kept.map { ($0, results.contains(ObjectIdentifier($0.storage))) }
    }

    package var sequence: CapturedSequence {
        var sequence = CapturedSequence()
        let kept = keptBlocks()
        let keptIDs = Set(kept.filter(\.isRenewed).map { ObjectIdentifier($0.place.storage.block) })
        var seen: Set<ObjectIdentifier> = []
        func add(_ block: MemoryBlock, _ role: CapturedSequence.Role) {
            guard seen.insert(ObjectIdentifier(block)).inserted else { return }
            sequence.blocks.append(
                .init(
                    buffer: ObjectIdentifier(block.buffer), bytes: block.offset..<block.offset + block.byteCount,
                    role: keptIDs.contains(ObjectIdentifier(block)) ? .kept : role))
        }
        for plan in plans {
            if let arena = plan.bound.arena { add(arena, .made) }
            for output in plan.outputs { add(output.block, .made) }
        }
        for plan in plans { for leaf in plan.leaves { add(leaf.block, .given) } }
        for (place, isRenewed) in kept where isRenewed && place.layout.shape.elementCount > 0 {
            let first = place.storage.block.offset + place.layout.offset * place.dtype.byteCount
            let count = place.layout.shape.elementCount * place.dtype.byteCount
            sequence.renewed.append((ObjectIdentifier(place.storage.block.buffer), first..<first + count))
        }
        let results = Set(plans.flatMap(\.outputs).map(ObjectIdentifier.init))
        for plan in plans {
            sequence.launches += plan.launches(results, of: list)
            sequence.scalars += plan.sourced.map {
                .init(
                    traced: list.scalars[plan.firstScalar + $0.scalar],
                    given: sources[$0.source].values[$0.value].bits(as: $0.dtype))
            }
            sequence.constantOperations += plan.fingerprint.scalars.map(\.operation)
        }
        return sequence
    }
}

extension CapturedPlan {
    fileprivate func launches(
        _ results: Set<ObjectIdentifier>, of list: LaunchList
    ) -> [CapturedSequence.Launch] {
        var first = firstBinding
        return plan.steps.map { step in
            var accesses: [CapturedSequence.Access] = []
            let extents = step.kernel.spec.operandExtents
            for (number, binding) in step.bindings.enumerated() {
                let bound = list.bindings[first + number]
                guard let buffer = bound.buffer else { continue }
                var isOld = false
                if case .leaf(_, let storage) = binding.slot {
                    isOld = !results.contains(ObjectIdentifier(leaves[storage]))
                }
                let unit = binding.dtype.byteCount
                let bytes: Range<Int>
                let isWritten: Bool
                if number < extents.count {
                    let low = (bound.offset + extents[number].lowest) * unit
                    bytes = low..<low + extents[number].count * unit
                    isWritten = extents[number].isOutput
                } else {
                    bytes = bound.offset..<bound.offset + step.kernel.workspaceByteCount
                    isWritten = true
                }
                if bytes.isEmpty { continue }
                accesses.append(
                    .init(buffer: ObjectIdentifier(buffer), bytes: bytes, isWritten: isWritten, isOld: isOld))
            }
            first += step.bindings.count
            return CapturedSequence.Launch(label: step.label, accesses: accesses)
        }
    }
}
