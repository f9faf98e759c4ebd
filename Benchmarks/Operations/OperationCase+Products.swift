import Foundation
import Needletail
import TensorRuntime

extension OperationCase {
    /// Products of the MNIST nets, an LSTM and a transformer, square ones and thin ones.
    static var products: [OperationCase] {
        let shapes = [
            (64, 784, 128), (128, 64, 784), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048),
            (64, 128, 128), (64, 128, 10), (64, 9216, 128), (64, 128, 512), (1024, 256, 1024), (1024, 1024, 256),
            (1, 4096, 4096), (4096, 4096, 1), (16, 4096, 1024), (4096, 16, 4096), (32, 65536, 32),
        ]
        return shapes.map { m, k, n in
            OperationCase(
                "matmul \(m)x\(k)x\(n)", .matmul, operations: 2 * Double(m * k * n), [[m, k], [k, n]],
                { $0[0].matmul($0[1]) }
            ) { x, i in
                (0..<k).reduce(0.0) { $0 + Double(x[0][i / n * k + $1]) * Double(x[1][$1 * n + i % n]) }
            }
        } + transposed + batched
    }

    private static var transposed: [OperationCase] {
        let n = 512
        let operations = 2 * Double(n * n * n)
        return [
            OperationCase(
                "matmul A^T B 512x512x512", .matmul, operations: operations, [[n, n], [n, n]],
                { $0[0].transpose(0, 1).matmul($0[1]) },
                expected: { x, i in
                    (0..<n).reduce(0.0) { $0 + Double(x[0][$1 * n + i / n]) * Double(x[1][$1 * n + i % n]) }
                }),
            OperationCase(
                "matmul A B^T 512x512x512", .matmul, operations: operations, [[n, n], [n, n]],
                { $0[0].matmul($0[1].transpose(0, 1)) },
                expected: { x, i in
                    (0..<n).reduce(0.0) { $0 + Double(x[0][i / n * n + $1]) * Double(x[1][i % n * n + $1]) }
                }),
        ]
    }

    private static var batched: [OperationCase] {
        [(64, 128, 32, 128), (64, 128, 128, 32), (256, 16, 16, 16)].map { b, m, k, n in
            OperationCase(
                "bmm \(b)x\(m)x\(k)x\(n)", .matmul, operations: 2 * Double(b * m * k * n), [[b, m, k], [b, k, n]],
                { $0[0].matmul($0[1]) }
            ) { x, i in
                let (batch, row, column) = (i / (m * n), i / n % m, i % n)
                return (0..<k).reduce(0.0) {
                    $0 + Double(x[0][(batch * m + row) * k + $1]) * Double(x[1][(batch * k + $1) * n + column])
                }
            }
        }
    }

    /// Attention over queries, keys and values `[8, 8, 128, 32]`, as in a small transformer.
    package static var attentions: [OperationCase] {
        let (heads, length, width) = (64, 128, 32)
        func attend(_ x: [[Float]], _ i: Int, isCausal: Bool) -> Double {
            let (head, row, column) = (i / (length * width), i / width % length, i % width)
            var (total, sum) = (0.0, 0.0)
            for key in 0..<(isCausal ? row + 1 : length) {
                let score = (0..<width).reduce(0.0) {
                    $0 + Double(x[0][(head * length + row) * width + $1])
                        * Double(x[1][(head * length + key) * width + $1])
                }
                let weight = Foundation.exp(score / Double(width).squareRoot())
                total += weight
                sum += weight * Double(x[2][(head * length + key) * width + column])
            }
            return sum / total
        }
        let shape: Shape = [8, 8, 128, 32]
        return [false, true].map { isCausal in
            // Queries with the keys that they see: all, or those up to their own.
            let pairs = isCausal ? length * (length + 1) / 2 : length * length
            let operations = 4 * Double(heads * width * pairs)
            return OperationCase(
                "attention \(isCausal ? "causal " : "")8x8x128x32", .attention, operations: operations,
                [shape, shape, shape],
                { scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], isCausal: isCausal) },
                expected: { attend($0, $1, isCausal: isCausal) })
        }
    }
}
