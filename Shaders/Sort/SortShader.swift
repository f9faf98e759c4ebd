import KernelIR
import TensorRuntime

/// Stable sorting of rows of any length: first short runs, then runs twice as long, pass after pass, until a run is a row.
///
/// In each pass every element finds its own place, from how many elements of the other run come before it. So there are no
/// barriers, and the passes are the same on every device. Between passes only places go through the workspace, as int32;
/// the last one writes the results. A row of up to ``runLength`` elements takes one launch.
enum SortShader: ShaderFamily {
    /// Elements of the first runs, each of which is compared with all others of its run.
    static let runLength = 32

    static func schedules(for body: SortKernel, target: ShaderTarget) -> [String] { ["merge"] }

    static func plan(_ body: SortKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan {
        guard schedule == "merge" else { throw TensorError(.unsupported, "there is no sort schedule \(schedule)") }
        guard body.length <= Int(Int32.max) / 4 else {
            throw TensorError(
                .unsupported, "sort: rows of \(body.length) elements; use rows of at most \(Int(Int32.max) / 4)")
        }
        if body.resultShape.elementCount == 0 { return ShaderPlan([]) }
        let count = body.shape.elementCount
        var widths: [Int] = []
        var width = runLength
        while width < body.length {
            widths.append(width)
            width *= 2
        }
        var workspace = Workspace()
        // Where the places are after each pass but the last.
        let buffers = (0..<min(widths.count, 2)).map { _ in workspace.take(count, .int32) }
        var launches: [ShaderLaunch] = []
        for pass in 0...widths.count {
            launches.append(
                launch(
                    body, target, width: pass == 0 ? nil : widths[pass - 1],
                    from: pass == 0 ? nil : buffers[(pass - 1) % 2],
                    to: pass == widths.count ? nil : buffers[pass % 2]))
        }
        return ShaderPlan(launches, workspaceByteCount: workspace.byteCount)
    }

    /// - Parameters:
    ///   - width: of the runs that are merged; nil in the first pass.
    ///   - from: the places so far; nil in the first pass.
    ///   - to: what is written; nil where that is the results.
    private static func launch(
        _ body: SortKernel, _ target: ShaderTarget, width: Int?, from: ShaderLaunch.Buffer?, to: ShaderLaunch.Buffer?
    ) -> ShaderLaunch {
        let items = body.shape.elementCount
        let reach = body.shape.indices.reduce(1) { $0 + (body.shape[$1] - 1) * abs(body.strides[$1]) }
        let isGPU = target.deviceClass == .gpu
        let size = isGPU ? min(64, target.maximumWorkgroupSize) : 1
        let perItem = isGPU ? 1 : max(1, min(1024, items / (4 * target.computeUnits)))
        let kernel = SortShaderKernel(
            dtype: body.dtype, rank: body.shape.rank, descending: body.descending, merges: width != nil,
            results: to == nil ? body.results : [], size: size,
            // Numbers behind the last item, and the sum of a place and a run's width, are computed too.
            index: .index(below: max(4 * items, reach)))
        var code = body.code
        if to != nil {
            // Passes before the last know nothing of the results.
            var all = body
            all.results = []
            code = all.code
        }
        var launch = ShaderLaunch(
            key: ShaderKey(code: code, schedule: "merge", variant: kernel.variant),
            workgroups: [(items + size * perItem - 1) / (size * perItem), 1, 1], buffers: ["source": .operand(0)],
            build: { kernel.build() })
        if let from { launch.buffers["from"] = from }
        if let to { launch.buffers["to"] = to }
        launch.setIntegers(["items": items, "length": body.length])
        if !isGPU { launch.arguments["per_item"] = .integer(perItem) }
        if let width {
            // A run of `width` elements is halved so often until one place is left.
            launch.setIntegers(["width": width, "halvings": width.bitWidth - width.leadingZeroBitCount])
        }
        for (position, result) in kernel.results.enumerated() {
            launch.buffers["\(result)"] = .operand(position + 1)
        }
        if to == nil { launch.arguments["kept"] = .integer(body.kept) }
        for axis in 0..<body.shape.rank {
            if axis > 0 && axis < body.shape.rank - 1 {
                launch.arguments["extent\(axis)"] = .integer(body.shape[axis])
            }
            launch.arguments["stride\(axis)"] = .integer(body.strides[axis])
        }
        return launch
    }
}
