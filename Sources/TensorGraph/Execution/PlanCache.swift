import TensorRuntime

/// Plans by signature, compared in full. Past a bound of memory those that were used longest ago go.
///
/// Safety: touched only under the lock of its ``DeviceContext``.
final class PlanCache {
    enum Entry {
        case found(Plan)
        /// Somebody makes it; wait, then look again.
        case making(Landing)
        /// Nobody has made it: the caller now does, and calls ``insert(_:words:hash:)`` or ``giveUp(words:hash:)``.
        case missing
    }

    private struct Record {
        let words: [UInt64]
        /// Nil while it is being made.
        var plan: Plan?
        var landing: Landing?
        var lastUse: UInt64 = 0
        var byteCount: Int
    }

    /// About so many bytes of signatures, plans and their kernels are kept.
    let byteLimit: Int
    private var buckets: [UInt64: [Record]] = [:]
    private var byteCount = 0
    private var uses: UInt64 = 0

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    static func hash(_ words: UnsafeBufferPointer<UInt64>) -> UInt64 {
        var h: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(words.count)
        for word in words {
            h = (h ^ word) &* 0xFF51_AFD7_ED55_8CCD
            h ^= h >> 32
        }
        return h
    }

    func look(for words: UnsafeBufferPointer<UInt64>, hash: UInt64) -> Entry {
        if let index = place(words, hash) {
            guard let plan = buckets[hash]![index].plan else {
                let landing = buckets[hash]![index].landing ?? Landing()
                buckets[hash]![index].landing = landing
                return .making(landing)
            }
            uses += 1
            buckets[hash]![index].lastUse = uses
            return .found(plan)
        }
        buckets[hash, default: []].append(Record(words: Array(words), byteCount: 0))
        return .missing
    }

    func insert(_ plan: Plan, words: UnsafeBufferPointer<UInt64>, hash: UInt64) {
        guard let index = place(words, hash) else { return }
        let size = words.count * 8 + plan.hostByteCount
        byteCount += size
        if byteCount > byteLimit { evict() }
        uses += 1
        let landing = buckets[hash]![index].landing
        buckets[hash]![index].plan = plan
        buckets[hash]![index].landing = nil
        buckets[hash]![index].lastUse = uses
        buckets[hash]![index].byteCount = size
        landing?.open()
    }

    /// There will be no plan: whoever waits for it tries itself.
    func giveUp(words: UnsafeBufferPointer<UInt64>, hash: UInt64) {
        guard let index = place(words, hash) else { return }
        let landing = buckets[hash]![index].landing
        remove(index, hash)
        landing?.open()
    }

    private func place(_ words: UnsafeBufferPointer<UInt64>, _ hash: UInt64) -> Int? {
        buckets[hash]?.firstIndex { $0.words.elementsEqual(words) }
    }

    private func remove(_ index: Int, _ hash: UInt64) {
        buckets[hash]!.remove(at: index)
        if buckets[hash]!.isEmpty { buckets[hash] = nil }
    }

    /// Drops what was used longest ago, an eighth more than has to go, so that it is not looked for at each plan.
    private func evict() {
        var made: [(lastUse: UInt64, byteCount: Int)] = []
        for records in buckets.values {
            for record in records where record.plan != nil {
                made.append((record.lastUse, record.byteCount))
            }
        }
        made.sort { $0.lastUse < $1.lastUse }
        var rest = byteCount
        var oldest: UInt64 = 0
        for record in made where rest > byteLimit / 8 * 7 {
            rest -= record.byteCount
            oldest = record.lastUse
        }
        byteCount = rest
        for (hash, records) in buckets {
            let kept = records.filter { $0.plan == nil || $0.lastUse > oldest }
            if kept.count < records.count { buckets[hash] = kept.isEmpty ? nil : kept }
        }
    }
}
