import KernelIR
import TensorRuntime

/// Lays weights out as a direct convolution reads them: `[group][block of rows][channel][tap][row of the block]`, with
/// zeros for rows that are not there.
struct ConvolutionWeightShader {
    let geometry: ConvolutionGeometry
    let blockRows: Int
    let index: ScalarType

    private var isFlipped: Bool { geometry.body.kind == .inputGradient }
    /// Channels of the result and of what is read, in one group.
    var rows: Int { isFlipped ? geometry.groupInputs : geometry.groupOutputs }
    var depth: Int { isFlipped ? geometry.groupOutputs : geometry.groupInputs }
    var blocks: Int { (rows + blockRows - 1) / blockRows }
    var elementCount: Int { geometry.body.groups * blocks * blockRows * depth * geometry.taps }

    func launch(code: KernelCode, name: String, workspaceOffset: Int) -> ShaderLaunch {
        let (dtype, compute, blockRows, index) = (geometry.body.dtype, geometry.compute, blockRows, index)
        var launch = ShaderLaunch(
            key: ShaderKey(code: code, schedule: name, variant: [blockRows, Int(index.rawValue)]),
            workgroups: [geometry.body.groups * blocks * depth, 1, 1],
            buffers: ["from": .operand(1), "to": .workspace(byteOffset: workspaceOffset)],
            build: {
                ConvolutionWeightShader.kernel(dtype: dtype, compute: compute, blockRows: blockRows, index: index)
            })
        let taps = geometry.taps
        let far = geometry.groupInputs * taps
        launch.setIntegers([
            "rows": rows, "depth": depth, "blocks": blocks, "taps": taps,
            "groupStride": geometry.groupOutputs * far, "rowStride": isFlipped ? taps : far,
            "depthStride": isFlipped ? far : taps, "tapStart": isFlipped ? taps - 1 : 0,
            "tapStride": isFlipped ? -1 : 1,
        ])
        return launch
    }

    private static func kernel(dtype: DType, compute: DType, blockRows: Int, index: ScalarType) -> Kernel {
        KernelBuilder.build("convolution_weights") { k in
            let from = k.buffer("from", dtype, .read)
            let to = k.buffer("to", compute, .write)
            let argument = { (name: String) in k.argument(name, index) }
            let (rows, depth, blocks, taps) = (
                argument("rows"), argument("depth"), argument("blocks"), argument("taps")
            )
            let (groupStride, rowStride, depthStride) = (
                argument("groupStride"), argument("rowStride"), argument("depthStride")
            )
            let (tapStart, tapStride) = (argument("tapStart"), argument("tapStride"))
            let item = k.group(index)
            let channel = item % depth
            let block = item / depth % blocks
            let base = item / depth / blocks * groupStride + channel * depthStride + tapStart
            let zero = k.constant(0, ValueType(compute.valueScalar))
            k.loop(from: k.constant(0, ValueType(index)), to: k.constant(blockRows, ValueType(index))) { position in
                let row = block * blockRows + position
                k.loop(from: 0, to: taps) { tap in
                    let target = (item * taps + tap) * blockRows + position
                    k.if(row < rows) {
                        to[target] = from[base + row * rowStride + tap * tapStride]
                    } else: {
                        to[target] = zero
                    }
                }
            }
        }
    }
}
