import ArgumentParser
import Foundation
import Needletail
import TensorRuntime

/// Times the first evaluation of long traces, which is planning above all: it should grow as the trace does.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Times the planning of traces of many operations.")

    @Option(help: "auto, cpu or a device such as opencl:0.") var device = "cpu"
    @Option(help: "Losses of the longest traces.") var losses = 10_000
    @Flag(help: "Print one JSON object a line.") var json = false

    func run() throws {
        let id = try DeviceSelection.resolve(device)
        try withDevice(id) {
            for count in [losses / 8, losses / 4, losses / 2, losses] where count > 0 {
                try time("summed losses", count) { losses in losses.dropFirst().reduce(losses[0], +) }
                try time("stacked losses", count) { losses in Tensor.stack(losses).sum() }
                try time("chain", count) { losses in
                    (0..<losses.count).reduce(losses[0]) { value, _ in (value + 1).tanh() }
                }
            }
        }
    }

    /// - Parameter join: what is made of so many losses.
    private func time(_ name: String, _ count: Int, _ join: ([Tensor]) -> Tensor) throws {
        // Each loss has data of its own, as those of a loop over batches have.
        let scores = (0..<count).map { _ in Tensor(Array(repeating: Float(0), count: 40), shape: [4, 10]) }
        let labels = (0..<count).map { _ in Tensor([Int64(0), 1, 2, 3]) }
        let before = executionStatistics()
        let elapsed = try milliseconds(1) {
            let result = join((0..<count).map { crossEntropy(scores[$0], labels[$0]) })
            let value = try result.item()
            guard value.isFinite else { throw BenchmarkFailure("\(name): the result is \(value)") }
        }
        let done = executionStatistics() - before
        guard done.plansBuilt > 0 else { throw BenchmarkFailure("\(name): nothing was planned") }
        let microseconds = elapsed * 1000 / Double(max(done.nodes, 1))
        if json {
            print(
                #"{"framework": "needletail", "plan": "\#(name)", "losses": \#(count), "nodes": \#(done.nodes), "#
                    + #""plans": \#(done.plansBuilt), "ms": \#(rounded(elapsed)), "us_node": \#(rounded(microseconds))}"#
            )
        } else {
            print(
                "\(name), \(count): \(done.nodes) nodes, \(done.plansBuilt) plans, \(done.launches) launches, "
                    + "\(rounded(elapsed)) ms, \(rounded(microseconds)) us a node")
        }
    }
}
