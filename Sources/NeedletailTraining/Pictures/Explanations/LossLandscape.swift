import Foundation
import Needletail
import TensorRuntime

/// The loss of a model at points around its parameters, along one or two directions.
///
/// Directions are random, and each filter (a row of a matrix, a kernel of a convolution) is made as long as the model's
/// own, so that pictures of different models can be compared. Parameters with fewer than two axes stay as they are.
///
/// Source: Li et al., [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913), 2018.
public struct LossLandscape: Sendable {
    /// The places along the first direction; 0 is the model.
    public let x: [Double]
    /// The places along the second direction; empty for a line.
    public let y: [Double]
    /// The losses, a row for each of `y` and a column for each of `x`; one row for a line.
    public let losses: [[Double]]

    /// Looks at the loss. Afterwards the model's parameters are what they were, whatever happened.
    ///
    /// - Parameters:
    ///   - model: whose parameters are moved. Set it to `eval()` before.
    ///   - x: how far to go along the first direction.
    ///   - y: how far along the second; nil for a line.
    ///   - resolution: how many places along each.
    ///   - directions: one or two directions, each a tensor for each of the model's parameters, in place of random
    ///     ones: the difference of two models, say. They are not made as long as filters.
    ///   - generator: what draws the directions.
    ///   - loss: the loss with the parameters as they are at the moment, of one element.
    /// - Throws: what `loss` and evaluation throw.
    public init(
        of model: any Module, x: ClosedRange<Double> = -1...1, y: ClosedRange<Double>? = -1...1, resolution: Int = 21,
        directions: [[Tensor]]? = nil, generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line,
        loss: () throws(TensorError) -> Tensor
    ) throws(TensorError) {
        let parameters = model.parameters
        let wanted = y == nil ? 1 : 2
        let origin = parameters.map { $0.value.detach() }
        if let problem = LossLandscape.problem(directions, origin, wanted, resolution) {
            let error = TensorError(.invalidArgument, "LossLandscape: \(problem)")
            WrongCall.report(error, at: CallSite(file, line))
            throw error
        }
        var given = directions ?? []
        while given.count < wanted { given.append(try LossLandscape.direction(like: origin, generator)) }
        let places = { (range: ClosedRange<Double>) in
            (0..<resolution).map { step in
                range.lowerBound + (range.upperBound - range.lowerBound) * Double(step) / Double(resolution - 1)
            }
        }
        self.x = places(x)
        self.y = y.map(places) ?? []
        defer {
            for (parameter, value) in zip(parameters, origin) { parameter.assign(value) }
        }
        var losses: [[Double]] = []
        for second in self.y.isEmpty ? [0] : self.y {
            var row: [Double] = []
            for first in self.x {
                for (index, parameter) in parameters.enumerated() {
                    var value = origin[index] + given[0][index] * first
                    if wanted == 2 { value = value + given[1][index] * second }
                    parameter.assign(value)
                }
                let value = try withNoGrad { () throws(TensorError) in try loss() }
                row.append(try value.item())
            }
            losses.append(row)
        }
        self.losses = losses
    }

    private static func problem(
        _ directions: [[Tensor]]?, _ origin: [Tensor], _ wanted: Int, _ resolution: Int
    ) -> String? {
        if resolution < 2 { return "resolution \(resolution); use 2 or more" }
        guard let directions else { return nil }
        if directions.count != wanted { return "\(directions.count) directions; pass \(wanted)" }
        for direction in directions where direction.map(\.shape) != origin.map(\.shape) {
            return "a direction of \(direction.count) tensors for \(origin.count) parameters; "
                + "pass one of each parameter's shape"
        }
        return nil
    }

    /// A random direction, each filter as long as the parameters' own.
    private static func direction(like origin: [Tensor], _ generator: Generator?) throws(TensorError) -> [Tensor] {
        var result: [Tensor] = []
        for value in origin {
            guard value.rank > 1, value.elementCount > 0 else {
                result.append(Tensor.zerosLike(value))
                continue
            }
            let random = Tensor.normalLike(value, generator: generator)
            let axes = Array(1..<value.rank)
            let own = value.square().sum(axes: axes, keepDims: true).sqrt()
            let length = random.square().sum(axes: axes, keepDims: true).sqrt()
            let scaled = random * (own / (length + 1e-10))
            try scaled.evaluate()
            result.append(scaled)
        }
        return result
    }

    /// The line, or the plane from above, with the model in its middle.
    public func chart(title: String = "", logarithmic: Bool = false) -> Chart {
        guard !y.isEmpty else {
            let chart = Chart(title, x: "distance", y: "loss", yScale: logarithmic ? .logarithmic : .linear)
            return chart.line(x: x, y: losses[0]).rule(x: 0)
        }
        return Chart(title, x: "direction 1", y: "direction 2")
            .contour(losses, x: x, y: y, logarithmic: logarithmic, label: "loss")
            .scatter(x: [0.0], y: [0.0], color: 1)
    }

    /// The plane as a surface; a line is drawn as ``chart(title:logarithmic:)`` does.
    public func surface(title: String = "") -> Chart {
        guard !y.isEmpty else { return chart(title: title) }
        return Chart.surface(
            losses, x: x, y: y, title: title, xLabel: "direction 1", yLabel: "direction 2", zLabel: "loss")
    }
}
