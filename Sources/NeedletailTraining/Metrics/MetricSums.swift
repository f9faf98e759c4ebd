import Needletail
import TensorGraph
import TensorRuntime

/// Sums that a metric keeps on the device, and how many examples they are of.
///
/// A captured graph adds to them at each replay, as a step that is not captured does.
final class MetricSums {
    private var sums: [Tensor?]
    /// Numbers of a saved state, row-major, that the next addend takes up: on its device, in its dtype and shape.
    private var restored: [[Double]]?
    private(set) var count = 0

    /// - Parameter slots: how many sums there are.
    init(slots: Int = 1) { sums = Array(repeating: nil, count: slots) }

    /// The shape of a sum; nil where nothing was added yet.
    func shape(_ slot: Int = 0) -> Shape? { sums[slot]?.shape }

    /// Adds to each sum.
    func add(_ addends: [Tensor], count added: Int) {
        let capture = Capture.current
        if let capture {
            capture.own(self)
            let before = count
            capture.atEnd { [self] in count = before }
            capture.append(HostStep { [self] in count += added })
        }
        withNoGrad {
            takeUp(like: addends)
            for (slot, addend) in addends.enumerated() {
                sums[slot] = sums[slot].map { $0 + addend.detach() } ?? addend.detach()
            }
        }
        count += added
        capture?.didChange(self)
    }

    private func takeUp(like addends: [Tensor]) {
        guard let restored else { return }
        self.restored = nil
        for (slot, addend) in addends.enumerated() {
            let numbers = restored[slot]
            sums[slot] = withDeviceContext(addend.context) {
                addend.dtype.isFloat
                    ? Tensor(numbers, shape: addend.shape, dtype: addend.dtype)
                    : Tensor(numbers.map { Int64($0) }, shape: addend.shape, dtype: addend.dtype)
            }
        }
    }

    /// A sum's numbers, row-major; nil of nothing. Waits for the device.
    func numbers(_ slot: Int = 0) throws(TensorError) -> [Double]? {
        if let restored { return restored[slot] }
        guard let sum = sums[slot] else { return nil }
        switch sum.dtype {
        case .float64: return try sum.scalars()
        case .float32, .float16, .bfloat16: return try sum.scalars(as: Float.self).map(Double.init)
        case .int64, .int32, .uint8, .bool: return try sum.scalars(as: Int64.self).map(Double.init)
        }
    }

    /// How many numbers a sum has; nil of nothing.
    func elementCount(_ slot: Int = 0) -> Int? { restored?[slot].count ?? sums[slot]?.elementCount }

    /// Takes the place of what was added.
    func restore(_ numbers: [[Double]], count: Int) {
        reset()
        self.count = count
        if count > 0 { restored = numbers }
    }

    func reset() {
        for slot in sums.indices { sums[slot] = nil }
        restored = nil
        count = 0
    }

    /// Adds what another has added. Waits for the device where the two are on different ones, or the other was restored.
    func merge(_ other: MetricSums) throws(TensorError) {
        guard other.count > 0 else { return }
        let theirs = other.sums.compactMap { $0 }
        let isNear = theirs.count == sums.count && (sums[0].map { $0.shares(theirs[0]) } ?? true)
        if other.restored == nil, isNear { return add(theirs, count: other.count) }
        var totals: [[Double]] = []
        for slot in sums.indices {
            let addends = try other.numbers(slot) ?? []
            let numbers = try numbers(slot) ?? Array(repeating: 0, count: addends.count)
            totals.append(zip(numbers, addends).map { $0 + $1 })
        }
        restore(totals, count: count + other.count)
    }
}

extension MetricSums: Carrier {
    package var carriedCount: Int { sums.count }
    package func carried(_ index: Int) -> Handle? { sums[index]?.handle }
    package func setCarried(_ handles: [Handle?]) { sums = handles.map { $0.map { Tensor($0) } } }
    package var carrierName: String { "a metric's sum" }
}
