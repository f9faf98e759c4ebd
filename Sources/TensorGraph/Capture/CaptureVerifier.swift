import TensorRuntime

/// Checks that replays may follow one another for ever, from the bytes that their launches touch alone.
///
/// - No two blocks share bytes, and every access lies inside a block.
/// - What was there before the capture is written only where a carrier keeps it.
/// - What is read was written earlier in the same replay, or is there for all, or is what a carrier keeps: then it was
///   written whole by the replay before. The old value of a carrier is not read once the new one is written.
/// - Scalars that vary get from their sources, at first, what they were traced with, and random numbers have sources.
package struct CaptureVerifier {
    private let sequence: CapturedSequence

    package init(_ sequence: CapturedSequence) { self.sequence = sequence }

    /// What is wrong; nil where nothing is.
    package var problem: String? { overlap() ?? replay() ?? scalars() }

    private func overlap() -> String? {
        for (index, a) in sequence.blocks.enumerated() {
            for b in sequence.blocks.prefix(index) where a.buffer == b.buffer && a.bytes.overlaps(b.bytes) {
                return "blocks \(a.bytes) and \(b.bytes) share bytes"
            }
        }
        return nil
    }

    private func replay() -> String? {
        // What was written of each block in this replay.
        var written = [ByteRanges](repeating: ByteRanges(), count: sequence.blocks.count)
        for (number, launch) in sequence.launches.enumerated() {
            let name = "launch \(number) (\(launch.label))"
            var touched: [(block: Int, access: CapturedSequence.Access)] = []
            for access in launch.accesses {
                let found = sequence.blocks.firstIndex {
                    $0.buffer == access.buffer && $0.bytes.lowerBound <= access.bytes.lowerBound
                        && access.bytes.upperBound <= $0.bytes.upperBound
                }
                guard let found else { return "\(name) touches bytes \(access.bytes), which are not the graph's" }
                touched.append((found, access))
            }
            for (block, access) in touched where !access.isWritten {
                switch sequence.blocks[block].role {
                case .given: break
                case .made where !written[block].contain(access.bytes):
                    return "\(name) reads bytes \(access.bytes), which no launch before it has written"
                case .kept where access.isOld && written[block].meet(access.bytes):
                    return "\(name) reads what a launch before it has replaced"
                case .kept where !access.isOld && !written[block].contain(access.bytes):
                    return "\(name) reads the new value at bytes \(access.bytes) before it is written"
                case .made, .kept: break
                }
            }
            for (block, access) in touched where access.isWritten {
                if sequence.blocks[block].role == .given { return "\(name) writes what was there before the capture" }
                written[block].add(access.bytes)
            }
        }
        for place in sequence.renewed {
            let isWhole = sequence.blocks.indices.contains {
                sequence.blocks[$0].buffer == place.buffer && written[$0].contain(place.bytes)
            }
            if !isWhole { return "what the next replay reads at bytes \(place.bytes) is not written whole" }
        }
        return nil
    }

    private func scalars() -> String? {
        if sequence.scalars.contains(where: { $0.traced != $0.given }) {
            return "a scalar is not what its source gives"
        }
        let random = sequence.constantOperations.first { name in
            name == PointwiseOperation.randomBits.name || name == PointwiseOperation.randomUniform.name
        }
        return random.map { "\($0) has no generator that a replay could ask" }
    }
}

/// Bytes, as ranges that do not meet.
private struct ByteRanges {
    private var ranges: [Range<Int>] = []

    mutating func add(_ range: Range<Int>) {
        var joined = range
        ranges.removeAll { other in
            guard other.lowerBound <= joined.upperBound && joined.lowerBound <= other.upperBound else { return false }
            joined = min(other.lowerBound, joined.lowerBound)..<max(other.upperBound, joined.upperBound)
            return true
        }
        ranges.append(joined)
    }

    func contain(_ range: Range<Int>) -> Bool {
        ranges.contains { $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound }
    }

    func meet(_ range: Range<Int>) -> Bool { ranges.contains { $0.overlaps(range) } }
}
