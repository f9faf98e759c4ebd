import KernelIR
import TensorRuntime

/// Copies the planes of an operand into their frames.
struct ConvolutionFrameShader {
    let frame: ConvolutionFrame
    let dtype: DType
    let compute: DType
    let index: ScalarType
    let lanes: Int

    /// Whether rows are copied as they are.
    private var isPlain: Bool { frame.phases == 1 && frame.spread[1] == 1 }

    func launch(code: KernelCode, name: String, operand: Int, workspaceOffset: Int) -> ShaderLaunch {
        let shader = self
        var launch = ShaderLaunch(
            key: ShaderKey(
                code: code, schedule: name,
                variant: [isPlain ? 1 : 0, lanes, Int(index.rawValue)]),
            workgroups: [frame.planes, 1, 1],
            buffers: ["from": .operand(operand), "to": .workspace(byteOffset: workspaceOffset)],
            build: { shader.kernel() })
        launch.setIntegers([
            "height": frame.source[0], "width": frame.source[1], "rows": frame.height, "pitch": frame.pitch,
            "top": frame.border[0], "spreadRows": frame.spread[0],
        ])
        if isPlain {
            let first = max(frame.border[1], 0)
            let skip = max(-frame.border[1], 0)
            launch.setIntegers([
                "first": min(first, frame.pitch),
                "last": min(max(frame.border[1] + frame.source[1], first), frame.pitch), "skip": skip,
            ])
        } else {
            launch.setIntegers([
                "left": frame.border[1], "spreadColumns": frame.spread[1], "phases": frame.phases,
                "phaseWidth": frame.phaseWidth,
            ])
        }
        return launch
    }

    private func kernel() -> Kernel {
        KernelBuilder.build("convolution_frame") { k in
            let from = k.buffer("from", dtype, .read)
            let to = k.buffer("to", compute, .write)
            let argument = { (name: String) in k.argument(name, index) }
            let (height, width) = (argument("height"), argument("width"))
            let (rows, pitch) = (argument("rows"), argument("pitch"))
            let (top, spread) = (argument("top"), argument("spreadRows"))
            let copyRow = isPlain ? plainRow(k, from, to, pitch) : spreadRow(k, from, to, width, pitch)
            let plane = k.group(index)
            k.loop(from: 0, to: rows) { row in
                let at = row - top
                let source = at / spread
                let isInside = (at >= 0) & (source * spread == at) & (source < height)
                let target = (plane * rows + row) * pitch
                k.if(isInside) {
                    copyRow((plane * height + source) * width, target)
                } else: {
                    let zero = k.constant(0, ValueType(compute.valueScalar))
                    k.loop(from: 0, to: pitch) { column in to[target + column] = zero }
                }
            }
        }
    }

    /// Zeros, elements, zeros.
    private func plainRow(_ k: KernelBuilder, _ from: BufferReference, _ to: BufferReference, _ pitch: Value)
        -> (Value, Value) -> Void
    {
        let first = k.argument("first", index)
        let last = k.argument("last", index)
        let skip = k.argument("skip", index)
        let zero = k.constant(0, ValueType(compute.valueScalar))
        return { source, target in
            let whole = (last - first) / lanes * lanes + first
            let shift = source + skip - first
            k.loop(from: 0, to: first) { column in to[target + column] = zero }
            k.loop(from: first, to: whole, by: lanes) { column in
                to.store(from.load(shift + column, width: lanes), at: target + column)
            }
            k.loop(from: whole, to: last) { column in to[target + column] = from[shift + column] }
            k.loop(from: last, to: pitch) { column in to[target + column] = zero }
        }
    }

    private func spreadRow(
        _ k: KernelBuilder, _ from: BufferReference, _ to: BufferReference, _ width: Value, _ pitch: Value
    ) -> (Value, Value) -> Void {
        let left = k.argument("left", index)
        let spread = k.argument("spreadColumns", index)
        let phases = k.argument("phases", index)
        let phaseWidth = k.argument("phaseWidth", index)
        let zero = k.constant(0, ValueType(compute.valueScalar))
        return { source, target in
            k.loop(from: 0, to: pitch) { column in
                let phase = column / phaseWidth
                let at = (column - phase * phaseWidth) * phases + phase - left
                let element = at / spread
                k.if((at >= 0) & (element * spread == at) & (element < width)) {
                    to[target + column] = from[source + element]
                } else: {
                    to[target + column] = zero
                }
            }
        }
    }
}
