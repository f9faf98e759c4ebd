import Foundation
import Needletail
import TensorRuntime

/// What a device reaches at best, measured: what shares of rows are of.
package struct Peaks {
    /// Floating-point operations a second of the fastest of some square products, by dtype.
    package var arithmetic: [DType: Double]
    /// Bytes a second of the fastest large pointwise operation, read and written.
    package var bandwidth: Double

    package init(arithmetic: [DType: Double], bandwidth: Double) {
        self.arithmetic = arithmetic
        self.bandwidth = bandwidth
    }

    /// What the probe's rows of a device say; 0 and nothing where there are none.
    package init(_ rows: [BenchmarkRow]) {
        self.init(arithmetic: [:], bandwidth: 0)
        for row in rows where row.suite == "probe" && row.failure == nil && !row.samples.isEmpty {
            if let operations = row.operations, let dtype = DType.allCases.first(where: { "\($0)" == row.dtype }) {
                arithmetic[dtype] = max(arithmetic[dtype] ?? 0, operations / row.median * 1e6)
            } else if row.name.hasPrefix("copy "), let bytes = row.bytes {
                bandwidth = max(bandwidth, bytes / row.median * 1e6)
            }
        }
        // The arithmetic on short floats is float32's, where the device has none faster: their peak is not lower than its.
        for dtype in [DType.float16, .bfloat16] {
            guard let own = arithmetic[dtype], let wide = arithmetic[.float32] else { continue }
            arithmetic[dtype] = max(own, wide)
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

/// The probe of a device: what its smallest and its largest pieces of work cost, on the current device.
struct Probe {
    let device: DeviceDescription
    let seconds: Double
    let round: Int
    /// Products of 512 only: 1024 is the peak of a large device.
    var isQuick = false

    /// - Parameter make: makes the operands, and gives the iteration.
    private func step(
        _ name: String, _ dtype: DType = .float32, operations: Double? = nil, bytes: Double? = nil,
        _ make: @escaping () throws -> () throws -> Void
    ) -> SuiteStep {
        SuiteStep(suite: "probe", name: name, dtype: dtype, family: "probe", weight: 1.2 * seconds) {
            let iteration = try make()
            let result = try Sampler(seconds: seconds).measure(iteration)
            var row = result.row(suite: "probe", name: name, dtype: dtype, on: device, round: round)
            row.family = "probe"
            (row.operations, row.bytes) = (operations, bytes)
            return [row]
        }
    }

    /// Its rows, of which ``Peaks`` are made.
    var steps: [SuiteStep] {
        var steps: [SuiteStep] = []
        for dtype in [DType.float32, .float16, .bfloat16, .float64] where device.dtypes.contains(dtype) {
            for extent in (isQuick ? [512] : [512, 1024]) {
                let operations = 2 * Double(extent * extent * extent)
                steps.append(
                    step("matmul \(extent)", dtype, operations: operations) {
                        let a = Tensor.normal([extent, extent]).to(dtype)
                        let b = Tensor.normal([extent, extent]).to(dtype)
                        try evaluate(a, b)
                        return { try a.matmul(b).evaluate() }
                    })
            }
        }
        return steps + transfers
    }

    private var transfers: [SuiteStep] {
        let count = 1 << 24
        func normal(_ shape: Shape) throws -> Tensor {
            let x = Tensor.normal(shape)
            try x.evaluate()
            return x
        }
        return [
            step("copy \(4 * count >> 20) MiB", bytes: 8 * Double(count)) {
                let large = try normal([count])
                return { try (large * 2).evaluate() }
            },
            step("launch, submit and wait") {
                let one = try normal([64])
                return {
                    try (one + 1).evaluate()
                    try synchronize()
                }
            },
            // Each reads all of the one before, so that every launch waits.
            step("chain of 32 small products") {
                let square = try normal([64, 64])
                return {
                    var x = square
                    for _ in 0..<32 { x = x.matmul(square) }
                    try x.evaluate()
                }
            },
            step("upload 16 MiB, and a launch", bytes: 16 * 1_048_576) {
                let numbers = [Float](repeating: 1, count: 4 << 20)
                return { try (Tensor(numbers)[0] + 1).evaluate() }
            },
            step("launch, and download 16 MiB", bytes: 16 * 1_048_576) {
                let kept = try normal([4 << 20])
                return { _ = try (kept * 2).scalars(as: Float.self) }
            },
        ]
    }
}
