import TensorRuntime

/// The extents of a convolution that is written as matrix products.
private struct ConvolutionExtents {
    let input: Shape
    let output: Shape
    let window: Window
    let groups: Int

    var images: Int { input[0] }
    var taps: Int { window.kernel[0] * window.kernel[1] }
    /// Rows of columns in each group: its input channels times the kernel's taps.
    var depth: Int { input[1] / groups * taps }
    /// Output channels of each group.
    var width: Int { output[1] / groups }
    var inputSize: SIMD2<Int> { [input[2], input[3]] }
    var outputSize: SIMD2<Int> { [output[2], output[3]] }
    var places: Int { output[2] * output[3] }
    var isPadded: Bool { any(window.padding .> .zero) }
    /// Whether each output place reads the input place of the same number, so that the input is its own columns.
    var isPlain: Bool { window == Window(kernel: [1, 1]) }

    /// Those of the input gradient of a convolution of stride 1, as a convolution of the output gradient.
    var turned: ConvolutionExtents {
        let reach = window.dilation &* (window.kernel &- 1)
        return ConvolutionExtents(
            input: output, output: input,
            window: Window(kernel: window.kernel, padding: reach &- window.padding, dilation: window.dilation),
            groups: groups)
    }

    /// `[images, groups, a, b]`; a single group has no dimension of its own.
    func batched(_ images: Int, _ a: Int, _ b: Int) -> Shape {
        groups == 1 ? [images, a, b] : [images, groups, a, b]
    }

    /// `[groups, a, b]`, and so.
    func grouped(_ a: Int, _ b: Int) -> Shape { groups == 1 ? [a, b] : [groups, a, b] }
}

extension SnapshotReader {
    /// A convolution, or one of its gradients, as gathers, matrix products and scatter-adds.
    mutating func convolution(
        _ node: PlanNode, _ kind: ConvolutionKernel.Kind, _ window: Window, groups: Int
    ) -> Int {
        let first = node.operands[0].node!
        let second = node.operands[1].node!
        let result: Int
        switch kind {
        case .forward:
            let extents = ConvolutionExtents(
                input: graph.nodes[first].shape, output: node.shape, window: window, groups: groups)
            result = forward(first, weight: second, extents)
        case .inputGradient:
            let extents = ConvolutionExtents(
                input: node.shape, output: graph.nodes[first].shape, window: window, groups: groups)
            result = inputGradient(first, weight: second, extents)
        case .weightGradient:
            let extents = ConvolutionExtents(
                input: graph.nodes[first].shape, output: graph.nodes[second].shape, window: window, groups: groups)
            result = weightGradient(first, second, extents)
        }
        return reshape(result, node.shape)
    }

    private func parts(_ e: ConvolutionExtents, _ dtype: DType) -> [Range<Int>] {
        parts(of: e.images, byteCount: e.groups * e.depth * e.places * dtype.byteCount)
    }

    /// `weight [width, depth] x columns [depth, places]` for each image and group.
    private mutating func forward(_ input: Int, weight: Int, _ e: ConvolutionExtents) -> Int {
        var results: [Int] = []
        for part in parts(e, graph.nodes[input].dtype) {
            let images = part.count
            let stored = columns(of: rows(part, of: input), e, joinsImages: false)
            let kernel = expand(
                reshape(weight, e.batched(1, e.width, e.depth)), e.batched(images, e.width, e.depth))
            results.append(matmul(kernel, reshape(stored, e.batched(images, e.depth, e.places))))
        }
        return joined(results)
    }

    /// With stride 1, the convolution of the output gradient with the kernel flipped and its channels exchanged: what is
    /// gathered is summed by the product. Else the columns' gradient, `transposed weight x output gradient`, summed where
    /// columns overlap: most of what a gather would read between the strides is 0.
    private mutating func inputGradient(_ gradient: Int, weight: Int, _ e: ConvolutionExtents) -> Int {
        if e.window.stride == .one && !e.isPlain {
            let kernel = e.window.kernel
            let split = reshape(weight, [e.groups, e.width, e.input[1] / e.groups, kernel[0], kernel[1]])
            let exchanged = permute(split, [0, 2, 1, 3, 4])
            let flipped = view(.flip(axes: 0b11000), exchanged, graph.nodes[exchanged].shape)
            return forward(gradient, weight: flipped, e.turned)
        }
        var results: [Int] = []
        for part in parts(e, graph.nodes[gradient].dtype) {
            let images = part.count
            let kernel = expand(
                transpose(reshape(weight, e.batched(1, e.width, e.depth))), e.batched(images, e.depth, e.width))
            let outer = reshape(rows(part, of: gradient), e.batched(images, e.width, e.places))
            let columns = matmul(kernel, outer)
            if e.isPlain {
                results.append(columns)
                continue
            }
            let table = taps(e.window, input: e.inputSize, output: e.outputSize)
            let source = reshape(columns, [images, e.input[1], e.taps * e.places])
            results.append(scatter(source, table: table, size: e.inputSize))
        }
        return joined(results)
    }

    /// `output gradient [width, images * places] x transposed columns` for each group: the images are part of the sum, so
    /// that no gradient of a single image is stored.
    private mutating func weightGradient(_ input: Int, _ gradient: Int, _ e: ConvolutionExtents) -> Int {
        let channels = e.output[1]
        var sum: Int?
        for part in parts(e, graph.nodes[input].dtype) {
            let length = part.count * e.places
            let stored = columns(of: rows(part, of: input), e, joinsImages: true)
            let planes = reshape(rows(part, of: gradient), [part.count, channels, e.places])
            let outer = reshape(permute(planes, [1, 0, 2]), e.grouped(e.width, length))
            let product = matmul(outer, transpose(reshape(stored, e.grouped(e.depth, length))))
            sum = sum.map { pointwise(.add, [.node($0), .node(product)]) } ?? product
        }
        return sum!
    }

    /// The input under each tap, in memory: `[images, channels, kernel..., output...]`, or with `joinsImages`
    /// `[channels, kernel..., images, output...]`.
    private mutating func columns(of input: Int, _ e: ConvolutionExtents, joinsImages: Bool) -> Int {
        let shape = graph.nodes[input].shape
        var planes = reshape(input, [shape[0], shape[1], shape[2] * shape[3]])
        if e.isPlain { return joinsImages ? permute(planes, [1, 0, 2]) : planes }
        if joinsImages { planes = permute(planes, [1, 2, 0]) }
        let table = taps(e.window, input: e.inputSize, output: e.outputSize)
        let stored = windows(
            of: planes, outer: joinsImages ? 1 : 2, table: table, fill: e.isPadded ? .int(0) : nil
        ).values
        graph.nodes[stored].isTransient = true
        return stored
    }
}
