import TensorRuntime

/// How values between places are made.
public enum InterpolationMode: String, Sendable {
    /// Of one to three axes: the element in which a place lies.
    case nearest
    /// As `nearest`, but with the places in the middle of elements.
    case nearestExact = "nearest-exact"
    /// Of one axis.
    case linear
    /// Of two axes.
    case bilinear
    /// Of two axes, by Keys' cubic with -0.75.
    case bicubic
    /// Of three axes.
    case trilinear

    fileprivate var axes: ClosedRange<Int> {
        switch self {
        case .nearest, .nearestExact: 1...3
        case .linear: 1...1
        case .bilinear, .bicubic: 2...2
        case .trilinear: 3...3
        }
    }
}

extension Tensor {
    /// The tensor `[N, C, ...]` in another size of the axes behind the channels.
    /// Source: [torch.nn.functional.interpolate](https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html).
    ///
    /// - Parameters:
    ///   - size: the new extents.
    ///   - alignCorners: whether the corners' middles stay where they are, or the corners; not of nearest modes.
    public func interpolate(
        size: [Int], mode: InterpolationMode = .nearest, alignCorners: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        interpolated(size, scale: nil, mode, alignCorners, for: "interpolate", at: CallSite(file, line))
    }

    /// As ``interpolate(size:mode:alignCorners:file:line:)``, by factors: one for each axis or one for all. Places are
    /// computed with the factors as they are.
    public func interpolate(
        scale: [Double], mode: InterpolationMode = .nearest, alignCorners: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        interpolated(nil, scale: scale, mode, alignCorners, for: "interpolate", at: CallSite(file, line))
    }

    func interpolated(
        _ size: [Int]?, scale: [Double]?, _ mode: InterpolationMode, _ alignCorners: Bool, for name: String,
        at site: CallSite?
    ) -> Tensor {
        let axes = rank - 2
        let numbers = size?.count ?? scale?.count ?? 0
        guard dtype.isFloat, mode.axes.contains(axes), numbers == axes || numbers == 1,
            shape.dropFirst(2).allSatisfy({ $0 > 0 })
        else {
            return invalid(
                name, "\(mode.rawValue) of \(dtype)\(shape) to \(numbers) numbers",
                remedy: "use floats [N, C, ...] with the axes of the mode, none empty, and a number for each", [self],
                at: site)
        }
        let factors = scale.map { $0.count == axes ? $0 : Array(repeating: $0[0], count: axes) }
        let extents: [Int]
        if let size {
            extents = size.count == axes ? size : Array(repeating: size[0], count: axes)
        } else {
            extents = factors!.enumerated().map { axis, factor in
                let extent = Double(shape[2 + axis]) * factor
                return extent >= 1 && extent < 0x1p31 ? Int(extent) : 0
            }
        }
        let target = Shape(Array(shape.prefix(2)) + extents)
        // Up to four taps of an axis and their weights are listed on the host.
        let isListed = extents.allSatisfy {
            $0 < 1 << 40 && hostHasMemory(16 * MemoryLayout<Int>.stride * Swift.max($0, 0))
        }
        guard extents.allSatisfy({ $0 > 0 }), target.isValid, isListed else {
            return invalid(
                name, "a result of \(extents) for input \(shape)", remedy: "use larger extents or factors", [self],
                at: site)
        }
        return extents.indices.reduce(self) { value, axis in
            let source = shape[2 + axis]
            let taps = Resampling(
                from: source, to: extents[axis], factor: factors?[axis], mode: mode, alignCorners: alignCorners)
            return value.resampled(axis: 2 + axis, taps)
        }
    }

    /// The weighted sum of the taps along an axis.
    private func resampled(axis: Int, _ taps: Resampling) -> Tensor {
        if taps.isIdentity { return self }
        var sum: Tensor?
        for (places, weights) in zip(taps.places, taps.weights) {
            let part = picked(axis: axis, places)
            guard let weights else { return part }
            var row = Shape(repeating: 1, rank: rank)
            row[axis] = weights.count
            let factors = Tensor.table(weights, shape: row, dtype: dtype, in: context)
            let weighted = part * factors
            sum = sum.map { $0 + weighted } ?? weighted
        }
        return sum!
    }
}

/// Which elements of an axis make each element of the new one, and how much of each.
struct Resampling {
    /// For each tap, its place for each new element.
    private(set) var places: [[Int]] = []
    /// For each tap, its weight; nil is 1.
    private(set) var weights: [[Double]?] = []

    private let source: Int

    var isIdentity: Bool { places.count == 1 && places[0].elementsEqual(0..<source) }

    /// Places are those of PyTorch's `area_pixel_compute_source_index`.
    init(from source: Int, to count: Int, factor: Double?, mode: InterpolationMode, alignCorners: Bool) {
        self.source = source
        func clamped(_ place: Int) -> Int { Swift.min(Swift.max(place, 0), source - 1) }
        let ratio = factor.map { 1 / $0 } ?? Double(source) / Double(count)
        let cornerRatio = count > 1 ? Double(source - 1) / Double(count - 1) : 0
        func place(_ index: Int) -> Double {
            alignCorners ? cornerRatio * Double(index) : ratio * (Double(index) + 0.5) - 0.5
        }
        switch mode {
        case .nearest:
            places = [(0..<count).map { clamped(Int((Float(ratio) * Float($0)).rounded(.down))) }]
            weights = [nil]
        case .nearestExact:
            places = [(0..<count).map { clamped(Int((Float(ratio) * (Float($0) + 0.5)).rounded(.down))) }]
            weights = [nil]
        case .linear, .bilinear, .trilinear:
            let all = (0..<count).map { Swift.max(place($0), 0) }
            let first = all.map { clamped(Int($0)) }
            let share = zip(all, first).map { $0 - Double($1) }
            places = [first, first.map { clamped($0 + 1) }]
            weights = [share.map { 1 - $0 }, share]
        case .bicubic:
            let all = (0..<count).map(place)
            let first = all.map { Int($0.rounded(.down)) }
            let share = zip(all, first).map { $0 - Double($1) }
            places = (-1...2).map { offset in first.map { clamped($0 + offset) } }
            weights = (-1...2).map { offset in share.map { Resampling.cubic($0 - Double(offset)) } }
        }
    }

    /// [Keys](https://doi.org/10.1109/TASSP.1981.1163711)' cubic at a distance, with a = -0.75.
    static func cubic(_ distance: Double) -> Double {
        let x: Double = Swift.abs(distance)
        if x >= 2 { return 0 }
        if x > 1 {
            let line: Double = -0.75 * x + 3.75
            let square: Double = line * x - 6
            return square * x + 3
        }
        let line: Double = 1.25 * x - 2.25
        return line * x * x + 1
    }
}

/// Another size of the axes behind the channels, as
/// [torch.nn.Upsample](https://pytorch.org/docs/stable/generated/torch.nn.Upsample.html).
public final class Upsample: UnaryLayer, Sendable {
    private let size: [Int]?
    private let scale: [Double]?
    private let mode: InterpolationMode
    private let alignCorners: Bool

    /// - Parameter size: the new extents, one for each axis or one for all.
    public init(size: [Int], mode: InterpolationMode = .nearest, alignCorners: Bool = false) {
        self.size = size
        scale = nil
        self.mode = mode
        self.alignCorners = alignCorners
    }

    /// - Parameter scale: the factor of all axes.
    public init(scale: Double, mode: InterpolationMode = .nearest, alignCorners: Bool = false) {
        size = nil
        self.scale = [scale]
        self.mode = mode
        self.alignCorners = alignCorners
    }

    /// - Parameter scale: a factor for each axis.
    public init(scale: [Double], mode: InterpolationMode = .nearest, alignCorners: Bool = false) {
        size = nil
        self.scale = scale
        self.mode = mode
        self.alignCorners = alignCorners
    }

    public var configuration: String {
        let (name, texts) =
            size.map { ("size", $0.map(String.init)) } ?? ("scale_factor", (scale ?? []).map(Printed.number))
        let numbers = texts.count == 1 ? texts[0] : "(\(texts.joined(separator: ", ")))"
        return "\(name)=\(numbers), mode='\(mode.rawValue)'"
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        input.interpolated(size, scale: scale, mode, alignCorners, for: "Upsample", at: nil)
    }
}
