import TensorGraph
import TensorRuntime

/// What is known of an integer tensor's elements without reading them, because they came from the host.
///
/// It travels as the tag of the tensor's handle, where a float tensor has its gradient function: views, casts between
/// integers and gathers pass it on. So classes and indices are checked once, when their tensor is made, and a training
/// step compares two numbers.
final class KnownIntegers: Sendable {
    /// The smallest and the largest element, and those next to them among other values (the same where there is none):
    /// one value, as the class that a loss ignores, can be left out of account.
    private let least: Int64
    private let nextLeast: Int64
    private let nextLargest: Int64
    private let largest: Int64
    /// What is known of any part of the elements; nil where this is one.
    private let ofPart: KnownIntegers?

    private init(_ least: Int64, _ nextLeast: Int64, _ nextLargest: Int64, _ largest: Int64, isWhole: Bool) {
        self.least = least
        self.nextLeast = nextLeast
        self.nextLargest = nextLargest
        self.largest = largest
        ofPart = isWhole ? KnownIntegers(least, nextLeast, nextLargest, largest, isWhole: false) : nil
    }

    /// All integers of a range that is not empty.
    convenience init(all range: ClosedRange<Int64>) {
        let spreads = range.lowerBound < range.upperBound
        self.init(
            range.lowerBound, range.lowerBound + (spreads ? 1 : 0), range.upperBound - (spreads ? 1 : 0),
            range.upperBound, isWhole: true)
    }

    /// Elements as they lie in the host's memory; nil of no elements, or of floats.
    static func of(_ bytes: UnsafeRawBufferPointer, _ dtype: DType) -> KnownIntegers? {
        switch dtype {
        case .uint8: scan(bytes, UInt8.self)
        case .int32: scan(bytes, Int32.self)
        case .int64: scan(bytes, Int64.self)
        case .bool, .float16, .bfloat16, .float32, .float64: nil
        }
    }

    private static func scan<Element: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ type: Element.Type
    ) -> KnownIntegers? {
        let count = bytes.count / MemoryLayout<Element>.size
        guard count > 0 else { return nil }
        func element(_ index: Int) -> Element {
            bytes.loadUnaligned(fromByteOffset: index &* MemoryLayout<Element>.size, as: Element.self)
        }
        var (least, largest) = (Element.max, Element.min)
        for index in 0..<count {
            let value = element(index)
            least = Swift.min(least, value)
            largest = Swift.max(largest, value)
        }
        var (nextLeast, nextLargest) = (largest, least)
        for index in 0..<count {
            let value = element(index)
            nextLeast = Swift.min(nextLeast, value == least ? largest : value)
            nextLargest = Swift.max(nextLargest, value == largest ? least : value)
        }
        return KnownIntegers(Int64(least), Int64(nextLeast), Int64(nextLargest), Int64(largest), isWhole: true)
    }

    /// Whether the tensor holds the extremes; a part of one may not.
    var isWhole: Bool { ofPart != nil }

    /// The same of some of the elements.
    var part: KnownIntegers { ofPart ?? self }

    /// Whether this bit of an element that is not negative may be set.
    func mayHave(bit: Int) -> Bool { largest >= Int64(1) << Int64(bit) }

    /// An extreme that is outside of the range and is not `ignored`; nil where no element is.
    func outlier(of range: Range<Int64>, ignoring ignored: Int64?) -> Int64? {
        if least == largest && least == ignored { return nil }
        let low = least == ignored ? nextLeast : least
        let high = largest == ignored ? nextLargest : largest
        return range.contains(low) ? (range.contains(high) ? nil : high) : low
    }
}

extension Tensor {
    /// What is known of the elements of an integer tensor.
    var knownIntegers: KnownIntegers? {
        guard let tag = handle.tag, dtype.kind == .integer else { return nil }
        return tag as? KnownIntegers
    }

    /// Whether indices are where they may be.
    package enum IndexCheck {
        case inside
        /// One of them is not.
        case outside(Int64)
        /// They are on the device.
        case unknown
    }

    /// Whether all elements but `ignored` are in a range, as far as is known without reading them.
    package func checkIndices(in range: Range<Int>, ignoring ignored: Int? = nil) -> IndexCheck {
        if elementCount == 0 { return .inside }
        guard let known = knownIntegers else { return .unknown }
        let bounds = Int64(range.lowerBound)..<Int64(range.upperBound)
        guard let outlier = known.outlier(of: bounds, ignoring: ignored.map(Int64.init)) else { return .inside }
        return known.isWhole ? .outside(outlier) : .unknown
    }

    /// What is known of a view's or a cast's elements.
    @inline(never)
    func knowledge(of operation: NodeOperation, shape: Shape, dtype type: DType) -> KnownIntegers? {
        guard type.kind == .integer, let known = knownIntegers else { return nil }
        switch operation {
        case .permute, .reshape, .flip: return known
        case .expand: return shape.elementCount == 0 ? known.part : known
        case .slice: return known.part
        case .pointwise(.cast):
            let range: Range<Int64> =
                switch type {
                case .uint8: 0..<256
                case .int32: Int64(Int32.min)..<Int64(Int32.max) + 1
                case .int64, .bool, .float16, .bfloat16, .float32, .float64: .min ..< .max
                }
            return type == .int64 || known.outlier(of: range, ignoring: nil) == nil ? known : nil
        default: return nil
        }
    }
}
