import KernelIR
import TensorRuntime

/// Weight gradient on CPU-type devices.
///
/// A work-item keeps `rows` output channels by as many columns (a column is one tap of one input channel) in registers, a
/// vector of partial sums each, and walks the images of its slice along rows of the output. Slices are summed, in order,
/// by a second launch.
struct DirectWeightGradient {
    let geometry: ConvolutionGeometry
    let rows: Int
    let lanes: Int
    let name: String
    let frame: ConvolutionFrame
    /// The output's gradient in rows of at least one vector.
    let gradient: ConvolutionFrame
    let index: ScalarType
    let slices: Int
    let imagesPerSlice: Int

    init(_ body: ConvolutionKernel, rows: Int, name: String, target: ShaderTarget) {
        geometry = ConvolutionGeometry(body)
        self.rows = rows
        self.name = name
        lanes = target.lanes(of: geometry.compute)
        frame = geometry.frame(lanes: lanes)
        gradient = ConvolutionFrame(
            planes: body.batch * body.outputChannels, source: body.outputSize, result: body.outputSize, kernel: [1, 1],
            stride: [1, 1], dilation: [1, 1], border: [0, 0], spread: [1, 1], lanes: lanes)
        let isEmpty = body.batch * body.outputSize[0] * body.outputSize[1] == 0
        imagesPerSlice = max(1, (body.batch + 15) / 16)
        slices = isEmpty ? 0 : (body.batch + imagesPerSlice - 1) / imagesPerSlice
        let elements = max(
            frame.elementCount, frame.planes * frame.source[0] * frame.source[1], gradient.elementCount,
            slices * body.weightShape.elementCount)
        index = .index(below: elements)
    }

    func plan(target: ShaderTarget) -> ShaderPlan {
        let body = geometry.body
        let sum = ConvolutionSum(geometry: geometry, parts: slices, index: index)
        var workspace = Workspace()
        let partial = ShaderLaunch.Buffer.workspace(
            byteOffset: workspace.reserve(slices * body.weightShape.elementCount, geometry.compute))
        var launches: [ShaderLaunch] = []
        if slices > 0 {
            let source = framed(frame, operand: 0, &launches, &workspace)
            let gradient = framed(gradient, operand: 1, &launches, &workspace)
            launches.append(launch(source: source, gradient: gradient, partial: partial, target: target))
        }
        launches.append(sum.launch(partial: partial, target: target))
        return ShaderPlan(launches, workspaceByteCount: workspace.byteCount)
    }

    /// The operand, or its frame and the launch that fills it.
    private func framed(
        _ frame: ConvolutionFrame, operand: Int, _ launches: inout [ShaderLaunch], _ workspace: inout Workspace
    ) -> ShaderLaunch.Buffer {
        if frame.isSource { return .operand(operand) }
        let offset = workspace.reserve(frame.elementCount, geometry.compute)
        let shader = ConvolutionFrameShader(
            frame: frame, dtype: geometry.body.dtype, compute: geometry.compute, index: index, lanes: lanes)
        let code = KernelCode(.convolution, [Int(geometry.body.dtype.rawValue)])
        if frame.planes > 0 {
            launches.append(shader.launch(code: code, name: "direct.frame", operand: operand, workspaceOffset: offset))
        }
        return .workspace(byteOffset: offset)
    }

    private func launch(
        source: ShaderLaunch.Buffer, gradient gradientBuffer: ShaderLaunch.Buffer, partial: ShaderLaunch.Buffer,
        target: ShaderTarget
    ) -> ShaderLaunch {
        let body = geometry.body
        let blocks = (geometry.groupOutputs + rows - 1) / rows
        let columns = geometry.groupInputs * geometry.taps
        let tiles = (columns + rows - 1) / rows
        // Columns are split only where slices and channels are too few to fill the device.
        let parts = max(1, min(tiles, 8 * target.computeUnits / max(slices * blocks * body.groups, 1)))
        let tilesPerItem = (tiles + parts - 1) / max(parts, 1)
        let kernel = DirectWeightGradientKernel(
            rows: rows, lanes: lanes, index: index, source: frame.isSource ? body.dtype : geometry.compute,
            gradient: gradient.isSource ? body.dtype : geometry.compute, compute: geometry.compute)
        let code = KernelCode(.convolution, [Int(body.dtype.rawValue)])
        var launch = ShaderLaunch(
            key: ShaderKey(code: code, schedule: name + ".gradient", variant: kernel.variant),
            workgroups: [slices * body.groups * blocks * parts, 1, 1],
            buffers: ["source": source, "gradient": gradientBuffer, "partial": partial], build: { kernel.build() })
        let window = body.window
        launch.setIntegers([
            "batch": body.batch, "imagesPerSlice": imagesPerSlice, "groups": body.groups, "blocks": blocks,
            "parts": parts, "tilesPerItem": tilesPerItem, "groupInputs": geometry.groupInputs,
            "groupOutputs": geometry.groupOutputs, "taps": geometry.taps, "tapColumns": window.kernel[1],
            "planeSize": frame.planeSize, "rowStride": frame.stride[0] * frame.pitch,
            "tapStride": frame.dilation[0] * frame.pitch, "dilation": frame.dilation[1], "phases": frame.phases,
            "phaseWidth": frame.phaseWidth, "height": frame.result[0], "width": frame.result[1],
            "gradientPitch": gradient.pitch,
        ])
        return launch
    }
}

/// Writes the kernel of ``DirectWeightGradient``'s partial sums, `[slice][output channel][input channel][tap]`.
struct DirectWeightGradientKernel {
    let rows: Int
    let lanes: Int
    let index: ScalarType
    let source: DType
    let gradient: DType
    let compute: DType

    var variant: [Int] { [lanes, Int(index.rawValue), Int(source.rawValue), Int(gradient.rawValue)] }

    func build() -> Kernel {
        KernelBuilder.build("convolution_weight_gradient") { k in
            let p = Parameters(k, self)
            var item = k.group(index)
            let part = item % p.parts
            item = item / p.parts
            let block = item % p.blocks
            item = item / p.blocks
            let group = item % p.groups
            let slice = item / p.groups
            let columns = p.groupInputs * p.taps
            let firstImage = slice * p.imagesPerSlice
            let images = (firstImage, k.least(firstImage + p.imagesPerSlice, p.batch))
            let channels = (0..<rows).map { row in
                group * p.groupOutputs + k.least(block * rows + row, p.groupOutputs - 1)
            }
            let firstColumn = part * p.tilesPerItem * rows
            let lastColumn = k.least(firstColumn + p.tilesPerItem * rows, columns)
            k.loop(from: firstColumn, to: lastColumn, by: rows) { first in
                let taps = (0..<rows).map { k.least(first + $0, columns - 1) }
                let offsets = taps.map { offset(p, group: group, column: $0) }
                let sums = tileSums(k, p, images: images, channels: channels, offsets: offsets)
                for (row, channel) in channels.enumerated() {
                    let line = (slice * p.groups * p.groupOutputs + channel) * columns
                    for (column, tap) in taps.enumerated() {
                        p.partial[line + tap] = DirectWeightGradientKernel.total(sums[row * rows + column].value)
                    }
                }
            }
        }
    }

    private struct Parameters {
        let source, gradient, partial: BufferReference
        let batch, imagesPerSlice, groups, blocks, parts, tilesPerItem: Value
        let groupInputs, groupOutputs, taps, tapColumns: Value
        let planeSize, rowStride, tapStride, dilation, phases, phaseWidth: Value
        let height, width, gradientPitch: Value

        init(_ k: KernelBuilder, _ kernel: DirectWeightGradientKernel) {
            source = k.buffer("source", kernel.source, .read)
            gradient = k.buffer("gradient", kernel.gradient, .read)
            partial = k.buffer("partial", kernel.compute, .write)
            let argument = { (name: String) in k.argument(name, kernel.index) }
            (batch, imagesPerSlice, groups) = (argument("batch"), argument("imagesPerSlice"), argument("groups"))
            (blocks, parts, tilesPerItem) = (argument("blocks"), argument("parts"), argument("tilesPerItem"))
            (groupInputs, groupOutputs) = (argument("groupInputs"), argument("groupOutputs"))
            (taps, tapColumns) = (argument("taps"), argument("tapColumns"))
            (planeSize, rowStride, tapStride) = (argument("planeSize"), argument("rowStride"), argument("tapStride"))
            (dilation, phases, phaseWidth) = (argument("dilation"), argument("phases"), argument("phaseWidth"))
            (height, width, gradientPitch) = (argument("height"), argument("width"), argument("gradientPitch"))
        }
    }

    /// Where a tap of an input channel starts in an image of the frame.
    private func offset(_ p: Parameters, group: Value, column: Value) -> Value {
        let channel = column / p.taps
        let tap = column - channel * p.taps
        let tapRow = tap / p.tapColumns
        let place = (tap - tapRow * p.tapColumns) * p.dilation
        let shift = place / p.phases
        let phase = place - shift * p.phases
        return (group * p.groupInputs + channel) * p.planeSize + tapRow * p.tapStride + phase * p.phaseWidth + shift
    }

    /// A vector of sums for each channel and each offset, over the images and rows of a slice.
    private func tileSums(
        _ k: KernelBuilder, _ p: Parameters, images: (Value, Value), channels: [Value], offsets: [Value]
    ) -> [Variable] {
        let vector = ValueType(compute.valueScalar, width: lanes)
        let zero = k.constant(0, vector)
        let sums = (0..<rows * rows).map { _ in k.variable(zero) }
        let whole = p.width / lanes * lanes
        let last = (p.width - lanes).binary(.maximum, k.constant(0, ValueType(index)))
        let lane = k.construct((0..<lanes).map { k.constant($0, ValueType(index)) }) + last
        let isRest = (lane >= whole.broadcast(to: lane.type)) & (lane < p.width.broadcast(to: lane.type))
        func accumulate(_ sources: [Value], _ gradients: [Value]) {
            for (row, gradient) in gradients.enumerated() {
                for (column, source) in sources.enumerated() {
                    let sum = sums[row * rows + column]
                    sum.value = k.multiplyAdd(gradient, source, sum.value)
                }
            }
        }
        k.loop(from: images.0, to: images.1) { image in
            let sourceImage = image * (p.groups * p.groupInputs) * p.planeSize
            let gradientPlanes = channels.map { (image * (p.groups * p.groupOutputs) + $0) * p.height }
            k.loop(from: 0, to: p.height) { row in
                let sourceRow = sourceImage + row * p.rowStride
                let lines = offsets.map { sourceRow + $0 }
                let gradientLines = gradientPlanes.map { ($0 + row) * p.gradientPitch }
                k.loop(from: 0, to: whole, by: lanes) { column in
                    accumulate(
                        lines.map { p.source.load($0 + column, width: lanes) },
                        gradientLines.map { p.gradient.load($0 + column, width: lanes) })
                }
                k.if(whole < p.width) {
                    // Both sides are cleared where a lane was counted already: infinity times zero is not zero.
                    accumulate(
                        lines.map { k.select(isRest, p.source.load($0 + last, width: lanes), zero) },
                        gradientLines.map { k.select(isRest, p.gradient.load($0 + last, width: lanes), zero) })
                }
            }
        }
        return sums
    }

    /// The sum of a vector's lanes, neighbours first.
    private static func total(_ vector: Value) -> Value {
        var lanes = vector.lanes
        while lanes.count > 1 {
            lanes = stride(from: 0, to: lanes.count, by: 2).map { lanes[$0] + lanes[$0 + 1] }
        }
        return lanes[0]
    }
}
