import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

/// Times training steps on the current device: no dropout, no metrics, each batch gathered by a shuffled index inside the step.
struct TrainingBench {
    let split: MNISTSplit
    let model: BenchmarkModel
    let batch: Int
    /// Whether the step is captured once and replayed.
    var isCaptured = false
    /// Of a pass.
    var steps: Int?
    var round = 0
    /// Another net than the model's own.
    var makeNet: (() -> BenchmarkModel.Net)?
    var seconds = 1.5
    static let passes = 5

    /// A training step, by its number; gives its loss. Each call of this makes the same model. What is captured is so at the first step.
    func makeStep(isCaptured: Bool = false) throws -> (Int) throws -> Tensor {
        let images = Tensor(
            bytes: split.images, shape: Shape([split.count] + model.imageShape), dtype: .uint8)
        let labels = Tensor(bytes: split.labels, shape: [split.count], dtype: .uint8)
        manualSeed(0)
        let net = makeNet?() ?? model.makeNet()
        let optimizer = model.makeOptimizer(net.parameters)
        let order = Tensor.permutation(split.count)
        let (batch, count) = (batch, split.count)
        func rows(_ index: Int) -> Tensor {
            let start = index * batch % (count - batch)
            return order[start..<start + batch]
        }
        func step(_ rows: Tensor) throws -> Tensor {
            let x = images.indexSelect(axis: 0, index: rows).to(.float32) * (1.0 / 255)
            let y = labels.indexSelect(axis: 0, index: rows).to(.int64)
            optimizer.zeroGrad()
            let loss = crossEntropy(net.call(x), y)
            loss.backward()
            try optimizer.step()
            return loss
        }
        guard isCaptured else { return { try step(rows($0)) } }
        // With the first step, whose time it is part of.
        func capture() throws -> (Int) throws -> Tensor {
            let graph = Accelerator.Graph()
            let input = try graph.input(like: rows(0), values: 0...Int64(count - 1))
            let loss = try graph.capture { try step(input.value) }
            return { index in
                try input.set(rows(index))
                try graph.replay()
                return loss
            }
        }
        var captured: ((Int) throws -> Tensor)?
        return { index in
            let replay = try captured ?? capture()
            captured = replay
            return try replay(index)
        }
    }

    /// What the first losses must be: a kernel for each operation, by the plainest ones of the CPU. Few of a large batch, which take long.
    private func firstLosses() throws -> [Double] {
        var configuration = RuntimeConfiguration()
        configuration.fusion = false
        configuration.options[backend: "cpu"] = ["instruction-set": "baseline", "blas": "none"]
        return try withDevice(.cpu, configuration) {
            let step = try makeStep()
            return try (0..<(batch <= 128 ? 4 : 2)).map { Double(try step($0).item()) }
        }
    }

    /// It as a step on an own instance of a device with so many threads, or on the process's.
    func step(on id: DeviceID, threads: Int? = nil, _ prepare: @escaping () throws -> Void = {}) -> SuiteStep {
        SuiteStep(
            suite: "train", name: name, family: model.rawValue, threads: threads,
            weight: 5 * seconds / 3
        ) {
            try NeedletailBench.with(id, threads: threads) {
                try prepare()
                return [try row()]
            }
        }
    }

    func row() throws -> BenchmarkRow {
        let expected = try firstLosses()
        let step = try makeStep(isCaptured: isCaptured)
        var losses: [Double] = []
        let first = try milliseconds(1) { losses.append(Double(try step(0).item())) }
        for index in 1..<expected.count { losses.append(Double(try step(index).item())) }
        try synchronize()
        let once = try milliseconds(1) {
            _ = try step(expected.count)
            try synchronize()
        }
        // All passes together take about the seconds given; a pass of two steps shows whether one waits for the other.
        let count = steps ?? Int(max(2, min(500, seconds / Double(TrainingBench.passes) / (once / 1000))))
        var lastLoss: Tensor?
        let before = executionStatistics()
        let load = ProcessorLoad()
        let clock = Machine.clock()
        var stepping = Duration.zero
        func pass() throws -> Double {
            try milliseconds(count) {
                stepping += try ContinuousClock().measure { for index in 0..<count { lastLoss = try step(index) } }
                try synchronize()
            } * 1000
        }
        let passes = try (0..<TrainingBench.passes).map { _ in try pass() }
        let spent = executionStatistics() - before
        let host = Double(spent.hostNanoseconds(ofSteps: stepping))
        let unsettled = try RowGuard.synchronisation { isAgain in
            let sample = try isAgain ? pass() : passes.last!
            return (try Sampler.settling { _ = try lastLoss!.item() }, sample * Double(count))
        }
        let last = Double(try lastLoss!.item())
        let iterations = TrainingBench.passes * count
        let (error, wrongLosses) = RowGuard.losses(losses, expected: expected)
        let device = try deviceContext().device.description
        let result = Sampler.Result(
            first: first * 1000, samples: passes,
            host: host / Double(iterations) / 1000,
            launches: Double(spent.launches) / Double(iterations),
            warnings: load.warnings()
                + [Machine.warning(clockBefore: clock, after: Machine.clock())].compactMap { $0 },
            failure: wrongLosses
                ?? unsettled
                ?? problem(losses, last: last, spent, iterations: iterations),
            spent: spent, iterations: iterations)
        var row = result.row(suite: "train", name: name, dtype: .float32, on: device, round: round)
        row.family = model.rawValue
        row.error = error
        row.training = BenchmarkRow.Training(
            model: model.rawValue, batch: batch, graph: isCaptured,
            nodes: Double(spent.nodes) / Double(iterations), plansBuilt: spent.plansBuilt,
            driverAllocations: spent.driverAllocations)
        return row
    }

    /// `mlp batch 64`, as the peers' rows are called.
    private var name: String { "\(model.rawValue) batch \(batch)\(isCaptured ? " captured" : "")" }

    private func problem(
        _ losses: [Double], last: Double, _ spent: ExecutionStatistics, iterations: Int
    ) -> String? {
        if let problem = RowGuard.launches(spent.launches, iterations: iterations) { return problem }
        // The loss of a few images goes up and down.
        guard last.isFinite, last < losses[0] || iterations < 50 || batch < 32 else {
            return "the loss went from \(losses[0]) to \(last)"
        }
        return nil
    }
}
