import Synchronization
import TensorRuntime

/// Device memory that evaluated nodes share: a value and views of it.
///
/// Safety: `maker` is written before others see the storage, and under the context's lock where a graph is replayed;
/// `ownerCount`, `keeperCount`, `failure` and `guards` are touched only under the lock of the ``DeviceContext`` whose nodes
/// hold the storage.
final class Storage: @unchecked Sendable {
    let block: MemoryBlock
    /// The work that fills it.
    @exclusivity(unchecked) var maker = Maker()
    /// Nodes that hold this storage. Donation asks whether all of them are inside one trace.
    @exclusivity(unchecked) var ownerCount = 0
    /// How many of the owners are graphs, which read or write it at each replay.
    @exclusivity(unchecked) var keeperCount = 0
    /// Why there are no elements that may be read, if so.
    var failure: Failure?
    /// Flags that say so once they are read.
    var guards: [Guard] = []
    /// Set, by whose turn it is, when the work that was to fill the storage failed.
    private let poisoned = Atomic<Bool>(false)
    private static let poisoningCount = Atomic(0)

    /// How many storages were poisoned so far: while it is the same, whoever found none among some need not look again.
    static var poisonings: Int { poisoningCount.load(ordering: .acquiring) }

    /// Which submission makes the elements, on which stream.
    struct Maker {
        /// Nil for a copy from the host beside all streams, which every stream waits for by itself. It lives as long as its
        /// context.
        unowned(unsafe) var stream: StreamContext?
        var submission: UInt64 = 0
    }

    init(block: MemoryBlock) { self.block = block }

    var isPoisoned: Bool { poisoned.load(ordering: .relaxed) }
    func poison() {
        poisoned.store(true, ordering: .relaxed)
        Storage.poisoningCount.add(1, ordering: .releasing)
    }
    /// Of a graph's result, once a replay computes it.
    func revive() { poisoned.store(false, ordering: .relaxed) }
}
