import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// Times layers forwards and backwards, and a few large operations, as the peers' `peer layers` does: each iteration is synchronised,
/// and the median and the fastest are told, with the launches of one.
struct LayersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layers", abstract: "Times layers forwards and backwards, and large scans and sorts.")

    @Option(help: "Only cases whose name contains this.") var filter: String?
    @Option(help: "auto, cpu or a device such as vulkan:0.") var device = "auto"
    @Option(help: "Seconds for each case.") var seconds = 1.5
    @Flag(help: "Print one JSON object a line.") var json = false

    /// What is timed; it evaluates what it makes.
    private struct Case {
        let name: String
        let run: () throws -> Void
    }

    func run() throws {
        let id = try DeviceSelection.resolve(device)
        try withDevice(id) {
            manualSeed(0)
            let cases = Self.cases().filter { test in filter.map { test.name.contains($0) } ?? true }
            if cases.isEmpty { throw ValidationError("--filter \(filter ?? ""): no case has this in its name") }
            for test in cases { try report(test, on: id) }
        }
    }

    private func report(_ test: Case, on id: DeviceID) throws {
        for _ in 0..<3 { try test.run() }
        try synchronize()
        let before = executionStatistics()
        try test.run()
        try synchronize()
        let launches = (executionStatistics() - before).launches
        guard launches > 0 else { throw BenchmarkFailure("\(test.name): nothing was launched") }
        var times: [Double] = []
        let begin = ContinuousClock.now
        while times.count < 5 || (ContinuousClock.now - begin) / .seconds(1) < seconds {
            times.append(
                try milliseconds(1) {
                    try test.run()
                    try synchronize()
                } * 1000)
        }
        times.sort()
        let (fastest, median) = (times[0], Quantiles(times).median)
        if json {
            try StandardOutput.write(
                line: #"{"framework": "needletail", "device": "\#(id)", "op": "\#(test.name)", "#
                    + #""threads": \#(NeedletailBench.threadCount(on: id)), "min_us": \#(rounded(fastest)), "#
                    + #""median_us": \#(rounded(median)), "launches": \#(launches)}"#)
        } else {
            let name = test.name.padding(toLength: 44, withPad: " ", startingAt: 0)
            try StandardOutput.write(
                line: "\(name) \(rounded(median)) us (fastest \(rounded(fastest))), \(launches) launches")
        }
    }

    /// A module's output summed, and the gradients by its parameters and its input.
    private static func both(
        _ name: String, _ module: any Module, _ input: Tensor, _ call: @escaping (Tensor) -> Tensor
    )
        -> Case
    {
        Case(name: "\(name) fwd+bwd") {
            for parameter in module.parameters { parameter.grad = nil }
            let leaf = input.dtype.isFloat ? input.detach().requiringGrad() : input
            call(leaf).sum().backward()
            try evaluate(module.parameters.compactMap(\.grad) + [leaf.grad].compactMap { $0 })
        }
    }

    private static func cases() -> [Case] {
        func normal(_ shape: Shape) -> Tensor { Tensor.normal(shape) }
        let lstm = LSTM(28, 128, batchFirst: true)
        let gru = GRU(28, 128, batchFirst: true)
        let attention = MultiheadAttention(256, heads: 8, batchFirst: true)
        let encoder = TransformerEncoderLayer(
            256, heads: 8, TransformerOptions(feedForward: 1024, dropout: 0, batchFirst: true))
        let embedding = Embedding(10000, 128)
        let convolution = Conv1d(64, 64, kernel: 3)
        let groups = GroupNorm(8, 32)
        let batches = BatchNorm2d(32)
        let tokens = Tensor((0..<64 * 128).map { Int64($0 * 7919 % 10000) }, shape: [64, 128])
        let million = normal([1 << 20])
        return [
            both("lstm 64x28x28 h128", lstm, normal([64, 28, 28])) { lstm($0).output },
            both("gru 64x28x28 h128", gru, normal([64, 28, 28])) { gru($0).output },
            both("attention 8x128x256 h8", attention, normal([8, 128, 256])) {
                attention(query: $0, key: $0, value: $0, needsWeights: false).output
            },
            both("encoder layer 8x128x256 h8 ff1024", encoder, normal([8, 128, 256])) { encoder($0) },
            both("embedding 10000x128 of 64x128", embedding, tokens) { embedding($0) },
            both("conv1d 32x64x1024 k3 o64", convolution, normal([32, 64, 1024])) { convolution($0) },
            both("group_norm 64x32x26x26 g8", groups, normal([64, 32, 26, 26])) { groups($0) },
            both("batch_norm 64x32x26x26", batches, normal([64, 32, 26, 26])) { batches($0) },
            Case(name: "cumsum 1048576") { try evaluate(million.cumsum(axis: 0)) },
            Case(name: "sort 1048576") {
                let (values, indices) = million.sort(axis: 0)
                try evaluate(values, indices)
            },
            Case(name: "topk 1048576 k100") {
                let (values, indices) = million.topk(100, axis: 0)
                try evaluate(values, indices)
            },
        ]
    }
}
