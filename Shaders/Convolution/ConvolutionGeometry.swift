import KernelIR
import TensorRuntime

/// What the launches of a convolution share: channels within a group, types, and the frame that its operand lies in.
struct ConvolutionGeometry {
    let body: ConvolutionKernel
    /// The type of intermediates in memory.
    let compute: DType
    let groupInputs: Int
    let groupOutputs: Int
    let taps: Int

    init(_ body: ConvolutionKernel) {
        self.body = body
        compute = body.dtype == .float64 ? .float64 : .float32
        groupInputs = body.inputChannels / max(body.groups, 1)
        groupOutputs = body.outputChannels / max(body.groups, 1)
        taps = body.window.kernel[0] * body.window.kernel[1]
    }

    /// Why no device runs it, or nil.
    var unsupportedReason: String? {
        body.dtype.isFloat ? nil : "convolution of \(body.dtype) is not supported; cast to float32"
    }

    /// The convolution's operand as a plain one of stride 1 or phases, that is, without padding.
    ///
    /// - Parameter lanes: rows of results are padded to this.
    func frame(lanes: Int) -> ConvolutionFrame {
        let window = body.window
        if body.kind == .inputGradient {
            // The gradient of the input is the convolution, at stride 1, of the output's gradient with zeros between its
            // elements and around them, with the weights flipped.
            return ConvolutionFrame(
                planes: body.batch * body.outputChannels, source: body.outputSize, result: body.inputSize,
                kernel: window.kernel, stride: [1, 1], dilation: window.dilation,
                border: (window.kernel &- 1) &* window.dilation &- window.padding, spread: window.stride, lanes: lanes)
        }
        return ConvolutionFrame(
            planes: body.batch * body.inputChannels, source: body.inputSize, result: body.outputSize,
            kernel: window.kernel, stride: window.stride, dilation: window.dilation, border: window.padding,
            spread: [1, 1], lanes: lanes)
    }
}

/// The planes that a convolution reads, with zeros around (and between) their elements, so that no tap falls outside and
/// the lanes of a vector are neighbours in memory.
///
/// A frame row holds `phases` parts of `phaseWidth` columns: part `p` has the columns `p`, `p + phases`, ...; so the
/// columns under one tap at a horizontal stride of `phases` lie together.
struct ConvolutionFrame: Hashable, Sendable {
    let planes: Int
    let source: SIMD2<Int>
    let result: SIMD2<Int>
    let stride: SIMD2<Int>
    let dilation: SIMD2<Int>
    /// Rows and columns of zeros before the source; negative cuts it.
    let border: SIMD2<Int>
    /// The distance between neighbours of the source.
    let spread: SIMD2<Int>
    /// Columns of results that are computed: the result's, but no fewer than a vector has lanes.
    let width: Int
    let height: Int
    let phaseWidth: Int

    init(
        planes: Int, source: SIMD2<Int>, result: SIMD2<Int>, kernel: SIMD2<Int>, stride: SIMD2<Int>,
        dilation: SIMD2<Int>, border: SIMD2<Int>, spread: SIMD2<Int>, lanes: Int
    ) {
        self.planes = planes
        self.source = source
        self.result = result
        self.stride = stride
        self.dilation = dilation
        self.border = border
        self.spread = spread
        width = max(result[1], lanes)
        let direct = border == [0, 0] && spread == [1, 1] && stride[1] == 1 && result[1] >= lanes
        isSource = direct
        height = direct ? source[0] : max(result[0] - 1, 0) * stride[0] + (kernel[0] - 1) * dilation[0] + 1
        phaseWidth = direct ? source[1] : width + (kernel[1] - 1) * dilation[1] / stride[1]
    }

    /// Whether the source is its own frame.
    let isSource: Bool

    var phases: Int { stride[1] }
    var pitch: Int { phaseWidth * phases }
    var planeSize: Int { height * pitch }
    var elementCount: Int { planes * planeSize }
    /// Vectors of `lanes` results in a row.
    func vectors(lanes: Int) -> Int { (result[1] + lanes - 1) / lanes }
}

extension ShaderLaunch {
    mutating func setIntegers(_ values: KeyValuePairs<String, Int>) {
        for (name, value) in values { arguments[name] = .integer(value) }
    }
}

extension ScalarType {
    /// The integer for indices below `limit`.
    static func index(below limit: Int) -> ScalarType { limit <= Int(Int32.max) ? .int32 : .int64 }
}

extension KernelBuilder {
    /// The number of the workgroup, as the kernel's index type.
    func group(_ index: ScalarType) -> Value { workgroupID(0).convert(to: index) }

    /// The smaller of an integer and a number.
    func least(_ a: Value, _ b: Value) -> Value { a.binary(.minimum, b) }
}
