import TensorRuntime

/// The largest value of each window, as
/// [torch.nn.MaxPool2d](https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html).
///
/// Input `[N, C, H, W]`, output `[N, C, H', W']`. Padding never wins.
public final class MaxPool2d: UnaryLayer, Sendable {
    private let kernel: Extent2D
    private let stride: Extent2D
    private let padding: Extent2D
    private let dilation: Extent2D

    /// - Parameter stride: nil is the kernel's size.
    public init(
        kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, dilation: Extent2D = 1,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        Window.check(
            "MaxPool2d(kernel: \(kernel))", kernel, stride ?? kernel, padding, dilation, at: CallSite(file, line))
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        self.dilation = dilation
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 4 else { return input.invalidImage("MaxPool2d(kernel: \(kernel))") }
        return Tensor.maxPool2d(
            input, kernel: kernel.vector, stride: stride.vector, padding: padding.vector, dilation: dilation.vector)
    }
}

/// The mean of each window, as
/// [torch.nn.AvgPool2d](https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html).
///
/// Input `[N, C, H, W]`, output `[N, C, H', W']`.
public final class AvgPool2d: UnaryLayer, Sendable {
    private let kernel: Extent2D
    private let stride: Extent2D
    private let padding: Extent2D
    private let countsPadding: Bool

    /// - Parameters:
    ///   - stride: nil is the kernel's size.
    ///   - countsPadding: whether the divisor counts padding too.
    public init(
        kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, countsPadding: Bool = true,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        Window.check("AvgPool2d(kernel: \(kernel))", kernel, stride ?? kernel, padding, 1, at: CallSite(file, line))
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        self.countsPadding = countsPadding
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 4 else { return input.invalidImage("AvgPool2d(kernel: \(kernel))") }
        return Tensor.avgPool2d(
            input, kernel: kernel.vector, stride: stride.vector, padding: padding.vector, countsPadding: countsPadding)
    }
}

extension Tensor {
    /// The poisoned result of what is no batch of images.
    fileprivate func invalidImage(_ layer: String) -> Tensor {
        invalid(
            layer, "input \(shape) is not [N, channels, height, width]", remedy: "reshape the input", [self], at: nil)
    }
}
