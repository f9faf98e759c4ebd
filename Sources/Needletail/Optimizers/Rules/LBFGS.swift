import Foundation
import TensorGraph
import TensorRuntime

/// The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, as
/// [torch.optim.LBFGS](https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html).
///
///     let optimizer = LBFGS(model.parameters, lineSearch: .strongWolfe)
///     let loss = try optimizer.step {
///         optimizer.zeroGrad()
///         let loss = mseLoss(model(x), y)
///         loss.backward()
///         return loss
///     }
///
/// A step computes the loss several times and reads it, so that it waits for the device and cannot be captured. All
/// parameters are of one device and dtype, in one group, and each has a gradient.
public final class LBFGS: Optimizer {
    /// How a step's length is found.
    public enum LineSearch: Sendable {
        /// It is the learning rate.
        case fixed
        /// The loss falls enough and its slope is flat enough (Wolfe's conditions, strong).
        case strongWolfe
    }

    private let iterations: Int
    private let evaluations: Int
    private let gradientTolerance: Double
    private let changeTolerance: Double
    private let historySize: Int
    private let lineSearch: LineSearch
    private var memory = LBFGSMemory()

    /// - Parameters:
    ///   - iterations: the most of a step.
    ///   - evaluations: the most losses computed in a step; nil is 5/4 of the iterations.
    ///   - gradientTolerance: a step ends where no element of the gradient is larger.
    ///   - changeTolerance: a step ends where the loss or all parameters change by less.
    ///   - historySize: how many past changes are kept: two tensors of the parameters' size each.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1, iterations: Int = 20, evaluations: Int? = nil,
        gradientTolerance: Double = 1e-7, changeTolerance: Double = 1e-9, historySize: Int = 100,
        lineSearch: LineSearch = .fixed, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(of: "LBFGS", [("learning rate", learningRate)], site)
        if iterations < 1 || historySize < 1 {
            WrongCall.report(
                "LBFGS", "\(iterations) iterations and a history of \(historySize)", remedy: "give 1 or more of each",
                at: site)
        }
        self.iterations = max(iterations, 1)
        self.evaluations = evaluations ?? self.iterations * 5 / 4
        self.gradientTolerance = gradientTolerance
        self.changeTolerance = changeTolerance
        self.historySize = max(historySize, 1)
        self.lineSearch = lineSearch
        let rule = LBFGSRule(
            learningRate: learningRate,
            hyperparameters: [
                ("max_iter", Double(self.iterations)), ("max_eval", Double(self.evaluations)),
                ("tolerance_grad", gradientTolerance), ("tolerance_change", changeTolerance),
                ("history_size", Double(self.historySize)),
            ])
        super.init(parameters, rule: rule, file: file, line: line)
        if groups.first.map({ $0.flats.count > 1 }) ?? false {
            WrongCall.report(
                "LBFGS", "the parameters are of several devices or dtypes", remedy: "move and cast them to one",
                at: site)
        }
    }

    /// There is no step without the loss: a wrong call.
    public override func step() throws(TensorError) {
        let error = TensorError.wrongCall(
            "LBFGS.step", "it is called without a closure",
            remedy: "give one that computes the loss and calls backward()")
        WrongCall.report(error, at: nil)
        throw error
    }

    // MARK: State

    /// The past changes, as the first parameter's state.
    public override var state: OptimizerState {
        var result = OptimizerState(
            steps: parameters.map { _ in memory.count }, tensors: StateDictionary())
        for (name, tensor) in memory.saved { result.tensors["0.\(name)"] = tensor }
        return result
    }

    /// Takes the history of directions with the steps. State of another number of parameters, or without what belongs
    /// to it, is a `data` error, and leaves the optimizer as it was.
    public override func load(_ state: OptimizerState) throws(TensorError) {
        guard let group = groups.first, group.flats.count == 1, state.steps.count == parameters.count else {
            throw TensorError(
                .data,
                "optimizer state: of \(state.steps.count) parameters, but there are \(parameters.count); load the state of "
                    + "this model's optimizer")
        }
        let value = group.flats[0].value
        memory = try LBFGSMemory(count: state.steps.first ?? 0) { name throws(TensorError) in
            guard let tensor = state.tensors["0.\(name)"] else { return nil }
            guard tensor.shape == value.shape, tensor.dtype.isFloat else {
                throw TensorError(
                    .data,
                    "optimizer state: '0.\(name)' is \(tensor.dtype)\(tensor.shape), not \(value.dtype)\(value.shape); load "
                        + "the state of this model's optimizer")
            }
            let same = tensor.detach().cast(to: value.dtype)
            return same.context === value.context ? same : try same.to(device: value.device)
        }
    }

    // MARK: The step

    /// The gradients in one line.
    ///
    /// - Throws: where a parameter has none; the failure of one.
    private func gradient(_ group: ParameterGroup) throws(TensorError) -> Tensor {
        let flat = group.flats[0]
        if let problem = flat.gradientProblem() { throw problem.error }
        guard let gradient = flat.flatGradient() else {
            throw TensorError.wrongCall(
                "LBFGS.step", "a parameter has no gradient", remedy: "call backward() in the closure, on a loss of all")
        }
        return gradient
    }

    private func assign(_ value: Tensor, _ group: ParameterGroup) throws(TensorError) {
        try value.evaluate()
        group.flats[0].replace(value: value, state: [])
    }

    /// One step: up to as many iterations as the optimizer was made with.
    ///
    /// - Parameter loss: forgets the gradients, computes the loss, calls `backward()` and returns the loss.
    /// - Returns: the first loss, of before the step.
    @discardableResult
    public func step(_ loss: () throws -> Tensor) throws -> Double {
        if let capture = Capture.current {
            capture.refuse("LBFGS reads the loss to choose its next step; capture a step of another optimizer")
            return .nan
        }
        guard let group = groups.first else { return .nan }
        group.refresh()
        guard group.flats.count == 1 else {
            try step()
            return .nan
        }
        withNoGrad { memory.convert(to: group.flats[0].value.dtype) }
        var evaluated = 0
        /// Loss and gradient at the parameters as they are.
        func evaluate() throws -> (loss: Double, gradient: Tensor) {
            let value = try loss()
            evaluated += 1
            let gradient = try gradient(group)
            try gradient.evaluate()
            return (try value.detach().item(), gradient)
        }
        var now = try evaluate()
        let first = now.loss
        func isFlat(_ gradient: Tensor) throws -> Bool { try gradient.abs().max().item() <= gradientTolerance }
        if try isFlat(now.gradient) { return first }
        for iteration in 1...iterations {
            let direction = try withNoGrad { try memory.direction(now.gradient, historySize: historySize) }
            let before = now
            memory.gradient = now.gradient
            var length = learningRate
            if memory.count == 1 {
                length *= min(1, 1 / (try withNoGrad { try now.gradient.abs().sum().item() }))
            }
            let slope = try LBFGSMemory.dot(now.gradient, direction)
            if slope > -changeTolerance { break }
            // The loss may have shortened rows of an embedding.
            withNoGrad { group.flats[0].takeRowScales() }
            let start = group.flats[0].value
            func move(by length: Double) throws { try assign(withNoGrad { start + direction * length }, group) }
            switch lineSearch {
            case .fixed:
                try move(by: length)
                if iteration < iterations { now = try evaluate() }
            case .strongWolfe:
                let search = WolfeSearch(
                    direction: direction, loss: now.loss, gradient: now.gradient, slope: slope,
                    changeTolerance: changeTolerance, most: evaluations - evaluated)
                let found = try search.run(from: length) { length in
                    try move(by: length)
                    return try evaluate()
                }
                length = found.length
                now = (found.loss, found.gradient)
                try move(by: length)
            }
            memory.change = try withNoGrad {
                let change = direction * length
                try change.evaluate()
                return change
            }
            if iteration == iterations || evaluated >= evaluations { break }
            if try isFlat(now.gradient) { break }
            if try memory.change!.abs().max().item() <= changeTolerance { break }
            if abs(now.loss - before.loss) < changeTolerance { break }
        }
        return first
    }
}

extension LBFGSMemory {
    /// The tensors to save, under PyTorch's names.
    var saved: [(name: String, tensor: Tensor)] {
        var result: [(name: String, tensor: Tensor)] = []
        if let gradient { result.append(("prev_flat_grad", gradient)) }
        if let change { result.append(("d", change)) }
        for (index, entry) in changes.enumerated() {
            result.append(("old_dirs.\(index)", entry.gradient))
            result.append(("old_stps.\(index)", entry.value))
        }
        return result
    }

    /// Of what was saved. `tensor` gives that of a name, where there is one.
    init(count: Int, _ tensor: (String) throws(TensorError) -> Tensor?) throws(TensorError) {
        self.init()
        self.count = count
        gradient = try tensor("prev_flat_grad")
        change = try tensor("d")
        while let slope = try tensor("old_dirs.\(changes.count)"), let value = try tensor("old_stps.\(changes.count)") {
            try append(slope, value, LBFGSMemory.dot(slope, value))
        }
    }
}

/// The hyperparameters; the steps are the optimizer's.
private struct LBFGSRule: UpdateRule {
    let name = "lbfgs"
    var learningRate: Double
    let stateNames: [String] = []
    private let others: [(name: String, value: Double)]
    var hyperparameters: [(name: String, value: Double)] { [("lr", learningRate)] + others }

    init(learningRate: Double, hyperparameters: [(name: String, value: Double)]) {
        self.learningRate = learningRate
        others = hyperparameters
    }

    func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        value - gradient * learningRate
    }
}

/// Past changes of parameters and gradients, which stand for the inverse of the loss's second derivatives.
struct LBFGSMemory {
    /// Iterations so far.
    private(set) var count = 0
    /// Of the last iteration.
    var gradient: Tensor?
    var change: Tensor?
    private var changes: [(gradient: Tensor, value: Tensor, reciprocal: Double)] = []
    private var scale = 1.0

    init() {}

    /// Follows parameters that were converted.
    mutating func convert(to dtype: DType) {
        gradient = gradient?.cast(to: dtype)
        change = change?.cast(to: dtype)
        changes = changes.map { ($0.gradient.cast(to: dtype), $0.value.cast(to: dtype), $0.reciprocal) }
    }

    static func dot(_ a: Tensor, _ b: Tensor) throws(TensorError) -> Double {
        try withNoGrad { () throws(TensorError) in try (a * b).sum().item() }
    }

    private mutating func append(_ gradient: Tensor, _ value: Tensor, _ product: Double) throws(TensorError) {
        changes.append((gradient, value, 1 / product))
        scale = product / (try LBFGSMemory.dot(gradient, gradient))
    }

    /// Where to go from a gradient: minus the product of the inverse with it, by the two loops over the changes.
    mutating func direction(_ gradient: Tensor, historySize: Int) throws(TensorError) -> Tensor {
        count += 1
        guard let last = self.gradient, let change else { return -gradient }
        let difference = gradient - last
        let product = try LBFGSMemory.dot(difference, change)
        if product > 1e-10 {
            if changes.count == historySize { changes.removeFirst() }
            try difference.evaluate()
            try append(difference, change, product)
        }
        // The coefficients stay on the device.
        var q = -gradient
        var coefficients: [Tensor] = []
        for entry in changes.reversed() {
            let coefficient = (entry.value * q).sum() * entry.reciprocal
            coefficients.append(coefficient)
            q = q - entry.gradient * coefficient
        }
        var result = q * scale
        for (entry, coefficient) in zip(changes, coefficients.reversed()) {
            let other = (entry.gradient * result).sum() * entry.reciprocal
            result = result + entry.value * (coefficient - other)
        }
        try result.evaluate()
        return result
    }
}
