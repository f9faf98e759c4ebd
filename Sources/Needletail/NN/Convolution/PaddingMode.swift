import TensorRuntime

/// What stands around a tensor that is padded.
public enum PaddingMode: String, Sendable {
    /// Zeros, or the constant that a layer is given: `0 0
    /// a b c
    /// 0 0`.
    case zeros
    /// Mirrored at the edge, which is not repeated: `c b | a b c | b a`.
    case reflect
    /// The edge again and again: `a a | a b c | c c`.
    case replicate
    /// From the other side: `b c | a b c | a b`.
    case circular

    /// The place that stands at `place`, which may be outside, along an axis of an extent; nil is a zero.
    func source(_ place: Int, _ extent: Int) -> Int? {
        if (0..<extent).contains(place) { return place }
        switch self {
        case .zeros: return nil
        case .reflect: return place < 0 ? -place : 2 * (extent - 1) - place
        case .replicate: return Swift.min(Swift.max(place, 0), extent - 1)
        case .circular: return place < 0 ? place + extent : place - extent
        }
    }

    /// Whether an axis can be padded by as much.
    func reaches(_ before: Int, _ after: Int, _ extent: Int) -> Bool {
        let most = Swift.max(before, after)
        switch self {
        case .zeros: return true
        case .reflect: return most < Swift.max(extent, 1)
        case .replicate: return most <= 0 || extent > 0
        case .circular: return most <= extent
        }
    }
}

extension Tensor {
    /// Adds elements around the tensor as `mode` says: a pair of widths for each of the last axes, in the order of the axes.
    /// Negative widths take away. Source:
    /// [torch.nn.functional.pad](https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html), whose widths
    /// begin with the last axis.
    public func pad(
        _ widths: [(before: Int, after: Int)], mode: PaddingMode, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        padded(widths, mode: mode, for: "pad", at: CallSite(file, line))
    }

    /// ``pad(_:mode:file:line:)`` under the name that the user called.
    func padded(
        _ widths: [(before: Int, after: Int)], mode: PaddingMode, value: Double = 0, for name: String,
        at site: CallSite?
    ) -> Tensor {
        var target = shape
        var fits = widths.count <= rank
        for (position, width) in widths.enumerated() where fits {
            let axis = rank - widths.count + position
            let most = 1 << 40
            fits = Swift.abs(width.before) < most && Swift.abs(width.after) < most
            guard fits else { break }
            target[axis] += width.before + width.after
            fits =
                target[axis] >= 0
                && mode.reaches(
                    Swift.max(width.before, 0), Swift.max(width.after, 0),
                    shape[axis] + Swift.min(width.before, 0) + Swift.min(width.after, 0))
        }
        // The places of an axis are listed on the host.
        let isListed = mode == .zeros || fits && target.allSatisfy { hostHasMemory(2 * MemoryLayout<Int>.stride * $0) }
        guard fits, target.isValid, isListed else {
            let text = widths.map { "(\($0.before), \($0.after))" }.joined(separator: ", ")
            let bound =
                switch mode {
                case .reflect: "less than the axis each"
                case .circular: "the axis at most each"
                case .zeros, .replicate: "no more than the axes bear"
                }
            return invalid(
                name, "\(text) \(mode.rawValue) around shape \(shape)",
                remedy: "pad the last axes, one pair for each, by \(bound)", [self], at: site)
        }
        var result = self
        for (position, width) in widths.enumerated() {
            let axis = rank - widths.count + position
            // What is taken away goes first.
            let (cutBefore, cutAfter) = (Swift.max(-width.before, 0), Swift.max(-width.after, 0))
            if cutBefore + cutAfter > 0 {
                result = result.narrowed(axis: axis, start: cutBefore, count: result.shape[axis] - cutBefore - cutAfter)
            }
            let (before, after) = (Swift.max(width.before, 0), Swift.max(width.after, 0))
            if before + after == 0 { continue }
            let extent = result.shape[axis]
            if mode == .zeros {
                let fill: Scalar = dtype.isFloat ? .float(value) : .int(Int64(value))
                result = result.padded(axis: axis, before: before, after: after, value: fill)
            } else {
                let places = (-before..<extent + after).map { mode.source($0, extent) ?? 0 }
                result = result.picked(axis: axis, places)
            }
        }
        return result
    }

    /// The elements at places of an axis, which the host knows, in their order.
    func picked(axis: Int, _ places: [Int]) -> Tensor {
        var target = shape
        target[axis] = places.count
        let index = Tensor.host(places.map(Int64.init), shape: [places.count], in: context)
        return gathered(axis: axis, index.along(axis, of: target))
    }
}
