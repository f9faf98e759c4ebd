import KernelIR
import TensorRuntime

/// Running sums, products, extremes and logarithms of sums along an axis.
///
/// - `lines`: a work-item owns a line, or on CPU-type devices some lines, and walks along it.
/// - `tiles`: a workgroup owns a line and takes it tile by tile: each work-item scans some neighbours, the workgroup the
///   items' totals in shared memory, and what a tile makes of the line is carried to the next.
///
/// Sums of float32 carry what rounding took from them, so that those of long lines are as good as those of short ones.
enum ScanShader: ShaderFamily {
    /// Elements of a tile that one work-item takes: the loops over them are written out.
    private static let perItem = 8

    static func schedules(for body: ScanKernel, target: ShaderTarget) -> [String] {
        guard target.deviceClass == .gpu, target.maximumWorkgroupSize >= smallGroup else { return ["lines"] }
        // Neighbouring lines lie together where the axis is not the last.
        let fills = body.lineCount >= (body.inner > 1 ? 64 : 256) * target.computeUnits
        let isShort = body.length <= 2 * perItem
        return target.emulatesWorkgroups || fills || isShort ? ["lines", "tiles"] : ["tiles", "lines"]
    }

    static func plan(_ body: ScanKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan {
        if body.shape.elementCount == 0 { return ShaderPlan([]) }
        switch schedule {
        case "lines": return ShaderPlan([lines(body, target)])
        case "tiles": return ShaderPlan([tiles(body, target)])
        default: throw TensorError(.unsupported, "there is no scan schedule \(schedule)")
        }
    }

    private static func lines(_ body: ScanKernel, _ target: ShaderTarget) -> ShaderLaunch {
        let isGPU = target.deviceClass == .gpu
        let size = isGPU ? min(64, target.maximumWorkgroupSize) : 1
        // Few turns of loops in one work-item, where that can be had.
        let perItem = isGPU ? 1 : max(1, min(1024, body.lineCount / (4 * target.computeUnits), 16384 / body.length))
        let owners = (body.lineCount + perItem - 1) / perItem
        var launch = launch(body, "lines", .lines(size: size), workgroups: (owners + size - 1) / size)
        launch.setIntegers(["lines": body.lineCount])
        if !isGPU { launch.setIntegers(["per_item": perItem]) }
        return launch
    }

    /// Work-items of the workgroups for lines of one such tile.
    private static let smallGroup = 32

    private static func tiles(_ body: ScanKernel, _ target: ShaderTarget) -> ShaderLaunch {
        var size = smallGroup
        if body.length > smallGroup * perItem {
            while 2 * size <= min(256, target.maximumWorkgroupSize) { size *= 2 }
        }
        var launch = launch(body, "tiles", .tiles(size: size, perItem: perItem), workgroups: body.lineCount)
        launch.setIntegers(["tiles": (body.length + size * perItem - 1) / (size * perItem)])
        return launch
    }

    private static func launch(
        _ body: ScanKernel, _ schedule: String, _ form: ScanShaderKernel.Form, workgroups: Int
    ) -> ShaderLaunch {
        let (shape, axis) = (body.shape, body.axis)
        let reach = shape.indices.reduce(1) { $0 + (shape[$1] - 1) * abs(body.strides[$1]) }
        let kernel = ScanShaderKernel(
            operation: body.operation, dtype: body.dtype, rank: shape.rank, axis: axis, results: body.results,
            form: form,
            // Numbers behind the last line and behind a line's end are computed too.
            index: .index(below: max(shape.elementCount, reach) + (1 << 16)))
        var launch = ShaderLaunch(
            key: ShaderKey(code: body.code, schedule: schedule, variant: kernel.variant),
            workgroups: [workgroups, 1, 1], buffers: ["source": .operand(0)], build: { kernel.build() })
        for (position, result) in body.results.enumerated() { launch.buffers["\(result)"] = .operand(position + 1) }
        // In reverse a line begins at its last place and is walked back.
        let last = body.reverse ? body.length - 1 : 0
        let way = body.reverse ? -1 : 1
        launch.setIntegers([
            "length": body.length, "source_first": last * body.strides[axis], "source_step": way * body.strides[axis],
            "result_first": last * body.inner, "result_step": way * body.inner,
        ])
        if kernel.hasPlaces { launch.setIntegers(["place_first": last, "place_step": way]) }
        if axis < shape.rank - 1 { launch.setIntegers(["inner": body.inner]) }
        for (position, dimension) in kernel.beside.enumerated() {
            if position > 0 { launch.arguments["extent\(dimension)"] = .integer(shape[dimension]) }
            launch.arguments["stride\(dimension)"] = .integer(body.strides[dimension])
        }
        return launch
    }
}
