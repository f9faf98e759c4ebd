import TensorRuntime

/// What the layers that take the p-norm of each window have in common, as
/// [torch.nn.LPPool2d](https://pytorch.org/docs/stable/generated/torch.nn.LPPool2d.html): `(sum of x^p)^(1/p)`.
///
/// Safety: all stored properties are constants of sendable types.
public class LPPool: UnaryLayer, @unchecked Sendable {
    private let p: Double
    private let geometry: PoolingGeometry
    private let hasStride: Bool

    fileprivate init(_ p: Double, _ geometry: PoolingGeometry, hasStride: Bool, at site: CallSite) {
        self.p = p
        self.geometry = geometry
        self.hasStride = hasStride
        if !(p > 0) { WrongCall.report(geometry.name, "a \(p)-norm", remedy: "use a p above 0", at: site) }
    }

    public final var configuration: String {
        let power = p == p.rounded() ? String(Int(p)) : Printed.number(p)
        return "norm_type=\(power), kernel_size=\(Printed.single(geometry.kernel)), "
            + "stride=\(hasStride ? Printed.single(geometry.stride) : "None"), "
            + "ceil_mode=\(Printed.bool(geometry.ceilMode))"
    }

    public final func callAsFunction(_ input: Tensor) -> Tensor {
        switch geometry.checked(input) {
        case .failure(let wrong): return wrong.result
        case .success(let (x, beyond, output)):
            let means = geometry.means(x.pow(p), beyond: beyond, output: output, countsPadding: true, divisor: nil)
            let sums = means * geometry.volume
            // The root's slope at 0 is infinite, and that of a window of zeros is 0.
            let isZero = sums .== 0
            let result = Tensor.where(isZero, 0, Tensor.where(isZero, 1, sums).pow(1 / p))
            return x.rank == input.rank ? result : result.squeeze(0)
        }
    }
}

/// ``LPPool`` of sequences `[N, C, L]` or `[C, L]`.
public final class LPPool1d: LPPool, @unchecked Sendable {
    /// - Parameter stride: nil is the kernel's size.
    public init(
        _ p: Double, kernel: Int, stride: Int? = nil, ceilMode: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let site = CallSite(file, line)
        super.init(
            p,
            PoolingGeometry(
                kernel: [kernel], stride: stride.map { [$0] }, padding: [0], ceilMode: ceilMode,
                name: "LPPool1d(\(p), kernel: \(kernel))", at: site), hasStride: stride != nil, at: site)
    }
}

/// ``LPPool`` of images `[N, C, H, W]` or `[C, H, W]`.
public final class LPPool2d: LPPool, @unchecked Sendable {
    /// - Parameter stride: nil is the kernel's size.
    public init(
        _ p: Double, kernel: Extent2D, stride: Extent2D? = nil, ceilMode: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let site = CallSite(file, line)
        super.init(
            p,
            PoolingGeometry(
                kernel: kernel.list, stride: stride?.list, padding: [0, 0], ceilMode: ceilMode,
                name: "LPPool2d(\(p), kernel: \(kernel))", at: site), hasStride: stride != nil, at: site)
    }
}

/// ``LPPool`` of volumes `[N, C, D, H, W]` or `[C, D, H, W]`.
public final class LPPool3d: LPPool, @unchecked Sendable {
    /// - Parameter stride: nil is the kernel's size.
    public init(
        _ p: Double, kernel: Extent3D, stride: Extent3D? = nil, ceilMode: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let site = CallSite(file, line)
        super.init(
            p,
            PoolingGeometry(
                kernel: kernel.list, stride: stride?.list, padding: [0, 0, 0], ceilMode: ceilMode,
                name: "LPPool3d(\(p), kernel: \(kernel))", at: site), hasStride: stride != nil, at: site)
    }
}

/// What the layers that undo a ``MaxPool`` have in common: values go to the places that its indices name, 0 stands elsewhere.
/// As [torch.nn.MaxUnpool2d](https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html).
///
/// Safety: all stored properties are constants of sendable types.
public class MaxUnpool: Module, @unchecked Sendable {
    private let geometry: PoolingGeometry

    fileprivate init(_ geometry: PoolingGeometry) { self.geometry = geometry }

    public final var configuration: String {
        "kernel_size=\(Printed.tuple(geometry.kernel)), stride=\(Printed.tuple(geometry.stride)), "
            + "padding=\(Printed.tuple(geometry.padding))"
    }

    /// - Parameters:
    ///   - input: `[N, C, ...]` or without `N`.
    ///   - indices: of its shape, into the flat result of each channel.
    ///   - outputSize: the result's extents behind the channels; nil is the smallest that has as many windows.
    public final func callAsFunction(_ input: Tensor, indices: Tensor, outputSize: [Int]? = nil) -> Tensor {
        let axes = geometry.kernel.count
        let lead = input.rank - axes
        guard lead == 1 || lead == 2, indices.shape == input.shape, indices.dtype.kind == .integer,
            input.shares(indices), input.dtype.isFloat, geometry.isPossible
        else {
            return input.invalid(
                geometry.name,
                "input \(input.dtype)\(input.shape) with indices \(indices.dtype)\(indices.shape) on \(indices.device)",
                remedy: "use floats [N, channels, \(axes) axes] and integers of the same shape, on one device",
                [input, indices], at: nil)
        }
        let extents =
            outputSize
            ?? (0..<axes).map { axis -> Int in
                let span = (input.shape[lead + axis] - 1) * geometry.stride[axis]
                return span - 2 * geometry.padding[axis] + geometry.kernel[axis]
            }
        let target = Shape(Array(input.shape.prefix(lead)) + extents)
        guard extents.count == axes, extents.allSatisfy({ $0 > 0 }), target.isValid else {
            return input.invalid(
                geometry.name, "a result of \(extents) for input \(input.shape)", remedy: "use \(axes) extents above 0",
                [input, indices], at: nil)
        }
        let size = extents.reduce(1, *)
        let rows = input.shape.prefix(lead).reduce(1, *)
        let each = rows == 0 ? 0 : input.elementCount / rows
        let places = indices.cast(to: .int64).guarded(
            in: 0..<size, geometry.name, "an index is outside of the result \(extents)",
            remedy: "use the indices of a pooling of that size"
        ).viewed(as: [rows, each])
        let flat = input.viewed(as: [rows, each])
        // Windows that overlap name a place twice, with one value.
        let result = Tensor.composite(flat) {
            let counts = Tensor.onesLike(flat).scattered(axis: 1, places, count: size)
            return flat.scattered(axis: 1, places, count: size) / Tensor.maximum(counts, 1)
        } pullback: {
            { p in InputGradients(p.gradient.gathered(axis: 1, places)) }
        }
        return result.viewed(as: target)
    }
}

/// ``MaxUnpool`` of sequences.
public final class MaxUnpool1d: MaxUnpool, @unchecked Sendable {
    /// - Parameter stride: nil is the kernel's size.
    public init(
        kernel: Int, stride: Int? = nil, padding: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            PoolingGeometry(
                kernel: [kernel], stride: stride.map { [$0] }, padding: [padding], ceilMode: false,
                name: "MaxUnpool1d(kernel: \(kernel))", at: CallSite(file, line)))
    }
}

/// ``MaxUnpool`` of images.
public final class MaxUnpool2d: MaxUnpool, @unchecked Sendable {
    /// - Parameter stride: nil is the kernel's size.
    public init(
        kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            PoolingGeometry(
                kernel: kernel.list, stride: stride?.list, padding: padding.list, ceilMode: false,
                name: "MaxUnpool2d(kernel: \(kernel))", at: CallSite(file, line)))
    }
}

/// ``MaxUnpool`` of volumes.
public final class MaxUnpool3d: MaxUnpool, @unchecked Sendable {
    /// - Parameter stride: nil is the kernel's size.
    public init(
        kernel: Extent3D, stride: Extent3D? = nil, padding: Extent3D = 0, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            PoolingGeometry(
                kernel: kernel.list, stride: stride?.list, padding: padding.list, ceilMode: false,
                name: "MaxUnpool3d(kernel: \(kernel))", at: CallSite(file, line)))
    }
}
