/// Stride, padding and dilation of a window that moves over height and width.
public struct Window: Hashable, Sendable {
    public var kernel: SIMD2<Int>
    public var stride: SIMD2<Int>
    public var padding: SIMD2<Int>
    public var dilation: SIMD2<Int>

    public init(
        kernel: SIMD2<Int>, stride: SIMD2<Int> = [1, 1], padding: SIMD2<Int> = [0, 0], dilation: SIMD2<Int> = [1, 1]
    ) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
    }

    /// Height and width of the result over an input of `size`; at most 0 where the kernel exceeds the padded input.
    /// Source: [torch.nn.Conv2d](https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html).
    public func outputSize(for size: SIMD2<Int>) -> SIMD2<Int> {
        var result = SIMD2<Int>()
        for axis in 0..<2 {
            let span = size[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1
            result[axis] = span < 0 ? 0 : span / stride[axis] + 1
        }
        return result
    }
}

extension Window {
    var summary: String { "stride \(stride.summary) padding \(padding.summary) dilation \(dilation.summary)" }
}
