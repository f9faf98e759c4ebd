import TensorRuntime

extension MatmulKernel {
    /// The product, row-major over `[batch..., m, n]`.
    func run(_ operands: [Operand], into result: Operand) {
        let rank = batch.rank
        let (aPlaces, bPlaces) = (places([m, k], aStrides[rank...]), places([k, n], bStrides[rank...]))
        let batches = zip(places(batch, aStrides[..<rank]), places(batch, bStrides[..<rank]))
        for (number, (a, b)) in batches.enumerated() {
            let (left, right) = (aPlaces.map { operands[0][a + $0] }, bPlaces.map { operands[1][b + $0] })
            let (x, y) = (left.map(\.doubleValue), right.map(\.doubleValue))
            for place in 0..<m * n {
                var (float, integer) = (0.0, Int64(0))
                for step in 0..<k {
                    let (i, j) = (place / n * k + step, step * n + place % n)
                    if dtype.isFloat {
                        float += x[i] * y[j]
                    } else {
                        integer &+= left[i].integerValue &* right[j].integerValue
                    }
                }
                result[number * m * n + place] = dtype.isFloat ? .float(float) : .int(integer)
            }
        }
    }
}

extension Window {
    /// Which element of an input plane meets which of the kernel's, for which of an output plane; padding meets none.
    func taps(_ input: SIMD2<Int>, _ output: SIMD2<Int>) -> [(input: Int, weight: Int, output: Int)] {
        (0..<output.area * kernel.area).compactMap { number in
            let (place, weight) = (number / kernel.area, number % kernel.area)
            let row = place / output[1] * stride[0] - padding[0] + weight / kernel[1] * dilation[0]
            let column = place % output[1] * stride[1] - padding[1] + weight % kernel[1] * dilation[1]
            guard (0..<input[0]).contains(row), (0..<input[1]).contains(column) else { return nil }
            return (row * input[1] + column, weight, place)
        }
    }
}

extension SIMD2<Int> { fileprivate var area: Int { self[0] * self[1] } }

extension ConvolutionKernel {
    /// The three kinds meet the same numbers: they differ in which of three is the sum of the others' products.
    func run(_ operands: [Operand], into result: Operand) {
        let x = (0..<sourceShapes[0].elementCount).map { operands[0][$0].doubleValue }
        let y = (0..<sourceShapes[1].elementCount).map { operands[1][$0].doubleValue }
        var sums = [Double](repeating: 0, count: resultShape.elementCount)
        let taps = window.taps(inputSize, outputSize)
        let (inputs, outputs) = (inputChannels / groups, outputChannels / groups)
        for number in 0..<batch * outputChannels * inputs {
            let (pair, channel) = (number / inputs, number % inputs)
            let (image, output) = (pair / outputChannels, pair % outputChannels)
            let inputPlane = (image * inputChannels + output / outputs * inputs + channel) * inputSize.area
            let weightPlane = (output * inputs + channel) * window.kernel.area
            let outputPlane = (image * outputChannels + output) * outputSize.area
            for tap in taps {
                let (i, w, o) = (inputPlane + tap.input, weightPlane + tap.weight, outputPlane + tap.output)
                switch kind {
                case .forward: sums[o] += x[i] * y[w]
                case .inputGradient: sums[i] += x[o] * y[w]
                case .weightGradient: sums[w] += x[i] * y[o]
                }
            }
        }
        for (place, sum) in sums.enumerated() { result[place] = .float(sum) }
    }
}

extension PoolingKernel {
    func run(_ operands: [Operand], into result: Operand) {
        func number(_ operand: Int, _ place: Int) -> Double { operands[operand][place].doubleValue }
        var windows = [[Int]](repeating: [], count: outputSize.area)
        for tap in window.taps(inputSize, outputSize) { windows[tap.output].append(tap.input) }
        var numbers = [Double](repeating: 0, count: planes * resultSize.area)
        for plane in 0..<planes {
            for (output, window) in windows.enumerated() {
                let (input, output) = (plane * inputSize.area, plane * outputSize.area + output)
                let divisor = Double(countsPadding ? self.window.kernel.area : window.count)
                /// The place of the first largest number; NaN is larger than all.
                func largest() -> Int {
                    window[Int(ReductionOperation.argmax.evaluate(window.lazy.map { number(0, input + $0) }))]
                }
                switch kind {
                case .maximum: numbers[output] = number(0, input + largest())
                case .maximumIndices: numbers[output] = Double(largest())
                case .maximumGradient: numbers[input + largest()] += number(1, output)
                case .maximumGather: numbers[output] = number(1, input + largest())
                case .average: numbers[output] = window.reduce(0) { $0 + number(0, input + $1) } / divisor
                case .averageGradient: for place in window { numbers[input + place] += number(0, output) / divisor }
                }
            }
        }
        for (place, number) in numbers.enumerated() { result[place] = .float(number) }
    }
}

extension ScatterAddKernel {
    /// In ascending order of the source's places; an index outside adds nothing.
    func run(_ operands: [Operand]) {
        var sums = [Scalar](repeating: dtype.isFloat ? .float(0) : .int(0), count: resultShape.elementCount)
        var beside = resultShape.contiguousStrides
        let step = beside[axis]
        beside[axis] = 0
        let (sources, indices) = (places(sourceShape, sourceStrides), places(sourceShape, indexStrides))
        for (number, target) in places(sourceShape, beside).enumerated() {
            let index = Int(operands[1][indices[number]].integerValue)
            guard (0..<count).contains(index) else { continue }
            let sum = sums[target + index * step]
            sums[target + index * step] = PointwiseOperation.add.apply(sum, operands[0][sources[number]], in: dtype)
        }
        for (place, sum) in sums.enumerated() { operands[2][place] = sum }
    }
}

extension SortKernel {
    func run(_ operands: [Operand]) {
        let last = shape.rank - 1
        for (row, start) in places(shape[..<last], strides[..<last]).enumerated() {
            let numbers = (0..<length).map { operands[0][start + $0 * strides[last]] }
            // Equal numbers stay in their order, also where the others are turned around.
            let order = numbers.indices.sorted { a, b in
                let (x, y) = descending ? (numbers[b], numbers[a]) : (numbers[a], numbers[b])
                return precedes(x, y) || (!precedes(y, x) && a < b)
            }
            for (position, result) in results.enumerated() {
                for (place, from) in order.prefix(kept).enumerated() {
                    operands[1 + position][row * kept + place] = result == .values ? numbers[from] : .int(Int64(from))
                }
            }
        }
    }

    /// NaN comes after everything else.
    private func precedes(_ x: Scalar, _ y: Scalar) -> Bool {
        guard dtype.isFloat else { return x.integerValue < y.integerValue }
        return y.doubleValue.isNaN ? !x.doubleValue.isNaN : x.doubleValue < y.doubleValue
    }
}
