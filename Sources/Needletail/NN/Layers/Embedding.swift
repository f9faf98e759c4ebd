import TensorRuntime

/// Rows of a table by their numbers, as
/// [torch.nn.Embedding](https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html).
///
/// Input integers of any shape, output that shape and `[size]` behind it.
public final class Embedding: UnaryLayer, Sendable {
    /// `[count, size]`
    public let weight: Parameter

    private let count: Int
    private let size: Int
    private let paddingIndex: Int?
    private let maxNorm: Double?
    private let normType: Double

    /// The table is normally distributed with mean 0 and variance 1, as in PyTorch; the row of padding is 0.
    ///
    /// - Parameters:
    ///   - paddingIndex: a row that gets no gradient; a negative one counts from the end.
    ///   - maxNorm: where a row that is asked for is longer, it is scaled to this length first, in the table itself.
    ///   - normType: the p of the p-norm that `maxNorm` bounds.
    public init(
        _ count: Int, _ size: Int, paddingIndex: Int? = nil, maxNorm: Double? = nil, normType: Double = 2,
        generator: Generator? = nil, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let site = CallSite(file, line)
        self.count = count
        self.size = size
        self.maxNorm = maxNorm
        self.normType = normType
        let name = "Embedding(\(count), \(size))"
        self.paddingIndex = EmbeddingTable.row(paddingIndex, of: count, for: name, at: site)
        weight = EmbeddingTable.parameter(
            [count, size], padding: self.paddingIndex, generator: generator, device: device, dtype: dtype, for: name,
            at: site)
    }

    public var configuration: String {
        "\(count), \(size)" + (paddingIndex.map { ", padding_idx=\($0)" } ?? "")
            + (maxNorm.map { ", max_norm=\(Printed.number($0))" } ?? "")
            + (normType == 2 ? "" : ", norm_type=\(Printed.number(normType))")
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let name = "Embedding(\(count), \(size))"
        guard input.shape.inserting(size, at: input.rank).rank <= Shape.maximumRank else {
            return input.invalid(
                name, "input \(input.shape)", remedy: "use a rank below \(Shape.maximumRank)", [input], at: nil)
        }
        if let maxNorm { EmbeddingTable.shorten(weight, input, to: maxNorm, p: normType) }
        let rows = EmbeddingTable.rows(of: weight.value, input, padding: paddingIndex, for: name)
        return rows.rank == 2 ? rows.viewed(as: input.shape.inserting(size, at: input.rank)) : rows
    }
}

/// Sums, means or maxima of bags of rows of a table, as
/// [torch.nn.EmbeddingBag](https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html).
///
/// Input integers `[bags, n]`, or a vector of all bags' numbers with the place at which each bag begins; output
/// `[bags, size]`. An empty bag gives 0.
public final class EmbeddingBag: Module, Sendable {
    /// What becomes of a bag's rows: their sum, their mean or, for each feature, the largest.
    public enum Mode: String, Sendable { case sum, mean, max }

    /// `[count, size]`
    public let weight: Parameter

    private let count: Int
    private let size: Int
    private let mode: Mode
    private let paddingIndex: Int?
    private let maxNorm: Double?
    private let normType: Double
    private let includesLastOffset: Bool

    /// The table is normally distributed with mean 0 and variance 1, as in PyTorch; the row of padding is 0.
    ///
    /// - Parameters:
    ///   - includesLastOffset: whether the offsets end with the number of all indices.
    ///   - paddingIndex: a row that is not counted and gets no gradient; a negative one counts from the end.
    public init(
        _ count: Int, _ size: Int, mode: Mode = .mean, includesLastOffset: Bool = false, paddingIndex: Int? = nil,
        maxNorm: Double? = nil, normType: Double = 2, generator: Generator? = nil, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        self.count = count
        self.size = size
        self.mode = mode
        self.maxNorm = maxNorm
        self.normType = normType
        self.includesLastOffset = includesLastOffset
        let name = "EmbeddingBag(\(count), \(size))"
        self.paddingIndex = EmbeddingTable.row(paddingIndex, of: count, for: name, at: site)
        weight = EmbeddingTable.parameter(
            [count, size], padding: self.paddingIndex, generator: generator, device: device, dtype: dtype, for: name,
            at: site)
    }

    public var configuration: String {
        "\(count), \(size)" + (maxNorm.map { ", max_norm=\(Printed.number($0))" } ?? "")
            + (normType == 2 ? "" : ", norm_type=\(Printed.number(normType))") + ", mode='\(mode.rawValue)'"
            + (paddingIndex.map { ", padding_idx=\($0)" } ?? "")
    }

    /// - Parameters:
    ///   - offsets: where each bag begins among the indices of a vector, ascending from 0.
    ///   - weights: what each row is multiplied by, of the input's shape; for sums only.
    public func callAsFunction(_ input: Tensor, offsets: Tensor? = nil, weights: Tensor? = nil) -> Tensor {
        let name = "EmbeddingBag(\(count), \(size))"
        guard input.rank == 2 ? offsets == nil : input.rank == 1 && offsets?.rank == 1 else {
            return input.invalid(
                name, "input \(input.shape) with \(offsets.map { "offsets \($0.shape)" } ?? "no offsets")",
                remedy: "use [bags, n], or a vector with a vector of offsets", [input], at: nil)
        }
        guard weights == nil || mode == .sum && weights!.shape == input.shape else {
            return input.invalid(
                name, "weights \(weights!.shape) for input \(input.shape) in mode \(mode.rawValue)",
                remedy: "use mode .sum and a weight for each index", [input], at: nil)
        }
        if let maxNorm { EmbeddingTable.shorten(weight, input, to: maxNorm, p: normType) }
        let rows = EmbeddingTable.rows(of: weight.value, input, padding: paddingIndex, for: name)
        guard rows.rank == 2 else { return rows }
        let isCounted = paddingIndex.map { input .!= $0 } ?? Tensor.onesLike(input, dtype: .bool)
        guard let offsets else { return bags(rows, isCounted, weights) }
        let bags = offsets.elementCount - (includesLastOffset ? 1 : 0)
        guard bags >= 0 else {
            return input.invalid(name, "no offsets", remedy: "give the end, as promised", [input], at: nil)
        }
        return self.bags(rows, isCounted, weights, starts: offsets.narrowed(axis: 0, start: 0, count: bags), name)
    }

    /// Bags of equal length, the rows of `[bags, n]` indices.
    private func bags(_ rows: Tensor, _ isCounted: Tensor, _ weights: Tensor?) -> Tensor {
        let (bags, n) = (isCounted.shape[0], isCounted.shape[1])
        let members = rows.viewed(as: [bags, n, size])
        let isMember = isCounted.viewed(as: [bags, n, 1])
        if n == 0 { return members.sum(axes: 1) }
        switch mode {
        case .sum:
            let weighted = weights.map { members * $0.viewed(as: [bags, n, 1]) } ?? members
            return Tensor.where(isMember, weighted, 0).sum(axes: 1)
        case .mean:
            let counts = Tensor.maximum(isMember.cast(to: rows.dtype).sum(axes: 1), 1)
            return Tensor.where(isMember, members, 0).sum(axes: 1) / counts
        case .max:
            if bags == 0 { return members.sum(axes: 1) }
            return EmbeddingBag.largest(members, isMember)
        }
    }

    /// Bags that begin at given places of a vector of indices.
    private func bags(
        _ rows: Tensor, _ isCounted: Tensor, _ weights: Tensor?, starts: Tensor, _ name: String
    ) -> Tensor {
        let (bags, n) = (starts.elementCount, isCounted.elementCount)
        let target: Shape = [bags, size]
        if bags == 0 || n == 0 { return rows.filled(target, .float(0), dtype: rows.dtype) }
        let begins = starts.cast(to: .int64).viewed(as: [bags, 1])
        // Each index is in the last bag that begins at it or before.
        let bag = ((rows.indices([1, n]) .>= begins).cast(to: .int64).sum(axes: 0) - 1).guarded(
            in: 0..<bags, name, "the offsets do not begin at 0", remedy: "let the first bag begin at 0")
        switch mode {
        case .sum, .mean:
            var members = Tensor.where(isCounted.viewed(as: [n, 1]), rows, 0)
            if let weights { members = members * weights.viewed(as: [n, 1]) }
            let sums = members.scattered(axis: 0, bag.along(0, of: [n, size]), count: bags)
            if mode == .sum { return sums }
            let counts = isCounted.cast(to: rows.dtype).scattered(axis: 0, bag, count: bags)
            return sums / Tensor.maximum(counts, 1).viewed(as: [bags, 1])
        case .max:
            let isHere = (bag.viewed(as: [1, n]) .== rows.indices([bags, 1])).logicalAnd(isCounted.viewed(as: [1, n]))
            return EmbeddingBag.largest(
                rows.viewed(as: [1, n, size]).expanded(to: [bags, n, size]), isHere.viewed(as: [bags, n, 1]))
        }
    }

    /// The largest members of each bag, 0 of an empty one. The gradient goes to the first of equal ones.
    private static func largest(_ members: Tensor, _ isMember: Tensor) -> Tensor {
        let values = Tensor.where(isMember, members, -Double.infinity).max(axis: 1).values
        let isEmpty = isMember.any(axes: 1).logicalNot()
        return values.masked(where: isEmpty, with: 0)
    }
}

/// What ``Embedding`` and ``EmbeddingBag`` have in common.
private enum EmbeddingTable {
    /// The row of padding, counted from 0; reports one that the table does not have.
    static func row(_ index: Int?, of count: Int, for name: String, at site: CallSite) -> Int? {
        guard let index else { return nil }
        guard (-count..<count).contains(index) else {
            WrongCall.report(
                name, "padding index \(index) is outside of \(count) rows", remedy: "use an index of the table",
                at: site)
            return nil
        }
        return index < 0 ? index + count : index
    }

    static func parameter(
        _ shape: Shape, padding: Int?, generator: Generator?, device: DeviceID?, dtype: DType, for name: String,
        at site: CallSite
    ) -> Parameter {
        guard shape.isValid else {
            return Parameter(
                Tensor.invalidCreation(
                    name, "values of shape \(shape)", remedy: Tensor.shapeRemedy, shape: [], dtype: dtype,
                    device: device, at: site))
        }
        var table = Tensor.normal(shape, generator: generator, device: device)
        if let padding {
            let isPadding = table.indices([shape[0], 1]) .== padding
            table = table.masked(where: isPadding, with: 0)
        }
        return Parameter(table.cast(to: dtype))
    }

    /// The rows of all indices, `[n, size]`. The row of padding gets no gradient.
    static func rows(of table: Tensor, _ input: Tensor, padding: Int?, for name: String) -> Tensor {
        let range = 0..<table.shape[0]
        guard input.dtype.kind == .integer, input.shares(table) else {
            return input.invalid(
                name, "input \(input.dtype)\(input.shape) on \(input.device)",
                remedy: "use integers on \(table.device)", [input, table], at: nil)
        }
        var places = input.cast(to: .int64)
        switch places.checkIndices(in: range) {
        case .inside: break
        case .outside(let value):
            return input.invalid(
                name, "index \(value) is outside of \(range.count) rows", remedy: "use indices in \(range)",
                [input, table], at: nil)
        case .unknown:
            places = places.guarded(
                in: range, name, "an index that was computed is outside of \(range.count) rows",
                remedy: "use indices in \(range)")
        }
        let target: Shape = [input.elementCount, table.shape[1]]
        let flat = places.viewed(as: [input.elementCount])
        let rows = table.gathered(axis: 0, flat.along(0, of: target))
        guard let padding, rows.requiresGrad else { return rows }
        let isPadding = (flat .== padding).viewed(as: [input.elementCount, 1])
        return Tensor.where(isPadding, rows.detach(), rows)
    }

    /// Scales the rows that are asked for and longer than `bound`, in the table.
    static func shorten(_ weight: Parameter, _ input: Tensor, to bound: Double, p: Double) {
        guard input.dtype.kind == .integer, input.elementCount > 0 else { return }
        withNoGrad {
            let own = weight.value
            let table = own.widened
            let count = table.shape[0]
            let flat = input.cast(to: .int64).viewed(as: [input.elementCount])
            if case .outside = flat.checkIndices(in: 0..<count) { return }
            let asked = Tensor.onesLike(flat, dtype: table.dtype).scattered(axis: 0, flat, count: count)
            let length =
                p == .infinity
                ? table.abs().max(axes: [1])
                : p == 2 ? table.square().sum(axes: 1).sqrt() : table.abs().pow(p).sum(axes: 1).pow(1 / p)
            let isLong = (asked .> 0).logicalAnd(length .> bound)
            let scale = Tensor.where(isLong, bound / (length + 1e-7), 1.0)
            weight.scaleRows(by: scale.cast(to: own.dtype))
        }
    }
}
