import KernelIR
import TensorRuntime

/// Sums the parts of a weight gradient in order, and runs the epilogue over the sums.
struct ConvolutionSum {
    let geometry: ConvolutionGeometry
    let parts: Int
    let index: ScalarType

    func launch(partial: ShaderLaunch.Buffer, target: ShaderTarget) -> ShaderLaunch {
        let body = geometry.body
        let count = body.weightShape.elementCount
        let isGPU = target.deviceClass == .gpu
        let size = isGPU ? min(64, target.maximumWorkgroupSize) : 1
        let perItem = isGPU ? 1 : max(1, count / (8 * target.computeUnits))
        let (compute, index, epilogue) = (geometry.compute, index, body.epilogue)
        var launch = ShaderLaunch(
            key: ShaderKey(
                code: body.code, schedule: "sum",
                variant: [Int(index.rawValue), size] + EpilogueEmitter.variant(epilogue)),
            workgroups: [(count + size * perItem - 1) / (size * perItem), 1, 1], buffers: ["partial": partial],
            build: { ConvolutionSum.kernel(compute, index, size: size, epilogue) })
        launch.setIntegers([
            "count": count, "perItem": perItem, "parts": parts, "inputs": body.weightShape[1],
            "tapRows": body.weightShape[2], "tapColumns": body.weightShape[3],
        ])
        EpilogueEmitter.bind(epilogue, firstOperand: 2, to: &launch)
        return launch
    }

    private static func kernel(_ compute: DType, _ index: ScalarType, size: Int, _ epilogue: FusedKernel) -> Kernel {
        KernelBuilder.build("convolution_sum", workgroupSize: [size, 1, 1]) { k in
            let partial = k.buffer("partial", compute, .read)
            let argument = { (name: String) in k.argument(name, index) }
            let (count, perItem, parts) = (argument("count"), argument("perItem"), argument("parts"))
            let (inputs, tapRows, tapColumns) = (argument("inputs"), argument("tapRows"), argument("tapColumns"))
            let emitter = EpilogueEmitter(k, epilogue)
            let first = (k.group(index) * size + k.localID(0).convert(to: index)) * perItem
            k.loop(from: first, to: k.least(first + perItem, count)) { place in
                let sum = k.variable(k.constant(0, ValueType(compute.valueScalar)))
                k.loop(from: 0, to: parts) { part in sum.value = sum.value + partial[part * count + place] }
                let row = place / tapColumns
                let channel = row / tapRows
                let output = channel / inputs
                let coordinates = [
                    output, channel - output * inputs, row - channel * tapRows, place - row * tapColumns,
                ]
                emitter.emit(sum.value, at: coordinates.map { $0.convert(to: .int32) })
            }
        }
    }
}
