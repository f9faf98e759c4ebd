import TensorRuntime

/// What the padding layers have in common: elements around the last axes of `[N, C, ...]`, or without `N`.
///
/// Safety: all stored properties are constants of sendable types.
public class PaddingLayer: UnaryLayer, @unchecked Sendable {
    /// In the order of the axes.
    private let widths: [(before: Int, after: Int)]
    private let mode: PaddingMode
    /// Of constant padding that is not of zeros by its name.
    private let value: Double?

    fileprivate init(_ widths: [(before: Int, after: Int)], _ mode: PaddingMode, value: Double? = nil) {
        self.widths = widths
        self.mode = mode
        self.value = value
    }

    /// PyTorch's order, which begins with the last axis.
    public final var configuration: String {
        let text = Printed.tuple(widths.reversed().flatMap { [$0.before, $0.after] })
        return value.map { "padding=\(text), value=\(Printed.number($0))" } ?? text
    }

    public final func callAsFunction(_ input: Tensor) -> Tensor {
        let name = "\(Swift.type(of: self))\(Printed.tuple(widths.reversed().flatMap { [$0.before, $0.after] }))"
        let lead = input.rank - widths.count
        guard lead == 1 || lead == 2, value == nil || input.dtype.isFloat else {
            return input.invalid(
                name, "input \(input.dtype)\(input.shape)",
                remedy: "use [N, channels, ...] with \(widths.count) axes behind, of floats for a value", [input],
                at: nil)
        }
        return input.padded(widths, mode: mode, value: value ?? 0, for: name, at: nil)
    }
}

/// Zeros around sequences, as
/// [torch.nn.ZeroPad1d](https://pytorch.org/docs/stable/generated/torch.nn.ZeroPad1d.html).
public final class ZeroPad1d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 1), .zeros)
    }
    /// Elements before and behind the last axis.
    public init(left: Int, right: Int) {
        super.init([(left, right)], .zeros)
    }
}

/// Zeros around images, as
/// [torch.nn.ZeroPad2d](https://pytorch.org/docs/stable/generated/torch.nn.ZeroPad2d.html).
public final class ZeroPad2d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 2), .zeros)
    }
    /// Elements before and behind each of the last two axes: `top` and `left` stand before.
    public init(left: Int, right: Int, top: Int, bottom: Int) {
        super.init([(top, bottom), (left, right)], .zeros)
    }
}

/// Zeros around volumes, as
/// [torch.nn.ZeroPad3d](https://pytorch.org/docs/stable/generated/torch.nn.ZeroPad3d.html).
public final class ZeroPad3d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 3), .zeros)
    }
    /// Elements before and behind each of the last three axes: `front`, `top` and `left` stand before.
    public init(left: Int, right: Int, top: Int, bottom: Int, front: Int, back: Int) {
        super.init([(front, back), (top, bottom), (left, right)], .zeros)
    }
}

/// One value around sequences, as
/// [torch.nn.ConstantPad1d](https://pytorch.org/docs/stable/generated/torch.nn.ConstantPad1d.html).
public final class ConstantPad1d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int, value: Double) {
        super.init(Array(repeating: (width, width), count: 1), .zeros, value: value)
    }
    /// Elements before and behind the last axis, and what they are.
    public init(left: Int, right: Int, value: Double) {
        super.init([(left, right)], .zeros, value: value)
    }
}

/// One value around images, as
/// [torch.nn.ConstantPad2d](https://pytorch.org/docs/stable/generated/torch.nn.ConstantPad2d.html).
public final class ConstantPad2d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int, value: Double) {
        super.init(Array(repeating: (width, width), count: 2), .zeros, value: value)
    }
    /// Elements before and behind each of the last two axes (`top` and `left` before), and what they are.
    public init(left: Int, right: Int, top: Int, bottom: Int, value: Double) {
        super.init([(top, bottom), (left, right)], .zeros, value: value)
    }
}

/// One value around volumes, as
/// [torch.nn.ConstantPad3d](https://pytorch.org/docs/stable/generated/torch.nn.ConstantPad3d.html).
public final class ConstantPad3d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int, value: Double) {
        super.init(Array(repeating: (width, width), count: 3), .zeros, value: value)
    }
    /// Elements before and behind each of the last three axes (`front`, `top` and `left` before), and what they are.
    public init(left: Int, right: Int, top: Int, bottom: Int, front: Int, back: Int, value: Double) {
        super.init([(front, back), (top, bottom), (left, right)], .zeros, value: value)
    }
}

/// The mirrored tensor around sequences, as
/// [torch.nn.ReflectionPad1d](https://pytorch.org/docs/stable/generated/torch.nn.ReflectionPad1d.html).
public final class ReflectionPad1d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 1), .reflect)
    }
    /// Elements before and behind the last axis.
    public init(left: Int, right: Int) {
        super.init([(left, right)], .reflect)
    }
}

/// The mirrored tensor around images, as
/// [torch.nn.ReflectionPad2d](https://pytorch.org/docs/stable/generated/torch.nn.ReflectionPad2d.html).
public final class ReflectionPad2d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 2), .reflect)
    }
    /// Elements before and behind each of the last two axes: `top` and `left` stand before.
    public init(left: Int, right: Int, top: Int, bottom: Int) {
        super.init([(top, bottom), (left, right)], .reflect)
    }
}

/// The mirrored tensor around volumes, as
/// [torch.nn.ReflectionPad3d](https://pytorch.org/docs/stable/generated/torch.nn.ReflectionPad3d.html).
public final class ReflectionPad3d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 3), .reflect)
    }
    /// Elements before and behind each of the last three axes: `front`, `top` and `left` stand before.
    public init(left: Int, right: Int, top: Int, bottom: Int, front: Int, back: Int) {
        super.init([(front, back), (top, bottom), (left, right)], .reflect)
    }
}

/// The edge, again and again, around sequences, as
/// [torch.nn.ReplicationPad1d](https://pytorch.org/docs/stable/generated/torch.nn.ReplicationPad1d.html).
public final class ReplicationPad1d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 1), .replicate)
    }
    /// Elements before and behind the last axis.
    public init(left: Int, right: Int) {
        super.init([(left, right)], .replicate)
    }
}

/// The edge, again and again, around images, as
/// [torch.nn.ReplicationPad2d](https://pytorch.org/docs/stable/generated/torch.nn.ReplicationPad2d.html).
public final class ReplicationPad2d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 2), .replicate)
    }
    /// Elements before and behind each of the last two axes: `top` and `left` stand before.
    public init(left: Int, right: Int, top: Int, bottom: Int) {
        super.init([(top, bottom), (left, right)], .replicate)
    }
}

/// The edge, again and again, around volumes, as
/// [torch.nn.ReplicationPad3d](https://pytorch.org/docs/stable/generated/torch.nn.ReplicationPad3d.html).
public final class ReplicationPad3d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 3), .replicate)
    }
    /// Elements before and behind each of the last three axes: `front`, `top` and `left` stand before.
    public init(left: Int, right: Int, top: Int, bottom: Int, front: Int, back: Int) {
        super.init([(front, back), (top, bottom), (left, right)], .replicate)
    }
}

/// The other side around sequences, as
/// [torch.nn.CircularPad1d](https://pytorch.org/docs/stable/generated/torch.nn.CircularPad1d.html).
public final class CircularPad1d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 1), .circular)
    }
    /// Elements before and behind the last axis.
    public init(left: Int, right: Int) {
        super.init([(left, right)], .circular)
    }
}

/// The other side around images, as
/// [torch.nn.CircularPad2d](https://pytorch.org/docs/stable/generated/torch.nn.CircularPad2d.html).
public final class CircularPad2d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 2), .circular)
    }
    /// Elements before and behind each of the last two axes: `top` and `left` stand before.
    public init(left: Int, right: Int, top: Int, bottom: Int) {
        super.init([(top, bottom), (left, right)], .circular)
    }
}

/// The other side around volumes, as
/// [torch.nn.CircularPad3d](https://pytorch.org/docs/stable/generated/torch.nn.CircularPad3d.html).
public final class CircularPad3d: PaddingLayer, @unchecked Sendable {
    /// By one number all around.
    public init(_ width: Int) {
        super.init(Array(repeating: (width, width), count: 3), .circular)
    }
    /// Elements before and behind each of the last three axes: `front`, `top` and `left` stand before.
    public init(left: Int, right: Int, top: Int, bottom: Int, front: Int, back: Int) {
        super.init([(front, back), (top, bottom), (left, right)], .circular)
    }
}
