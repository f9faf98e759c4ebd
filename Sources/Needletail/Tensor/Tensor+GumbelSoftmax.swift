import TensorGraph
import TensorRuntime

extension Tensor {
    /// A sample of the classes whose logits stand along an axis, as weights that gradients flow through: the softmax of
    /// `(logits + g) / temperature`, g being minus the logarithm of exponential noise
    /// ([Jang et al.](https://arxiv.org/abs/1611.01144)).
    ///
    /// Source: [torch.nn.functional.gumbel_softmax](https://pytorch.org/docs/stable/generated/torch.nn.functional.gumbel_softmax.html).
    ///
    /// - Parameter hard: whether the result is 1 at the largest weight and 0 elsewhere, with the gradient of the weights.
    public func gumbelSoftmax(
        temperature: Double = 1, hard: Bool = false, axis: Int = -1, generator: Generator? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard dtype.isFloat, temperature > 0, rank > 0, let place = shape.normalizedAxis(axis) else {
            return invalid(
                "gumbelSoftmax", "\(dtype)\(shape) along axis \(axis) with a temperature of \(temperature)",
                remedy: "use floats, one of their axes, and a temperature above 0", [self], file, line)
        }
        let type: DType = dtype == .float64 ? .float64 : .float32
        let noise = Tensor.uniformLike(self, dtype: type, generator: generator)
        // 1 - u is above 0; the exponential number may be 0, whose logarithm is bounded.
        let waiting = Tensor.maximum((1.0 - noise).log() * -1.0, type == .float64 ? 0x1p-1022 : 0x1p-126)
        let gumbel = waiting.log() * -1.0
        let weights = ((self + gumbel.cast(to: dtype)) * (1 / temperature)).softmax(axis: place)
        if !hard || shape[place] == 0 { return weights }
        let largest = weights.detach().argmax(place, keepDims: true)
        let number = indices([shape[place]]).along(place, of: shape)
        let chosen = (number .== largest).cast(to: dtype)
        return chosen - weights.detach() + weights
    }

    /// The p-norms of the differences of each row with each later one, as a vector: shape `[n, d]` gives `[n (n - 1) / 2]`.
    ///
    /// Source: [torch.nn.functional.pdist](https://pytorch.org/docs/stable/generated/torch.nn.functional.pdist.html).
    public func pdist(p: Double = 2, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank == 2, dtype.isFloat, p >= 0, shape[0] < 1 << 30 else {
            return invalid(
                "pdist", "\(dtype)\(shape) with p \(p)", remedy: "use rows of floats, and p of at least 0", [self],
                file,
                line)
        }
        let n = shape[0]
        let count = n < 2 ? 0 : n * (n - 1) / 2
        if count == 0 { return filled([0], .float(0), dtype: dtype) }
        do throws(TensorError) {
            func places(_ body: (Int, Int) -> Int) throws(TensorError) -> Tensor {
                let numbers = try withHostMemory(count, of: Int64.self, for: "pdist") { numbers in
                    var next = 0
                    for first in 0..<n {
                        for second in first + 1..<n {
                            numbers.initializeElement(at: next, to: Int64(body(first, second)))
                            next += 1
                        }
                    }
                }
                return Tensor.host(numbers, shape: [count], in: context)
            }
            let first = indexSelect(axis: 0, index: try places { first, _ in first })
            let second = indexSelect(axis: 0, index: try places { _, second in second })
            return (first - second).norm(p: p, axes: [1], file: file, line: line)
        } catch {
            return Tensor(context.failed(error, shape: [count], dtype: dtype))
        }
    }
}
