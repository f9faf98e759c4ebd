/// The extents of a tensor, stored inline. Rank 0 is one element.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, RandomAccessCollection, MutableCollection,
    CustomStringConvertible
{
    /// The largest rank of a tensor.
    public static let maximumRank = 8

    @usableFromInline var storage: InlineExtents
    @usableFromInline var rankStorage: UInt8

    /// The number of dimensions, 0...8.
    @inlinable public var rank: Int { Int(rankStorage) }

    /// The shape of one element: rank 0.
    @inlinable public init() {
        storage = InlineExtents()
        rankStorage = 0
    }

    /// A shape of `rank` dimensions, all of extent `value`. One of more than 8 is not valid, as with the other initialisers.
    @inlinable public init(repeating value: Int, rank: Int) {
        self.init()
        guard rank >= 0 && rank <= Shape.maximumRank else {
            self = rank < 0 ? Shape.negativeRank(rank) : Shape.overlong(rank)
            return
        }
        rankStorage = UInt8(rank)
        for index in 0..<rank { storage[index] = value }
    }

    /// The extents in order. More than 8 give a shape that is not valid (``isValid``): every function that takes a shape
    /// refuses it.
    @inlinable public init<S: Sequence>(_ extents: S) where S.Element == Int {
        self.init()
        var count = 0
        for extent in extents {
            if count < Shape.maximumRank { append(extent) }
            count += 1
        }
        if count > Shape.maximumRank { self = Shape.overlong(count) }
    }

    /// The extents, slowest first: `[batch, 3, 32, 32]`. More than 8 give a shape that is not valid.
    @inlinable @inline(__always) public init(arrayLiteral elements: Int...) {
        self.init()
        if elements.count > Shape.maximumRank {
            self = Shape.overlong(elements.count)
        } else {
            for index in 0..<elements.count { append(elements[index]) }
        }
    }

    /// Adds a dimension behind the others; to 8 of them, the shape is not valid afterwards.
    @inlinable public mutating func append(_ extent: Int) {
        guard rankStorage < 8 else {
            self = Shape.overlong(Int(rankStorage) + 1)
            return
        }
        storage[Int(rankStorage)] = extent
        rankStorage += 1
    }

    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { rank }

    /// The extent of a dimension. A number outside of `0..<rank` is a wrong call.
    @inlinable public subscript(index: Int) -> Int {
        get {
            guard index >= 0 && index < rank else { return outside(index) }
            return storage[index]
        }
        set {
            guard index >= 0 && index < rank else {
                _ = outside(index)
                return
            }
            storage[index] = newValue
        }
    }

    /// The number of elements: the product of the extents; `Int.max` where that is more than an Int holds.
    @inlinable public var elementCount: Int {
        var count = 1
        for index in 0..<rank {
            let (product, overflows) = count.multipliedReportingOverflow(by: storage[index])
            if overflows { return .max }
            count = product
        }
        return count
    }

    /// Whether it is one of a tensor: no extent is negative, and any element's bytes can be counted.
    public var isValid: Bool {
        var count = 1
        for index in 0..<rank {
            let extent = storage[index]
            if extent < 0 { return false }
            // Empty too, its other extents must have a product.
            let (product, overflows) = count.multipliedReportingOverflow(by: Swift.max(extent, 1))
            if overflows { return false }
            count = product
        }
        return count <= Int.max / 64
    }

    /// Row-major strides, in elements. Extents of 1 and empty shapes get the strides they would have anyway.
    @inlinable public var contiguousStrides: Strides {
        var strides = Shape(repeating: 0, rank: rank)
        var next = 1
        for index in stride(from: rank - 1, through: 0, by: -1) {
            strides.storage[index] = next
            next &*= Swift.max(storage[index], 1)
        }
        return strides
    }

    /// `axis` counted from the front; nil where it is outside -rank..<rank. Rank 0 accepts 0 and -1, as PyTorch does.
    @inlinable public func normalizedAxis(_ axis: Int) -> Int? {
        let limit = Swift.max(rank, 1)
        guard axis >= -limit, axis < limit else { return nil }
        return axis < 0 ? axis + limit : axis
    }

    /// Without one dimension; the shape itself where it has none of that number.
    public func removing(axis: Int) -> Shape {
        var result = Shape()
        for index in 0..<rank where index != axis { result.append(storage[index]) }
        return result
    }

    /// The first `count` dimensions.
    @inlinable public func leading(_ count: Int) -> Shape {
        guard count >= 0 && count <= rank else {
            _ = outside(count)
            return self
        }
        var result = self
        for index in count..<rank { result.storage[index] = 0 }
        result.rankStorage = UInt8(count)
        return result
    }

    /// With a dimension more, before the one that stands at `axis`; behind all where it is the rank.
    public func inserting(_ extent: Int, at axis: Int) -> Shape {
        var result = Shape()
        for index in 0...rank {
            if index == axis { result.append(extent) }
            if index < rank { result.append(storage[index]) }
        }
        return result
    }

    /// The shape two tensors broadcast to by
    /// [NumPy's rule](https://numpy.org/doc/stable/user/basics.broadcasting.html), or nil.
    public func broadcast(with other: Shape) -> Shape? {
        if self == other { return self }
        let rank = Swift.max(rank, other.rank)
        var result = Shape(repeating: 1, rank: rank)
        for index in 0..<rank {
            let a = index - (rank - self.rank)
            let b = index - (rank - other.rank)
            let x = a < 0 ? 1 : storage[a]
            let y = b < 0 ? 1 : other.storage[b]
            guard x == y || x == 1 || y == 1 else { return nil }
            result.storage[index] = x == 1 ? y : x
        }
        return result.isValid ? result : nil
    }

    /// `[64, 10]`; `[9 extents]` of more than a shape can have.
    public var description: String {
        if isOverlong { return "[\(storage[0] - Int.min) extents]" }
        return "[" + map(String.init).joined(separator: ", ") + "]"
    }
}

// MARK: - Wrong calls

extension Shape {
    /// What stands for more extents than a shape can have, without them. It is not valid.
    @usableFromInline @inline(never) static func overlong(_ count: Int) -> Shape {
        var result = Shape()
        result.rankStorage = 1
        result.storage[0] = Int.min + count
        return result
    }

    /// Whether there were more extents than a shape can have.
    package var isOverlong: Bool { rankStorage == 1 && storage[0] < Int.min + 1 << 32 && storage[0] > .min }

    @usableFromInline @inline(never) static func negativeRank(_ rank: Int) -> Shape {
        WrongCall.report(
            TensorError(.invalidArgument, "Shape: rank \(rank); use 0...\(maximumRank) dimensions"), at: nil)
        return Shape()
    }

    /// An axis that the shape does not have. Inside `checked` its extent is 1.
    @usableFromInline @inline(never) func outside(_ axis: Int) -> Int {
        WrongCall.report(
            TensorError(
                .invalidArgument,
                "Shape: axis \(axis) is outside rank \(rank) of \(self); use an index in 0..<\(rank)"), at: nil)
        return 1
    }
}

/// Element distances, one per dimension: 0 for a broadcast dimension, negative for a flipped one.
public typealias Strides = Shape

/// Eight integers in place, unused ones 0.
///
/// Not a `SIMD8`: its alignment of 64 bytes would make every structure and object that holds a shape half as large again,
/// and objects are then allocated the slow way.
@usableFromInline struct InlineExtents: Hashable, Sendable {
    @usableFromInline var values: (Int, Int, Int, Int, Int, Int, Int, Int)

    @inlinable init() { values = (0, 0, 0, 0, 0, 0, 0, 0) }

    /// `index` is within 0..<8.
    @inlinable subscript(index: Int) -> Int {
        get { withUnsafeBytes(of: values) { $0.load(fromByteOffset: index &* MemoryLayout<Int>.stride, as: Int.self) } }
        set {
            withUnsafeMutableBytes(of: &values) {
                $0.storeBytes(of: newValue, toByteOffset: index &* MemoryLayout<Int>.stride, as: Int.self)
            }
        }
    }

    @inlinable static func == (a: InlineExtents, b: InlineExtents) -> Bool {
        let (x, y) = (a.values, b.values)
        let low = (x.0 ^ y.0) | (x.1 ^ y.1) | (x.2 ^ y.2) | (x.3 ^ y.3)
        let high = (x.4 ^ y.4) | (x.5 ^ y.5) | (x.6 ^ y.6) | (x.7 ^ y.7)
        return low | high == 0
    }

    @inlinable func hash(into hasher: inout Hasher) {
        for index in 0..<8 { hasher.combine(self[index]) }
    }
}
