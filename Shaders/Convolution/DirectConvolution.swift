import KernelIR
import TensorRuntime

/// Forward convolution and input gradient on CPU-type devices.
///
/// A slot is a vector of neighbouring results in one row. A work-item keeps `rows` result channels by `vectors` slots in
/// registers, walks all channels and taps, and hands the finished tile through a scratch tile to the epilogue.
struct DirectConvolution {
    let geometry: ConvolutionGeometry
    let rows: Int
    let vectors: Int
    let lanes: Int
    let name: String
    let frame: ConvolutionFrame
    let weights: ConvolutionWeightShader
    let index: ScalarType

    init(_ body: ConvolutionKernel, rows: Int, vectors: Int, name: String, target: ShaderTarget) {
        geometry = ConvolutionGeometry(body)
        self.rows = rows
        self.vectors = vectors
        self.name = name
        lanes = target.lanes(of: geometry.compute)
        frame = geometry.frame(lanes: lanes)
        let elements = max(
            frame.elementCount, frame.planes * frame.source[0] * frame.source[1], body.resultShape.elementCount,
            2 * rows * body.weightShape.elementCount)
        index = .index(below: elements)
        weights = ConvolutionWeightShader(geometry: geometry, blockRows: rows, index: index)
    }

    private var slots: Int { geometry.body.batch * frame.result[0] * frame.vectors(lanes: lanes) }
    private var tiles: Int { (slots + vectors - 1) / vectors }

    func plan(target: ShaderTarget) -> ShaderPlan {
        let body = geometry.body
        let shared = KernelCode(.convolution, [Int(body.dtype.rawValue)])
        var workspace = Workspace()
        var launches: [ShaderLaunch] = []
        let packed = workspace.reserve(weights.elementCount, geometry.compute)
        if weights.elementCount > 0 {
            launches.append(weights.launch(code: shared, name: "direct.weights", workspaceOffset: packed))
        }
        var source = ShaderLaunch.Buffer.operand(0)
        if !frame.isSource {
            let offset = workspace.reserve(frame.elementCount, geometry.compute)
            source = .workspace(byteOffset: offset)
            let shader = ConvolutionFrameShader(
                frame: frame, dtype: body.dtype, compute: geometry.compute, index: index, lanes: lanes)
            if frame.planes > 0 {
                launches.append(
                    shader.launch(code: shared, name: "direct.frame", operand: 0, workspaceOffset: offset))
            }
        }
        // A few work-items for each core; where there are fewer tiles than that, channels are split too.
        let wanted = 8 * target.computeUnits
        let tilesPerItem = max(1, tiles * body.groups / wanted)
        let tileParts = (tiles + tilesPerItem - 1) / tilesPerItem
        let blocksPerItem = max(1, min(weights.blocks, weights.blocks * tileParts * body.groups / wanted))
        let blockParts = (weights.blocks + blocksPerItem - 1) / blocksPerItem
        let items = tileParts * blockParts * body.groups
        let scratch = workspace.reserve(items * rows * vectors * lanes, geometry.compute)
        var launch = self.launch(
            source: source, packed: .workspace(byteOffset: packed), scratch: .workspace(byteOffset: scratch))
        launch.workgroups = [items, 1, 1]
        launch.setIntegers([
            "tilesPerItem": tilesPerItem, "tileParts": tileParts, "blocksPerItem": blocksPerItem,
            "blockParts": blockParts,
        ])
        return ShaderPlan(launches + [launch], workspaceByteCount: workspace.byteCount)
    }

    private func launch(
        source: ShaderLaunch.Buffer, packed: ShaderLaunch.Buffer, scratch: ShaderLaunch.Buffer
    ) -> ShaderLaunch {
        let body = geometry.body
        let kernel = DirectConvolutionKernel(
            rows: rows, vectors: vectors, lanes: lanes, isPhased: frame.phases > 1, index: index,
            source: frame.isSource ? body.dtype : geometry.compute, compute: geometry.compute)
        let epilogue = body.epilogue
        var launch = ShaderLaunch(
            key: ShaderKey(
                code: body.code, schedule: name, variant: kernel.variant + EpilogueEmitter.variant(epilogue)),
            workgroups: [1, 1, 1], buffers: ["source": source, "weights": packed, "scratch": scratch],
            build: { kernel.build(epilogue) })
        let window = body.window
        launch.setIntegers([
            "depth": weights.depth, "rows": weights.rows, "blocks": weights.blocks,
            "channels": weights.depth * body.groups,
            "planeSize": frame.planeSize, "rowStride": frame.stride[0] * frame.pitch,
            "tapRows": window.kernel[0], "tapColumns": window.kernel[1], "tapStride": frame.dilation[0] * frame.pitch,
            "columnStride": frame.dilation[1] / frame.phases + frame.dilation[1] % frame.phases * frame.phaseWidth,
            "height": frame.result[0], "width": frame.result[1], "vectors": frame.vectors(lanes: lanes),
            "slots": slots, "tiles": tiles,
        ])
        if frame.phases > 1 {
            launch.setIntegers([
                "phases": frame.phases, "phaseStep": frame.dilation[1] % frame.phases,
                "phaseWrap": frame.phases * frame.phaseWidth - 1,
            ])
        }
        EpilogueEmitter.bind(epilogue, firstOperand: 2, to: &launch)
        return launch
    }
}

extension ShaderTarget {
    /// Lanes of a vector that suits the device, 2...16.
    func lanes(of dtype: DType) -> Int {
        let wanted = vectorWidth * 4 / max(dtype.byteCount, 4)
        return [16, 8, 4].first { $0 <= wanted } ?? 2
    }
}
