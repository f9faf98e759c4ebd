import Foundation
import Needletail

/// One timed operation: its operands, and what single elements of its result must be.
final class OperationCase {
    let name: String
    /// Floating-point operations, of products and convolutions.
    let operations: Double?
    /// What has to be read and written at least.
    private(set) var bytes: Double?
    private let makeOperands: () -> [Tensor]
    private let body: ([Tensor]) -> Tensor
    private let reference: ([[Float]], Int) -> Double
    private var host: [[Float]] = []

    init(
        _ name: String, operations: Double? = nil, _ operands: @escaping () -> [Tensor],
        _ body: @escaping ([Tensor]) -> Tensor, expected: @escaping ([[Float]], Int) -> Double
    ) {
        self.name = name
        self.operations = operations
        makeOperands = operands
        self.body = body
        reference = expected
    }

    /// Makes and evaluates the operands, and gives the operation on them.
    func prepare() throws -> () -> Tensor {
        let operands = makeOperands()
        host = try operands.map { try $0.scalars(as: Float.self) }
        let result = body(operands)
        bytes = (operands + [result]).reduce(0) { $0 + Double($1.shape.elementCount * $1.dtype.byteCount) }
        return { [body] in body(operands) }
    }

    func expected(_ index: Int) -> Double { reference(host, index) }

    static var all: [OperationCase] { matmuls + pointwise + rows + windows }

    private static func normal(_ shape: Shape) -> Tensor { Tensor.normal(shape) }

    private static var matmuls: [OperationCase] {
        [(64, 784, 128), (128, 64, 784), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048)].map {
            m, k, n in
            OperationCase(
                "matmul \(m)x\(k)x\(n)", operations: 2 * Double(m * k * n), { [normal([m, k]), normal([k, n])] },
                { $0[0].matmul($0[1]) },
                expected: { x, i in
                    (0..<k).reduce(0.0) { $0 + Double(x[0][i / n * k + $1]) * Double(x[1][$1 * n + i % n]) }
                })
        }
    }

    private static var pointwise: [OperationCase] {
        [10_000, 1 << 20, 1 << 24].flatMap { n -> [OperationCase] in
            let one = { [normal([n])] }
            let two = { [normal([n]), normal([n])] }
            return [
                OperationCase("add \(n)", two, { $0[0] + $0[1] }) { x, i in Double(x[0][i]) + Double(x[1][i]) },
                OperationCase("exp \(n)", one, { $0[0].exp() }) { x, i in Foundation.exp(Double(x[0][i])) },
                OperationCase("gelu \(n)", one, { $0[0].gelu() }) { x, i in
                    let v = Double(x[0][i])
                    return 0.5 * v * (1 + erf(v / 2.0.squareRoot()))
                },
                OperationCase("tanh \(n)", one, { $0[0].tanh() }) { x, i in Foundation.tanh(Double(x[0][i])) },
                OperationCase("sum \(n)", one, { $0[0].sum() }) { x, _ in
                    x[0].reduce(0.0) { $0 + Double($1) }
                },
                OperationCase("sigmoid(relu(a*b+a)) \(n)", two, { ($0[0] * $0[1] + $0[0]).relu().sigmoid() }) { x, i in
                    let v = max(0, Double(x[0][i]) * Double(x[1][i]) + Double(x[0][i]))
                    return 1 / (1 + Foundation.exp(-v))
                },
            ]
        }
    }

    private static var rows: [OperationCase] {
        let rows = 4096
        let columns = 1024
        let one = { [normal([rows, columns])] }
        func row(_ x: [[Float]], _ i: Int) -> [Double] {
            x[0][i / columns * columns..<(i / columns + 1) * columns].map(Double.init)
        }
        return [
            OperationCase(
                "softmax 4096x1024", one, { $0[0].softmax(axis: 1) },
                expected: { x, i in
                    let values = row(x, i)
                    return Foundation.exp(values[i % columns]) / values.reduce(0) { $0 + Foundation.exp($1) }
                }),
            OperationCase(
                "layer_norm 4096x1024", one, { layerNorm($0[0]) },
                expected: { x, i in
                    let values = row(x, i)
                    let mean = values.reduce(0, +) / Double(columns)
                    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
                    return (values[i % columns] - mean) / (variance + 1e-5).squareRoot()
                }),
            OperationCase(
                "sum axis0 4096x1024", one, { $0[0].sum(axes: [0]) },
                expected: { x, i in
                    (0..<rows).reduce(0.0) { $0 + Double(x[0][$1 * columns + i]) }
                }),
            OperationCase(
                "transpose copy 4096x1024", one, { $0[0].transpose(0, 1).contiguous() },
                expected: { x, i in
                    Double(x[0][i % rows * columns + i / rows])
                }),
        ]
    }

    private static func layerNorm(_ x: Tensor) -> Tensor {
        let centred = x - x.mean(axes: [1], keepDims: true)
        return centred * ((centred * centred).mean(axes: [1], keepDims: true) + 1e-5).rsqrt()
    }

    private static var windows: [OperationCase] {
        [
            OperationCase(
                "conv2d 64x32x26x26 k3 o64", operations: 2 * 64 * 64 * 576 * 288,
                { [normal([64, 32, 26, 26]), normal([64, 32, 3, 3])] },
                { Tensor.conv2d($0[0], weight: $0[1]) },
                expected: { x, i in
                    let (column, line, channel, image) = (i % 24, i / 24 % 24, i / 576 % 64, i / 36864)
                    var sum = 0.0
                    for c in 0..<32 {
                        for k in 0..<9 {
                            let place = ((image * 32 + c) * 26 + line + k / 3) * 26 + column + k % 3
                            sum += Double(x[0][place]) * Double(x[1][(channel * 32 + c) * 9 + k])
                        }
                    }
                    return sum
                }),
            OperationCase(
                "max_pool2d 64x32x26x26", { [normal([64, 32, 26, 26])] }, { Tensor.maxPool2d($0[0], kernel: [2, 2]) },
                expected: { x, i in
                    let (column, line, plane) = (i % 13, i / 13 % 13, i / 169)
                    let place = (plane * 26 + line * 2) * 26 + column * 2
                    return Double([x[0][place], x[0][place + 1], x[0][place + 26], x[0][place + 27]].max()!)
                }),
        ]
    }
}
