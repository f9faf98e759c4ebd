import Foundation
import Needletail
import TensorRuntime

/// What a device reaches at best, measured: what shares of rows are of.
struct Peaks {
    /// Floating-point operations a second of the fastest of some square products, by dtype.
    var arithmetic: [DType: Double]
    /// Bytes a second of the fastest large pointwise operation, read and written.
    var bandwidth: Double

    init(arithmetic: [DType: Double], bandwidth: Double) {
        self.arithmetic = arithmetic
        self.bandwidth = bandwidth
    }

    /// What the probe's rows of a device say; 0 and nothing where there are none.
    init(_ rows: [BenchmarkRow]) {
        self.init(arithmetic: [:], bandwidth: 0)
        for row in rows where row.suite == "probe" && row.failure == nil && !row.samples.isEmpty {
            if let operations = row.operations, let dtype = DType.allCases.first(where: { "\($0)" == row.dtype }) {
                arithmetic[dtype] = max(arithmetic[dtype] ?? 0, operations / row.median * 1e6)
            } else if row.name.hasPrefix("copy "), let bytes = row.bytes {
                bandwidth = max(bandwidth, bytes / row.median * 1e6)
            }
        }
    }

    /// The share of the peak that an iteration of so many operations and bytes reaches: by what bounds it more.
    func share(operations: Double?, bytes: Double?, dtype: DType, microseconds: Double) -> Double? {
        let compute = zip(operations, arithmetic[dtype]).map { $0 / $1 }
        let memory = bandwidth > 0 ? bytes.map { $0 / bandwidth } : nil
        guard let least = [compute, memory].compactMap({ $0 }).max(), microseconds > 0 else { return nil }
        return least * 1e6 / microseconds
    }

    private func zip(_ a: Double?, _ b: Double?) -> (Double, Double)? {
        if let a, let b { (a, b) } else { nil }
    }
}

/// The probe of a device: what its smallest and its largest pieces of work cost.
struct Probe {
    let device: DeviceDescription
    let seconds: Double
    let round: Int
    /// Products of 512 only: 1024 is the peak of a large device.
    var isQuick = false

    private func row(
        _ name: String, _ dtype: DType, operations: Double? = nil, bytes: Double? = nil,
        _ iteration: @escaping () throws -> Void
    ) throws -> BenchmarkRow {
        let result = try Sampler(seconds: seconds).measure(iteration)
        var row = result.row(suite: "probe", name: name, dtype: dtype, on: device, round: round)
        row.family = "probe"
        (row.operations, row.bytes) = (operations, bytes)
        return row
    }

    /// The rows of the probe, and the peaks that they say.
    func run() throws -> (rows: [BenchmarkRow], peaks: Peaks) {
        var rows: [BenchmarkRow] = []
        for dtype in [DType.float32, .float16, .bfloat16, .float64] where device.dtypes.contains(dtype) {
            for extent in (isQuick ? [512] : [512, 1024]) {
                let a = Tensor.normal([extent, extent]).to(dtype)
                let b = Tensor.normal([extent, extent]).to(dtype)
                try evaluate(a, b)
                let operations = 2 * Double(extent * extent * extent)
                rows.append(
                    try row("matmul \(extent)", dtype, operations: operations) { try a.matmul(b).evaluate() })
            }
        }
        let count = 1 << 24
        let large = Tensor.normal([count])
        try large.evaluate()
        rows.append(
            try row("copy \(4 * count >> 20) MiB", .float32, bytes: 8 * Double(count)) { try (large * 2).evaluate() })

        let one = Tensor.normal([64])
        try one.evaluate()
        rows.append(
            try row("launch, submit and wait", .float32) {
                try (one + 1).evaluate()
                try synchronize()
            })
        // Each reads all of the one before, so that every launch waits.
        let square = Tensor.normal([64, 64])
        try square.evaluate()
        rows.append(
            try row("chain of 32 small products", .float32) {
                var x = square
                for _ in 0..<32 { x = x.matmul(square) }
                try x.evaluate()
            })
        let numbers = [Float](repeating: 1, count: 4 << 20)
        rows.append(
            try row("upload 16 MiB, and a launch", .float32, bytes: 16 * 1_048_576) {
                try (Tensor(numbers)[0] + 1).evaluate()
            })
        let kept = Tensor.normal([4 << 20])
        try kept.evaluate()
        rows.append(
            try row("launch, and download 16 MiB", .float32, bytes: 16 * 1_048_576) {
                _ = try (kept * 2).scalars(as: Float.self)
            })
        return (rows, Peaks(rows))
    }
}
