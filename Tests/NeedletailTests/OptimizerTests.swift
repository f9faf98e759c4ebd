import Foundation
import Needletail
import TensorGraph
import Testing

@Suite("Optimizers")
struct OptimizerTests {
    private static let start: [Float] = [0.5, -1, 2, 0.1, -0.3, 1.5]

    /// Gradients of six elements at a step, which depend on nothing else.
    private static func gradient(_ step: Int) -> [Float] { sampleNumbers(6, seed: UInt64(100 + step)) }

    /// Runs five steps of an optimizer on two parameters, and the same in Double, element by element.
    ///
    /// - Parameter formula: changes value and state (three numbers, 0 at first) by a gradient, at step 1, 2, ...
    private func check(
        tolerance: Double = 2e-6, _ make: ([Parameter]) -> Optimizer,
        formula: (inout Double, inout [Double], Double, Int) -> Void
    ) throws {
        let a = Parameter(Tensor(Array(Self.start[..<4]), shape: [2, 2]))
        let b = Parameter(Tensor(Array(Self.start[4...]), shape: [2]))
        let optimizer = make([a, b])
        var values = Self.start.map(Double.init)
        var states = [[Double]](repeating: [0, 0, 0], count: 6)
        for step in 1...5 {
            let gradient = Self.gradient(step)
            a.grad = Tensor(Array(gradient[..<4]), shape: [2, 2])
            b.grad = Tensor(Array(gradient[4...]), shape: [2])
            try optimizer.step()
            for index in values.indices { formula(&values[index], &states[index], Double(gradient[index]), step) }
            let found = try a.value.scalars(as: Float.self) + b.value.scalars(as: Float.self)
            #expect(isClose(found, values, tolerance: tolerance), "step \(step): \(found), expected \(values)")
        }
    }

    @Test("plain gradient descent")
    func runsSGD() throws {
        try check {
            SGD($0, learningRate: 0.1)
        } formula: { value, _, gradient, _ in
            value -= 0.1 * gradient
        }
    }

    @Test("momentum, dampening and weight decay", arguments: [false, true])
    func runsMomentum(_ isNesterov: Bool) throws {
        let dampening = isNesterov ? 0 : 0.3
        try check {
            SGD(
                $0, learningRate: 0.1, momentum: 0.9, dampening: dampening, weightDecay: 0.01, nesterov: isNesterov)
        } formula: { value, state, gradient, step in
            let g = gradient + 0.01 * value
            state[0] = step == 1 ? g : 0.9 * state[0] + (1 - dampening) * g
            value -= 0.1 * (isNesterov ? g + 0.9 * state[0] : state[0])
        }
    }

    @Test("maximizing goes the other way")
    func maximizes() throws {
        try check {
            SGD($0, learningRate: 0.1, maximize: true)
        } formula: { value, _, gradient, _ in
            value += 0.1 * gradient
        }
    }

    private func adam(
        _ value: inout Double, _ state: inout [Double], _ gradient: Double, _ step: Int, decay: Double,
        decoupled: Bool, amsgrad: Bool
    ) {
        var g = gradient
        if decoupled { value *= 1 - 0.01 * decay } else { g += decay * value }
        state[0] = 0.8 * state[0] + 0.2 * g
        state[1] = 0.95 * state[1] + 0.05 * g * g
        state[2] = max(state[2], state[1])
        let second = amsgrad ? state[2] : state[1]
        let denominator = second.squareRoot() / (1 - pow(0.95, Double(step))).squareRoot() + 1e-8
        value -= 0.01 / (1 - pow(0.8, Double(step))) * state[0] / denominator
    }

    @Test("Adam, with weight decay in the gradient", arguments: [false, true])
    func runsAdam(_ amsgrad: Bool) throws {
        try check {
            Adam($0, learningRate: 0.01, betas: (0.8, 0.95), weightDecay: 0.1, amsgrad: amsgrad)
        } formula: {
            adam(&$0, &$1, $2, $3, decay: 0.1, decoupled: false, amsgrad: amsgrad)
        }
    }

    @Test("AdamW, with weight decay of its own")
    func runsAdamW() throws {
        try check {
            AdamW($0, learningRate: 0.01, betas: (0.8, 0.95), weightDecay: 0.1)
        } formula: {
            adam(&$0, &$1, $2, $3, decay: 0.1, decoupled: true, amsgrad: false)
        }
    }

    @Test("a parameter without a gradient is left as it is, and its steps are its own")
    func skipsParametersWithoutGradient() throws {
        let parameters = (0..<4).map { Parameter(Tensor([Float($0), 1], shape: [2])) }
        let optimizer = Adam(parameters, learningRate: 0.1)
        for (step, missing) in [2, 0, 2].enumerated() {
            optimizer.zeroGrad()
            for (index, parameter) in parameters.enumerated() where index != missing {
                parameter.grad = Tensor([Float(step + 1), -1], shape: [2])
            }
            try optimizer.step()
        }
        #expect(optimizer.state.steps == [2, 3, 1, 3])
        // The same, each alone.
        for (index, parameter) in parameters.enumerated() {
            let alone = Parameter(Tensor([Float(index), 1], shape: [2]))
            let single = Adam([alone], learningRate: 0.1)
            for (step, missing) in [2, 0, 2].enumerated() where index != missing {
                alone.grad = Tensor([Float(step + 1), -1], shape: [2])
                try single.step()
            }
            #expect(try parameter.value.scalars(as: Float.self) == alone.value.scalars(as: Float.self))
        }
    }

    @Test("a parameter that somebody assigned is taken in again, and old tensors keep their values")
    func noticesAssignments() throws {
        let a = Parameter(Tensor([Float(1), 2], shape: [2]))
        let b = Parameter(Tensor([Float(3)], shape: [1]))
        let optimizer = SGD([a, b], learningRate: 1, momentum: 0.5)
        func step() throws {
            a.grad = Tensor([Float(1), 1], shape: [2])
            b.grad = Tensor([Float(1)], shape: [1])
            try optimizer.step()
        }
        try step()
        let old = a.value.detach()
        a.assign(Tensor([Float(10), 20], shape: [2]))
        try step()
        #expect(try old.scalars(as: Float.self) == [0, 1])
        #expect(try a.value.scalars(as: Float.self) == [8.5, 18.5])
        #expect(try b.value.scalars(as: Float.self) == [0.5])
    }

    @Test("a gradient of another shape is refused, and the parameters stay as they are")
    func refusesGradientsThatDoNotFit() throws {
        let a = Parameter(Tensor([Float(1), 2], shape: [2]))
        let b = Parameter(Tensor([Float(3)], shape: [1]))
        let optimizer = SGD([a, b], learningRate: 1)
        a.grad = Tensor([Float(1)], shape: [1])
        b.grad = Tensor([Float(1)], shape: [1])
        expectError(.invalidArgument, containing: "a gradient of shape [1]", "a parameter of shape [2]") {
            () throws(TensorError) in
            do { try checked { try optimizer.step() } } catch { throw error as! TensorError }
        }
        expectError(.invalidArgument, containing: "a gradient of shape [1]") { () throws(TensorError) in
            do { _ = try checked { optimizer.clipGradientNorm(1) } } catch { throw error as! TensorError }
        }
        // The clipped gradients failed now: a step changes nothing either.
        expectError(.invalidArgument, containing: "a gradient of shape [1]") { () throws(TensorError) in
            try optimizer.step()
        }
        #expect(try a.value.scalars(as: Float.self) == [1, 2])
        #expect(try b.value.item() == 3)
    }

    @Test("a parameter can be read between a step and its evaluation")
    func readsPendingParameters() throws {
        let a = Parameter(Tensor([Float(1), 2, 3, 4], shape: [2, 2]))
        let b = Parameter(Tensor([Float(5), 6], shape: [2]))
        let optimizer = SGD([a, b], learningRate: 1)
        (a.value.sum() + (b.value * 2).sum()).backward()
        try optimizer.traceStep()
        #expect(a.shape == [2, 2] && a.dtype == .float32 && a.device == .cpu)
        let (x, y) = (a.value, b.value)
        #expect(x.requiresGrad && y.requiresGrad)
        #expect(try (x * y).scalars(as: Float.self) == [0, 4, 6, 12])
        try optimizer.step()
        #expect(try a.value.scalars(as: Float.self) == [-1, 0, 1, 2])
        #expect(try x.scalars(as: Float.self) == [0, 1, 2, 3])
    }

    @Test("a frozen parameter takes no part until it is thawed")
    func leavesFrozenParameters() throws {
        let a = Parameter(Tensor([Float(1)], shape: [1]))
        let b = Parameter(Tensor([Float(1)], shape: [1]), requiresGrad: false)
        let optimizer = SGD([a, b], learningRate: 1)
        (a.value * b.value).sum().backward()
        try optimizer.step()
        #expect(try b.value.item() == 1)
        b.requiresGrad = true
        optimizer.zeroGrad()
        (b.value * 2).sum().backward()
        try optimizer.step()
        #expect(try a.value.item() == 0)
        #expect(try b.value.item() == -1)
    }

    @Test("groups have learning rates of their own")
    func keepsGroups() throws {
        let a = Parameter(Tensor([Float(0)], shape: [1]))
        let b = Parameter(Tensor([Float(0)], shape: [1]))
        let optimizer = SGD([a], learningRate: 1)
        optimizer.addGroup([a, b], rule: SGDRule(learningRate: 0.1))
        a.grad = Tensor([Float(1)], shape: [1])
        b.grad = Tensor([Float(1)], shape: [1])
        try optimizer.step()
        #expect(try a.value.item() == -1)
        #expect(isClose([Float(try b.value.item())], [-0.1]))
    }

    /// A step's trace, without the loss.
    private func traceStep(_ optimizer: Optimizer) throws {
        optimizer.zeroGrad()
        optimizer.parameters.reduce(Tensor.zeros([])) { $0 + ($1.value.square()).sum() }.backward()
        try optimizer.traceStep()
    }

    /// Two steps of an optimizer of 200 parameters: the plan's launches, and how many there were.
    private func planOfManyParameters(_ context: DeviceContext) throws -> [(plan: [String], launches: Int)] {
        let optimizer = Adam((0..<200).map { Parameter(Tensor(sampleNumbers(3 + $0 % 5, seed: UInt64($0)))) })
        try context.flushAll()
        var result: [(plan: [String], launches: Int)] = []
        for _ in 0..<2 {
            try traceStep(optimizer)
            let lines = try optimizer.parameters[0].value.planDump().split(separator: "\n").map(String.init)
            let before = context.statistics.launches
            try context.flushAll()
            result.append((lines.filter { $0.first!.isNumber }, context.statistics.launches - before))
        }
        return result
    }

    @Test("two hundred parameters are updated by one launch")
    func launchesOnce() throws {
        for (plan, launches) in try withOwnDevice(.cpu, planOfManyParameters) {
            #expect(launches == plan.count)
            #expect(plan.count { $0.contains("sqrt") } == 1)
            // Gradients are computed in their places, parameters are views.
            #expect(!plan.contains { $0.contains("concatenate") || $0.contains("identity") })
        }
    }

    @Test("clipping by norm scales all gradients alike")
    func clipsNorm() throws {
        for flat in [true, false] {
            let a = Parameter(Tensor([Float(0), 0], shape: [2]))
            let b = Parameter(Tensor([Float(0)], shape: [1]))
            let optimizer = SGD([a, b], learningRate: 1)
            a.grad = Tensor([Float(3), 0], shape: [2])
            b.grad = Tensor([Float(4)], shape: [1])
            let norm = flat ? optimizer.clipGradientNorm(1) : clipGradientNorm([a, b], 1)
            #expect(isClose(try a.grad!.scalars(as: Float.self), [0.6, 0]))
            try optimizer.step()
            #expect(try norm.item() == 5)
            #expect(isClose(try a.value.scalars(as: Float.self), [-0.6, 0]))
            #expect(isClose(try b.value.scalars(as: Float.self), [-0.8]))
            // A small gradient stays as it is.
            a.grad = Tensor([Float(0.25), 0], shape: [2])
            b.grad = nil
            optimizer.clipGradientNorm(1)
            #expect(try a.grad!.scalars(as: Float.self) == [0.25, 0])
            optimizer.clipGradientValue(0.125)
            #expect(try a.grad!.scalars(as: Float.self) == [0.125, 0])
        }
    }

    /// Launches that evaluate the gradients of `count` parameters of different shapes, which no optimizer holds.
    private func looseLaunches(_ count: Int, evaluated: Bool = false, _ clip: ([Parameter]) -> Tensor?) throws -> Int {
        try withOwnDevice { context in
            let parameters = (0..<count).map { Parameter(Tensor(sampleNumbers(3 + $0, seed: UInt64($0)))) }
            parameters.reduce(Tensor.zeros([])) { $0 + $1.value.exp().sum() }.backward()
            if evaluated { try context.flushAll() }
            let before = context.statistics.launches
            let norm = clip(parameters)
            try context.flushAll()
            withExtendedLifetime((parameters, norm)) {}
            return context.statistics.launches - before
        }
    }

    @Test("clipping loose gradients is one launch, and one for each that is there already", arguments: [1, 10, 50])
    func clipsLooseGradientsInOneLaunch(_ count: Int) throws {
        #expect(try looseLaunches(count) { _ in nil } == count)
        // A single gradient is computed by the kernel that clips it, and never copied.
        let clipped = count == 1 ? 1 : count + 1
        #expect(try looseLaunches(count) { clipGradientNorm($0, 0.5) } == clipped)
        let clamped = try looseLaunches(count) {
            clipGradientValue($0, 0.5)
            return nil
        }
        #expect(clamped == clipped)
        #expect(try looseLaunches(count, evaluated: true) { clipGradientNorm($0, 0.5) } == clipped)
    }

    @Test("loose gradients keep their dtypes")
    func clipsLooseGradientsOfSeveralTypes() throws {
        let a = Parameter(Tensor([Float(0), 0], shape: [2, 1]))
        let b = Parameter(Tensor([0.0], shape: [1]))
        let c = Parameter(Tensor([Float(0)], shape: [1]))
        let d = Parameter(Tensor([Float(0)], shape: [1]))
        a.grad = Tensor([Float(1), 5], shape: [2, 1])
        b.grad = Tensor([3.0], shape: [1])
        c.grad = Tensor([Float(1)], shape: [1])
        #expect(try clipGradientNorm([a, b, c, d], 3).item() == 6)
        #expect(a.grad!.dtype == .float32 && a.grad!.shape == [2, 1] && b.grad!.dtype == .float64 && d.grad == nil)
        #expect(isClose(try a.grad!.scalars(as: Float.self), [0.5, 2.5]))
        #expect(isClose(try b.grad!.scalars(as: Double.self).map(Float.init), [1.5]))
        #expect(isClose(try c.grad!.scalars(as: Float.self), [0.5]))
        clipGradientValue([a, b, c, d], 1)
        #expect(isClose(try a.grad!.scalars(as: Float.self), [0.5, 1]))
        #expect(isClose(try b.grad!.scalars(as: Double.self).map(Float.init), [1]))
    }

    @Test("schedules follow PyTorch's")
    func schedulesRates() {
        let optimizer = SGD([Parameter(Tensor([Float(1)], shape: [1]))], learningRate: 1)
        let scheduler = LearningRateScheduler(optimizer, StepSchedule(every: 2, gamma: 0.5))
        var rates: [Double] = []
        for _ in 0..<5 {
            rates.append(optimizer.learningRate)
            scheduler.step()
        }
        #expect(rates == [1, 1, 0.5, 0.5, 0.25])
        let cosine = CosineSchedule(length: 4, minimum: 0.2)
        #expect(cosine.rate(after: 0, initial: 1) == 1)
        #expect(abs(cosine.rate(after: 2, initial: 1) - 0.6) < 1e-12)
        #expect(abs(cosine.rate(after: 4, initial: 1) - 0.2) < 1e-12)
    }

    @Test("saved state goes on bit for bit, and state of another model is refused")
    func restoresState() throws {
        func parameters() -> [Parameter] {
            [Parameter(Tensor(sampleNumbers(4), shape: [2, 2])), Parameter(Tensor(sampleNumbers(3)))]
        }
        func run(_ optimizer: Optimizer, _ steps: Range<Int>) throws {
            for step in steps {
                for (index, parameter) in optimizer.parameters.enumerated() {
                    let count = parameter.shape.elementCount
                    parameter.grad = Tensor(
                        sampleNumbers(count, seed: UInt64(step * 10 + index)), shape: parameter.shape)
                }
                try optimizer.step()
            }
        }
        let whole = Adam(parameters())
        let first = Adam(parameters())
        try run(whole, 0..<6)
        try run(first, 0..<3)
        let state = first.state
        #expect(state.steps == [3, 3])
        #expect(state.tensors.names == ["0.exp_avg", "0.exp_avg_sq", "1.exp_avg", "1.exp_avg_sq"])
        let copies = first.parameters.map { Parameter($0.value.detach()) }
        let second = Adam(copies)
        try second.load(state)
        try run(second, 3..<6)
        for (a, b) in zip(whole.parameters, second.parameters) {
            #expect(try a.value.scalars(as: Float.self) == b.value.scalars(as: Float.self))
        }
        expectError(.data, containing: "of 2 parameters, but there are 1") { () throws(TensorError) in
            try Adam([Parameter(Tensor(sampleNumbers(3)))]).load(state)
        }
        expectError(.data, containing: "0.momentum_buffer") { () throws(TensorError) in
            try SGD(parameters(), momentum: 0.9).load(state)
        }
    }
}
