import KernelIR
import TensorRuntime

/// Sums by index, without atomics: every output element has one work-item that adds what belongs to it in the source's
/// order.
///
/// - `columns`: a work-item owns some positions of the dimensions beside the axis and a range of the axis. It clears what
///   it owns, walks the source along the axis once, and adds what falls into its range. Reads of the source: the number of
///   ranges times the source.
/// - `elements`: a work-item owns one output element, and looks at every index.
enum ScatterAddShader: ShaderFamily {
    static func schedules(for body: ScatterAddKernel, target: ShaderTarget) -> [String] {
        // Sums in memory would be rounded to a half type at every step.
        if body.dtype.byteCount == 2 { return ["elements"] }
        guard target.deviceClass == .gpu else { return ["columns"] }
        let geometry = ScatterGeometry(body)
        // One work-item for each element pays while it reads little more than its own.
        let fills = geometry.columns >= 256 * target.computeUnits || body.count > 4096
        return fills ? ["columns", "elements"] : ["elements", "columns"]
    }

    static func plan(_ body: ScatterAddKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan
    {
        if body.dtype == .bool { throw TensorError(.unsupported, "scatterAdd of bool is not supported; cast to int32") }
        let geometry = ScatterGeometry(body)
        if geometry.columns * body.count == 0 { return ShaderPlan([]) }
        let isGPU = target.deviceClass == .gpu
        let size = isGPU ? min(64, target.maximumWorkgroupSize) : 1
        switch schedule {
        case "columns":
            let perItem = isGPU ? 1 : max(1, min(256, max(16, geometry.columns / (4 * target.computeUnits))))
            let owners = (geometry.columns + perItem - 1) / perItem
            // Where the columns are few the axis is shared out too, though each range reads all indices.
            let wanted = target.computeUnits * (isGPU ? 256 : 2)
            let ranges = max(1, min(body.count, isGPU ? 64 : 4, wanted / owners))
            var integers = ["owners": owners, "rangeLength": (body.count + ranges - 1) / ranges]
            if !isGPU { integers["perItem"] = perItem }
            let lanes = target.lanes(of: body.dtype)
            let walk: ScatterAddShaderKernel.Walk =
                isGPU ? .column : geometry.sharesIndices && perItem >= lanes ? .vectors(lanes: lanes) : .columns
            return geometry.plan(schedule, walk, size: size, items: owners * ranges, integers: integers)
        case "elements":
            return geometry.plan(schedule, nil, size: size, items: geometry.columns * body.count, integers: [:])
        default: throw TensorError(.unsupported, "there is no scatterAdd schedule \(schedule)")
        }
    }
}

/// The dimensions beside the axis, and the launch's arguments.
struct ScatterGeometry {
    let body: ScatterAddKernel
    /// Output elements of one place along the axis, and those behind the axis.
    let columns: Int
    let inner: Int
    let index: ScalarType

    init(_ body: ScatterAddKernel) {
        self.body = body
        let shape = body.sourceShape
        columns = shape.removing(axis: body.axis).elementCount
        inner = shape.indices.dropFirst(body.axis + 1).reduce(1) { $0 * shape[$1] }
        var reaches = [columns * max(body.count, 1)]
        for strides in [body.sourceStrides, body.indexStrides] {
            reaches.append(shape.indices.reduce(1) { $0 + max(shape[$1] - 1, 0) * abs(strides[$1]) })
        }
        index = .index(below: reaches.max()!)
    }

    /// Whether all columns have the same indices, and lie together in the source.
    var sharesIndices: Bool {
        let shape = body.sourceShape
        var next = 1
        for dimension in shape.indices.reversed() where dimension != body.axis && shape[dimension] != 1 {
            if dimension < body.axis || body.indexStrides[dimension] != 0 || body.sourceStrides[dimension] != next {
                return false
            }
            next *= shape[dimension]
        }
        return true
    }

    func plan(
        _ schedule: String, _ walk: ScatterAddShaderKernel.Walk?, size: Int, items: Int, integers: [String: Int]
    ) -> ShaderPlan {
        let kernel = ScatterAddShaderKernel(
            dtype: body.dtype, rank: body.sourceShape.rank, axis: body.axis, size: size, index: index, walk: walk)
        var launch = ShaderLaunch(
            key: ShaderKey(code: body.code, schedule: schedule, variant: kernel.variant),
            workgroups: [(items + size - 1) / size, 1, 1],
            buffers: ["source": .operand(0), "places": .operand(1), "result": .operand(2)],
            build: { kernel.build() })
        launch.setIntegers(["columns": columns, "count": body.count, "items": items, "inner": inner])
        for (name, value) in integers { launch.arguments[name] = .integer(value) }
        for dimension in 0..<body.sourceShape.rank {
            launch.setIntegers([
                "extent\(dimension)": body.sourceShape[dimension],
                "sourceStride\(dimension)": body.sourceStrides[dimension],
                "indexStride\(dimension)": body.indexStrides[dimension],
            ])
        }
        return ShaderPlan([launch])
    }
}
