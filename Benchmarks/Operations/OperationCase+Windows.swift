import Foundation
import Needletail
import TensorRuntime

/// Convolutions with both gradients, and poolings.
extension OperationCase {
    /// A square convolution of `batch` images.
    private struct Convolution {
        let batch, inputs, extent, kernel, outputs: Int
        var stride = 1
        var padding = 0
        var groups = 1

        var result: Int { (extent + 2 * padding - kernel) / stride + 1 }
        var image: Shape { [batch, inputs, extent, extent] }
        var weight: Shape { [outputs, inputs / groups, kernel, kernel] }
        var out: Shape { [batch, outputs, result, result] }
        var operations: Double {
            2 * Double(batch * outputs * result * result) * Double(inputs / groups * kernel * kernel)
        }
        /// As the peers' benchmark calls it.
        var name: String {
            var name = "\(batch)x\(inputs)x\(extent)x\(extent) k\(kernel) o\(outputs)"
            if stride > 1 { name += " s\(stride)" }
            if padding > 0 { name += " p\(padding)" }
            if groups > 1 { name += " g\(groups)" }
            return name
        }

        func call(_ x: Tensor, _ w: Tensor) -> Tensor {
            Tensor.conv2d(
                x, weight: w, stride: [stride, stride], padding: [padding, padding], groups: groups)
        }

        /// The output position of a window that puts its place `k` at `at`; nil where there is none.
        func output(_ at: Int, _ k: Int) -> Int? {
            let place = at + padding - k
            guard place >= 0, place % stride == 0, place / stride < result else { return nil }
            return place / stride
        }

        func forward(_ x: [[Float]], _ i: Int) -> Double {
            let (column, line, channel) = (i % result, i / result % result, i / (result * result) % outputs)
            let image = i / (result * result * outputs)
            let (own, first) = (inputs / groups, channel / (outputs / groups) * (inputs / groups))
            var sum = 0.0
            for c in 0..<own {
                for k in 0..<kernel * kernel {
                    let (y, z) = (line * stride + k / kernel - padding, column * stride + k % kernel - padding)
                    guard (0..<extent).contains(y), (0..<extent).contains(z) else { continue }
                    let value = x[0][((image * inputs + first + c) * extent + y) * extent + z]
                    sum += Double(value) * Double(x[1][(channel * own + c) * kernel * kernel + k])
                }
            }
            return sum
        }

        func inputGradient(_ x: [[Float]], _ i: Int) -> Double {
            let (column, line, channel) = (i % extent, i / extent % extent, i / (extent * extent) % inputs)
            let image = i / (extent * extent * inputs)
            let (own, span) = (inputs / groups, outputs / groups)
            var sum = 0.0
            for o in channel / own * span..<(channel / own + 1) * span {
                for k in 0..<kernel * kernel {
                    guard let y = output(line, k / kernel), let z = output(column, k % kernel) else { continue }
                    let value = x[2][((image * outputs + o) * result + y) * result + z]
                    sum += Double(value) * Double(x[1][(o * own + channel % own) * kernel * kernel + k])
                }
            }
            return sum
        }

        func weightGradient(_ x: [[Float]], _ i: Int) -> Double {
            let own = inputs / groups
            let (k, c, o) = (i % (kernel * kernel), i / (kernel * kernel) % own, i / (kernel * kernel * own))
            let channel = o / (outputs / groups) * own + c
            var sum = 0.0
            for image in 0..<batch {
                for place in 0..<result * result {
                    let y = place / result * stride + k / kernel - padding
                    let z = place % result * stride + k % kernel - padding
                    guard (0..<extent).contains(y), (0..<extent).contains(z) else { continue }
                    let value = x[0][((image * inputs + channel) * extent + y) * extent + z]
                    sum += Double(value) * Double(x[2][(image * outputs + o) * result * result + place])
                }
            }
            return sum
        }

        func cases() -> [OperationCase] {
            let shapes = [image, weight, out]
            func made(
                _ kind: String, unread: Int, _ body: @escaping ([Tensor]) -> Tensor,
                _ expected: @escaping ([[Float]], Int) -> Double
            ) -> OperationCase {
                OperationCase(
                    "conv2d \(kind)\(name)", .convolution, operations: operations, shapes, unread: unread, body,
                    expected: expected)
            }
            return [
                OperationCase(
                    "conv2d \(name)", .convolution, operations: operations, [image, weight], { call($0[0], $0[1]) },
                    expected: forward),
                made("input gradient ", unread: 0, { x in gradient(x[0], x[2]) { call($0, x[1]) } }, inputGradient),
                made("weight gradient ", unread: 1, { x in gradient(x[1], x[2]) { call(x[0], $0) } }, weightGradient),
            ]
        }
    }

    /// Of the MNIST nets, of ResNet-20, of 1x1, with a stride, and by channel.
    package static var convolutions: [OperationCase] {
        [
            Convolution(batch: 64, inputs: 1, extent: 28, kernel: 3, outputs: 32),
            Convolution(batch: 64, inputs: 32, extent: 26, kernel: 3, outputs: 64),
            Convolution(batch: 64, inputs: 16, extent: 32, kernel: 3, outputs: 16, padding: 1),
            Convolution(batch: 64, inputs: 64, extent: 8, kernel: 3, outputs: 64, padding: 1),
            Convolution(batch: 16, inputs: 64, extent: 28, kernel: 1, outputs: 64),
            Convolution(batch: 64, inputs: 1, extent: 28, kernel: 5, outputs: 16, stride: 2),
            Convolution(batch: 16, inputs: 64, extent: 28, kernel: 3, outputs: 64, padding: 1, groups: 64),
        ].flatMap { $0.cases() }
    }

    static var poolings: [OperationCase] {
        let (image, pooled): (Shape, Shape) = ([64, 32, 26, 26], [64, 32, 13, 13])
        func window(_ x: [[Float]], _ i: Int) -> [Double] {
            let place = (i / 169 * 26 + i / 13 % 13 * 2) * 26 + i % 13 * 2
            return [place, place + 1, place + 26, place + 27].map { Double(x[0][$0]) }
        }
        return [
            OperationCase(
                "max_pool2d 64x32x26x26", .pooling, [image], { Tensor.maxPool2d($0[0], kernel: [2, 2]) },
                expected: {
                    window($0, $1).max()!
                }),
            OperationCase(
                "avg_pool2d 64x32x26x26", .pooling, [image], { Tensor.avgPool2d($0[0], kernel: [2, 2]) },
                expected: {
                    window($0, $1).reduce(0, +) / 4
                }),
            // In halves two numbers of a window are often equal, and either may have the gradient.
            OperationCase(
                "max_pool2d backward 64x32x26x26", .pooling, [image, pooled], dtypes: [.float32],
                { gradient($0[0], $0[1]) { Tensor.maxPool2d($0, kernel: [2, 2]) } },
                expected: { x, i in
                    let (plane, line, column) = (i / 676, i / 26 % 26, i % 26)
                    let out = (plane * 13 + line / 2) * 13 + column / 2
                    return Double(x[0][i]) == window(x, out).max()! ? Double(x[1][out]) : 0
                }),
        ]
    }
}
