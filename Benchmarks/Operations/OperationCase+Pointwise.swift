import Foundation
import Needletail
import TensorRuntime

extension OperationCase {
    static var pointwise: [OperationCase] {
        [10_000, 1 << 20, 1 << 24].flatMap(sized) + functions + broadcast
    }

    private static func sized(_ n: Int) -> [OperationCase] {
        [
            OperationCase(
                "add \(n)", .pointwise, [[n], [n]], { $0[0] + $0[1] },
                expected: { x, i in
                    Double(x[0][i]) + Double(x[1][i])
                }),
            OperationCase(
                "exp \(n)", .pointwise, [[n]], { $0[0].exp() }, expected: { x, i in Foundation.exp(Double(x[0][i])) }),
            OperationCase(
                "gelu \(n)", .pointwise, [[n]], { $0[0].gelu() },
                expected: { x, i in
                    let v = Double(x[0][i])
                    return 0.5 * v * (1 + Foundation.erf(v / 2.0.squareRoot()))
                }),
            OperationCase(
                "tanh \(n)", .pointwise, [[n]], { $0[0].tanh() },
                expected: { x, i in
                    Foundation.tanh(Double(x[0][i]))
                }),
            OperationCase(
                "sigmoid(relu(a*b+a)) \(n)", .pointwise, [[n], [n]],
                { ($0[0] * $0[1] + $0[0]).relu().sigmoid() },
                expected: { x, i in
                    let v = max(0, Double(x[0][i]) * Double(x[1][i]) + Double(x[0][i]))
                    return 1 / (1 + Foundation.exp(-v))
                }),
        ]
    }

    private static var functions: [OperationCase] {
        let n = 1 << 20
        func one(
            _ name: String, _ body: @escaping (Tensor) -> Tensor, _ expected: @escaping (Double) -> Double
        ) -> OperationCase {
            OperationCase(
                "\(name) \(n)", .pointwise, [[n]], { body($0[0]) }, expected: { x, i in expected(Double(x[0][i])) })
        }
        return [
            one("relu", { $0.relu() }, { Swift.max(0, $0) }),
            one("sigmoid", { $0.sigmoid() }, { 1 / (1 + Foundation.exp(-$0)) }),
            one("silu", { $0.silu() }, { $0 / (1 + Foundation.exp(-$0)) }),
            one("sin", { $0.sin() }, { Foundation.sin($0) }),
            one("erf", { $0.erf() }, { Foundation.erf($0) }),
            one("sqrt(abs(a))", { $0.abs().sqrt() }, { abs($0).squareRoot() }),
            OperationCase(
                "mul \(n)", .pointwise, [[n], [n]], { $0[0] * $0[1] },
                expected: { x, i in
                    Double(x[0][i]) * Double(x[1][i])
                }),
        ]
    }

    private static var broadcast: [OperationCase] {
        let (rows, columns) = (4096, 1024)
        return [
            OperationCase(
                "add row 4096x1024", .pointwise, [[rows, columns], [columns]], { $0[0] + $0[1] },
                expected: { x, i in
                    Double(x[0][i]) + Double(x[1][i % columns])
                }),
            OperationCase(
                "add column 4096x1024", .pointwise, [[rows, columns], [rows, 1]], { $0[0] + $0[1] },
                expected: {
                    x, i in Double(x[0][i]) + Double(x[1][i / columns])
                }),
        ]
    }
}
