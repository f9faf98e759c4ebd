import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// `needletail-bench host`: work that is nearly all the host's, a given number of times and untimed, for tools that count instructions
/// (`Scripts/instructions.sh`).
struct HostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host", abstract: "Does the host's part of steps so many times, and says what the runtime counted."
    )

    @Argument(help: ArgumentHelp("One of " + HostWork.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var work: HostWork
    @Option(help: "How many times.") var count = 100
    @Option(help: "auto, cpu or a device such as vulkan:0.") var device = "cpu"

    func validate() throws {
        if count < 1 { throw ValidationError("--count \(count): give at least 1") }
    }

    func run() throws {
        let id = try DeviceSelection.resolve(device)
        let counters = try withDevice(id) { try work.counters(count: count) }
        try JSONLines.write([
            "work": .string(work.rawValue), "count": .integer(count), "nodes": .number(counters.nodes),
            "launches": .number(counters.launches), "plans_built": .number(counters.plans),
        ])
    }
}

extension HostWork: ExpressibleByArgument {}

/// Work that is nearly all the host's.
package enum HostWork: String, CaseIterable, Sendable {
    /// Training steps of mlp on one image, traced each time.
    case step
    /// The same, captured once and replayed.
    case captured
    /// Traces that no plan is there for, each longer than the one before.
    case planning
    /// One short trace, found in the cache each time.
    case lookup

    /// What the runtime counts a time, on the current device.
    package func counters(count: Int) throws -> (nodes: Double, launches: Double, plans: Double) {
        manualSeed(0)
        let once = try prepared()
        // What is made once is made before anything is counted.
        for index in 0..<3 { try once(index) }
        try synchronize()
        let before = executionStatistics()
        for index in 3..<3 + count { try once(index) }
        try synchronize()
        let spent = executionStatistics() - before
        func each(_ number: Int) -> Double { Double(number) / Double(count) }
        return (each(spent.nodes), each(spent.launches), each(spent.plansBuilt))
    }

    private func prepared() throws -> (Int) throws -> Void {
        let ones = Tensor.full([16], 1.0)
        try ones.evaluate()
        switch self {
        case .lookup: return { _ in try ((ones + 1) * 2).evaluate() }
        case .planning:
            return { index in try (0..<index + 8).reduce(ones) { x, _ in (x + 1).tanh() }.evaluate() }
        case .step:
            let step = try trainingStep()
            return { _ in try step().evaluate() }
        case .captured:
            let step = try trainingStep()
            for _ in 0..<2 { try step().evaluate() }
            let graph = Accelerator.Graph()
            _ = try graph.capture { try step() }
            return { _ in try graph.replay() }
        }
    }

    private func trainingStep() throws -> () throws -> Tensor {
        let net = BenchmarkModel.mlp.makeNet()
        let optimizer = BenchmarkModel.mlp.makeOptimizer(net.parameters)
        let x = Tensor.normal([1, 784])
        let y = Tensor([Int64(3)], shape: [1])
        try evaluate(x, y)
        return {
            optimizer.zeroGrad()
            let loss = crossEntropy(net.call(x), y)
            loss.backward()
            try optimizer.step()
            return loss
        }
    }
}
