import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

/// Times training steps: no dropout, no metrics, each batch gathered by a shuffled index inside the step.
struct TrainCommand: ParsableCommand {
    enum Model: String, CaseIterable, ExpressibleByArgument {
        case mlp
        case mlpSmall = "mlp-small"
        case cnn
    }

    static let configuration = CommandConfiguration(commandName: "train", abstract: "Times training steps on MNIST.")

    @Option(help: "mlp (784-128-128-10, Adam), mlp-small (784-64-32-10, SGD) or cnn (two convolutions, Adam).")
    var model: Model = .mlp
    @Option(help: "auto, cpu or a device such as vulkan:0.") var device = "auto"
    @Option(help: "Images in a step.") var batchSize = 64
    @Option(help: "Steps in a pass; three passes are timed.") var steps: Int?
    @Option(help: "Directory of the MNIST files.") var data: String?
    @Flag(help: "Print one JSON object a line.") var json = false
    @Flag(help: "Capture the step once and replay it.") var graph = false
    @Flag(help: "Print the plan of a step: its launches, operands and memory.") var plan = false

    func validate() throws {
        if batchSize < 1 { throw ValidationError("--batch-size \(batchSize): give at least 1") }
        if let steps, steps < 1 { throw ValidationError("--steps \(steps): give at least 1") }
    }

    func run() throws {
        let id = try DeviceSelection.resolve(device)
        try withDevice(id) { try measure(on: id) }
    }

    private func makeModel() -> Sequential {
        switch model {
        case .mlp:
            Sequential {
                Linear(784, 128)
                ReLU()
                Linear(128, 128)
                ReLU()
                Linear(128, 10)
            }
        case .mlpSmall:
            Sequential {
                Linear(784, 64)
                ReLU()
                Linear(64, 32)
                ReLU()
                Linear(32, 10)
            }
        case .cnn:
            Sequential {
                Conv2d(1, 32, kernel: 3)
                ReLU()
                Conv2d(32, 64, kernel: 3)
                ReLU()
                MaxPool2d(kernel: 2)
                Flatten()
                Linear(9216, 128)
                ReLU()
                Linear(128, 10)
            }
        }
    }

    /// A training step on the current device, by its number; gives its loss. Each call of this makes the same model.
    private func makeStep(_ split: MNISTSplit, isCaptured: Bool = false) throws -> (Int) throws -> Tensor {
        let images = Tensor(
            bytes: split.images, shape: model == .cnn ? [split.count, 1, 28, 28] : [split.count, 784], dtype: .uint8)
        let labels = Tensor(bytes: split.labels, shape: [split.count], dtype: .uint8)
        manualSeed(0)
        let net = makeModel()
        let optimizer: Optimizer =
            model == .mlpSmall ? SGD(net.parameters, learningRate: 1e-2) : Adam(net.parameters, learningRate: 1e-3)
        let order = Tensor.permutation(split.count)
        func rows(_ index: Int) -> Tensor {
            let start = index * batchSize % (split.count - batchSize)
            return order[start..<start + batchSize]
        }
        func step(_ rows: Tensor) throws -> Tensor {
            let x = images.indexSelect(axis: 0, index: rows).to(.float32) * (1.0 / 255)
            let y = labels.indexSelect(axis: 0, index: rows).to(.int64)
            optimizer.zeroGrad()
            let loss = crossEntropy(net(x), y)
            loss.backward()
            try optimizer.step()
            return loss
        }
        guard isCaptured else { return { try step(rows($0)) } }
        let graph = Accelerator.Graph()
        let input = try graph.input(like: rows(0), values: 0...Int64(split.count - 1))
        let loss = try graph.capture { try step(input.value) }
        return { index in
            try input.set(rows(index))
            try graph.replay()
            return loss
        }
    }

    /// What the first losses must be: a kernel for each operation, by the plainest ones of the CPU.
    private func firstLosses(_ split: MNISTSplit, count: Int) throws -> [Double] {
        var configuration = RuntimeConfiguration()
        configuration.fusion = false
        configuration.options[backend: "cpu"] = ["instruction-set": "baseline", "blas": "none"]
        return try withDevice(.cpu, configuration) {
            let step = try makeStep(split)
            return try (0..<count).map { Double(try step($0).item()) }
        }
    }

    private func measure(on id: DeviceID) throws {
        let split = try MNISTFiles.load(.train, from: try MNISTFiles.directory(data))
        guard batchSize < split.count else {
            throw ValidationError("--batch-size \(batchSize): give less than the \(split.count) images")
        }
        let expected = try firstLosses(split, count: 6)
        let step = try makeStep(split, isCaptured: graph)
        let count = steps ?? (model == .cnn ? 20 : 400)
        var lastLoss: Tensor?
        var losses: [Double] = []
        for index in 0..<expected.count { losses.append(Double(try step(index).item())) }
        guard zip(losses, expected).allSatisfy({ abs($0 - $1) <= 1e-3 * abs($1) }) else {
            throw BenchmarkFailure("train \(model.rawValue): the first losses are \(losses), not \(expected)")
        }
        try synchronize()
        if plan { try StandardOutput.write(line: deviceContext(id).lastPlanDump) }
        let before = executionStatistics()
        var stepping = Duration.zero
        let passes = try (0..<3).map { _ in
            try milliseconds(count) {
                stepping += try ContinuousClock().measure { for index in 0..<count { lastLoss = try step(index) } }
                try synchronize()
            }
        }
        let spent = executionStatistics() - before
        let loss = Double(try lastLoss!.item())
        guard spent.launches >= 3 * count, loss.isFinite, loss < losses[0] || count < 10 else {
            throw BenchmarkFailure("train \(model.rawValue): \(spent.launches) launches, loss \(losses[0]) -> \(loss)")
        }
        let sorted = passes.sorted()
        try report(
            id: id, minimum: sorted[0], median: sorted[1], launches: Double(spent.launches) / Double(3 * count),
            hostMicroseconds: Double(spent.hostNanoseconds(ofSteps: stepping)) / Double(3 * count) / 1000,
            nodes: Double(spent.nodes) / Double(3 * count), plans: spent.plansBuilt,
            allocations: spent.driverAllocations)
    }

    private func report(
        id: DeviceID, minimum: Double, median: Double, launches: Double, hostMicroseconds: Double, nodes: Double,
        plans: Int,
        allocations: Int
    ) throws {
        let threads = NeedletailBench.threadCount(on: id)
        if json {
            try StandardOutput.write(
                line:
                    #"{"framework": "needletail", "device": "\#(id)", "model": "\#(model.rawValue)", "batch": \#(batchSize), "#
                    + #""graph": \#(graph), "threads": \#(threads), "min_ms": \#(rounded(minimum)), "median_ms": \#(rounded(median)), "#
                    + #""launches_per_step": \#(rounded(launches)), "nodes_per_step": \#(rounded(nodes)), "#
                    + #""host_us": \#(rounded(hostMicroseconds)), "#
                    + #""plans_built": \#(plans), "driver_allocations": \#(allocations)}"#)
        } else {
            try StandardOutput.write(
                line:
                    "\(model.rawValue) on \(id), batch \(batchSize): \(rounded(median)) ms a step (best \(rounded(minimum))), "
                    + "\(rounded(launches)) launches, \(rounded(hostMicroseconds)) us on the host, \(plans) plans built"
            )
        }
    }
}
