import TensorGraph
import TensorRuntime

/// Sums of products by Einstein's convention: `einsum("ij,jk->ik", a, b)` is a matrix product.
///
/// Each letter names an axis; those that the result does not have are summed. A letter twice in an operand takes its
/// diagonal; `...` stands for any number of axes, which broadcast. Without `->` the result has the axes of `...`, then the
/// letters that stand once, in the order of the alphabet, capitals first. Spaces are left out of account. Operands are
/// contracted from the left to the right, each pair as a batched matrix product. Where integers of an axis that one operand alone
/// has are added up, they are so in int64, as by `sum`; a product of matrices keeps their dtype.
///
/// Source: [torch.einsum](https://pytorch.org/docs/stable/generated/torch.einsum.html).
public func einsum(
    _ equation: String, _ operands: Tensor..., file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    Tensor.einsum(equation, operands, file: file, line: line)
}

extension Tensor {
    /// Sums of products by Einstein's convention, as ``einsum(_:_:file:line:)``.
    public static func einsum(
        _ equation: String, _ operands: [Tensor], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard let first = operands.first else { return concatenated([], axis: 0, for: "einsum", at: site) }
        for operand in operands where !operand.shares(first) {
            return first.deviceMismatch("einsum", operand, at: site)
        }
        let plan: EinsumPlan
        switch EinsumPlan.read(equation, operands.map(\.shape)) {
        case .success(let read): plan = read
        case .failure(let error):
            return first.invalid(
                "einsum",
                "\"\(equation)\" of shapes \(operands.map { "\($0.shape)" }.joined(separator: ", ")): "
                    + error.problem, remedy: error.remedy, operands, at: site)
        }
        if let other = operands.first(where: { first.dtype.isMixed(with: $0.dtype) }) {
            return first.invalid(
                "einsum", "\(first.dtype)\(first.shape) by \(other.dtype)\(other.shape)", remedy: mixedRemedy, operands,
                at: site)
        }
        let type = operands.dropFirst().reduce(first.dtype) { $0.promoted(with: $1.dtype) }
        var terms = zip(operands, plan.operands).map { EinsumTerm($0.cast(to: type), $1) }
        for position in terms.indices { terms[position].takeDiagonals() }
        var result = terms[0]
        for position in 1..<Swift.max(terms.count, 1) {
            var kept = Set(plan.result)
            for later in terms[(position + 1)...] { kept.formUnion(later.labels) }
            guard let product = result.multiplied(by: terms[position], keeping: kept, at: site) else {
                return first.invalid(
                    "einsum", "\"\(equation)\" makes a product of more than \(Shape.maximumRank) dimensions",
                    remedy: "contract fewer operands at a time", operands, at: site)
            }
            result = product
        }
        return result.arranged(as: plan.result, extents: plan.extents)
    }
}

/// An equation, read: for each operand and for the result the labels of its axes. A letter's label is its code, and the axes of
/// an ellipsis, counted from the last, have negative ones.
private struct EinsumPlan {
    var operands: [[Int]] = []
    var result: [Int] = []
    var extents: [Int: Int] = [:]

    static func read(_ equation: String, _ shapes: [Shape]) -> Result<EinsumPlan, IndexProblem> {
        let text = equation.filter { $0 != " " }
        let sides = text.split(separator: ">", omittingEmptySubsequences: false)
        guard sides.count <= 2, sides.count == 1 || sides[0].hasSuffix("-") else {
            return .failure(IndexProblem("there is more than one arrow, or half of one", "write a,b->c"))
        }
        let left = sides.count == 2 ? sides[0].dropLast() : sides[0]
        let parts = left.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == shapes.count else {
            return .failure(
                IndexProblem("\(parts.count) operands in the equation and \(shapes.count) tensors", "pass one for each")
            )
        }
        var plan = EinsumPlan()
        var widest = 0
        var uses: [Int: Int] = [:]
        for (part, shape) in zip(parts, shapes) {
            guard let labels = labels(of: part, rank: shape.rank) else {
                return .failure(
                    IndexProblem(
                        "\"\(part)\" does not name the axes of \(shape)",
                        "use a letter for each axis, and at most one ... for the rest"))
            }
            for (axis, label) in labels.enumerated() {
                let known = plan.extents[label] ?? 1
                let twice = labels.firstIndex(of: label)!
                guard shape[axis] == known || shape[axis] == 1 || known == 1, shape[twice] == shape[axis] else {
                    return .failure(
                        IndexProblem(
                            "an axis of \(shape) has extent \(shape[axis]), and \(twice == axis ? known : shape[twice]) "
                                + "elsewhere", "axes of one letter must have one extent"))
                }
                plan.extents[label] = shape[axis] == 1 ? known : shape[axis]
                uses[label, default: 0] += 1
                if label < 0 { widest = Swift.max(widest, -label) }
            }
            plan.operands.append(labels)
        }
        let ellipsis = (0..<widest).map { $0 - widest }
        if sides.count == 1 {
            plan.result = ellipsis + uses.filter { $0.key > 0 && $0.value == 1 }.map(\.key).sorted()
        } else {
            let hasEllipsis = sides[1].contains(".")
            let letters = sides[1].count - (hasEllipsis ? 3 : 0)
            guard let labels = labels(of: sides[1], rank: letters + (hasEllipsis ? widest : 0)),
                Set(labels).count == labels.count, labels.allSatisfy({ uses[$0] != nil })
            else {
                return .failure(
                    IndexProblem(
                        "\"\(sides[1])\" is no result", "use letters of the operands, each once, and at most one ..."))
            }
            plan.result = labels
        }
        guard plan.result.count <= Shape.maximumRank, Shape(plan.result.map { plan.extents[$0]! }).isValid else {
            return .failure(IndexProblem("the result has too many elements or dimensions", Tensor.shapeRemedy))
        }
        return .success(plan)
    }

    /// The labels of an operand's axes; nil where the letters do not fit its rank.
    private static func labels(of part: Substring, rank: Int) -> [Int]? {
        var labels: [Int] = []
        var rest = Array(part.utf8)
        while let code = rest.first {
            let isLetter = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(code & ~32)
            if isLetter {
                labels.append(Int(code))
                rest.removeFirst()
            } else {
                let open = rank - (part.utf8.count - 3)
                guard rest.starts(with: "...".utf8), open >= 0, !labels.contains(where: { $0 < 0 }) else { return nil }
                labels += (0..<open).map { $0 - open }
                rest.removeFirst(3)
            }
        }
        return labels.count == rank ? labels : nil
    }
}

/// A tensor whose axes have labels.
private struct EinsumTerm {
    var tensor: Tensor
    var labels: [Int]

    init(_ tensor: Tensor, _ labels: [Int]) {
        self.tensor = tensor
        self.labels = labels
    }

    /// Axes of one label become their diagonal.
    mutating func takeDiagonals() {
        for label in labels {
            while let first = labels.firstIndex(of: label), let last = labels.lastIndex(of: label), first != last {
                tensor = tensor.diagonal(axis1: first, axis2: last)
                labels.remove(at: last)
                labels.remove(at: first)
                labels.append(label)
            }
        }
    }

    private func extent(_ label: Int) -> Int? { labels.firstIndex(of: label).map { tensor.shape[$0] } }

    /// Sums the axes of these labels.
    private mutating func sum(_ gone: (Int) -> Bool) {
        var mask: UInt8 = 0
        for (axis, label) in labels.enumerated() where gone(label) { mask |= 1 << UInt8(axis) }
        if mask == 0 { return }
        tensor = tensor.cast(to: tensor.dtype.sumType).folded(.sum, mask).dropping(mask, unless: false)
        labels.removeAll(where: gone)
    }

    /// Drops axes of extent 1 whose label is longer in `other`.
    private mutating func dropUnits(beside other: EinsumTerm) {
        for label in labels where extent(label) == 1 && (other.extent(label) ?? 1) > 1 {
            let axis = labels.firstIndex(of: label)!
            tensor = tensor.viewed(as: tensor.shape.removing(axis: axis))
            labels.remove(at: axis)
        }
    }

    /// The axes in the order of `order`, which names each.
    private func ordered(_ order: [Int]) -> Tensor { tensor.permuted(Shape(order.map { labels.firstIndex(of: $0)! })) }

    /// The product, summed over what nobody needs any more; nil where it has too many dimensions.
    func multiplied(by other: EinsumTerm, keeping kept: Set<Int>, at site: CallSite) -> EinsumTerm? {
        var (x, y) = (self, other)
        x.dropUnits(beside: y)
        y.dropUnits(beside: x)
        let (mine, theirs) = (Set(x.labels), Set(y.labels))
        x.sum { !kept.contains($0) && !theirs.contains($0) }
        y.sum { !kept.contains($0) && !mine.contains($0) }
        let batch = x.labels.filter { theirs.contains($0) && kept.contains($0) }
        let summed = x.labels.filter { theirs.contains($0) && !kept.contains($0) }
        let rows = x.labels.filter { !theirs.contains($0) }
        let columns = y.labels.filter { !mine.contains($0) }
        let labels = batch + rows + columns
        guard labels.count <= Shape.maximumRank else { return nil }
        func extents(_ term: EinsumTerm, _ labels: [Int]) -> [Int] { labels.map { term.extent($0)! } }
        func count(_ term: EinsumTerm, _ labels: [Int]) -> Int { extents(term, labels).reduce(1, *) }
        let target = Shape(extents(x, batch + rows) + extents(y, columns))
        guard target.isValid else { return nil }
        let left = x.ordered(batch + rows + summed)
        let right = y.ordered(batch + summed + columns)
        if summed.isEmpty {
            let ones = Shape(extents(x, batch + rows) + columns.map { _ in 1 })
            let others = Shape(extents(y, batch) + rows.map { _ in 1 } + extents(y, columns))
            return EinsumTerm(left.viewed(as: ones) * right.viewed(as: others), labels)
        }
        let (b, k) = (count(x, batch), count(x, summed))
        let (n, m) = (count(x, rows), count(y, columns))
        let product: Tensor
        if batch.isEmpty {
            product = Tensor.product(left.viewed(as: [n, k]), right.viewed(as: [k, m]), at: site)
        } else {
            product = Tensor.product(left.viewed(as: [b, n, k]), right.viewed(as: [b, k, m]), at: site)
        }
        return EinsumTerm(product.viewed(as: target), labels)
    }

    /// The result: its axes in order, repeated where an operand had extent 1.
    func arranged(as result: [Int], extents: [Int: Int]) -> Tensor {
        var term = self
        term.sum { !result.contains($0) }
        return term.ordered(result).expanded(to: Shape(result.map { extents[$0]! }))
    }
}
