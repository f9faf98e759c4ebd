import TensorRuntime

/// How many windows a fractional pooling makes of each axis.
enum FractionalOutput: Sendable {
    case sizes([Int])
    case ratios([Double])

    func extents(of sizes: [Int]) -> [Int] {
        switch self {
        case .sizes(let given): given
        case .ratios(let ratios): zip(sizes, ratios).map { Int(Double($0) * $1) }
        }
    }

    var isPossible: Bool {
        switch self {
        case .sizes(let sizes): sizes.allSatisfy { (1...1 << 30).contains($0) }
        case .ratios(let ratios): ratios.allSatisfy { $0 > 0 && $0 < 1 }
        }
    }

    var text: String {
        switch self {
        case .sizes(let sizes): "an output of \(Printed.extents(sizes))"
        case .ratios(let ratios): "an output ratio of \(ratios)"
        }
    }
}

/// What the fractional poolings have in common: windows of one size that begin at pseudo-random places, so that extents shrink by
/// any factor ([Graham](https://arxiv.org/abs/1412.6071)).
///
/// Input `[N, C, ...]` or without `N`. For a sample u of 0..<1 for each channel and axis, window `i` of `n` begins at
/// `floor((i + u) a) - floor(u a)` with `a = (size - kernel) / (n - 1)`, the last where it still fits.
///
/// Safety: all stored properties are constants of sendable types.
public class FractionalMaxPool: UnaryLayer, @unchecked Sendable {
    private let kernel: [Int]
    private let output: FractionalOutput
    private let samples: Tensor?
    private let generator: Generator?
    private let name: String
    private let isPossible: Bool

    fileprivate init(
        _ kernel: [Int], _ output: FractionalOutput, samples: Tensor?, generator: Generator?, name: String,
        at site: CallSite
    ) {
        self.kernel = kernel
        self.output = output
        self.samples = samples
        self.generator = generator
        self.name = name
        let isSampled = samples.map { $0.dtype.isFloat && $0.rank == 3 && $0.shape[2] == kernel.count } ?? true
        isPossible = kernel.allSatisfy { (1...1 << 30).contains($0) } && output.isPossible && isSampled
        if !isPossible {
            let given = samples.map { ", samples \($0.dtype)\($0.shape)" } ?? ""
            WrongCall.report(
                name, "kernel \(Printed.extents(kernel)), \(output.text)\(given)",
                remedy:
                    "use kernels and sizes of 1 or more, ratios between 0 and 1, and samples [N, C, \(kernel.count)]",
                at: site)
        }
    }

    public final func callAsFunction(_ input: Tensor) -> Tensor { withIndices(input).values }

    /// The largest values, and where they stand (int64) in the flat input of each channel.
    public final func withIndices(_ input: Tensor) -> (values: Tensor, indices: Tensor) {
        let axes = kernel.count
        let lead = input.rank - axes
        func wrong(_ problem: String, _ remedy: String) -> (values: Tensor, indices: Tensor) {
            let failed = input.invalid(name, problem, remedy: remedy, [input], at: nil)
            return (failed, failed.failedIndices())
        }
        guard lead == 1 || lead == 2, input.dtype.isFloat, isPossible else {
            return wrong("input \(input.dtype)\(input.shape)", "use floats [N, channels, \(axes) axes]")
        }
        let x = lead == 1 ? input.unsqueeze(0) : input
        let (n, c) = (x.shape[0], x.shape[1])
        let sizes = Array(x.shape.dropFirst(2))
        let counts = output.extents(of: sizes)
        for axis in 0..<axes where counts[axis] < 1 || counts[axis] > sizes[axis] - kernel[axis] + 1 {
            return wrong(
                "\(counts[axis]) windows of \(kernel[axis]) of an axis of \(sizes[axis])",
                "use one at least, and no more than begin at different places")
        }
        let drawn =
            samples
            ?? Tensor.uniformLike(x.filled([n, c, axes], .float(0), dtype: .float32), generator: generator)
        guard drawn.shape == [n, c, axes], drawn.shares(x) else {
            return wrong(
                "samples \(drawn.shape) on \(drawn.device) for input \(input.shape)",
                "use [\(n), \(c), \(axes)] on the input's device")
        }
        guard Shape([n, c] + counts + kernel).isValid else {
            return wrong("windows of \(Printed.extents(kernel))", Tensor.shapeRemedy)
        }
        let windows = counts.reduce(1, *)
        let each = kernel.reduce(1, *)
        let places = places(drawn.detach(), sizes, counts).viewed(as: [n, c, windows * each])
        let total = sizes.reduce(1, *)
        let members = x.viewed(as: [n, c, total]).gathered(axis: 2, places).viewed(as: [n, c, windows, each])
        let (values, chosen) = members.max(axis: 3)
        let indices = places.viewed(as: [n, c, windows, each])
            .gathered(axis: 3, chosen.viewed(as: [n, c, windows, 1]))
        let target = Shape((lead == 1 ? [c] : [n, c]) + counts)
        return (values.viewed(as: target), indices.viewed(as: target))
    }

    /// The place in the flat input of each place of each window: `[n, c, windows..., kernel...]`, int64.
    private func places(_ samples: Tensor, _ sizes: [Int], _ counts: [Int]) -> Tensor {
        let axes = kernel.count
        let (n, c) = (samples.shape[0], samples.shape[1])
        var result: Tensor?
        for axis in 0..<axes {
            let (size, count) = (sizes[axis], counts[axis])
            // PyTorch's samples of pictures are those of columns and of rows, of volumes in the axes' order.
            let place = axes == 2 ? 1 - axis : axis
            let sample = samples.narrowed(axis: 2, start: place, count: 1)
            let room = size - kernel[axis]
            let number = samples.indices([1, 1, count])
            let pace = count > 1 ? Double(room) / Double(count - 1) : 0
            let moved = ((number.cast(to: samples.dtype) + sample) * pace).floor() - (sample * pace).floor()
            let begins = Tensor.where(number .== count - 1, room, moved.cast(to: .int64))
            var wide = Shape(repeating: 1, rank: 2 + 2 * axes)
            (wide[0], wide[1], wide[2 + axis]) = (n, c, count)
            var inner = Shape(repeating: 1, rank: 2 + 2 * axes)
            inner[2 + axes + axis] = kernel[axis]
            let along = begins.viewed(as: wide) + samples.indices([kernel[axis]]).viewed(as: inner)
            result = result.map { $0 * size + along } ?? along
        }
        return result!
    }
}

/// The largest values of windows of images at pseudo-random places, as
/// [torch.nn.FractionalMaxPool2d](https://pytorch.org/docs/stable/generated/torch.nn.FractionalMaxPool2d.html).
public final class FractionalMaxPool2d: FractionalMaxPool, @unchecked Sendable {
    /// - Parameters:
    ///   - outputSize: height and width of the result.
    ///   - samples: `[N, C, 2]`, of 0..<1, in place of those that are drawn at each call: for columns and for rows.
    ///   - generator: draws them; nil is the current one.
    public init(
        kernel: Extent2D, outputSize: Extent2D, samples: Tensor? = nil, generator: Generator? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            kernel.list, .sizes(outputSize.list), samples: samples, generator: generator,
            name: "FractionalMaxPool2d", at: CallSite(file, line))
    }

    /// - Parameter outputRatio: of height and width of the result to those of the input, between 0 and 1.
    public init(
        kernel: Extent2D, outputRatio: (height: Double, width: Double), samples: Tensor? = nil,
        generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            kernel.list, .ratios([outputRatio.height, outputRatio.width]), samples: samples, generator: generator,
            name: "FractionalMaxPool2d", at: CallSite(file, line))
    }
}

/// The largest values of windows of volumes at pseudo-random places, as
/// [torch.nn.FractionalMaxPool3d](https://pytorch.org/docs/stable/generated/torch.nn.FractionalMaxPool3d.html).
public final class FractionalMaxPool3d: FractionalMaxPool, @unchecked Sendable {
    /// - Parameters:
    ///   - outputSize: depth, height and width of the result.
    ///   - samples: `[N, C, 3]`, of 0..<1, in place of those that are drawn at each call.
    ///   - generator: draws them; nil is the current one.
    public init(
        kernel: Extent3D, outputSize: Extent3D, samples: Tensor? = nil, generator: Generator? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            kernel.list, .sizes(outputSize.list), samples: samples, generator: generator,
            name: "FractionalMaxPool3d", at: CallSite(file, line))
    }

    /// - Parameter outputRatio: of the result's extents to the input's, between 0 and 1.
    public init(
        kernel: Extent3D, outputRatio: (depth: Double, height: Double, width: Double), samples: Tensor? = nil,
        generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            kernel.list, .ratios([outputRatio.depth, outputRatio.height, outputRatio.width]), samples: samples,
            generator: generator, name: "FractionalMaxPool3d", at: CallSite(file, line))
    }
}
