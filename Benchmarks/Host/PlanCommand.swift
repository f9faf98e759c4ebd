import ArgumentParser
import Foundation
import Needletail
import TensorRuntime

/// `needletail-bench plan`: the first evaluation of long traces, which is planning above all.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Times the planning of traces of many operations.",
        discussion:
            "Each sample is a trace that no plan is there for, traced and evaluated once. It should grow as the trace does."
    )

    @Option(help: "Losses of the longest traces.") var losses = 10_000
    @OptionGroup var rows: RowOptions

    func validate() throws {
        if losses < 1 { throw ValidationError("--losses \(losses): give at least 1") }
    }

    func run() throws {
        try rows.onDevice { device in
            let plans = PlanMeasurement(device: device, losses: losses, round: rows.round)
            try rows.run(plans.steps, of: "plan", on: device)
        }
    }
}

/// Times first evaluations of traces that end in one number, on the current device.
package struct PlanMeasurement {
    let device: DeviceDescription
    /// Of the longest traces.
    let losses: Int
    let round: Int
    static let samples = 3

    package init(device: DeviceDescription, losses: Int, round: Int = 0) {
        (self.device, self.losses, self.round) = (device, losses, round)
    }

    /// What is made of so many losses, each of ln 10, and what comes of it.
    private struct Join: Sendable {
        let name: String
        let make: @Sendable ([Tensor]) -> Tensor
        let expected: @Sendable (Int) -> Double
    }

    private static let joins = [
        Join(name: "summed losses", make: { $0.dropFirst().reduce($0[0], +) }, expected: { Double($0) * log(10) }),
        Join(name: "stacked losses", make: { Tensor.stack($0).sum() }, expected: { Double($0) * log(10) }),
        Join(
            name: "chain", make: { losses in losses.reduce(losses[0]) { value, loss in (value + loss).tanh() } },
            expected: { count in (0..<count).reduce(log(10)) { value, _ in tanh(value + log(10)) } }),
    ]

    package var steps: [SuiteStep] {
        [8, 4, 2, 1].map { losses / $0 }.filter { $0 > 0 }.flatMap { count in
            PlanMeasurement.joins.map { join in
                let name = "\(join.name) \(count)"
                return SuiteStep(
                    suite: "plan", name: name, family: "planning of \(join.name)", weight: 0.1 + Double(count) * 1e-4
                ) {
                    [try row(name, join, count)]
                }
            }
        }
    }

    private func row(_ name: String, _ join: Join, _ count: Int) throws -> BenchmarkRow {
        var worst = 0.0
        var problem: String?
        var host = 0.0
        var nodes = 0
        var result = try Sampler.once(PlanMeasurement.samples) { sample in
            // Each loss has data of its own, as those of a loop over batches have. Other shapes are other plans.
            let images = 4 + sample
            let scores = (0..<count).map { _ in
                Tensor(Array(repeating: Float(0), count: images * 10), shape: [images, 10])
            }
            let labels = (0..<count).map { _ in Tensor((0..<images).map { Int64($0) }) }
            let before = executionStatistics()
            var value = 0.0
            let elapsed = try milliseconds(1) {
                value = Double(try join.make((0..<count).map { crossEntropy(scores[$0], labels[$0]) }).item())
            }
            let spent = executionStatistics() - before
            host += Double(spent.hostNanoseconds(ofSteps: .seconds(elapsed / 1000))) / 1000
            nodes = spent.nodes
            if spent.plansBuilt == 0 {
                problem = problem ?? "sample \(sample) built no plan: it found what it is to make"
            }
            let expected = join.expected(count)
            let error = abs(value - expected) / expected
            worst = max(worst, error.isNaN ? .infinity : error)
            return elapsed * 1000
        }
        result.host = host / Double(PlanMeasurement.samples)
        if !(worst <= 1e-3) { problem = "its result is off by \(worst) of it" }
        result.failure = problem
        var row = result.row(suite: "plan", name: name, dtype: .float32, on: device, round: round)
        row.family = "planning of \(join.name)"
        row.error = worst
        (row.axis, row.place) = (ScalingAxis.nodes.rawValue, Double(nodes))
        return row
    }
}
