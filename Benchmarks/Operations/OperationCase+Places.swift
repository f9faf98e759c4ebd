import Foundation
import Needletail
import TensorRuntime

/// Operations that move numbers: copies in another order, scans, sorts, embeddings.
extension OperationCase {
    static var layouts: [OperationCase] {
        let (rows, columns) = (4096, 1024)
        return [
            OperationCase(
                "transpose copy 4096x1024", .layout, [[rows, columns]], { $0[0].transpose(0, 1).contiguous() },
                expected: { x, i in Double(x[0][i % rows * columns + i / rows]) }),
            OperationCase(
                "permute 0213 8x128x8x32", .layout, [[8, 128, 8, 32]], { $0[0].permute(0, 2, 1, 3).contiguous() },
                expected: { x, i in
                    let (b, head, token, lane) = (i / 32768, i / 4096 % 8, i / 32 % 128, i % 32)
                    return Double(x[0][((b * 128 + token) * 8 + head) * 32 + lane])
                }),
            OperationCase(
                "concatenate axis1 2x4096x512", .layout, [[rows, 512], [rows, 512]],
                { Tensor.concatenate($0, axis: 1) },
                expected: { x, i in Double(x[i % 1024 / 512][i / 1024 * 512 + i % 512]) }),
        ]
    }

    static var scans: [OperationCase] {
        let n = 1 << 20
        // Of small numbers, so that sums stay in the range of float16.
        func small(_ shape: Shape, _ dtype: DType) -> Tensor { (Tensor.normal(shape) * 0.01).to(dtype) }
        func scan(_ name: String, _ shape: Shape, axis: Int, _ sums: @escaping ([Float]) -> [Double]) -> OperationCase {
            OperationCase(name, .scan, reference: .whole { sums($0[0]) }) { dtype in
                Work(operands: [small(shape, dtype)]) { [$0[0].cumsum(axis: axis)] }
            }
        }
        return [
            scan("cumsum \(n)", [n], axis: 0) { x in
                var sum = 0.0
                return x.map {
                    sum += Double($0)
                    return sum
                }
            },
            scan("cumsum axis1 1024x1024", [1024, 1024], axis: 1) { x in
                var sum = 0.0
                return x.enumerated().map { place, value in
                    sum = (place % 1024 == 0 ? 0 : sum) + Double(value)
                    return sum
                }
            },
            scan("cumsum axis0 1024x1024", [1024, 1024], axis: 0) { x in
                var sums = x.map(Double.init)
                for place in 1024..<sums.count { sums[place] += sums[place - 1024] }
                return sums
            },
        ]
    }

    static var sorts: [OperationCase] {
        let n = 1 << 20
        return [sort("sort \(n)", [n]), sort("sort axis1 1024x1024", [1024, 1024]), topk(n, 100)]
    }

    /// A sort along the last axis.
    package static func sort(_ name: String, _ shape: Shape) -> OperationCase {
        let columns = shape[shape.count - 1]
        return OperationCase(
            name, .sort,
            reference: .sorted(columns: columns) { host in
                stride(from: 0, to: host[0].count, by: columns).flatMap {
                    host[0][$0..<$0 + columns].sorted().map(Double.init)
                }
            }
        ) { dtype in
            Work(operands: [Tensor.normal(shape).to(dtype)]) {
                let (values, indices) = $0[0].sort(axis: -1)
                return [values, indices]
            }
        }
    }

    package static func topk(_ n: Int, _ k: Int) -> OperationCase {
        OperationCase(
            "topk \(n) k\(k)", .sort,
            reference: .sorted(columns: n) { $0[0].sorted(by: >).prefix(k).map(Double.init) }
        ) { dtype in
            Work(operands: [Tensor.normal([n]).to(dtype)]) {
                let (values, indices) = $0[0].topk(k, axis: 0)
                return [values, indices]
            }
        }
    }

    /// An embedding of 64 sequences of 128 tokens, its gradient, and the batch that a training step takes.
    package static var indices: [OperationCase] {
        let (words, width, tokens) = (10_000, 128, 64 * 128)
        func places() -> Tensor { Tensor((0..<tokens).map { Int64($0 * 7919 % words) }, shape: [tokens]) }
        return [
            OperationCase(
                "embedding 10000x128 of 8192", .index,
                reference: .sampled { x, i in Double(x[0][Int(x[1][i / width]) * width + i % width]) }
            ) { dtype in
                let read = Double(tokens * (width * dtype.byteCount + 8))
                return Work(operands: [Tensor.normal([words, width]).to(dtype), places()], read: read) {
                    [$0[0].indexSelect(axis: 0, index: $0[1])]
                }
            },
            OperationCase(
                "embedding backward 10000x128 of 8192", .index,
                reference: .sampled { x, i in
                    (0..<tokens).reduce(0.0) {
                        Int(x[2][$1]) == i / width ? $0 + Double(x[1][$1 * width + i % width]) : $0
                    }
                }
            ) { dtype in
                let operands = [Tensor.normal([words, width]), Tensor.normal([tokens, width])].map { $0.to(dtype) }
                // Of the words nothing but how many there are.
                let read = Double(tokens * (width * dtype.byteCount + 8))
                return Work(operands: operands + [places()], read: read) { x in
                    [gradient(x[0], x[1]) { $0.indexSelect(axis: 0, index: x[2]) }]
                }
            },
            gather(64, of: 60_000),
        ]
    }

    /// What a training step reads of MNIST: rows of bytes, as floats of 0...1.
    package static func gather(_ batch: Int, of count: Int) -> OperationCase {
        OperationCase(
            "gather batch \(batch) of \(count)x784", .index, dtypes: [.float32], isLarge: true,
            reference: .sampled { x, i in Double(x[0][Int(x[1][i / 784]) * 784 + i % 784]) / 255 }
        ) { dtype in
            let images = (Tensor.normal([count, 784]) * 255).clamp(min: 0, max: 255).to(.uint8)
            let rows = Tensor((0..<batch).map { Int64($0 * 7919 % count) }, shape: [batch])
            return Work(operands: [images, rows], read: Double(batch * (784 + 8))) {
                [$0[0].indexSelect(axis: 0, index: $0[1]).to(dtype) * (1.0 / 255)]
            }
        }
    }
}
