import Foundation
import Needletail
import TensorRuntime

extension OperationCase {
    /// Sums of everything, and reductions over each axis of matrices and of larger shapes.
    package static var reductions: [OperationCase] {
        // Numbers of one sign: a sum near 0 has no size that its error could be relative to. Small ones: float16 ends at 65504.
        let totals = [10_000, 1 << 20, 1 << 24].map { n in
            OperationCase(
                "sum \(n)", .reduction, isLarge: n >= 1 << 24,
                reference: .whole { [$0[0].reduce(0.0) { $0 + Double($1) }] }
            ) { dtype in
                OperationCase.Work(operands: [(Tensor.normal([n]).abs() * 0.001 + 0.001).to(dtype)]) { [$0[0].sum()] }
            }
        }
        return totals + overMatrices + overAxes
    }

    private static var overMatrices: [OperationCase] {
        let (rows, columns) = (4096, 1024)
        func row(_ x: [[Float]], _ i: Int) -> [Double] { x[0][i * columns..<(i + 1) * columns].map(Double.init) }
        func column(_ x: [[Float]], _ i: Int) -> [Double] { (0..<rows).map { Double(x[0][$0 * columns + i]) } }
        func matrix(
            _ name: String, _ body: @escaping (Tensor) -> Tensor, _ expected: @escaping ([[Float]], Int) -> Double
        ) -> OperationCase {
            OperationCase("\(name) 4096x1024", .reduction, [[rows, columns]], { body($0[0]) }, expected: expected)
        }
        func variance(_ values: [Double]) -> Double {
            let mean = values.reduce(0, +) / Double(values.count)
            return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
        }
        return [
            matrix("sum axis0", { $0.sum(axes: [0]) }, { column($0, $1).reduce(0, +) }),
            matrix("sum axis1", { $0.sum(axes: [1]) }, { row($0, $1).reduce(0, +) }),
            matrix("max axis0", { $0.max(axes: [0]) }, { column($0, $1).max()! }),
            matrix("max axis1", { $0.max(axes: [1]) }, { row($0, $1).max()! }),
            OperationCase(
                "argmax axis1 4096x1024", .reduction, [[rows, columns]], dtypes: [.float32],
                { $0[0].argmax(1) },
                expected: { x, i in
                    let values = row(x, i)
                    return Double(values.firstIndex(of: values.max()!)!)
                }),
            matrix("var axis1", { $0.variance(axes: [1]) }, { variance(row($0, $1)) }),
            matrix("var axis0", { $0.variance(axes: [0]) }, { variance(column($0, $1)) }),
            matrix(
                "logsumexp axis1", { $0.logSumExp(axes: [1]) },
                { x, i in
                    Foundation.log(row(x, i).reduce(0) { $0 + Foundation.exp($1) })
                }),
        ]
    }

    private static var overAxes: [OperationCase] {
        let (a, b, c) = (64, 64, 1024)
        func cube(_ axis: Int, _ expected: @escaping ([[Float]], Int) -> Double) -> OperationCase {
            OperationCase(
                "sum axis\(axis) 64x64x1024", .reduction, [[a, b, c]], { $0[0].sum(axes: [axis]) },
                expected: expected)
        }
        let plane = 26 * 26
        return [
            cube(0) { x, i in (0..<a).reduce(0.0) { $0 + Double(x[0][$1 * b * c + i]) } },
            cube(1) { x, i in (0..<b).reduce(0.0) { $0 + Double(x[0][(i / c * b + $1) * c + i % c]) } },
            cube(2) { x, i in (0..<c).reduce(0.0) { $0 + Double(x[0][i * c + $1]) } },
            OperationCase(
                "sum axes023 64x32x26x26", .reduction, [[64, 32, 26, 26]], { $0[0].sum(axes: [0, 2, 3]) },
                expected: { x, i in
                    (0..<64).reduce(0.0) { sum, image in
                        let start = (image * 32 + i) * plane
                        return x[0][start..<start + plane].reduce(sum) { $0 + Double($1) }
                    }
                }),
        ]
    }
}
