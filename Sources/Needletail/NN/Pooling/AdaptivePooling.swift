import TensorRuntime

/// What the adaptive poolings have in common: the windows are as large as they must be for a given number of them.
///
/// Input `[N, C, ...]` or without `N`; along each axis window `i` of `n` covers `floor(i size / n)..<ceil((i + 1) size / n)`.
///
/// Safety: all stored properties are constants of sendable types.
public class AdaptivePool: Module, @unchecked Sendable {
    /// nil is the input's.
    fileprivate final let output: [Int?]
    private let name: String

    fileprivate init(_ output: [Int?], name: String, at site: CallSite) {
        self.output = output
        self.name = "\(name)(\(AdaptivePool.text(output)))"
        if !isPossible {
            WrongCall.report(self.name, "no window", remedy: "use outputs of 1 or more", at: site)
        }
    }

    private var isPossible: Bool { output.allSatisfy { $0 == nil || (1...1 << 30).contains($0!) } }

    private static func text(_ output: [Int?]) -> String {
        let texts = output.map { $0.map(String.init) ?? "None" }
        return Set(texts).count == 1 ? texts[0] : "(\(texts.joined(separator: ", ")))"
    }

    public final var configuration: String { "output_size=\(AdaptivePool.text(output))" }

    /// The input with a batch, or the poisoned result of a wrong call.
    fileprivate final func checked(_ input: Tensor) -> Result<Tensor, PoolingGeometry.WrongInput> {
        let axes = output.count
        let lead = input.rank - axes
        guard lead == 1 || lead == 2, input.dtype.isFloat, isPossible,
            input.shape.dropFirst(lead).allSatisfy({ $0 > 0 })
        else {
            let sizes = ["length", "height, width", "depth, height, width"][axes - 1]
            return .failure(
                PoolingGeometry.WrongInput(
                    result: input.invalid(
                        name, "input \(input.dtype)\(input.shape) is not [N, channels, \(sizes)]",
                        remedy: "reshape the input, or cast it", [input], at: nil)))
        }
        // The windows are listed on the host, and those of means are rows of a matrix.
        for (axis, count) in output.enumerated() {
            let size = input.shape[lead + axis]
            guard let count, size % count != 0 else { continue }
            let (bytes, overflows) = (2 * MemoryLayout<Double>.stride * size).multipliedReportingOverflow(by: count)
            guard overflows || !hostHasMemory(bytes) else { continue }
            return .failure(
                PoolingGeometry.WrongInput(
                    result: input.invalid(
                        name, "\(count) windows of an axis of \(size)",
                        remedy: "use fewer: the host has no memory to list them", [input], at: nil)))
        }
        return .success(lead == 1 ? input.unsqueeze(0) : input)
    }

    /// The windows of an axis.
    fileprivate final func windows(_ axis: Int, of size: Int) -> [Range<Int>] {
        let count = output[axis] ?? size
        return (0..<count).map { ($0 * size / count)..<((($0 + 1) * size + count - 1) / count) }
    }

    /// The pooling of equal windows side by side that this one is; nil where they are not equal.
    fileprivate final func regular(_ input: Tensor) -> PoolingGeometry? {
        let kernel = output.indices.map { axis -> Int? in
            let size = input.shape[2 + axis]
            let count = output[axis] ?? size
            return size % count == 0 ? size / count : nil
        }
        guard kernel.allSatisfy({ $0 != nil }) else { return nil }
        return PoolingGeometry(
            kernel: kernel.map { $0! }, stride: nil, padding: kernel.map { _ in 0 }, ceilMode: false, name: name,
            at: CallSite(#fileID, #line))
    }
}

/// What the adaptive means have in common.
public class AdaptiveAvgPool: AdaptivePool, UnaryLayer, @unchecked Sendable {
    public final func callAsFunction(_ input: Tensor) -> Tensor {
        switch checked(input) {
        case .failure(let wrong): return wrong.result
        case .success(let x):
            let result = means(x)
            return x.rank == input.rank ? result : result.squeeze(0)
        }
    }

    private func means(_ x: Tensor) -> Tensor {
        if output.allSatisfy({ $0 == 1 }) { return x.mean(axes: Array(2..<x.rank), keepDims: true) }
        if let geometry = regular(x) {
            let output = geometry.kernel.indices.map { x.shape[2 + $0] / geometry.kernel[$0] }
            return geometry.means(
                x, beyond: geometry.kernel.map { _ in 0 }, output: output, countsPadding: true, divisor: nil)
        }
        // Along each axis, a product with the matrix of the windows' shares.
        return output.indices.reduce(x) { value, axis in
            let size = x.shape[2 + axis]
            let windows = windows(axis, of: size)
            let shares = windows.flatMap { window in
                (0..<size).map { window.contains($0) ? 1 / Double(window.count) : 0 }
            }
            let matrix = Tensor.table(shares, shape: [windows.count, size], dtype: x.dtype, in: x.context)
            let last = value.transpose(2 + axis, -1)
            return last.matmul(matrix.T).transpose(2 + axis, -1)
        }
    }
}

/// What the adaptive maxima have in common.
public class AdaptiveMaxPool: AdaptivePool, UnaryLayer, @unchecked Sendable {
    public final func callAsFunction(_ input: Tensor) -> Tensor { pooled(input, wantsIndices: false).values }

    /// The largest values, and where they stand (int64) in the flat input of each channel.
    public final func withIndices(_ input: Tensor) -> (values: Tensor, indices: Tensor) {
        let result = pooled(input, wantsIndices: true)
        return (result.values, result.indices ?? result.values)
    }

    private func pooled(_ input: Tensor, wantsIndices: Bool) -> (values: Tensor, indices: Tensor?) {
        switch checked(input) {
        case .failure(let wrong): return (wrong.result, nil)
        case .success(let x):
            let (values, indices): (Tensor, Tensor?)
            if let geometry = regular(x) {
                let beyond = geometry.kernel.map { _ in 0 }
                (values, indices) =
                    wantsIndices
                    ? geometry.largestWithPlaces(x, beyond: beyond) : (geometry.largest(x, beyond: beyond), nil)
            } else {
                (values, indices) = gathered(x, wantsIndices: wantsIndices)
            }
            if x.rank == input.rank { return (values, indices) }
            return (values.squeeze(0), indices?.squeeze(0))
        }
    }

    /// All windows, filled up with their last elements to one size, laid side by side.
    private func gathered(_ x: Tensor, wantsIndices: Bool) -> (Tensor, Tensor?) {
        let axes = output.count
        let (n, c) = (x.shape[0], x.shape[1])
        var value = x
        var (counts, lengths): ([Int], [Int]) = ([], [])
        let sizes = (0..<axes).map { x.shape[2 + $0] }
        var numbers = x.indices(Shape([1, 1] + sizes))
        for axis in 0..<axes {
            let windows = windows(axis, of: sizes[axis])
            let length = windows.map(\.count).max()!
            let places = windows.flatMap { window in
                (0..<length).map { Swift.min(window.lowerBound + $0, window.upperBound - 1) }
            }
            value = value.picked(axis: 2 + axis, places)
            numbers = numbers.picked(axis: 2 + axis, places)
            counts.append(windows.count)
            lengths.append(length)
        }
        let split = zip(counts, lengths).flatMap { [$0, $1] }
        let outer = (0..<axes).map { 2 + 2 * $0 }
        let order = [0, 1] + outer + outer.map { $0 + 1 }
        let flat = lengths.reduce(1, *)
        func laid(_ tensor: Tensor, _ lead: [Int]) -> Tensor {
            tensor.viewed(as: Shape(lead + split)).permuted(Shape(order)).viewed(as: Shape(lead + counts + [flat]))
        }
        let (values, places) = laid(value, [n, c]).max(axis: -1)
        guard wantsIndices else { return (values, nil) }
        var target = places.shape.inserting(1, at: places.rank)
        let chosen = places.viewed(as: target)
        target[places.rank] = flat
        let all = laid(numbers, [1, 1]).expanded(to: target)
        return (values, all.gather(axis: -1, index: chosen).viewed(as: places.shape))
    }
}

/// The means of a given number of windows of sequences, as
/// [torch.nn.AdaptiveAvgPool1d](https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html).
public final class AdaptiveAvgPool1d: AdaptiveAvgPool, @unchecked Sendable {
    /// Input `[N, C, L]` or `[C, L]`, output `[N, C, output]` or `[C, output]`.
    public init(_ output: Int, file: StaticString = #fileID, line: UInt = #line) {
        super.init([output], name: "AdaptiveAvgPool1d", at: CallSite(file, line))
    }
}

/// The means of a given number of windows of images, as
/// [torch.nn.AdaptiveAvgPool2d](https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html). 1 is the mean
/// of each channel.
public final class AdaptiveAvgPool2d: AdaptiveAvgPool, @unchecked Sendable {
    /// Of as many windows in height as in width: output `[N, C, output, output]` or without `N`.
    public init(_ output: Int, file: StaticString = #fileID, line: UInt = #line) {
        super.init([output, output], name: "AdaptiveAvgPool2d", at: CallSite(file, line))
    }
    /// - Parameters: nil is the input's size.
    public init(height: Int?, width: Int?, file: StaticString = #fileID, line: UInt = #line) {
        super.init([height, width], name: "AdaptiveAvgPool2d", at: CallSite(file, line))
    }
}

/// The means of a given number of windows of volumes, as
/// [torch.nn.AdaptiveAvgPool3d](https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool3d.html).
public final class AdaptiveAvgPool3d: AdaptiveAvgPool, @unchecked Sendable {
    /// Of as many windows in all three directions: output `[N, C, output, output, output]` or without `N`.
    public init(_ output: Int, file: StaticString = #fileID, line: UInt = #line) {
        super.init([output, output, output], name: "AdaptiveAvgPool3d", at: CallSite(file, line))
    }
    /// - Parameters: nil is the input's size.
    public init(depth: Int?, height: Int?, width: Int?, file: StaticString = #fileID, line: UInt = #line) {
        super.init([depth, height, width], name: "AdaptiveAvgPool3d", at: CallSite(file, line))
    }
}

/// The largest values of a given number of windows of sequences, as
/// [torch.nn.AdaptiveMaxPool1d](https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool1d.html).
public final class AdaptiveMaxPool1d: AdaptiveMaxPool, @unchecked Sendable {
    /// Input `[N, C, L]` or `[C, L]`, output `[N, C, output]` or `[C, output]`.
    public init(_ output: Int, file: StaticString = #fileID, line: UInt = #line) {
        super.init([output], name: "AdaptiveMaxPool1d", at: CallSite(file, line))
    }
}

/// The largest values of a given number of windows of images, as
/// [torch.nn.AdaptiveMaxPool2d](https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html).
public final class AdaptiveMaxPool2d: AdaptiveMaxPool, @unchecked Sendable {
    /// Of as many windows in height as in width: output `[N, C, output, output]` or without `N`.
    public init(_ output: Int, file: StaticString = #fileID, line: UInt = #line) {
        super.init([output, output], name: "AdaptiveMaxPool2d", at: CallSite(file, line))
    }
    /// - Parameters: nil is the input's size.
    public init(height: Int?, width: Int?, file: StaticString = #fileID, line: UInt = #line) {
        super.init([height, width], name: "AdaptiveMaxPool2d", at: CallSite(file, line))
    }
}

/// The largest values of a given number of windows of volumes, as
/// [torch.nn.AdaptiveMaxPool3d](https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool3d.html).
public final class AdaptiveMaxPool3d: AdaptiveMaxPool, @unchecked Sendable {
    /// Of as many windows in all three directions: output `[N, C, output, output, output]` or without `N`.
    public init(_ output: Int, file: StaticString = #fileID, line: UInt = #line) {
        super.init([output, output, output], name: "AdaptiveMaxPool3d", at: CallSite(file, line))
    }
    /// - Parameters: nil is the input's size.
    public init(depth: Int?, height: Int?, width: Int?, file: StaticString = #fileID, line: UInt = #line) {
        super.init([depth, height, width], name: "AdaptiveMaxPool3d", at: CallSite(file, line))
    }
}
