import TensorGraph
import TensorRuntime

/// One layer in one direction over a whole sequence.
///
/// The tape gets one step for all time steps, whose pullback walks back through them: a time step is one product and one
/// fused kernel forwards, and one of each backwards; the gradient by the state's weight is one product for all. Where a
/// gradient is to be differentiated again, the pullback runs the steps as they are written instead, on the tape.
struct RecurrentSequence {
    var kind: RecurrentKind
    var isReversed: Bool
    /// Whether each example takes part in each step, bool `[time, batch, 1]`; nil is all.
    var mask: Tensor?

    /// What the steps read: the input's product `[time, batch, gates * hidden]`, the state before the first step, the
    /// state's weight, and where there are any, the cell's state, a projection and a bias of the state's product.
    struct Inputs {
        var x: Tensor
        var h: Tensor
        var weight: Tensor
        var c: Tensor?
        var projection: Tensor?
        var bias: Tensor?

        /// All in order, for the tape.
        var list: [Tensor] { [x, h, weight] + [c, projection, bias].compactMap { $0 } }
    }

    /// States behind each time step, `[time, batch, hidden]`, where an example that is at its end keeps its state; and the
    /// last state of the cell.
    struct Result {
        var states: Tensor
        var c: Tensor?
    }

    func callAsFunction(_ inputs: Inputs) -> Result {
        // A projection makes states of another size; what the pullback below does is written for those of one.
        if inputs.projection != nil { return composed(inputs) }
        let time = inputs.x.shape[0]
        let kept = Kept()
        let all = Tensor.custom(inputs.list) {
            let steps = self.steps(inputs)
            kept.steps = steps
            let rows = inTime(steps.map(\.h)).map { $0.unsqueeze(0) } + [steps.last!.c?.unsqueeze(0)].compactMap { $0 }
            return Tensor.concatenate(rows, axis: 0)
        } pullback: { [self] gradient, output in
            if ExecutionContext.current.recordsGradients { return recorded(inputs, gradient) }
            return pullback(inputs, kept.steps, gradient, output)
        }
        guard inputs.c != nil else { return Result(states: all, c: nil) }
        return Result(
            states: all.narrowed(axis: 0, start: 0, count: time),
            c: all.narrowed(axis: 0, start: time, count: 1).squeeze(0))
    }

    /// What the forward steps leave for the pullback.
    ///
    /// Safety: written once, before the pullback is reachable.
    private final class Kept: @unchecked Sendable { var steps: [RecurrentStep] = [] }

    /// Time steps in the order in which they run.
    private func order(_ time: Int) -> [Int] { isReversed ? (0..<time).reversed() : Array(0..<time) }
    /// What was made in that order, by time.
    private func inTime<Element>(_ made: [Element]) -> [Element] { isReversed ? made.reversed() : made }

    private func row(_ tensor: Tensor, _ time: Int) -> Tensor {
        tensor.narrowed(axis: 0, start: time, count: 1)
            .viewed(as: Shape(tensor.shape.dropFirst()))
    }

    /// All steps in the order in which they run. An example at its end keeps its state.
    private func steps(_ inputs: Inputs) -> [RecurrentStep] {
        var (h, c) = (inputs.h, inputs.c)
        let weight = inputs.weight.T
        return order(inputs.x.shape[0]).map { time in
            let product = h.matmul(weight)
            var step = kind.step(
                row(inputs.x, time), inputs.bias.map { product + $0 } ?? product, h: h, c: c)
            if let projection = inputs.projection { step.h = step.h.matmul(projection.T) }
            if let mask {
                let isHere = row(mask, time)
                step.h = Tensor.where(isHere, step.h, h)
                step.c = step.c.map { Tensor.where(isHere, $0, c!) }
            }
            (h, c) = (step.h, step.c)
            return step
        }
    }

    /// The result by operations of the tape.
    private func composed(_ inputs: Inputs) -> Result {
        let steps = self.steps(inputs)
        return Result(states: Tensor.stack(inTime(steps.map(\.h))), c: steps.last!.c)
    }

    /// The gradients by operations of the tape, which can be differentiated again.
    private func recorded(_ given: Inputs, _ gradient: Tensor) -> [Tensor?] {
        // Nodes of their own, so that what one input owes to another, as a state does to the weights, is not counted as its own.
        func own(_ tensor: Tensor) -> Tensor {
            guard tensor.requiresGrad else { return tensor }
            return Tensor.custom([tensor], forward: { tensor }, pullback: { gradient, _ in [gradient] })
        }
        let inputs = Inputs(
            x: own(given.x), h: own(given.h), weight: own(given.weight), c: given.c.map(own),
            projection: given.projection.map(own), bias: given.bias.map(own))
        let made = composed(inputs)
        let all = made.c.map { Tensor.concatenate([made.states, $0.unsqueeze(0)], axis: 0) } ?? made.states
        let list = inputs.list
        let wanted = list.indices.filter { list[$0].requiresGrad }
        let found = gradients(of: all, withRespectTo: wanted.map { list[$0] }, gradient: gradient, createGraph: true)
        var result = [Tensor?](repeating: nil, count: list.count)
        for (index, gradient) in zip(wanted, found) { result[index] = gradient }
        return result
    }
}

extension RecurrentSequence {
    /// Walks back through the steps, which lie in the order in which they ran.
    private func pullback(
        _ inputs: Inputs, _ steps: [RecurrentStep], _ gradient: Tensor, _ output: Tensor
    ) -> [Tensor?] {
        let time = inputs.x.shape[0]
        let order = order(time)
        let weight = inputs.weight
        var made: [Tensor] = []
        var dh: Tensor?
        var dc = inputs.c == nil ? nil : row(gradient, time)
        for place in order.indices.reversed() {
            let before = place > 0 ? steps[place - 1] : nil
            let own = row(gradient, order[place])
            let total = dh.map { own + $0 } ?? own
            let isHere = mask.map { row($0, order[place]) }
            // Where an example is at its end, its gradient passes by the step.
            let through = isHere.map { Tensor.where($0, total, 0) } ?? total
            let cThrough = isHere == nil ? dc : dc.map { Tensor.where(isHere!, $0, 0) }
            let step = kind.pullback(
                row(inputs.x, order[place]), h: before?.h ?? inputs.h, c: before?.c ?? inputs.c,
                made: steps[place], dh: through, dc: cThrough)
            var next = kind.byProduct(step.gates).matmul(weight)
            if let direct = step.h { next = next + direct }
            if let isHere {
                next = next + Tensor.where(isHere, 0, total)
                dc = step.c.map { $0 + Tensor.where(isHere, 0, dc!) }
            } else {
                dc = step.c
            }
            dh = next
            made.append(step.gates)
        }
        // What was appended last ran first.
        let gates = Tensor.stack(isReversed ? made : made.reversed())
        let products = kind.byProduct(gates)
        let dWeight = product(of: products, statesBefore: inputs.h, output, time)
        var result: [Tensor?] = [kind.byInput(gates), dh, dWeight]
        if inputs.c != nil { result.append(dc) }
        if inputs.bias != nil { result.append(products.sum(axes: 0, 1)) }
        return result
    }

    /// The sum over time and batch of each gradient by the state's product times the state that it was made of.
    private func product(of gradients: Tensor, statesBefore first: Tensor, _ output: Tensor, _ time: Int) -> Tensor {
        let start = first.unsqueeze(0)
        let inner = output.narrowed(axis: 0, start: isReversed ? 1 : 0, count: time - 1)
        let states = Tensor.concatenate(isReversed ? [inner, start] : [start, inner], axis: 0)
        let batch = time * first.shape[0]
        let rows = gradients.viewed(as: [batch, gradients.shape[2]])
        return rows.T.matmul(states.viewed(as: [batch, first.shape[1]]))
    }
}
