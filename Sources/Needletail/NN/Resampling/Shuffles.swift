import TensorRuntime

/// Makes channels into places: `[..., C r^2, H, W]` gives `[..., C, H r, W r]`, as
/// [torch.nn.PixelShuffle](https://pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html).
public final class PixelShuffle: UnaryLayer, Sendable {
    private let factor: Int

    /// - Parameter factor: how many times height and width grow; its square divides the channels.
    public init(_ factor: Int) { self.factor = factor }

    public var configuration: String { "upscale_factor=\(factor)" }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let x = input.rank == 3 ? input.unsqueeze(0) : input
        let square = ([factor, factor] as Shape).elementCount
        guard factor > 0, x.rank == 4, x.shape[1] % square == 0,
            ([x.shape[2], x.shape[3], square] as Shape).isValid
        else {
            return input.invalid(
                "PixelShuffle(\(factor))", "input \(input.shape)",
                remedy: "use [N, C, height, width] with a C that \(factor) squared divides", [input], at: nil)
        }
        let (n, c, h, w) = (x.shape[0], x.shape[1] / square, x.shape[2], x.shape[3])
        let result = x.viewed(as: [n, c, factor, factor, h, w]).permuted([0, 1, 4, 2, 5, 3])
            .viewed(as: [n, c, h * factor, w * factor])
        return input.rank == 3 ? result.squeeze(0) : result
    }
}

/// Makes places into channels: `[..., C, H r, W r]` gives `[..., C r^2, H, W]`, as
/// [torch.nn.PixelUnshuffle](https://pytorch.org/docs/stable/generated/torch.nn.PixelUnshuffle.html).
public final class PixelUnshuffle: UnaryLayer, Sendable {
    private let factor: Int

    /// - Parameter factor: how many times height and width shrink; it divides both.
    public init(_ factor: Int) { self.factor = factor }

    public var configuration: String { "downscale_factor=\(factor)" }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let x = input.rank == 3 ? input.unsqueeze(0) : input
        guard factor > 0, x.rank == 4, x.shape[2] % factor == 0, x.shape[3] % factor == 0,
            ([x.shape[1], factor, factor] as Shape).isValid
        else {
            return input.invalid(
                "PixelUnshuffle(\(factor))", "input \(input.shape)",
                remedy: "use [N, C, height, width] with extents that \(factor) divides", [input], at: nil)
        }
        let (n, c, h, w) = (x.shape[0], x.shape[1], x.shape[2] / factor, x.shape[3] / factor)
        let result = x.viewed(as: [n, c, h, factor, w, factor]).permuted([0, 1, 3, 5, 2, 4])
            .viewed(as: [n, c * factor * factor, h, w])
        return input.rank == 3 ? result.squeeze(0) : result
    }
}

/// Mixes groups of channels: channel `i` of group `g` becomes channel `g` of group `i`, as
/// [torch.nn.ChannelShuffle](https://pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html). Input `[N, C, ...]`.
public final class ChannelShuffle: UnaryLayer, Sendable {
    private let groups: Int

    /// - Parameter groups: divides the channels.
    public init(_ groups: Int) { self.groups = groups }

    public var configuration: String { "groups=\(groups)" }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard groups > 0, input.rank >= 3, input.shape[1] % groups == 0 else {
            return input.invalid(
                "ChannelShuffle(\(groups))", "input \(input.shape)",
                remedy: "use [N, channels, ...] with channels that \(groups) divides", [input], at: nil)
        }
        let (n, c) = (input.shape[0], input.shape[1])
        let rest = input.shape.dropFirst(2).reduce(1, *)
        return input.viewed(as: [n, groups, c / groups, rest]).permuted([0, 2, 1, 3]).viewed(as: input.shape)
    }
}
