/// The words of a signature, in memory that is kept from one to the next.
///
/// Not an array: that asks at every word who else has it and whether there is room.
final class SignatureWords {
    private var base: UnsafeMutablePointer<UInt64>
    private var capacity = 1024
    @exclusivity(unchecked) private var count = 0

    init() { base = .allocate(capacity: capacity) }

    deinit { base.deallocate() }

    var values: UnsafeBufferPointer<UInt64> { UnsafeBufferPointer(start: base, count: count) }

    func removeAll() { count = 0 }

    /// Makes room for `additional` words.
    @inline(__always)
    func reserve(_ additional: Int) {
        if count + additional > capacity { grow(to: 2 * (count + additional)) }
    }

    /// Adds a word, for which there is room.
    @inline(__always)
    func push(_ word: UInt64) {
        base[count] = word
        count += 1
    }

    @inline(never)
    private func grow(to size: Int) {
        let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: size)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity = size
    }
}
