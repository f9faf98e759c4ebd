/// Stride, padding and dilation of a window that moves over height and width.
public struct Window: Hashable, Sendable {
    /// Height and width, in elements that it reads.
    public var kernel: SIMD2<Int>
    /// How far the window moves from one place of the result to the next.
    public var stride: SIMD2<Int>
    /// Elements that count as if they lay around the input, at each of both ends.
    public var padding: SIMD2<Int>
    /// The distance of neighbouring elements that the window reads; 1 reads all.
    public var dilation: SIMD2<Int>

    /// Height before width; by default each place, no padding, and neighbours.
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
