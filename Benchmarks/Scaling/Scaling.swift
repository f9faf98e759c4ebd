import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

/// Curves of cost on a device.
struct Scaling {
    let device: DeviceID
    let split: MNISTSplit
    let seconds: Double
    let round: Int
    var isQuick = false

    func steps(along axis: ScalingAxis) -> [SuiteStep] {
        switch axis {
        case .batch:
            // The convolutions' largest batches take minutes on small devices, and show nothing new.
            return [(BenchmarkModel.mlp, 4096), (.cnn, 256)].flatMap { model, most in
                [1, 4, 16, 64, 256, 1024, 4096].filter { $0 <= (isQuick ? min(most, 64) : most) }.map { batch in
                    training(.batch, Double(batch), model.rawValue, model, batch: batch)
                }
            }
        case .threads:
            guard device.backend == DeviceID.cpu.backend else { return [] }
            let most = ProcessInfo.processInfo.activeProcessorCount
            let counts = Set((0..<7).map { 1 << $0 }.filter { $0 < most } + [most]).sorted()
            let models: [(BenchmarkModel, Int)] = [(.mlpSmall, 64), (.mlp, 64), (.mlp, 1024), (.cnn, 64)]
            return (isQuick ? Array(models.prefix(2)) : models).flatMap { model, batch in
                counts.map {
                    training(
                        .threads, Double($0), "\(model.rawValue) batch \(batch)", model, batch: batch, threads: $0)
                }
            }
        case .nodes:
            return [10, 100, 1000, 10_000, 100_000].filter { !isQuick || $0 <= 1000 }.map(chain)
        case .parameters:
            return [32, 128, 512, 2048].filter { !isQuick || $0 <= 512 }.map { width in
                let parameters = (784 + 1) * width + (width + 1) * width + (width + 1) * 10
                return training(.parameters, Double(parameters), "784-w-w-10", .mlp, batch: 64) {
                    BenchmarkModel.linear([784, width, width, 10])
                }
            }
        case .sequence: return sequences
        }
    }

    private func training(
        _ axis: ScalingAxis, _ place: Double, _ curve: String, _ model: BenchmarkModel, batch: Int,
        threads: Int? = nil, makeNet: (() -> BenchmarkModel.Net)? = nil
    ) -> SuiteStep {
        let bench = TrainingBench(
            split: split, model: model, batch: batch, round: round, makeNet: makeNet, seconds: 2 * seconds)
        return SuiteStep(
            suite: "scale", name: "\(curve), \(axis.rawValue) \(Int(place))", family: curve, threads: threads,
            weight: 3 * seconds
        ) {
            let row = try NeedletailBench.with(device, threads: threads) { try bench.row() }
            return [placed(row, axis, place, curve)]
        }
    }

    private func placed(_ row: BenchmarkRow, _ axis: ScalingAxis, _ place: Double, _ curve: String) -> BenchmarkRow {
        var row = row
        row.suite = "scale"
        row.family = curve
        row.name = "\(curve), \(axis.rawValue) \(Int(place))"
        (row.axis, row.place) = (axis.rawValue, place)
        return row
    }

    /// A trace of so many operations, which fuses into few kernels: what the host's part costs.
    private func chain(_ nodes: Int) -> SuiteStep {
        let name = "chain of sums and absolute values"
        return SuiteStep(
            suite: "scale", name: "\(name), nodes \(nodes)", family: name, weight: seconds + Double(nodes) * 3e-5
        ) {
            try withDevice(device) {
                let start = Tensor.full([64], 0.5)
                try start.evaluate()
                var last = start
                func reading() throws { _ = try last[0].item() }
                let result = try Sampler(seconds: seconds).measure(reading: reading) {
                    var x = start
                    for _ in 0..<nodes / 2 { x = (x + 0.25).abs() }
                    try x.evaluate()
                    last = x
                }
                // Exact in float32, and another number for each length of the chain.
                let expected = 0.5 + 0.25 * Double(nodes / 2)
                let (error, problem) = RowGuard.error(
                    try last.scalars(as: Float.self).map(Double.init),
                    expected: [Double](repeating: expected, count: 64), dtype: .float32)
                var row = result.row(
                    suite: "scale", name: name, dtype: .float32, on: try deviceContext().device.description,
                    round: round)
                row.error = error.isFinite ? error : nil
                row.failure = row.failure ?? problem
                return [placed(row, .nodes, Double(nodes), name)]
            }
        }
    }

    private var sequences: [SuiteStep] {
        let lengths = isQuick ? [16, 64] : [16, 64, 256, 512]
        let layers: [(String, (Int) -> OperationCase)] = [
            ("lstm 16xLx64 h64", { OperationCase.lstm(batch: 16, length: $0, inputs: 64, units: 64) }),
            ("encoder layer 4xLx128 h4 ff512", { OperationCase.encoder(batch: 4, length: $0, width: 128, heads: 4) }),
        ]
        return layers.flatMap { curve, make in
            lengths.map { length in
                SuiteStep(
                    suite: "scale", name: "\(curve), sequence \(length)", family: curve, weight: 3 * seconds
                ) {
                    try withDevice(device) {
                        let timing = OperationTiming(
                            device: try deviceContext().device.description, seconds: seconds, round: round,
                            suite: "scale")
                        let row = try timing.row(make(length), .float32)
                        return row.map { [placed($0, .sequence, Double(length), curve)] } ?? []
                    }
                }
            }
        }
    }
}
