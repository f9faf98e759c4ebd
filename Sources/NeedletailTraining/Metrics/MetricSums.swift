import Needletail
import TensorGraph
import TensorRuntime

/// Sums that a metric keeps on the device, each under a name, and how many examples they are of.
///
/// Integers count exactly. With a float goes what its roundings have lost, so that a sum does not stand still where an addend is
/// less than half a unit of its last place (a float32 that counts by ones, at 2^24).
///
/// A captured graph adds to them at each replay, as a step that is not captured does.
public final class MetricSums {
    /// Of the totals so far and a batch's addends, the new totals. Element by element, with axes that are as long in both or 1.
    public typealias Combination = (_ totals: [Tensor], _ addends: [Tensor]) -> [Tensor]

    /// How addends join totals.
    enum Rule {
        /// The new totals.
        case combine(Combination)
        /// What totals grow by, of the totals, what their roundings have lost, and the addends.
        case grow((_ totals: [Tensor], _ rests: [Tensor?], _ addends: [Tensor]) -> [Tensor])
        /// Addends are what totals grow by.
        case add
    }

    /// Totals, and behind the floats among them, what their roundings have lost.
    private struct Sums {
        var totals: [Tensor]
        var rests: [Tensor?]
    }

    /// Numbers of a saved state.
    private struct Restored {
        var totals: [[Double]]
        var rests: [[Double]?]
    }

    /// What the sums are called in a saved state, in their order.
    public let names: [String]
    /// What decides what is counted: sums of other settings are not merged.
    var settings = ""
    private let rule: Rule
    private let complaint: ([[Double]], Int) -> String?
    private var sums: Sums?
    /// Row-major numbers that the next addends take up: on their device, in their dtypes and shapes.
    private var restored: Restored?
    /// How many numbers of each sum mean something: those behind them make tables of several metrics equally wide. Nil is all.
    private var used: [Int]?
    /// How many examples were added.
    public private(set) var count = 0

    /// Sums to which addends are added.
    ///
    /// - Parameter names: of the sums, in a saved state.
    public convenience init(_ names: String...) { self.init(names, .add) }

    /// Sums that addends join in another way.
    ///
    /// - Parameters:
    ///   - names: of the sums, in a saved state.
    ///   - combine: how addends join totals. Only traced, and the same at each call.
    public convenience init(_ names: String..., combine: @escaping Combination) { self.init(names, .combine(combine)) }

    /// - Parameter complaint: what is wrong with a saved state's numbers and count; nil is nothing.
    init(_ names: [String], _ rule: Rule, complaint: @escaping ([[Double]], Int) -> String? = { _, _ in nil }) {
        self.names = names
        self.rule = rule
        self.complaint = complaint
    }

    /// Adds a batch of `count` examples: an addend for each name. Only traces. The first addends say device, dtypes and shapes
    /// of all.
    public func add(_ addends: Tensor..., count: Int) { add(addends, count: count) }

    /// - Parameter used: how many numbers of each addend mean something, the same each time; nil is all.
    func add(_ addends: [Tensor], count added: Int, using used: [Int]? = nil) {
        self.used = used
        let capture = Capture.current
        if let capture {
            capture.own(self)
            let before = count
            capture.atEnd { [self] in count = before }
            capture.append(HostStep { [self] in count += added })
        }
        withNoGrad {
            let values = addends.map { $0.detach() }
            sums = sums(like: values).map { joined($0, values) } ?? Sums(totals: values, rests: zeros(like: values))
        }
        count += added
        capture?.didChange(self)
    }

    private func joined(_ sums: Sums, _ addends: [Tensor]) -> Sums {
        let growth: [Tensor]
        switch rule {
        case .combine(let combine): return Sums(totals: combine(sums.totals, addends), rests: sums.rests)
        case .grow(let grow): growth = grow(sums.totals, sums.rests, addends)
        case .add: growth = addends
        }
        var result = sums
        for place in growth.indices {
            guard let rest = sums.rests[place] else {
                result.totals[place] = sums.totals[place] + growth[place]
                continue
            }
            // Knuth's sum of two numbers and its error, The Art of Computer Programming, volume 2, 4.2.2.
            let (total, addend) = (sums.totals[place], growth[place])
            let sum = total + addend
            let taken = sum - total
            let lost = (total - (sum - taken)) + (addend - taken)
            result.totals[place] = sum
            result.rests[place] = rest + lost
        }
        return result
    }

    /// Of floats that are added.
    private func zeros(like values: [Tensor]) -> [Tensor?] {
        if case .combine = rule { return values.map { _ in nil } }
        return values.map { $0.dtype.isFloat ? Tensor.zerosLike($0) : nil }
    }

    /// The sums so far, restored ones as tensors like the addends.
    private func sums(like addends: [Tensor]) -> Sums? {
        guard let restored else { return sums }
        self.restored = nil
        return withDeviceContext(addends[0].context) {
            var result = Sums(totals: [], rests: zeros(like: addends))
            for (place, addend) in addends.enumerated() {
                let numbers = padded(restored.totals[place], place, like: addend)
                result.totals.append(MetricSums.tensor(numbers, like: addend))
                guard result.rests[place] != nil else { continue }
                // Of merged sums the float64 holds more than a float32 does.
                let lost = addend.dtype == .float32 ? numbers.map { $0.isFinite ? $0 - Double(Float($0)) : 0 } : nil
                let saved = restored.rests[place].map { padded($0, place, like: addend) }
                let rest = numbers.indices.map { (lost?[$0] ?? 0) + (saved?[$0] ?? 0) }
                result.rests[place] = MetricSums.tensor(rest, like: addend)
            }
            return result
        }
    }

    /// With zeros where addends have numbers that mean nothing; none where other numbers mean something.
    private func padded(_ numbers: [Double], _ place: Int, like addend: Tensor) -> [Double] {
        guard let used else { return numbers }
        guard numbers.count == used[place] else { return [] }
        return numbers + Array(repeating: 0, count: Swift.max(addend.elementCount - numbers.count, 0))
    }

    private static func tensor(_ numbers: [Double], like addend: Tensor) -> Tensor {
        guard numbers.count == addend.elementCount,
            addend.dtype.isFloat || numbers.allSatisfy({ Int64(exactly: $0) != nil })
        else {
            let error = TensorError(
                .data, "a metric's saved state does not fit its batches; restore the state of such a metric")
            return Tensor(addend.context.failed(error, shape: addend.shape, dtype: addend.dtype))
        }
        return addend.dtype.isFloat
            ? Tensor(numbers, shape: addend.shape, dtype: addend.dtype)
            : Tensor(numbers.map { Int64($0) }, shape: addend.shape, dtype: addend.dtype)
    }

    /// The numbers of all sums, row-major, in the order of their names; nil of nothing. Waits for the device.
    public func numbers() throws(TensorError) -> [[Double]]? {
        guard let found = try found() else { return nil }
        return zip(found.totals, found.rests).map { totals, rests in
            guard let rests else { return totals }
            // What is lost of an infinite sum is no number.
            return zip(totals, rests).map { $0.isFinite ? $0 + $1 : $0 }
        }
    }

    private func found() throws(TensorError) -> Restored? {
        if let restored { return restored }
        guard let sums else { return nil }
        // One evaluation for all.
        try evaluate(sums.totals + sums.rests.compactMap { $0 })
        var result = Restored(totals: [], rests: [])
        for (place, (total, rest)) in zip(sums.totals, sums.rests).enumerated() {
            let count = used?[place] ?? total.elementCount
            result.totals.append(Array(try MetricSums.numbers(of: total).prefix(count)))
            let numbers = try rest.map { (rest) throws(TensorError) in try MetricSums.numbers(of: rest) }
            result.rests.append(numbers.map { Array($0.prefix(count)) })
        }
        return result
    }

    private static func numbers(of sum: Tensor) throws(TensorError) -> [Double] {
        switch sum.dtype {
        case .float64: try sum.scalars()
        case .float32, .float16, .bfloat16: try sum.scalars(as: Float.self).map(Double.init)
        case .int64, .int32, .uint8, .bool: try sum.scalars(as: Int64.self).map(Double.init)
        }
    }

    /// How many numbers the last sum has; nil of nothing.
    var elementCount: Int? {
        restored?.totals.last?.count ?? sums.flatMap { used?.last ?? $0.totals.last?.elementCount }
    }

    /// Starts anew.
    public func reset() {
        sums = nil
        restored = nil
        count = 0
    }

    /// Takes the place of what was added.
    private func restore(_ numbers: Restored, count: Int) {
        reset()
        self.count = count
        if count > 0 { restored = numbers }
    }

    /// Adds what another of the same names has added. Waits for the device where the two are on different ones, one was
    /// restored, or the sums grow by more than the addends.
    ///
    /// - Throws: also `invalidArgument` where settings or the tables' sizes differ.
    func merge(_ other: MetricSums) throws(TensorError) {
        guard settings == other.settings else {
            throw TensorError(
                .invalidArgument,
                "merge: a metric with \(settings), and another with \(other.settings); merge metrics that were made "
                    + "alike")
        }
        guard other.count > 0 else { return }
        if sums != nil, other.sums != nil, used != other.used { throw MetricSums.otherTables(used, other.used) }
        let isPlain: Bool
        if case .grow = rule { isPlain = false } else { isPlain = true }
        guard isPlain, restored == nil, other.restored == nil, let theirs = other.sums,
            sums.map({ $0.totals[0].shares(theirs.totals[0]) }) ?? true
        else {
            guard let addends = try other.numbers() else { return }
            var all = addends
            if let totals = try numbers() {
                let (own, added) = (totals.map(\.count), addends.map(\.count))
                if used != nil || other.used != nil, own != added { throw MetricSums.otherTables(own, added) }
                all = try joined(totals, addends)
            }
            return restore(Restored(totals: all, rests: all.map { _ in nil }), count: count + other.count)
        }
        add(theirs.totals, count: other.count, using: other.used)
        if case .add = rule {
            withNoGrad {
                for (place, rest) in theirs.rests.enumerated() {
                    if let rest, let own = sums?.rests[place] { sums?.rests[place] = own + rest }
                }
            }
        }
    }

    private static func otherTables(_ own: [Int]?, _ theirs: [Int]?) -> TensorError {
        TensorError(
            .invalidArgument,
            "merge: tables of \(own ?? []) numbers, and the other metric's of \(theirs ?? []); merge metrics of as many classes "
                + "and bins")
    }

    /// In float64, which the CPU has.
    private func joined(_ totals: [[Double]], _ addends: [[Double]]) throws(TensorError) -> [[Double]] {
        let context = try deviceContext(.cpu)
        let all = withNoGrad {
            withDeviceContext(context) { () -> Sums in
                let values = totals.map { Tensor($0) }
                return joined(Sums(totals: values, rests: zeros(like: values)), addends.map { Tensor($0) })
            }
        }
        var result: [[Double]] = []
        for total in all.totals { result.append(try total.scalars()) }
        return result
    }

    /// What a checkpoint keeps: the sums under their names, what their roundings have lost, and `count`.
    func state() throws(TensorError) -> MetricState {
        var state = MetricState(["count": [Double(count)]])
        guard let found = try found() else { return state }
        for (place, name) in names.enumerated() {
            state.numbers[name] = found.totals[place]
            if let rests = found.rests[place] { state.numbers["\(name)_rest"] = rests }
        }
        return state
    }

    /// - Parameter metric: for errors.
    func restore(_ state: MetricState, of metric: String) throws(TensorError) {
        let count = try state.count("count", of: metric)
        var numbers = Restored(totals: [], rests: [])
        if count > 0 {
            for name in names {
                let found = try state.numbers(name, of: metric)
                guard !found.isEmpty else {
                    throw TensorError(
                        .data, "\(metric): the saved state has no numbers under '\(name)'; restore another state")
                }
                numbers.totals.append(found)
                // States of earlier versions have none.
                let rest = "\(name)_rest"
                guard state.numbers[rest] != nil else {
                    numbers.rests.append(nil)
                    continue
                }
                numbers.rests.append(try state.numbers(rest, count: found.count, of: metric))
            }
            if let problem = complaint(numbers.totals, count) {
                throw TensorError(.data, "\(metric): the saved state has \(problem); restore another state")
            }
        }
        restore(numbers, count: count)
    }
}

extension MetricSums: Carrier {
    package var carriedCount: Int { 2 * names.count }

    package func carried(_ index: Int) -> Handle? {
        index < names.count ? sums?.totals[index].handle : sums?.rests[index - names.count]?.handle
    }

    package func setCarried(_ handles: [Handle?]) {
        let tensors = handles.map { $0.map { Tensor($0) } }
        let totals = tensors.prefix(names.count).compactMap { $0 }
        sums = totals.count == names.count ? Sums(totals: totals, rests: Array(tensors.suffix(names.count))) : nil
    }

    package var carrierName: String { "a metric's sums" }
}

extension Tensor {
    /// How many elements of a bool tensor are true, by axis; exact, as integers. Of all axes where none are given.
    func countOfTrue(axes: [Int]? = nil, keepDims: Bool = false) -> Tensor {
        // A float32 counts up to 2^24, and is summed as fast as anything.
        guard elementCount < 1 << 24 else {
            return axes.map { self.sum(axes: $0, keepDims: keepDims) } ?? self.sum()
        }
        let ones = to(.float32)
        return (axes.map { ones.sum(axes: $0, keepDims: keepDims) } ?? ones.sum()).to(.int64)
    }
}

/// Tables in which metrics count: for each example a cell is compared with all, and columns are summed.
enum MetricTable {
    /// Tables of up to this many cells are compared and summed, in kernels that fuse; larger ones are scattered to.
    static let comparedCells = 1024

    /// How wide a table of `cells` cells is made, of a metric of so many classes: as wide as those of other metrics of these classes, so
    /// that one kernel makes them all.
    static func width(classes: Int, cells: Int) -> Int {
        let common = Swift.max(classes * classes, 32)
        return cells <= common && common <= comparedCells ? common : cells
    }
}

/// A metric that is made of sums over examples, kept on the device: it says how a batch is added and what the sums mean, and
/// has all else.
///
///     final class Recognized: SummedMetric {
///         let name = "recognized"
///         let sums = MetricSums("right")
///
///         func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
///             sums.add((outputs.argmax(-1) .== labels).sum(), count: labels.elementCount)
///         }
///
///         func value() throws(TensorError) -> Double? { try sums.numbers().map { $0[0][0] / Double(count) } }
///     }
public protocol SummedMetric: Metric {
    /// Where what was seen so far is added up.
    var sums: MetricSums { get }
}

extension SummedMetric {
    /// How many examples were added.
    public var count: Int { sums.count }

    public func reset() { sums.reset() }

    /// Adds what another, with the same settings, has added.
    ///
    /// - Throws: `invalidArgument` where settings or numbers of classes differ; as ``Metric/value()``, where the two are on
    ///   different devices or one was restored.
    public func merge(_ other: Self) throws(TensorError) { try sums.merge(other.sums) }

    public func state() throws(TensorError) -> MetricState { try sums.state() }
    public func restore(_ state: MetricState) throws(TensorError) { try sums.restore(state, of: name) }
}
