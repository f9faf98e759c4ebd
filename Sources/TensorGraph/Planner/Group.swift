import TensorRuntime

/// Nodes that one kernel computes, over one iteration space.
///
/// Values of a group are elements (one for each place of `domain`), rows (one for each place of the dimensions that are
/// not reduced), or totals (one).
struct Group {
    /// Sorted.
    var nodes: [Int]
    /// The iteration space without unit dimensions.
    var domain: Shape
    /// The reduced dimensions of the domain, as a bit mask; nil in a pointwise group.
    var reduced: UInt8?
    /// The matmul, convolution or pooling whose epilogue the rest is.
    var anchor: Int?
    /// A scatter, concatenation, scan or sort, which stands alone; the last two with all their results.
    var isOpaque = false
    /// Whether it makes a transient value, which no sibling may keep alive.
    var isTransient = false

    /// The shape of a group's values of one level.
    func shape(of level: FusedProgram.Level) -> Shape {
        switch level {
        case .element: return domain
        case .row:
            var result = Shape()
            for axis in 0..<domain.rank where (reduced ?? 0) & (1 << UInt8(axis)) == 0 { result.append(domain[axis]) }
            return result
        case .total: return Shape()
        }
    }
}

extension Shape {
    /// The shape without its unit dimensions.
    var squeezed: Shape {
        var result = Shape()
        for extent in self where extent != 1 { result.append(extent) }
        return result
    }
}

/// How a reader addresses a value of the same kernel: by the same place, or broadcast over some dimensions.
enum Relation: Equatable {
    /// Bit mask over the reader's squeezed dimensions along which the value does not vary; 0 for the same place.
    case broadcast(over: UInt8)
    /// By anything else: the value has to be in memory.
    case other
}
