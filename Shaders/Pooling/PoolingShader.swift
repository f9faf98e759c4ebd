import KernelIR
import TensorRuntime

/// Pooling and its gradients, which gather: a gradient's work-item sums over the windows that hold its element.
///
/// - `pairs`: maximum over 2x2 windows side by side, and its gradient, in vectors of windows; for CPU-type devices.
/// - `rows`: a work-item computes some rows of the result; for CPU-type devices.
/// - `elements`: a work-item computes one element; for GPUs.
enum PoolingShader: ShaderFamily {
    static func schedules(for body: PoolingKernel, target: ShaderTarget) -> [String] {
        if target.deviceClass == .gpu { return ["elements"] }
        return PoolingPairs.fits(body) ? ["pairs", "rows"] : ["rows"]
    }

    static func plan(_ body: PoolingKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan {
        guard body.dtype.isFloat else {
            throw TensorError(.unsupported, "pooling of \(body.dtype) is not supported; cast to float32")
        }
        let result = body.resultSize
        let rows = body.planes * result[0]
        if rows * result[1] == 0 { return ShaderPlan([]) }
        let index = ScalarType.index(
            below: body.planes
                * max(body.inputSize[0] * body.inputSize[1], body.outputSize[0] * body.outputSize[1]) + 1024)
        var launch: ShaderLaunch
        switch schedule {
        case "pairs":
            launch = PoolingPairs(body, index: index, target: target).launch(schedule, target: target)
        case "rows", "elements":
            let isGPU = schedule == "elements"
            let size = isGPU ? min(64, target.maximumWorkgroupSize) : 1
            let perItem = isGPU ? 1 : max(1, min(rows / (16 * target.computeUnits), 2048 / max(result[1], 1)))
            let items = isGPU ? rows * result[1] : (rows + perItem - 1) / perItem
            // Large windows are of averages over images of many sizes: a program for each would be made again and again.
            let fixed = body.window.kernel.max() <= 8 ? body.window : nil
            let kernel = PoolingShaderKernel(
                kind: body.kind, dtype: body.dtype, countsPadding: body.countsPadding, size: size, index: index,
                window: fixed)
            let numbers = fixed.map { [$0.kernel, $0.stride, $0.padding, $0.dilation] } ?? []
            let geometry = numbers.flatMap { [$0[0], $0[1]] }
            let epilogue = body.epilogue
            launch = ShaderLaunch(
                key: ShaderKey(
                    code: body.code, schedule: schedule,
                    variant: [size, Int(index.rawValue)] + geometry + EpilogueEmitter.variant(epilogue)),
                workgroups: [(items + size - 1) / size, 1, 1], build: { kernel.build(epilogue) })
            launch.setIntegers([isGPU ? "elements" : "rows": isGPU ? items : rows])
            if !isGPU { launch.setIntegers(["perItem": perItem]) }
            setGeometry(of: body, in: &launch)
        default: throw TensorError(.unsupported, "there is no pooling schedule \(schedule)")
        }
        for operand in 0..<body.sourceCount { launch.buffers[operand == 0 ? "a" : "b"] = .operand(operand) }
        EpilogueEmitter.bind(body.epilogue, firstOperand: body.sourceCount, to: &launch)
        return ShaderPlan([launch])
    }

    private static func setGeometry(of body: PoolingKernel, in launch: inout ShaderLaunch) {
        let window = body.window
        for (axis, name) in ["Rows", "Columns"].enumerated() {
            for (what, value) in [
                ("input", body.inputSize), ("output", body.outputSize), ("kernel", window.kernel),
                ("stride", window.stride), ("padding", window.padding), ("dilation", window.dilation),
            ] {
                launch.arguments[what + name] = .integer(value[axis])
            }
        }
    }
}
