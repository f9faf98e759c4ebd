import TensorRuntime

/// The connectionist temporal classification loss, `-log p(target | logProbabilities)` summed over all alignments, by
/// [Graves et al.](https://www.cs.toronto.edu/~graves/icml_2006.pdf), as
/// [torch.nn.functional.ctc_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.ctc_loss.html).
///
/// Log probabilities `[T, N, C]`, or `[T, C]` of one sequence, as `logSoftmax` gives them; targets `[N, S]` (`[S]` of one
/// sequence), or those of all sequences one after another in one tensor of rank 1. The result is of rank 0, or `[N]`
/// (`[]`) without reduction. A mean is of the losses divided by their targets' lengths.
///
/// A target that no alignment of the input's length gives has an infinite loss, with a gradient of 0. Classes outside
/// `0..<C` are an error where they came from the host; where the device computed them, a read of the loss throws.
///
/// The recursion over alignments runs in logarithms, a few launches for each of the `T` steps.
///
/// - Parameters:
///   - inputLengths: for each sequence, how many of the `T` steps are its.
///   - targetLengths: for each sequence, how many of its targets count.
///   - blank: the class between labels.
///   - zeroInfinity: whether an infinite loss becomes 0.
public func ctcLoss(
    _ logProbabilities: Tensor, _ targets: Tensor, inputLengths: [Int], targetLengths: [Int], blank: Int = 0,
    reduction: Reduction = .mean, zeroInfinity: Bool = false, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    let site = CallSite(file, line)
    let input = logProbabilities
    guard input.shares(targets) else { return input.deviceMismatch("ctcLoss", targets, at: site) }
    func wrong(_ problem: String, _ remedy: String) -> Tensor {
        input.invalid("ctcLoss", problem, remedy: remedy, [input, targets], at: site)
    }
    guard 2...3 ~= input.rank, input.dtype.isFloat, targets.dtype.kind == .integer, 1...2 ~= targets.rank else {
        return wrong(
            "log probabilities \(input.dtype)\(input.shape) and targets \(targets.dtype)\(targets.shape) do not fit",
            "give floats [T, N, C] and integers [N, S]")
    }
    let isBatch = input.rank == 3
    let count = isBatch ? input.shape[1] : 1
    let (steps, classes) = (input.shape[0], input.shape[input.rank - 1])
    guard inputLengths.count == count, targetLengths.count == count else {
        return wrong(
            "\(inputLengths.count) input lengths and \(targetLengths.count) target lengths of \(count) sequences",
            "give one of each for every sequence")
    }
    if let length = inputLengths.first(where: { $0 < 0 || $0 > steps }) {
        return wrong("an input length of \(length) of \(steps) steps", "use lengths in 0...\(steps)")
    }
    guard (0..<classes).contains(blank) else {
        return wrong("blank \(blank) is outside 0..<\(classes)", "use a class of the log probabilities")
    }
    // One after another, or rows.
    let isJoined = targets.rank == 1 && isBatch
    let longest = isJoined ? targetLengths.max() ?? 0 : targets.shape[targets.rank - 1]
    if let length = targetLengths.first(where: { $0 < 0 || $0 > longest }) {
        return wrong("a target length of \(length) of \(longest) targets", "use lengths in 0...\(longest)")
    }
    let total = targetLengths.reduce(0) { $0.addingReportingOverflow($1).partialValue }
    guard isJoined ? targets.shape[0] == total : targets.rank == 1 || targets.shape[0] == count else {
        return wrong(
            "targets \(targets.shape) of \(count) sequences with target lengths of \(total) together",
            "give targets [\(count), S], or [\(total)] one after another")
    }
    let problem = Alignments(
        input: input, targets: targets, isJoined: isJoined, longest: longest, inputLengths: inputLengths,
        targetLengths: targetLengths, blank: blank)
    switch problem.losses() {
    case .failure(let outside):
        return wrong("class \(outside.label) is outside 0..<\(classes)", "use classes of the log probabilities")
    case .success(var losses):
        losses = Tensor.where(losses .>= Alignments.impossible / 2, zeroInfinity ? 0 : Double.infinity, losses)
            .to(input.dtype)
        if reduction == .mean {
            let lengths = Tensor.host(
                targetLengths.map { Float(max($0, 1)) }, shape: [count], in: input.context)
            losses = losses / lengths.to(losses.dtype)
        }
        if !isBatch { losses = losses.reshape([]) }
        return losses.reduced(by: reduction)
    }
}

/// The alignments of targets, each with blanks around its labels, with the steps of the input.
private struct Alignments {
    let input: Tensor
    let targets: Tensor
    let isJoined: Bool
    /// The number of labels in a row.
    let longest: Int
    let inputLengths: [Int]
    let targetLengths: [Int]
    let blank: Int

    /// Minus the logarithm of 0: finite, so that differences of two are numbers.
    static let impossible = 1e30

    /// A label that is no class.
    struct Outside: Error {
        let label: Int64
    }

    /// `[N]`, about ``impossible`` where there is no alignment.
    func losses() -> Result<Tensor, Outside> {
        let wide = input.dtype.isShortFloat ? input.cast(to: .float32) : input
        let x = (wide.rank == 3 ? wide : wide.unsqueeze(1)).clamp(min: -Alignments.impossible)
        let (steps, count, classes) = (x.shape[0], x.shape[1], x.shape[2])
        let context = input.context
        let zero = -Alignments.impossible
        // Labels [N, S], blanks behind each row's end.
        var labels = targets.to(.int64)
        if isJoined {
            var places: [Int64] = []
            var start = 0
            for length in targetLengths {
                for place in 0..<longest { places.append(Int64(place < length ? start + place : 0)) }
                start += length
            }
            labels =
                places.isEmpty
                ? labels.reshape([count, 0])
                : labels.indexSelect(index: Tensor.host(places, shape: [places.count], in: context)).reshape([
                    count, longest,
                ])
        } else {
            labels = labels.reshape([count, longest])
        }
        let lengths = Tensor.host(targetLengths.map(Int64.init), shape: [count, 1], in: context)
        let isWhole = targetLengths.allSatisfy { $0 == longest } || isJoined
        let check = targets.checkIndices(in: 0..<classes)
        if case .outside(let label) = check, isWhole { return .failure(Outside(label: label)) }
        labels = Tensor.where(input.indices([1, longest]) .< lengths, labels, blank).to(.int64)
        switch check {
        case .inside: break
        case .outside, .unknown:
            labels = labels.guarded(
                in: 0..<classes, "ctcLoss", "a target that counts is outside 0..<\(classes) of \(input.shape)",
                remedy: "use classes of the log probabilities")
            labels = labels.masked(where: (labels .< 0).logicalOr(labels .>= classes), with: blank)
        }
        // With blanks around them: [N, 2 S + 1].
        let width = 2 * longest + 1
        let blanks = input.filled([count, 1], .int(Int64(blank)), dtype: .int64)
        var states = blanks
        if longest > 0 {
            let pairs = Tensor.stack([blanks.expand([count, longest]), labels], axis: 2)
            states = Tensor.concatenate([pairs.reshape([count, width - 1]), blanks], axis: 1)
        }
        // A label may follow the one before without a blank, unless both are the same.
        var mayLeap = input.filled([count, width], .int(0), dtype: .bool)
        if width > 2 {
            let here = states.slice(axis: 1, from: 2)
            let differs = (here .!= states.slice(axis: 1, to: width - 2)).logicalAnd(here .!= blank)
            mayLeap = Tensor.concatenate([input.filled([count, 2], .int(0), dtype: .bool), differs], axis: 1)
        }
        let place = input.indices([1, width])
        let emitted =
            steps > 0 && count > 0
            ? x.gather(axis: 2, index: states.unsqueeze(0).expand([steps, count, width])) : x
        let ends = Tensor.host(inputLengths.map(Int64.init), shape: [count, 1], in: context)
        // Before the first step, everything is at the first blank.
        var sums = Tensor.where(place .== 0, 0.0, zero).to(x.dtype).expand([count, width])
        for step in 0..<(count > 0 ? inputLengths.max() ?? 0 : 0) {
            let before = sums.pad([(0, 0), (2, 0)], value: zero)
            let stay = before.slice(axis: 1, from: 2)
            let next = before.slice(axis: 1, from: 1, to: width + 1)
            let leap = Tensor.where(mayLeap, before.slice(axis: 1, to: width), zero)
            // The largest is a constant for the gradient: the result does not depend on it.
            let largest = Tensor.maximum(Tensor.maximum(stay, next), leap).detach()
            let total = (stay - largest).exp() + (next - largest).exp() + (leap - largest).exp()
            let moved = total.log() + largest + emitted.select(step)
            sums = inputLengths.allSatisfy { step < $0 } ? moved : Tensor.where(ends .> step, moved, sums)
        }
        // It ends at the last label or at the blank behind it.
        let last = lengths * 2
        let atBlank = Tensor.where(place .== last, sums, 0).sum(axes: [1])
        let atLabel = Tensor.where(place .== last - 1, sums, 0).sum(axes: [1])
        let hasLabel = lengths.squeeze(1) .> 0
        let ending = Tensor.where(hasLabel, atLabel, zero)
        let largest = Tensor.maximum(atBlank, ending).detach()
        let total = (atBlank - largest).exp() + (ending - largest).exp()
        return .success(-(total.log() + largest))
    }
}

extension Tensor {
    /// Row `index` of the first axis.
    fileprivate func select(_ index: Int) -> Tensor { slice(axis: 0, from: index, to: index + 1).squeeze(0) }
}
