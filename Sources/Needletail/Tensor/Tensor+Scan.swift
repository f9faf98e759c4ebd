import TensorGraph
import TensorRuntime

// Running sums and their like along an axis: element k of a result is made of the elements up to and with k, or with
// `reverse` of those from k on. A tensor of rank 0 is one of one element.

// MARK: - The nodes

extension Tensor {
    /// The values of a scan of a dtype that has it; not of an extreme.
    func scanned(_ operation: ScanKernel.Operation, axis: Int, reverse: Bool) -> Tensor {
        let x = self
        return Tensor.traced(
            .scan(operation, axis: axis, reverse: reverse, .values), shape: shape, dtype: dtype, self,
            savesOutput: operation == .product || operation == .logSumExp
        ) { Derivatives.scan(operation, axis, reverse, x) }
    }

    /// The extreme so far, and where it stands (int64).
    private func extremes(
        _ operation: ScanKernel.Operation, axis: Int, reverse: Bool
    ) -> (values: Tensor, indices: Tensor) {
        let target = shape
        func result(_ result: ScanKernel.Result, _ dtype: DType) -> (NodeOperation, Shape, DType) {
            (.scan(operation, axis: axis, reverse: reverse, result), target, dtype)
        }
        let handles = context.trace([result(.values, dtype), result(.indices, .int64)], of: handle)
        let count = shape[axis]
        let indices = Tensor(
            count == 0 ? handles[1] : handles[1].retagged(KnownIntegers(all: 0...Int64(count - 1)).part))
        if dtype.kind == .integer {
            return (Tensor(knownIntegers.map { handles[0].retagged($0.part) } ?? handles[0]), indices)
        }
        let type = dtype
        let function = Tensor.recorded(self) {
            // Sums of halves are made in float32.
            { p in
                InputGradients(
                    p.gradient.cast(to: Derivatives.wide(type)).scattered(axis: axis, indices, count: count)
                        .cast(to: type))
            }
        }
        return (Tensor(function.map { handles[0].retagged($0) } ?? handles[0]), indices)
    }

    /// This tensor, or one of one element in place of one of rank 0.
    private var withAxis: Tensor { rank == 0 ? viewed(as: [1]) : self }

    private func accumulated(
        _ operation: ScanKernel.Operation, as name: String, _ axis: Int, _ reverse: Bool, _ type: DType?,
        at site: CallSite
    ) -> Tensor {
        guard let axis = shape.normalizedAxis(axis) else { return axisOutside(name, axis, at: site) }
        if type == .bool {
            return invalid(name, "a result of dtype bool", remedy: "use dtype .int64", [self], at: site)
        }
        let target = type ?? dtype.sumType
        // Integers that wrap are those of int64 that wrap, cut off.
        return withAxis.cast(to: target).cast(to: target.sumType).scanned(operation, axis: axis, reverse: reverse)
            .cast(to: target).viewed(as: shape)
    }

    private func extremes(
        _ operation: ScanKernel.Operation, as name: String, _ axis: Int, _ reverse: Bool, at site: CallSite
    ) -> (values: Tensor, indices: Tensor) {
        guard let axis = shape.normalizedAxis(axis) else { return failedPair(axisOutside(name, axis, at: site)) }
        let (values, indices) = withAxis.extremes(operation, axis: axis, reverse: reverse)
        return (values.viewed(as: shape), indices.viewed(as: shape))
    }
}

// MARK: - Public

extension Tensor {
    /// The sum of the elements along an axis up to each place: `y[k] = x[0] + ... + x[k]`, of this tensor's shape. bool and
    /// integers add up in int64.
    ///
    /// - Parameters:
    ///   - reverse: whether to sum from each place on to the end instead, `y[k] = x[k] + ... + x[n - 1]`.
    ///   - dtype: what the elements are cast to before they are added, and the result's dtype.
    ///
    /// Source: [torch.cumsum](https://pytorch.org/docs/stable/generated/torch.cumsum.html).
    public func cumsum(
        axis: Int, reverse: Bool = false, dtype: DType? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        accumulated(.sum, as: "cumsum", axis, reverse, dtype, at: CallSite(file, line))
    }

    /// The product of the elements along an axis up to each place: `y[k] = x[0] * ... * x[k]`, of this tensor's shape. bool
    /// and integers multiply in int64. The gradient is right where elements are 0.
    ///
    /// - Parameters:
    ///   - reverse: whether to multiply from each place on to the end instead.
    ///   - dtype: what the elements are cast to before they are multiplied, and the result's dtype.
    ///
    /// Source: [torch.cumprod](https://pytorch.org/docs/stable/generated/torch.cumprod.html).
    public func cumprod(
        axis: Int, reverse: Bool = false, dtype: DType? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        accumulated(.product, as: "cumprod", axis, reverse, dtype, at: CallSite(file, line))
    }

    /// The largest element along an axis up to each place, and where it stands (int64); both have this tensor's shape. NaN
    /// is larger than any number; of equal elements the last one so far is meant. The gradient goes to that element.
    ///
    /// - Parameter reverse: whether to go from the last element to the first.
    ///
    /// Source: [torch.cummax](https://pytorch.org/docs/stable/generated/torch.cummax.html).
    public func cummax(
        axis: Int, reverse: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        extremes(.maximum, as: "cummax", axis, reverse, at: CallSite(file, line))
    }

    /// The smallest element along an axis up to each place, and where it stands (int64); both have this tensor's shape. NaN
    /// is smaller than any number; of equal elements the last one so far is meant. The gradient goes to that element.
    ///
    /// - Parameter reverse: whether to go from the last element to the first.
    ///
    /// Source: [torch.cummin](https://pytorch.org/docs/stable/generated/torch.cummin.html).
    public func cummin(
        axis: Int, reverse: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        extremes(.minimum, as: "cummin", axis, reverse, at: CallSite(file, line))
    }

    /// `log(exp(x[0]) + ... + exp(x[k]))` for each place k along an axis, without overflow, of this tensor's shape. Of float
    /// tensors.
    ///
    /// - Parameter reverse: whether to sum from each place on to the end instead.
    ///
    /// Source: [torch.logcumsumexp](https://pytorch.org/docs/stable/generated/torch.logcumsumexp.html).
    public func logcumsumexp(
        axis: Int, reverse: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard dtype.isFloat else {
            return invalid(
                "logcumsumexp", "the tensor is \(dtype)", remedy: "cast it, to(.float32)", [self], file, line)
        }
        guard let axis = shape.normalizedAxis(axis) else {
            return axisOutside("logcumsumexp", axis, at: CallSite(file, line))
        }
        return withAxis.scanned(.logSumExp, axis: axis, reverse: reverse).viewed(as: shape)
    }
}
