import TensorRuntime

/// One place in a subscript that is no number or range: `x[.ellipsis, .newAxis, .range(0, nil, by: 2)]`.
public struct TensorIndex: TensorIndexable {
    enum Place: Sendable {
        /// One element of an axis, which goes; negative counts from the end.
        case index(Int)
        /// `start..<end`, `step` apart; nil is the axis's own end, negative counts from it. Cut off at the axis.
        case range(Int?, Int?, by: Int)
        case all, ellipsis, newAxis
        /// The elements of an axis that a tensor of integers names; its shape takes the axis's place. A mask chooses from as
        /// many axes as it has.
        case tensor(Tensor)
        /// A mask that was read: its shape, and for each of its axes the places where it is true.
        case mask(Shape, [Tensor])
    }

    let place: Place

    /// What follows the last place of a closed range; -1 is the last of the axis, so that its end follows.
    fileprivate static func end(after last: Int) -> Int? { last == -1 || last == .max ? nil : last + 1 }

    public var tensorIndex: TensorIndex { self }
}

/// What may stand in a tensor's subscript: integers, ranges, tensors of integers or bool, and ``TensorIndex``.
public protocol TensorIndexable: Sendable {
    /// The place that it stands for; negative numbers count from the end of the axis.
    var tensorIndex: TensorIndex { get }
}

extension TensorIndexable where Self == TensorIndex {
    /// All of an axis.
    public static var all: TensorIndex { TensorIndex(place: .all) }
    /// As many whole axes as are left over.
    public static var ellipsis: TensorIndex { TensorIndex(place: .ellipsis) }
    /// An axis of extent 1.
    public static var newAxis: TensorIndex { TensorIndex(place: .newAxis) }
    /// `start..<end`, `step` apart; nil is the axis's own end, and a negative number counts from it.
    public static func range(_ start: Int?, _ end: Int?, by step: Int = 1) -> TensorIndex {
        TensorIndex(place: .range(start, end, by: step))
    }
}

extension Int: TensorIndexable {
    public var tensorIndex: TensorIndex { TensorIndex(place: .index(self)) }
}
extension Tensor: TensorIndexable {
    public var tensorIndex: TensorIndex { TensorIndex(place: .tensor(self)) }
}
extension Range: TensorIndexable where Bound == Int {
    public var tensorIndex: TensorIndex { .range(lowerBound, upperBound) }
}
extension ClosedRange: TensorIndexable where Bound == Int {
    public var tensorIndex: TensorIndex { .range(lowerBound, TensorIndex.end(after: upperBound)) }
}
extension PartialRangeFrom: TensorIndexable where Bound == Int {
    public var tensorIndex: TensorIndex { .range(lowerBound, nil) }
}
extension PartialRangeUpTo: TensorIndexable where Bound == Int {
    public var tensorIndex: TensorIndex { .range(nil, upperBound) }
}
extension PartialRangeThrough: TensorIndexable where Bound == Int {
    public var tensorIndex: TensorIndex { .range(nil, TensorIndex.end(after: upperBound)) }
}

/// A subscript worked out for a shape: a slice, then axes that go or come, then what tensors choose.
struct ResolvedIndex {
    var starts = Shape()
    var extents = Shape()
    var steps = Shape()
    /// The shape after axes went and came.
    var result = Shape()
    /// The tensors of indices and the axes of ``result`` they choose from, in their order.
    var gathers: [(axis: Int, index: Tensor)] = []
    /// Whether all of them come from one mask, which names no place twice.
    var isOneMask = false

    /// Works out `indices` for `shape`, or says what is wrong.
    static func resolve(_ indices: [TensorIndex.Place], for shape: Shape) -> Result<ResolvedIndex, IndexProblem> {
        var resolved = ResolvedIndex()
        let used = indices.reduce(0) { count, index in
            switch index {
            case .newAxis, .ellipsis: count
            case .mask(let shape, _): count + shape.rank
            default: count + 1
            }
        }
        guard used <= shape.rank else {
            return .failure(IndexProblem("\(used) indices for shape \(shape)", "use \(shape.rank) at most"))
        }
        let rank = indices.reduce(shape.rank) { rank, index in
            switch index {
            case .newAxis: rank + 1
            case .index: rank - 1
            default: rank
            }
        }
        guard rank <= Shape.maximumRank else {
            return .failure(
                IndexProblem("a result of rank \(rank)", "use a rank of \(Shape.maximumRank) at most"))
        }
        var left = shape.rank - used
        var hasEllipsis = false
        for index in indices {
            switch index {
            case .newAxis: resolved.result.append(1)
            case .ellipsis:
                guard !hasEllipsis else { return .failure(IndexProblem("two ellipses", "use one")) }
                hasEllipsis = true
                while left > 0 {
                    resolved.takeAll(shape)
                    left -= 1
                }
            default:
                if let problem = resolved.take(index, shape) { return .failure(problem) }
            }
        }
        while resolved.extents.rank < shape.rank { resolved.takeAll(shape) }
        return .success(resolved)
    }

    private mutating func takeAll(_ shape: Shape) {
        let extent = shape[extents.rank]
        starts.append(0)
        extents.append(extent)
        steps.append(1)
        result.append(extent)
    }

    private mutating func take(_ index: TensorIndex.Place, _ shape: Shape) -> IndexProblem? {
        let axis = extents.rank
        let extent = shape[axis]
        switch index {
        case .index(let place):
            guard place >= -extent, place < extent else {
                return IndexProblem(
                    "index \(place) is outside axis \(axis) of shape \(shape)", "use \(-extent)..<\(extent)")
            }
            starts.append(place < 0 ? place + extent : place)
            extents.append(1)
            steps.append(1)
        case .range(let low, let high, by: let step):
            guard step > 0 else {
                return IndexProblem("step \(step)", "use a step of at least 1, and flip() to reverse")
            }
            let start = clip(low ?? 0, extent)
            let end = clip(high ?? extent, extent)
            let count = end > start ? (end - start - 1) / step + 1 : 0
            starts.append(count == 0 ? 0 : start)
            extents.append(count)
            steps.append(count <= 1 ? 1 : step)
            result.append(count)
        case .tensor(let places):
            guard places.dtype.kind == .integer else {
                return IndexProblem(
                    "a tensor of \(places.dtype)\(places.shape) as index",
                    "use integers, or a mask of bool with dimensions")
            }
            isOneMask = false
            gathers.append((result.rank, places))
            takeAll(shape)
        case .mask(let mask, let places):
            let own = Shape(shape[axis..<axis + mask.rank])
            guard own == mask else {
                return IndexProblem("a mask of shape \(mask) for axes of shape \(own)", "use a mask of their shape")
            }
            isOneMask = gathers.isEmpty
            for index in places {
                gathers.append((result.rank, index))
                takeAll(shape)
            }
        case .all: takeAll(shape)
        case .ellipsis, .newAxis: break
        }
        return nil
    }

    private func clip(_ place: Int, _ extent: Int) -> Int {
        Swift.min(Swift.max(place < 0 ? place + extent : place, 0), extent)
    }
}

/// Why a subscript does not fit a shape.
struct IndexProblem: Error {
    var problem: String
    var remedy: String

    init(_ problem: String, _ remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }
}
