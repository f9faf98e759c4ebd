import KernelIR
import TensorRuntime

/// A convolution or a gradient of it as a matrix product for each group, computed in tiles by workgroups:
///
/// | kind | rows | columns | depth |
/// |---|---|---|---|
/// | forward | output channels | output pixels | input channels x taps |
/// | input gradient | input channels | input pixels | output channels x taps |
/// | weight gradient | output channels | input channels x taps | output pixels |
///
/// The matrices exist only as tiles in shared memory. A weight gradient is split along its depth, and its parts are
/// summed in order by a second launch.
struct ImplicitProduct {
    let geometry: ConvolutionGeometry
    let tile: ProductTile
    let rows: Int
    let columns: Int
    let depth: Int
    let splits: Int
    private let splitLength: Int
    let index: ScalarType

    init(_ body: ConvolutionKernel, tile: ProductTile, target: ShaderTarget) {
        let geometry = ConvolutionGeometry(body)
        self.geometry = geometry
        self.tile = tile
        let outputs = body.batch * body.outputSize[0] * body.outputSize[1]
        switch body.kind {
        case .forward:
            (rows, columns, depth) = (geometry.groupOutputs, outputs, geometry.groupInputs * geometry.taps)
        case .inputGradient:
            let inputs = body.batch * body.inputSize[0] * body.inputSize[1]
            (rows, columns, depth) = (geometry.groupInputs, inputs, geometry.groupOutputs * geometry.taps)
        case .weightGradient:
            (rows, columns, depth) = (geometry.groupOutputs, geometry.groupInputs * geometry.taps, outputs)
        }
        let tiles = ImplicitProduct.tileCount(rows, columns, tile) * body.groups
        if body.kind == .weightGradient && depth > 0 {
            // Enough parts to fill the device, none shorter than some tiles.
            let most = min(128, max(1, depth / (8 * tile.depth)))
            let wanted = max(1, min(most, 4 * target.computeUnits / max(tiles, 1)))
            splitLength = (depth + wanted - 1) / wanted
            splits = (depth + splitLength - 1) / splitLength
        } else {
            splitLength = depth
            splits = depth == 0 && body.kind == .weightGradient ? 0 : 1
        }
        index = .index(
            below: [
                body.inputShape.elementCount, body.outputShape.elementCount,
                max(splits, 1) * body.weightShape.elementCount, tiles * max(splits, 1),
                columns + tile.columns, depth + tile.depth,
            ].max()!)
    }

    private static func tileCount(_ rows: Int, _ columns: Int, _ tile: ProductTile) -> Int {
        ((rows + tile.rows - 1) / tile.rows) * ((columns + tile.columns - 1) / tile.columns)
    }

    /// Tiles of the result in all groups.
    var tileCount: Int { ImplicitProduct.tileCount(rows, columns, tile) * geometry.body.groups }

    func plan(name: String, target: ShaderTarget) -> ShaderPlan {
        let body = geometry.body
        guard body.kind == .weightGradient else {
            var launch = launch(name: name, code: body.code, variant: EpilogueEmitter.variant(body.epilogue))
            EpilogueEmitter.bind(body.epilogue, firstOperand: 2, to: &launch)
            return ShaderPlan([launch])
        }
        var workspace = Workspace()
        let partial = ShaderLaunch.Buffer.workspace(
            byteOffset: workspace.reserve(splits * body.weightShape.elementCount, geometry.compute))
        var launches: [ShaderLaunch] = []
        if splits > 0 {
            // The sums run the epilogue: the product's kernel does not depend on it.
            let code = KernelCode(.convolution, Array(body.code.numbers))
            var launch = launch(name: name, code: code, variant: [])
            launch.buffers["partial"] = partial
            launches.append(launch)
        }
        let sum = ConvolutionSum(geometry: geometry, parts: splits, index: index)
        launches.append(sum.launch(partial: partial, target: target))
        return ShaderPlan(launches, workspaceByteCount: workspace.byteCount)
    }

    private func launch(name: String, code: KernelCode, variant: [Int]) -> ShaderLaunch {
        let body = geometry.body
        let window = body.window
        let kernel = ImplicitProductKernel(
            tile: tile, kind: body.kind, isGrouped: body.groups > 1, index: index, dtype: body.dtype,
            compute: geometry.compute)
        let epilogue = body.epilogue
        var launch = ShaderLaunch(
            key: ShaderKey(code: code, schedule: name, variant: [Int(index.rawValue)] + variant),
            workgroups: [tileCount * splits, 1, 1], buffers: ["a": .operand(0), "b": .operand(1)],
            build: { kernel.build(epilogue) })
        let isInput = body.kind == .inputGradient
        let source = isInput ? body.outputSize : body.inputSize
        let pixels = isInput ? body.inputSize : body.outputSize
        launch.setIntegers([
            "rows": rows, "columns": columns, "depth": depth, "splitLength": splitLength,
            "rowTiles": (rows + tile.rows - 1) / tile.rows, "columnTiles": (columns + tile.columns - 1) / tile.columns,
            "groupInputs": geometry.groupInputs, "groupOutputs": geometry.groupOutputs, "taps": geometry.taps,
            "tapColumns": window.kernel[1], "sourceHeight": source[0], "sourceWidth": source[1],
            "pixelHeight": pixels[0], "pixelWidth": pixels[1], "strideRows": window.stride[0],
            "strideColumns": window.stride[1], "paddingRows": window.padding[0], "paddingColumns": window.padding[1],
            "dilationRows": window.dilation[0], "dilationColumns": window.dilation[1],
        ])
        launch.arguments["groups"] = .integer(body.groups)
        return launch
    }
}
