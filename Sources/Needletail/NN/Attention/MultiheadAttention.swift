import TensorRuntime

/// Attention of several heads, each on its own part of the features, as
/// [torch.nn.MultiheadAttention](https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html).
///
/// Query `[targets, batch, size]`, key `[sources, batch, keySize]` and value `[sources, batch, valueSize]` give
/// `[targets, batch, size]`; with `batchFirst` the batch is the first axis; without a batch all have rank 2. Weights have
/// PyTorch's names: `in_proj_weight` has the rows of query, key and value one behind another.
public final class MultiheadAttention: Module, Sendable {
    /// `[3 size, size]`, where key and value have the query's size.
    public let inProjWeight: Parameter?
    /// `[size, size]`, where they have not.
    public let qProjWeight: Parameter?
    /// `[size, keySize]`
    public let kProjWeight: Parameter?
    /// `[size, valueSize]`
    public let vProjWeight: Parameter?
    /// `[3 size]`
    public let inProjBias: Parameter?
    /// A source that all see, `[1, 1, size]`.
    public let biasK: Parameter?
    /// The value of that source, `[1, 1, size]`; nil without a learnt source, as ``biasK``.
    public let biasV: Parameter?
    /// From the heads' results side by side to the output: `out_proj.weight` and `out_proj.bias`.
    public let outProj: Linear

    private let size: Int
    private let heads: Int
    private let keySize: Int
    private let valueSize: Int
    private let dropout: Double
    private let addsZero: Bool
    private let batchFirst: Bool
    private let mode = TrainingMode()

    /// Weights of the input are Xavier uniform, their biases 0, as in PyTorch.
    ///
    /// - Parameters:
    ///   - heads: divides `size`.
    ///   - dropout: the probability with which weights are dropped in training.
    ///   - addsKeyValueBias: whether there is a learnt source that all see.
    ///   - addsZeroAttention: whether there is a source of zeros that all see.
    ///   - keySize: features of a key; nil is `size`.
    ///   - valueSize: features of a value; nil is `size`.
    public init(
        _ size: Int, heads: Int, dropout: Double = 0, bias: Bool = true, addsKeyValueBias: Bool = false,
        addsZeroAttention: Bool = false, keySize: Int? = nil, valueSize: Int? = nil, batchFirst: Bool = false,
        generator: Generator? = nil, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let name = "MultiheadAttention(\(size), heads: \(heads))"
        let site = CallSite(file, line)
        if heads < 1 || size < 1 || size % heads != 0 {
            WrongCall.report(name, "\(heads) heads do not divide \(size)", remedy: "change heads", at: site)
        }
        if !(0...1).contains(dropout) {
            WrongCall.report(
                name, "dropout \(dropout) is not a probability", remedy: "give a number from 0 to 1", at: site)
        }
        self.size = size
        self.heads = heads
        self.keySize = keySize ?? size
        self.valueSize = valueSize ?? size
        self.dropout = dropout
        self.batchFirst = batchFirst
        addsZero = addsZeroAttention
        func xavier(_ rows: Int, _ columns: Int) -> Parameter {
            let fans = Double(rows) + Double(columns)
            let bound = fans > 0 ? (6 / fans).squareRoot() : 0
            return Parameter(
                Initialization.uniform(
                    [rows, columns], bound: bound, generator: generator, device: device, dtype: dtype, for: name,
                    at: site))
        }
        let isPacked = self.keySize == size && self.valueSize == size
        let rows = ([3, size] as Shape).elementCount
        inProjWeight = isPacked ? xavier(rows, size) : nil
        qProjWeight = isPacked ? nil : xavier(size, size)
        kProjWeight = isPacked ? nil : xavier(size, self.keySize)
        vProjWeight = isPacked ? nil : xavier(size, self.valueSize)
        inProjBias =
            bias ? Parameter(Tensor.made(.fill, [rows], dtype, .int(0), device, for: name, at: site)) : nil
        func source() -> Parameter {
            // Xavier normal, as of one row.
            Parameter(
                Tensor.normal(
                    [1, 1, max(size, 0)], std: (1 / Double(max(size, 1))).squareRoot(), generator: generator,
                    device: device
                ).cast(to: dtype))
        }
        biasK = addsKeyValueBias ? source() : nil
        biasV = addsKeyValueBias ? source() : nil
        outProj = Linear(
            size, size, bias: bias, generator: generator, device: device, dtype: dtype, file: file, line: line)
        if bias { outProj.bias?.assign(Tensor.zerosLike(outProj.bias!.value.detach())) }
    }

    /// - Parameters:
    ///   - keyPaddingMask: `[batch, sources]`, of one sequence `[sources]`: bool is true where a source is left out, floats
    ///     are added to the scores.
    ///   - mask: `[targets, sources]` or `[batch * heads, targets, sources]`, likewise: true is left out.
    ///   - isCausal: whether target `i` sees sources `0...i` alone, without a mask.
    ///   - needsWeights: whether the weights are asked for. They are computed only where something reads them.
    ///   - averagesWeights: whether they are averaged over the heads.
    /// - Returns: the result, and the weights by which the values were multiplied, in training after dropout:
    ///   `[batch, targets, sources]`, or of each head `[batch, heads, targets, sources]`.
    public func callAsFunction(
        query: Tensor, key: Tensor, value: Tensor, keyPaddingMask: Tensor? = nil, mask: Tensor? = nil,
        isCausal: Bool = false, needsWeights: Bool = true, averagesWeights: Bool = true
    ) -> (output: Tensor, weights: Tensor?) {
        let name = "MultiheadAttention(\(size), heads: \(heads))"
        guard query.rank == 2 || query.rank == 3, key.rank == query.rank, value.rank == query.rank,
            query.shape[query.rank - 1] == size, key.shape[key.rank - 1] == keySize,
            value.shape[value.rank - 1] == valueSize,
            key.shape.removing(axis: key.rank - 1)
                == value.shape.removing(axis: value.rank - 1),
            query.rank == 2 || query.shape[batchAxis] == key.shape[batchAxis], size % max(heads, 1) == 0, heads > 0
        else {
            let failed = query.invalid(
                name, "query \(query.shape), key \(key.shape), value \(value.shape)",
                remedy: "use features of \(size), \(keySize) and \(valueSize), and as many values as keys",
                [query, key, value], at: nil)
            return (failed, needsWeights ? failed : nil)
        }
        let isSame = query.handle === key.handle && key.handle === value.handle
        let isSameSource = key.handle === value.handle
        func batched(_ x: Tensor) -> Tensor {
            x.rank == 2 ? x.unsqueeze(0) : batchFirst ? x : x.transpose(0, 1)
        }
        let q0 = batched(query)
        let k0 = isSame ? q0 : batched(key)
        let v0 = isSameSource ? k0 : batched(value)
        let (batch, targets, sources) = (q0.shape[0], q0.shape[1], k0.shape[1])
        var (q, k, v) = project(q0, k0, v0, isSame: isSame, isSameSource: isSameSource)
        var total = sources
        if let biasK, let biasV {
            func appended(_ x: Tensor, _ source: Parameter) -> Tensor {
                Tensor.concatenate([x, source.value.expanded(to: [batch, 1, size])], axis: 1)
            }
            (k, v) = (appended(k, biasK), appended(v, biasV))
            total += 1
        }
        if addsZero {
            func appended(_ x: Tensor) -> Tensor { x.padded(axis: 1, before: 0, after: 1, value: .float(0)) }
            (k, v) = (appended(k), appended(v))
            total += 1
        }
        guard
            let bias = scoreMask(
                keyPaddingMask, mask, isCausal: isCausal, batch: batch, targets: targets, sources: sources,
                total: total,
                isSingle: query.rank == 2)
        else {
            let failed = query.invalid(
                name,
                "masks \(keyPaddingMask.map { "\($0.shape)" } ?? "none") of keys and "
                    + "\(mask.map { "\($0.shape)" } ?? "none") of scores for \(batch) x \(targets) x \(sources)",
                remedy: "use [batch, sources], and [targets, sources] or [batch * heads, targets, sources]",
                [query, key, value], at: nil)
            return (failed, needsWeights ? failed : nil)
        }
        func split(_ x: Tensor) -> Tensor {
            x.viewed(as: [batch, x.shape[1], heads, size / heads]).permuted([0, 2, 1, 3])
        }
        let (result, weights) = Attention.attend(
            split(q), split(k), split(v), mask: bias.mask, dropout: mode.isTraining ? dropout : 0,
            isCausal: bias.isCausal, scale: nil, groupedHeads: false, at: nil)
        let joined = result.permuted([0, 2, 1, 3]).viewed(as: [batch, targets, size])
        let output = outProj(joined)
        let found = needsWeights ? (averagesWeights ? weights.mean(axes: 1) : weights) : nil
        if query.rank == 2 { return (output.squeeze(0), found?.squeeze(0)) }
        return (batchFirst ? output : output.transpose(0, 1), found)
    }

    private var batchAxis: Int { batchFirst ? 0 : 1 }

    /// The three products: one where all are of one tensor, two where key and value are.
    private func project(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, isSame: Bool, isSameSource: Bool
    ) -> (Tensor, Tensor, Tensor) {
        let bias = inProjBias?.value
        func rows(_ tensor: Tensor, _ first: Int, _ count: Int) -> Tensor {
            tensor.narrowed(axis: 0, start: first * size, count: count * size)
        }
        guard let weight = inProjWeight?.value else {
            let weights = [qProjWeight!.value, kProjWeight!.value, vProjWeight!.value]
            let made = [q, k, v].enumerated().map { index, x in
                Tensor.linear(x, weights[index], bias: bias.map { rows($0, index, 1) })
            }
            return (made[0], made[1], made[2])
        }
        func parts(_ x: Tensor, _ count: Int) -> [Tensor] {
            (0..<count).map { x.narrowed(axis: 2, start: $0 * size, count: size) }
        }
        if isSame {
            let all = parts(Tensor.linear(q, weight, bias: bias), 3)
            return (all[0], all[1], all[2])
        }
        func product(_ x: Tensor, _ first: Int, _ count: Int) -> Tensor {
            Tensor.linear(x, rows(weight, first, count), bias: bias.map { rows($0, first, count) })
        }
        if isSameSource {
            let both = parts(product(k, 1, 2), 2)
            return (product(q, 0, 1), both[0], both[1])
        }
        return (product(q, 0, 1), product(k, 1, 1), product(v, 2, 1))
    }

    /// One mask of both, that broadcasts to `[batch, heads, targets, sources]`; nil where one does not fit.
    private func scoreMask(
        _ padding: Tensor?, _ mask: Tensor?, isCausal: Bool, batch: Int, targets: Int, sources: Int, total: Int,
        isSingle: Bool
    ) -> (mask: Tensor?, isCausal: Bool)? {
        var parts: [Tensor] = []
        if let padding {
            let fits = padding.shape == [batch, sources] || isSingle && padding.shape == [sources]
            guard fits, padding.dtype == .bool || padding.dtype.isFloat else { return nil }
            parts.append(padding.viewed(as: [batch, 1, 1, sources]))
        }
        if let mask {
            guard mask.dtype == .bool || mask.dtype.isFloat else { return nil }
            if mask.shape == [targets, sources] {
                parts.append(mask.viewed(as: [1, 1, targets, sources]))
            } else if mask.shape == [batch * heads, targets, sources] {
                parts.append(mask.viewed(as: [batch, heads, targets, sources]))
            } else {
                return nil
            }
        }
        // Added sources are seen by all.
        if isCausal, total > sources {
            let like = padding ?? mask ?? outProj.weight.value
            parts.append(
                (like.indices([targets, 1]) .< like.indices([1, sources])).viewed(as: [1, 1, targets, sources]))
        }
        let extended = parts.map { part in
            part.padded(
                axis: 3, before: 0, after: total - sources, value: part.dtype == .bool ? .int(0) : .float(0))
        }
        let leavesCausal = isCausal && total == sources
        guard let first = extended.first else { return (nil, leavesCausal) }
        if extended.allSatisfy({ $0.dtype == .bool }) {
            return (extended.dropFirst().reduce(first) { $0.logicalOr($1) }.logicalNot(), leavesCausal)
        }
        let floats = extended.map { part in
            part.dtype == .bool ? Tensor.where(part, -Double.infinity, 0.0) : part
        }
        return (floats.dropFirst().reduce(floats[0]) { $0 + $1 }, leavesCausal)
    }
}
