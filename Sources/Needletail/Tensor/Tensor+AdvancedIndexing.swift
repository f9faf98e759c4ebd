import TensorGraph
import TensorRuntime

// Subscripts with tensors of indices and masks, with `...`, and assignment of numbers.

// MARK: - Tensors as indices

/// What tensors of indices choose from a tensor: its axes that they name as one, in front, and the places in it.
private struct ChosenPart {
    let tensor: Tensor
    /// The chosen places: a vector of int64.
    let places: Tensor
    /// The shape that the indices broadcast to.
    let chosen: Shape
    /// The axes that no index names.
    let rest: Shape
    /// The chosen axes' elements.
    let count: Int
    /// How the tensor's axes are ordered in ``rows``.
    let order: [Int]
    /// Where the chosen axes stand among the rest.
    let position: Int

    /// The tensor as `[count, rest...]`.
    var rows: Tensor { tensor.permuted(Shape(order)).viewed(as: Shape([count] + Array(rest))) }

    /// The shape of the part, as the user sees it.
    var shape: Shape { Shape(rest[..<position] + Array(chosen) + rest[position...]) }

    /// Axis `i` of the part is axis `seen[i]` of `[chosen..., rest...]`.
    var seen: [Int] {
        let count = chosen.rank
        return (0..<position).map { $0 + count } + (0..<count) + (position..<rest.rank).map { $0 + count }
    }
}

extension Tensor {
    /// The places that indices choose, checked; nil after an error, which is recorded.
    private func chosenPart(_ gathers: [(axis: Int, index: Tensor)], at site: CallSite) -> ChosenPart? {
        var chosen = Shape()
        for (_, index) in gathers {
            guard shares(index) else {
                _ = deviceMismatch("subscript", index, at: site)
                return nil
            }
            guard let joint = chosen.broadcast(with: index.shape) else {
                _ = invalid(
                    "subscript", "indices of shapes \(gathers.map { "\($0.index.shape)" }.joined(separator: ", "))",
                    remedy: "use shapes that broadcast", [self] + gathers.map(\.index), at: site)
                return nil
            }
            chosen = joint
        }
        let axes = gathers.map(\.axis)
        let rest = (0..<rank).filter { !axes.contains($0) }
        guard rest.count + chosen.rank <= Shape.maximumRank else {
            _ = invalid(
                "subscript", "index of shape \(chosen) into \(shape)",
                remedy: "the result has more than \(Shape.maximumRank) dimensions", [self], at: site)
            return nil
        }
        var places: Tensor?
        var count = 1
        for (axis, index) in gathers {
            guard let own = checkedPlaces("subscript", index, axis: axis, allowsNegative: true, at: site) else {
                return nil
            }
            let wide = own.expanded(to: chosen)
            places = places.map { $0 * shape[axis] + wide } ?? wide
            count *= shape[axis]
        }
        let order = axes + rest
        let areNeighbours = axes.last! - axes[0] == axes.count - 1
        return ChosenPart(
            tensor: self, places: places!.viewed(as: [chosen.elementCount]), chosen: chosen,
            rest: Shape(rest.map { shape[$0] }), count: count, order: order, position: areNeighbours ? axes[0] : 0)
    }

    /// The elements that tensors of indices name, of a view.
    func chosen(_ gathers: [(axis: Int, index: Tensor)], at site: CallSite) -> Tensor {
        guard let part = chosenPart(gathers, at: site) else { return failedAfterError() }
        if gathers.count == 1 {
            // The axis stays where it is.
            let axis = gathers[0].axis
            var target = shape
            target[axis] = part.places.elementCount
            return gathered(axis: axis, part.places.along(axis, of: target)).viewed(as: part.shape)
        }
        let target = Shape([part.places.elementCount] + Array(part.rest))
        return part.rows.gathered(axis: 0, part.places.along(0, of: target))
            .viewed(as: Shape(Array(part.chosen) + Array(part.rest))).permuted(Shape(part.seen))
    }

    /// A view with other elements where tensors of indices name them; nil after an error, which is recorded.
    func choosing(
        _ gathers: [(axis: Int, index: Tensor)], isOneMask: Bool, by value: Tensor, at site: CallSite
    ) -> Tensor? {
        guard let part = chosenPart(gathers, at: site) else { return nil }
        let value = value.fitting(rank: part.shape.rank)
        guard value.shape.broadcast(with: part.shape) == part.shape else {
            _ = invalid(
                "subscript", "a value of shape \(value.shape) for a part of shape \(part.shape)",
                remedy: "the value must broadcast to the part", [self, value], at: site)
            return nil
        }
        var back = Shape(repeating: 0, rank: part.seen.count)
        for (axis, place) in part.seen.enumerated() { back[place] = axis }
        let target = Shape([part.places.elementCount] + Array(part.rest))
        let rows = value.cast(to: dtype).expanded(to: part.shape).permuted(back).viewed(as: target)
        let counts = isOneMask ? nil : part.places.isLastOfItsPlace(axis: 0).along(0, of: target)
        let changed = part.rows.overwritten(axis: 0, part.places.along(0, of: target), by: rows, counting: counts)
        var inverse = Shape(repeating: 0, rank: rank)
        for (position, axis) in part.order.enumerated() { inverse[axis] = position }
        return changed.viewed(as: Shape(part.order.map { shape[$0] })).permuted(inverse)
    }
}

// MARK: - Masks

extension Tensor {
    /// The places of a subscript, with masks read.
    static func readingMasks(_ places: [TensorIndex.Place]) -> Result<[TensorIndex.Place], TensorError> {
        var result = places
        for (position, place) in places.enumerated() {
            guard case .tensor(let mask) = place, mask.dtype == .bool, mask.rank > 0 else { continue }
            do throws(TensorError) {
                let columns = try mask.placesOfTrue()
                result[position] = .mask(
                    mask.shape, columns.map { Tensor.host($0, shape: [$0.count], in: mask.context) })
            } catch {
                return .failure(error)
            }
        }
        return .success(result)
    }

    /// For each axis, the places of the elements that are true or not 0, in row-major order. Reads the tensor.
    private func placesOfTrue() throws(TensorError) -> [[Int64]] {
        let flags = try withRecording(false) { cast(to: .bool) }.bytes()
        let numbers = flags.indices.filter { flags[$0] != 0 }
        let strides = shape.contiguousStrides
        return (0..<rank).map { axis in numbers.map { Int64($0 / strides[axis] % shape[axis]) } }
    }

    /// `x[mask] = value` with one value, for which nothing has to be read.
    func maskedByOne(_ places: [TensorIndex.Place], _ value: Tensor) -> Tensor? {
        guard places.count == 1, case .tensor(let mask) = places[0], mask.dtype == .bool, shares(mask),
            mask.rank > 0, mask.rank <= rank, mask.shape == shape.leading(mask.rank), value.elementCount == 1,
            value.rank <= 1
        else { return nil }
        let wide = mask.viewed(as: Shape(Array(mask.shape) + [Int](repeating: 1, count: rank - mask.rank)))
        return Tensor.select(wide, .tensor(value.cast(to: dtype).viewed(as: [])), .tensor(self))
    }

    /// The places of the elements that are true or not 0, int64: one row for each in row-major order, one column for each
    /// axis. The tensor is read, because the result's shape depends on it.
    ///
    /// Source: [torch.nonzero](https://pytorch.org/docs/stable/generated/torch.nonzero.html).
    public func nonzero() -> Tensor {
        do throws(TensorError) {
            if rank == 0 {
                let count = try withRecording(false) { cast(to: .bool) }.bytes()[0] == 0 ? 0 : 1
                return filled([count, 0], .int(0), dtype: .int64)
            }
            let columns = try placesOfTrue().map { Tensor.host($0, shape: [$0.count], in: context) }
            return Tensor.stack(columns, axis: 1)
        } catch {
            return Tensor(context.failed(error, shape: [0, rank], dtype: .int64))
        }
    }
}

// MARK: - The three dots of Python

extension Tensor {
    /// `x[...]` and `x[..., 0]`: as many whole axes as are left over, then the rest.
    public subscript(
        _ dots: UnboundedRange, _ rest: any TensorIndexable..., file file: StaticString = #fileID,
        line line: UInt = #line
    ) -> Tensor {
        get { part([.ellipsis] + rest.map(\.tensorIndex.place), at: CallSite(file, line)) }
        set { self = replacing([.ellipsis] + rest.map(\.tensorIndex.place), with: newValue, at: CallSite(file, line)) }
    }

    /// `x[0, ...]` and `x[0, ..., 1]`; with more in front of the dots, write `.ellipsis`.
    public subscript(
        _ first: any TensorIndexable, _ dots: UnboundedRange, _ rest: any TensorIndexable...,
        file file: StaticString = #fileID, line line: UInt = #line
    ) -> Tensor {
        get {
            part([first.tensorIndex.place, .ellipsis] + rest.map(\.tensorIndex.place), at: CallSite(file, line))
        }
        set {
            let places = [first.tensorIndex.place, .ellipsis] + rest.map(\.tensorIndex.place)
            self = replacing(places, with: newValue, at: CallSite(file, line))
        }
    }
}

// MARK: - Numbers

/// A number that is written into a part of a tensor: `x[0, 0] = 3`. It is only ever a literal; a variable is assigned as
/// `Tensor(number)`.
public struct AssignedNumber: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, Sendable {
    let scalar: Scalar

    /// A whole number: `x[0] = 3`.
    public init(integerLiteral value: Int64) { scalar = .int(value) }
    /// A fraction: `x[0] = 0.5`.
    public init(floatLiteral value: Double) { scalar = .float(value) }
}

extension Tensor {
    /// Assigns a number to a part, as `x[0, 0] = 3`, `x[1..<3] = 0` or `x[mask] = -1`.
    @_disfavoredOverload
    public subscript(
        _ indices: any TensorIndexable..., file file: StaticString = #fileID, line line: UInt = #line
    ) -> AssignedNumber {
        @available(*, unavailable, message: "a part is a tensor; use item(as:) for its number")
        get { fatalError("unavailable") }
        set { assign(newValue, to: indices.map(\.tensorIndex.place), at: CallSite(file, line)) }
    }

    /// Assigns a number to a part, as `x[...] = 0` or `x[..., 0] = 3`.
    @_disfavoredOverload
    public subscript(
        _ dots: UnboundedRange, _ rest: any TensorIndexable..., file file: StaticString = #fileID,
        line line: UInt = #line
    ) -> AssignedNumber {
        @available(*, unavailable, message: "a part is a tensor; use item(as:) for its number")
        get { fatalError("unavailable") }
        set { assign(newValue, to: [.ellipsis] + rest.map(\.tensorIndex.place), at: CallSite(file, line)) }
    }

    /// Assigns a number to a part, as `x[0, ...] = 3`.
    @_disfavoredOverload
    public subscript(
        _ first: any TensorIndexable, _ dots: UnboundedRange, _ rest: any TensorIndexable...,
        file file: StaticString = #fileID, line line: UInt = #line
    ) -> AssignedNumber {
        @available(*, unavailable, message: "a part is a tensor; use item(as:) for its number")
        get { fatalError("unavailable") }
        set {
            let places = [first.tensorIndex.place, .ellipsis] + rest.map(\.tensorIndex.place)
            assign(newValue, to: places, at: CallSite(file, line))
        }
    }

    private mutating func assign(_ number: AssignedNumber, to places: [TensorIndex.Place], at site: CallSite) {
        guard number.scalar.fits(dtype) else {
            self = invalid(
                "subscript", "\(number.scalar.text) does not fit a tensor of \(dtype)",
                remedy: "cast the tensor, to(.int64)", [self], at: site)
            return
        }
        self = replacing(places, with: filled([], number.scalar.cast(to: dtype), dtype: dtype), at: site)
    }
}
