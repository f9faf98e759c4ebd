import Foundation
import Needletail
import TensorRuntime

extension OperationCase {
    /// Softmax, its logarithm, the norm of a layer and the cross entropy, forwards and backwards.
    static var rows: [OperationCase] {
        [(4096, 1024), (64, 10)].flatMap { softmaxes($0, $1) } + norms(4096, 1024) + entropies
    }

    private static func row(_ x: [Float], _ i: Int, _ columns: Int) -> [Double] {
        x[i / columns * columns..<(i / columns + 1) * columns].map(Double.init)
    }

    private static func softmax(_ values: [Double]) -> [Double] {
        let exponentials = values.map { Foundation.exp($0) }
        let total = exponentials.reduce(0, +)
        return exponentials.map { $0 / total }
    }

    private static func softmaxes(_ rows: Int, _ columns: Int) -> [OperationCase] {
        let shape: Shape = [rows, columns]
        return [
            OperationCase(
                "softmax \(rows)x\(columns)", .row, [shape], { $0[0].softmax(axis: 1) },
                expected: { x, i in
                    softmax(row(x[0], i, columns))[i % columns]
                }),
            OperationCase(
                "log_softmax \(rows)x\(columns)", .row, [shape], { $0[0].logSoftmax(axis: 1) },
                expected: { x, i in
                    Foundation.log(softmax(row(x[0], i, columns))[i % columns])
                }),
            OperationCase(
                "softmax backward \(rows)x\(columns)", .row, [shape, shape],
                { gradient($0[0], $0[1]) { $0.softmax(axis: 1) } },
                expected: { x, i in
                    let y = softmax(row(x[0], i, columns))
                    let g = row(x[1], i, columns)
                    return y[i % columns] * (g[i % columns] - zip(y, g).reduce(0) { $0 + $1.0 * $1.1 })
                }),
        ]
    }

    /// The gradient by `x` of what is made of it.
    static func gradient(_ x: Tensor, _ gradient: Tensor, _ body: (Tensor) -> Tensor) -> Tensor {
        let leaf = x.detach().requiringGrad()
        return gradients(of: body(leaf), withRespectTo: [leaf], gradient: gradient)[0] ?? x
    }

    private static func norms(_ rows: Int, _ columns: Int) -> [OperationCase] {
        let shape: Shape = [rows, columns]
        func normal(_ x: Tensor) -> Tensor {
            let centred = x - x.mean(axes: [1], keepDims: true)
            let variance = (centred * centred).mean(axes: [1], keepDims: true)
            return centred * (variance + 1e-5).rsqrt()
        }
        func normalized(_ values: [Double]) -> (values: [Double], scale: Double) {
            let mean = values.reduce(0, +) / Double(columns)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
            let scale = 1 / (variance + 1e-5).squareRoot()
            return (values.map { ($0 - mean) * scale }, scale)
        }
        return [
            OperationCase(
                "layer_norm \(rows)x\(columns)", .row, [shape], { normal($0[0]) },
                expected: { x, i in
                    normalized(row(x[0], i, columns)).values[i % columns]
                }),
            OperationCase(
                "layer_norm backward \(rows)x\(columns)", .row, [shape, shape],
                { gradient($0[0], $0[1], normal) },
                expected: { x, i in
                    let (y, scale) = normalized(row(x[0], i, columns))
                    let g = row(x[1], i, columns)
                    let mean = g.reduce(0, +) / Double(columns)
                    let along = zip(y, g).reduce(0) { $0 + $1.0 * $1.1 } / Double(columns)
                    return scale * (g[i % columns] - mean - y[i % columns] * along)
                }),
        ]
    }

    private static var entropies: [OperationCase] {
        [(64, 10), (1024, 10_000)].map { rows, classes in
            OperationCase(
                "cross_entropy \(rows)x\(classes)", .row,
                reference: .whole { host in
                    let total = (0..<rows).reduce(0.0) { sum, index in
                        let values = row(host[0], index * classes, classes)
                        return sum - Foundation.log(softmax(values)[Int(host[1][index])])
                    }
                    return [total / Double(rows)]
                }
            ) { dtype in
                let labels = Tensor((0..<rows).map { Int64($0 * 7919 % classes) }, shape: [rows])
                return Work(operands: [Tensor.normal([rows, classes]).to(dtype), labels]) {
                    [crossEntropy($0[0], $0[1])]
                }
            }
        }
    }
}
