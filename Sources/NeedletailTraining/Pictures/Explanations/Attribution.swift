import Foundation
import Needletail
import TensorRuntime

/// How much each number of an input has to do with what a model says.
///
/// A model is a function of a batch: `model.callAsFunction`, or a closure. It gives a number for each example, `[n]` or
/// `[n, 1]`, or one for each class, `[n, classes]`; then `target` says each example's class. A module should be set to
/// `eval()` before.
public enum Attribution {
    /// The size of the gradient of the score by each number of the input.
    ///
    /// Source: Simonyan et al., [Deep Inside Convolutional Networks](https://arxiv.org/abs/1312.6034), 2013.
    ///
    /// - Parameters:
    ///   - input: a batch, `[n, ...]`, of a float type.
    ///   - target: the class of each example whose score is looked at.
    /// - Returns: numbers of 0 or above, of the input's shape.
    /// - Throws: as evaluation.
    public static func saliency(
        _ model: (Tensor) -> Tensor, _ input: Tensor, target: [Int]? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) throws(TensorError) -> Tensor {
        guard check("saliency", input, target, CallSite(file, line)) else { return Tensor.zerosLike(input) }
        let result = gradient(model, input, target, "saliency", CallSite(file, line)).abs()
        try result.evaluate()
        return result
    }

    /// Shares of each number in the difference of the score from that of a baseline: the mean of the gradient on the
    /// straight way from there, times the difference of the inputs. They sum up to the scores' difference.
    ///
    /// Source: Sundararajan et al., [Axiomatic Attribution for Deep Networks](https://arxiv.org/abs/1703.01365), 2017;
    /// the integral by the rule of midpoints.
    ///
    /// - Parameters:
    ///   - baseline: what counts as nothing, of the input's shape or one that broadcasts to it; zeros by default.
    ///   - steps: how many places on the way; the more, the closer the sum.
    /// - Returns: a tensor of the input's shape.
    /// - Throws: as evaluation.
    public static func integratedGradients(
        _ model: (Tensor) -> Tensor, _ input: Tensor, target: [Int]? = nil, baseline: Tensor? = nil, steps: Int = 50,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Tensor {
        let site = CallSite(file, line)
        let name = "integratedGradients"
        guard check(name, input, target, site) else { return Tensor.zerosLike(input) }
        guard steps > 0 else {
            wrong(name, "\(steps) steps", remedy: "use 1 or more", site)
            return Tensor.zerosLike(input)
        }
        let start = (baseline ?? Tensor.zerosLike(input)).to(input.dtype).broadcastTo(
            input.shape, file: file, line: line)
        let places = (0..<steps).map { (Double($0) + 0.5) / Double(steps) }
        let difference = (input - start).detach()
        var total = Tensor.zerosLike(input)
        // As many places at a time as make a batch of moderate size.
        let together = max(1, 256 / max(input.shape[0], 1))
        for first in stride(from: 0, to: steps, by: together) {
            let part = Array(places[first..<min(first + together, steps)])
            let shares = column(part, rank: input.rank + 1, like: input)
            let points =
                (start.detach().reshape([1] + Array(input.shape)) + shares
                    * difference.reshape([1] + Array(input.shape)))
            let batch = points.reshape([part.count * input.shape[0]] + Array(input.shape.dropFirst()))
            let targets = target.map { target in part.flatMap { _ in target } }
            let slope = gradient(model, batch, targets, name, site)
            total = total + slope.reshape([part.count] + Array(input.shape)).sum(axes: 0)
            // The trace of each batch ends here, so that memory stays that of one.
            try total.evaluate()
        }
        let result = difference * total / Double(steps)
        try result.evaluate()
        return result
    }

    /// Integrated gradients with rows of data as baselines, averaged: what the input has that other data have not, in
    /// the manner of SHAP. They sum up to the difference of the score from its mean over the baselines, nearly.
    ///
    /// Source: Erion et al., [Improving performance of deep learning models with axiomatic attribution priors and
    /// expected gradients](https://arxiv.org/abs/1906.10670), 2021. Each baseline's places on the way are spread
    /// evenly, one at random in each part, so that fewer are needed.
    ///
    /// - Parameters:
    ///   - input: a batch, `[n, ...]`.
    ///   - background: examples, `[m, ...]`, that stand for the data.
    ///   - samples: how many gradients for each example; at least one for each row of `background`.
    ///   - generator: what draws the places; the current one by default.
    /// - Returns: a tensor of the input's shape.
    /// - Throws: as evaluation.
    public static func expectedGradients(
        _ model: (Tensor) -> Tensor, _ input: Tensor, background: Tensor, target: [Int]? = nil, samples: Int = 200,
        generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Tensor {
        let site = CallSite(file, line)
        let name = "expectedGradients"
        guard check(name, input, target, site) else { return Tensor.zerosLike(input) }
        let isAlike =
            background.rank == input.rank && Array(background.shape.dropFirst()) == Array(input.shape.dropFirst())
        guard isAlike, background.shape[0] > 0, samples > 0 else {
            wrong(
                name, "background of shape \(background.shape) and \(samples) samples for input \(input.shape)",
                remedy: "pass rows like the input's, and 1 sample or more", site)
            return Tensor.zerosLike(input)
        }
        let rows = background.shape[0]
        let each = max(1, samples / rows)
        let draws = try Tensor.uniform([rows * each], generator: generator, device: .cpu).scalars(as: Float.self)
        var means: [Tensor] = []
        let base = background.to(input.dtype).detach()
        for example in 0..<input.shape[0] {
            let own = input.detach()[example..<example + 1]
            var sum = Tensor.zerosLike(own)
            let together = max(1, 256 / each)
            for first in stride(from: 0, to: rows, by: together) {
                let count = min(together, rows - first)
                // Row after row, each with its places.
                let start = base[first..<first + count].repeatInterleave(each, axis: 0)
                let shares = (0..<count * each).map { index in
                    (Double(index % each) + Double(draws[first * each + index])) / Double(each)
                }
                let difference = own - start
                let points = start + column(shares, rank: input.rank, like: input) * difference
                let targets = target.map { target in [Int](repeating: target[example], count: count * each) }
                let slope = gradient(model, points, targets, name, site)
                sum = sum + (slope * difference).sum(axes: 0, keepDims: true)
                try sum.evaluate()
            }
            let mean = sum / Double(rows * each)
            try mean.evaluate()
            means.append(mean)
        }
        guard !means.isEmpty else { return Tensor.zerosLike(input) }
        let result = Tensor.concatenate(means)
        try result.evaluate()
        return result
    }

    /// Numbers along the first of `rank` axes.
    private static func column(_ values: [Double], rank: Int, like other: Tensor) -> Tensor {
        Tensor(
            values.map(Float.init), shape: Shape([values.count] + [Int](repeating: 1, count: rank - 1)),
            device: other.device
        ).to(other.dtype)
    }

    /// The gradient of the sum of all scores by a batch; that of each example is by itself.
    private static func gradient(
        _ model: (Tensor) -> Tensor, _ input: Tensor, _ target: [Int]?, _ name: String, _ site: CallSite
    ) -> Tensor {
        withGrad {
            let leaf = input.detach().requiringGrad()
            let output = model(leaf)
            let count = input.shape[0]
            var scores = output
            if let target {
                guard output.rank == 2, output.shape[0] == count,
                    target.allSatisfy({ $0 >= 0 && $0 < output.shape[1] })
                else {
                    wrong(
                        name, "targets up to \(target.max() ?? 0) for an output of shape \(output.shape)",
                        remedy: "use classes that the model has, whose output is [n, classes]", site)
                    return Tensor.zerosLike(input)
                }
                let places = Tensor(target.map(Int64.init), shape: [count, 1], device: input.device)
                scores = output.gather(axis: 1, index: places)
            } else if output.elementCount != count {
                wrong(
                    name, "an output of shape \(output.shape) for \(count) examples",
                    remedy: "say each example's class with target:", site)
                return Tensor.zerosLike(input)
            }
            let found = gradients(of: scores.sum(), withRespectTo: [leaf])[0]
            // A model that does not look at its input has no gradient.
            return found ?? Tensor.zerosLike(input)
        }
    }

    private static func check(_ name: String, _ input: Tensor, _ target: [Int]?, _ site: CallSite) -> Bool {
        guard input.rank > 0, input.dtype.isFloat, target == nil || target!.count == input.shape[0] else {
            let targets = target.map { " and \($0.count) targets" } ?? ""
            wrong(
                name, "input \(input.dtype)\(input.shape)\(targets)",
                remedy: "pass a batch of floats, and a class for each example", site)
            return false
        }
        return true
    }

    private static func wrong(_ name: String, _ problem: String, remedy: String, _ site: CallSite) {
        WrongCall.report(TensorError(.invalidArgument, "Attribution.\(name): \(problem); \(remedy)"), at: site)
    }
}
