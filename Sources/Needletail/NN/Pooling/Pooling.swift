import TensorRuntime

extension Printed {
    /// `3` where all numbers are that, else `(3, 5)`.
    static func single(_ values: [Int]) -> String {
        Set(values).count == 1 ? String(values[0]) : tuple(values)
    }
}

/// What the layers that take the largest value of each window have in common. Padding never wins.
///
/// Input `[N, C, ...]` or without `N`, output the same with as many places as there are windows.
///
/// Safety: all stored properties are constants of sendable types.
public class MaxPool: UnaryLayer, @unchecked Sendable {
    private let geometry: PoolingGeometry

    fileprivate init(_ geometry: PoolingGeometry) { self.geometry = geometry }

    public final var configuration: String {
        "kernel_size=\(Printed.single(geometry.kernel)), stride=\(Printed.single(geometry.stride)), "
            + "padding=\(Printed.single(geometry.padding)), dilation=\(Printed.single(geometry.dilation)), "
            + "ceil_mode=\(Printed.bool(geometry.ceilMode))"
    }

    public final func callAsFunction(_ input: Tensor) -> Tensor {
        switch geometry.checked(input) {
        case .failure(let wrong): return wrong.result
        case .success(let (x, beyond, _)):
            let result = geometry.largest(x, beyond: beyond)
            return x.rank == input.rank ? result : result.squeeze(0)
        }
    }

    /// The largest values, and where they stand (int64) in the flat input of each channel: what ``MaxUnpool2d`` takes.
    public final func withIndices(_ input: Tensor) -> (values: Tensor, indices: Tensor) {
        switch geometry.checked(input) {
        case .failure(let wrong): return (wrong.result, wrong.result)
        case .success(let (x, beyond, _)):
            let (values, indices) = geometry.largestWithPlaces(x, beyond: beyond)
            return x.rank == input.rank ? (values, indices) : (values.squeeze(0), indices.squeeze(0))
        }
    }
}

/// The largest value of each window of sequences, as
/// [torch.nn.MaxPool1d](https://pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html).
public final class MaxPool1d: MaxPool, @unchecked Sendable {
    /// - Parameters:
    ///   - stride: nil is the kernel's size.
    ///   - ceilMode: whether a last window that ends outside counts.
    public init(
        kernel: Int, stride: Int? = nil, padding: Int = 0, dilation: Int = 1, ceilMode: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            PoolingGeometry(
                kernel: [kernel], stride: stride.map { [$0] }, padding: [padding], dilation: [dilation],
                ceilMode: ceilMode, name: "MaxPool1d(kernel: \(kernel))", at: CallSite(file, line)))
    }
}

/// The largest value of each window of images, as
/// [torch.nn.MaxPool2d](https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html).
public final class MaxPool2d: MaxPool, @unchecked Sendable {
    /// - Parameters:
    ///   - stride: nil is the kernel's size.
    ///   - ceilMode: whether a last window that ends outside counts.
    public init(
        kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, dilation: Extent2D = 1,
        ceilMode: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            PoolingGeometry(
                kernel: kernel.list, stride: stride?.list, padding: padding.list, dilation: dilation.list,
                ceilMode: ceilMode, name: "MaxPool2d(kernel: \(kernel))", at: CallSite(file, line)))
    }
}

/// The largest value of each window of volumes, as
/// [torch.nn.MaxPool3d](https://pytorch.org/docs/stable/generated/torch.nn.MaxPool3d.html).
public final class MaxPool3d: MaxPool, @unchecked Sendable {
    /// - Parameters:
    ///   - stride: nil is the kernel's size.
    ///   - ceilMode: whether a last window that ends outside counts.
    public init(
        kernel: Extent3D, stride: Extent3D? = nil, padding: Extent3D = 0, dilation: Extent3D = 1,
        ceilMode: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            PoolingGeometry(
                kernel: kernel.list, stride: stride?.list, padding: padding.list, dilation: dilation.list,
                ceilMode: ceilMode, name: "MaxPool3d(kernel: \(kernel))", at: CallSite(file, line)))
    }
}

/// What the layers that take the mean of each window have in common.
///
/// Input `[N, C, ...]` or without `N`, output the same with as many places as there are windows.
///
/// Safety: all stored properties are constants of sendable types.
public class AvgPool: UnaryLayer, @unchecked Sendable {
    private let geometry: PoolingGeometry
    private let countsPadding: Bool
    private let divisor: Int?

    fileprivate init(_ geometry: PoolingGeometry, countsPadding: Bool, divisor: Int?, at site: CallSite) {
        self.geometry = geometry
        self.countsPadding = countsPadding
        self.divisor = divisor
        if divisor == 0 {
            WrongCall.report(geometry.name, "a divisor of 0", remedy: "use another, or nil", at: site)
        }
    }

    public final var configuration: String {
        let isVector = geometry.kernel.count == 1
        func text(_ values: [Int]) -> String { isVector ? Printed.tuple(values) : Printed.single(values) }
        return
            "kernel_size=\(text(geometry.kernel)), stride=\(text(geometry.stride)), padding=\(text(geometry.padding))"
    }

    public final func callAsFunction(_ input: Tensor) -> Tensor {
        switch geometry.checked(input) {
        case .failure(let wrong): return wrong.result
        case .success(let (x, beyond, output)):
            let result = geometry.means(
                x, beyond: beyond, output: output, countsPadding: countsPadding, divisor: divisor == 0 ? nil : divisor)
            return x.rank == input.rank ? result : result.squeeze(0)
        }
    }
}

/// The mean of each window of sequences, as
/// [torch.nn.AvgPool1d](https://pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html).
public final class AvgPool1d: AvgPool, @unchecked Sendable {
    /// - Parameters:
    ///   - stride: nil is the kernel's size.
    ///   - ceilMode: whether a last window that ends outside counts.
    ///   - countsPadding: whether the divisor counts padding too.
    public init(
        kernel: Int, stride: Int? = nil, padding: Int = 0, ceilMode: Bool = false, countsPadding: Bool = true,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        super.init(
            PoolingGeometry(
                kernel: [kernel], stride: stride.map { [$0] }, padding: [padding], ceilMode: ceilMode,
                name: "AvgPool1d(kernel: \(kernel))", at: site), countsPadding: countsPadding, divisor: nil, at: site)
    }
}

/// The mean of each window of images, as
/// [torch.nn.AvgPool2d](https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html).
public final class AvgPool2d: AvgPool, @unchecked Sendable {
    /// - Parameters:
    ///   - stride: nil is the kernel's size.
    ///   - ceilMode: whether a last window that ends outside counts.
    ///   - countsPadding: whether the divisor counts padding too.
    ///   - divisorOverride: the divisor; nil is the number of elements.
    public init(
        kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, ceilMode: Bool = false,
        countsPadding: Bool = true, divisorOverride: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        super.init(
            PoolingGeometry(
                kernel: kernel.list, stride: stride?.list, padding: padding.list, ceilMode: ceilMode,
                name: "AvgPool2d(kernel: \(kernel))", at: site), countsPadding: countsPadding, divisor: divisorOverride,
            at: site)
    }
}

/// The mean of each window of volumes, as
/// [torch.nn.AvgPool3d](https://pytorch.org/docs/stable/generated/torch.nn.AvgPool3d.html).
public final class AvgPool3d: AvgPool, @unchecked Sendable {
    /// - Parameters:
    ///   - stride: nil is the kernel's size.
    ///   - ceilMode: whether a last window that ends outside counts.
    ///   - countsPadding: whether the divisor counts padding too.
    ///   - divisorOverride: the divisor; nil is the number of elements.
    public init(
        kernel: Extent3D, stride: Extent3D? = nil, padding: Extent3D = 0, ceilMode: Bool = false,
        countsPadding: Bool = true, divisorOverride: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        super.init(
            PoolingGeometry(
                kernel: kernel.list, stride: stride?.list, padding: padding.list, ceilMode: ceilMode,
                name: "AvgPool3d(kernel: \(kernel))", at: site), countsPadding: countsPadding, divisor: divisorOverride,
            at: site)
    }
}
