import TensorRuntime

extension Window {
    /// Calls `body(output, input, tap)` with flat row-major places, for every output place and every tap of the kernel
    /// that falls inside an input of `inputSize`.
    func forEachTap(inputSize: SIMD2<Int>, outputSize: SIMD2<Int>, _ body: (Int, Int, Int) -> Void) {
        for outputRow in 0..<outputSize[0] {
            for outputColumn in 0..<outputSize[1] {
                let output = outputRow * outputSize[1] + outputColumn
                for tapRow in 0..<kernel[0] {
                    let row = outputRow * stride[0] - padding[0] + tapRow * dilation[0]
                    guard row >= 0, row < inputSize[0] else { continue }
                    for tapColumn in 0..<kernel[1] {
                        let column = outputColumn * stride[1] - padding[1] + tapColumn * dilation[1]
                        guard column >= 0, column < inputSize[1] else { continue }
                        body(output, row * inputSize[1] + column, tapRow * kernel[1] + tapColumn)
                    }
                }
            }
        }
    }
}

extension ReferenceInterpreter {
    /// The convolution or one of its gradients, row-major over the result's shape, in Double.
    static func convolution(_ kernel: ConvolutionKernel, _ first: HostOperand, _ second: HostOperand) -> HostArray {
        precondition(kernel.dtype.isFloat, "reference: convolution of \(kernel.dtype)")
        var taps: [(output: Int, input: Int, tap: Int)] = []
        kernel.window.forEachTap(inputSize: kernel.inputSize, outputSize: kernel.outputSize) {
            taps.append(($0, $1, $2))
        }
        let x = Array(first.array.floats.dropFirst(first.offset))
        let y = Array(second.array.floats.dropFirst(second.offset))
        var result = [Double](repeating: 0, count: kernel.resultShape.elementCount)
        forEachChannelPair(kernel) { input, weight, output in
            switch kernel.kind {
            case .forward:
                for tap in taps { result[output + tap.output] += x[input + tap.input] * y[weight + tap.tap] }
            case .inputGradient:
                for tap in taps { result[input + tap.input] += x[output + tap.output] * y[weight + tap.tap] }
            case .weightGradient:
                for tap in taps { result[weight + tap.tap] += x[input + tap.input] * y[output + tap.output] }
            }
        }
        return HostArray(floats: result, dtype: kernel.result)
    }

    /// Calls `body` with the bases of the input plane, the weight plane and the output plane that belong together.
    private static func forEachChannelPair(_ kernel: ConvolutionKernel, _ body: (Int, Int, Int) -> Void) {
        let inputs = kernel.inputChannels / kernel.groups
        let outputs = kernel.outputChannels / kernel.groups
        let inputPlane = kernel.inputSize[0] * kernel.inputSize[1]
        let outputPlane = kernel.outputSize[0] * kernel.outputSize[1]
        let weightPlane = kernel.window.kernel[0] * kernel.window.kernel[1]
        for image in 0..<kernel.batch {
            for output in 0..<kernel.outputChannels {
                let group = output / outputs
                for input in 0..<inputs {
                    let channel = group * inputs + input
                    body(
                        (image * kernel.inputChannels + channel) * inputPlane,
                        (output * inputs + input) * weightPlane,
                        (image * kernel.outputChannels + output) * outputPlane)
                }
            }
        }
    }

    /// The pooling or one of its gradients, row-major over `[planes, height, width]` of the result.
    static func pooling(_ kernel: PoolingKernel, _ operands: [HostOperand]) -> HostArray {
        let sizes = [kernel.inputSize, kernel.outputSize].map { $0[0] * $0[1] }
        let (inputPlane, outputPlane) = (sizes[0], sizes[1])
        var windows = [[Int]](repeating: [], count: outputPlane)
        kernel.window.forEachTap(inputSize: kernel.inputSize, outputSize: kernel.outputSize) { output, input, _ in
            windows[output].append(input)
        }
        let area = Double(kernel.window.kernel[0] * kernel.window.kernel[1])
        let x = operands[0].array
        let xBase = operands[0].offset
        let isIndex = kernel.kind == .maximumIndices
        let resultPlane = kernel.resultSize[0] * kernel.resultSize[1]
        var result = [Double](repeating: 0, count: kernel.planes * resultPlane)
        for plane in 0..<kernel.planes {
            for (output, window) in windows.enumerated() {
                let divisor = kernel.countsPadding ? area : Double(window.count)
                let place = plane * outputPlane + output
                let input = xBase + plane * inputPlane
                switch kernel.kind {
                case .average:
                    result[place] = window.reduce(0) { $0 + x.double(at: input + $1) } / divisor
                case .averageGradient:
                    let share = x.double(at: xBase + place) / divisor
                    for tap in window { result[plane * inputPlane + tap] += share }
                case .maximum, .maximumIndices, .maximumGradient, .maximumGather:
                    let values = window.map { x.double(at: input + $0) }
                    let winner = window[Int(ReductionOperation.argmax.evaluate(values))]
                    switch kernel.kind {
                    case .maximumIndices: result[place] = Double(winner)
                    case .maximumGradient:
                        let gradient = operands[1].array.double(at: operands[1].offset + place)
                        result[plane * inputPlane + winner] += gradient
                    case .maximumGather:
                        let source = operands[1].offset + plane * inputPlane + winner
                        result[place] = operands[1].array.double(at: source)
                    case .maximum: result[place] = x.double(at: input + winner)
                    case .average, .averageGradient: break
                    }
                }
            }
        }
        if isIndex || !kernel.dtype.isFloat {
            return HostArray(integers: result.map { Int64($0) }, dtype: isIndex ? .int64 : kernel.dtype)
        }
        return HostArray(floats: result, dtype: kernel.dtype)
    }
}
