import TensorRuntime

/// Which elements of a flat tensor are which parameter's, and what rules do with them parameter by parameter.
///
/// All tensors here lie flat as the layout says: rank 1, ``elementCount`` elements.
public final class ParameterLayout: Sendable {
    /// A parameter in the flat tensor.
    public struct Segment: Sendable {
        /// The name that the optimizer was given; else the parameter's number in it.
        public let name: String
        /// Of the parameter itself; its elements lie in ``range``.
        public let shape: Shape
        /// Its elements, row-major.
        public let range: Range<Int>
    }

    /// In the order in which they lie, without a gap.
    public let segments: [Segment]
    private let places = Lock<Tensor?>(nil)
    private let parts = Lock<[Range<Int>: ParameterLayout]>([:])

    init(_ segments: [Segment]) { self.segments = segments }

    convenience init(names: [String], shapes: [Shape]) {
        var start = 0
        self.init(
            zip(names, shapes).map { name, shape in
                defer { start += shape.elementCount }
                return Segment(name: name, shape: shape, range: start..<start + shape.elementCount)
            })
    }

    /// The sum over all parameters: the extent of the flat tensors.
    public var elementCount: Int { segments.last?.range.upperBound ?? 0 }

    /// The layout of some of the parameters, which begins at 0.
    func part(_ range: Range<Int>) -> ParameterLayout {
        if range == segments.indices { return self }
        return parts.withLock { parts in
            if let known = parts[range] { return known }
            let own = segments[range]
            let part = ParameterLayout(names: own.map(\.name), shapes: own.map(\.shape))
            parts[range] = part
            return part
        }
    }

    // MARK: Parameter by parameter

    /// The parameters of a flat tensor, each of its shape.
    public func parts(of flat: Tensor) -> [Tensor] {
        if segments.count == 1 { return [flat.reshape(segments[0].shape)] }
        return segments.map {
            flat.slice(axis: 0, from: $0.range.lowerBound, to: $0.range.upperBound).reshape($0.shape)
        }
    }

    /// The flat tensor of what ``parts(of:)`` gives. Each part is computed in its place.
    public func joined(_ parts: [Tensor]) -> Tensor {
        let lines = parts.map { $0.reshape([$0.elementCount]) }
        return lines.count == 1 ? lines[0] : Tensor.concatenate(lines, axis: 0)
    }

    /// The sum of each parameter's elements, `[segments.count]`; of short floats in float32. A launch for each parameter.
    public func sums(of flat: Tensor) -> Tensor { folded(flat) { $0 } }

    /// The Euclidean norm of each parameter, `[segments.count]`; of short floats in float32. A launch for each parameter.
    public func norms(of flat: Tensor) -> Tensor { folded(flat) { $0.square() }.sqrt() }

    /// The sums of what `element` makes of each parameter's elements.
    private func folded(_ flat: Tensor, _ element: (Tensor) -> Tensor) -> Tensor {
        let sums = segments.map { segment in
            let line =
                segments.count == 1
                ? flat : flat.slice(axis: 0, from: segment.range.lowerBound, to: segment.range.upperBound)
            return element(line.dtype.isShortFloat ? line.cast(to: .float32) : line).sum(axes: [0], keepDims: true)
        }
        return sums.count == 1 ? sums[0] : Tensor.concatenate(sums, axis: 0)
    }

    /// A number for each parameter, `[segments.count]`, at each of its elements. It is read there by the kernel that uses
    /// it, through a table of int32 that the layout keeps from its first use on.
    public func spread(_ numbers: Tensor) -> Tensor {
        if segments.count == 1 { return numbers.expand([elementCount]) }
        return numbers.indexSelect(axis: 0, index: table(like: numbers))
    }

    /// For each element, the number of its parameter.
    private func table(like tensor: Tensor) -> Tensor {
        places.withLock { places in
            if let places, places.context === tensor.context { return places }
            var numbers: [Int32] = []
            numbers.reserveCapacity(elementCount)
            for (number, segment) in segments.enumerated() {
                numbers.append(contentsOf: repeatElement(Int32(number), count: segment.range.count))
            }
            let table = Tensor.host(numbers, shape: [elementCount], in: tensor.context)
            places = table
            return table
        }
    }
}
