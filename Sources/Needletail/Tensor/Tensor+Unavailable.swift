import TensorRuntime

// What users of PyTorch and NumPy type first, with what it is called here: the compiler says it, where it would say that
// no overload fits, or try for a long time to find one. None of it can be called.

// MARK: - Comparisons are elementwise

extension Tensor {
    @available(*, unavailable, message: "use .==, which compares elements; of a single number, compare try x.item()")
    public static func == (a: Tensor, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .==, which compares elements; of a single number, compare try x.item()")
    public static func == (a: Tensor, b: some ScalarOperand) -> Bool { fatalError() }
    @available(*, unavailable, message: "put the tensor first, x .== 2")
    public static func == (a: some ScalarOperand, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .!=, which compares elements; of a single number, compare try x.item()")
    public static func != (a: Tensor, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .!=, which compares elements; of a single number, compare try x.item()")
    public static func != (a: Tensor, b: some ScalarOperand) -> Bool { fatalError() }
    @available(*, unavailable, message: "put the tensor first, x .!= 2")
    public static func != (a: some ScalarOperand, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .<, which compares elements; of a single number, compare try x.item()")
    public static func < (a: Tensor, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .<, which compares elements; of a single number, compare try x.item()")
    public static func < (a: Tensor, b: some ScalarOperand) -> Bool { fatalError() }
    @available(*, unavailable, message: "put the tensor first, x .> 2")
    public static func < (a: some ScalarOperand, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .<=, which compares elements; of a single number, compare try x.item()")
    public static func <= (a: Tensor, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .<=, which compares elements; of a single number, compare try x.item()")
    public static func <= (a: Tensor, b: some ScalarOperand) -> Bool { fatalError() }
    @available(*, unavailable, message: "put the tensor first, x .>= 2")
    public static func <= (a: some ScalarOperand, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .>, which compares elements; of a single number, compare try x.item()")
    public static func > (a: Tensor, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .>, which compares elements; of a single number, compare try x.item()")
    public static func > (a: Tensor, b: some ScalarOperand) -> Bool { fatalError() }
    @available(*, unavailable, message: "put the tensor first, x .< 2")
    public static func > (a: some ScalarOperand, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .>=, which compares elements; of a single number, compare try x.item()")
    public static func >= (a: Tensor, b: Tensor) -> Bool { fatalError() }
    @available(*, unavailable, message: "use .>=, which compares elements; of a single number, compare try x.item()")
    public static func >= (a: Tensor, b: some ScalarOperand) -> Bool { fatalError() }
    @available(*, unavailable, message: "put the tensor first, x .<= 2")
    public static func >= (a: some ScalarOperand, b: Tensor) -> Bool { fatalError() }
}

// MARK: - Names

extension Tensor {
    @available(*, unavailable, message: "use reshape(2, 3)")
    public func view(_ shape: Int...) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use shape")
    public func size() -> Shape { fatalError() }
    @available(*, unavailable, message: "use shape[axis]")
    public func size(_ axis: Int) -> Int { fatalError() }
    @available(*, unavailable, message: "use elementCount")
    public func numel() -> Int { fatalError() }
    @available(*, unavailable, message: "use rank")
    public func dim() -> Int { fatalError() }
    @available(*, unavailable, message: "use T, or transpose(0, 1)")
    public func t() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use try x.to(device: .cpu)")
    public func cpu() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use try x.to(device:) with a device of needletail devices")
    public func cuda() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use try x.scalars(as: Float.self)")
    public func numpy() -> [Float] { fatalError() }
    @available(*, unavailable, message: "use try x.scalars(as: Float.self)")
    public func tolist() -> [Float] { fatalError() }
    @available(*, unavailable, message: "use to(.float32)")
    public func float() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use to(.float64)")
    public func double() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use to(.float16)")
    public func half() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use to(.int64)")
    public func long() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use to(.int32)")
    public func int() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use to(.bool)")
    public func bool() -> Tensor { fatalError() }
    @available(*, unavailable, message: "use to(dtype)")
    public func astype(_ dtype: DType) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use Tensor.normal([2, 3])")
    public static func randn(_ shape: Int...) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use Tensor.uniform([2, 3])")
    public static func rand(_ shape: Int...) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use Tensor(values)")
    public static func tensor<T>(_ values: T) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use Tensor.concatenate(tensors, axis: 0)")
    public static func cat(_ tensors: [Tensor], dim: Int = 0) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use axis:")
    public static func stack(_ tensors: [Tensor], dim: Int) -> Tensor { fatalError() }
}

// MARK: - `dim:` is `axis:`, of reductions `axes:`

extension Tensor {
    @available(*, unavailable, message: "use sum(axes: 1, keepDims: true)")
    public func sum(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use mean(axes: 1, keepDims: true)")
    public func mean(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use prod(axes: 1, keepDims: true)")
    public func prod(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use std(axes: 1, keepDims: true)")
    public func std(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use all(axes: 1, keepDims: true)")
    public func all(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use any(axes: 1, keepDims: true)")
    public func any(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use logSumExp(axes: 1, keepDims: true)")
    public func logSumExp(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use max(axes: 1), or max(axis: 1) for the places too")
    public func max(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use min(axes: 1), or min(axis: 1) for the places too")
    public func min(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use argmax(1)")
    public func argmax(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use argmin(1)")
    public func argmin(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use softmax(axis: 1)")
    public func softmax(dim: Int) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use logSoftmax(axis: 1)")
    public func logSoftmax(dim: Int) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use squeeze(1)")
    public func squeeze(dim: Int) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use unsqueeze(1)")
    public func unsqueeze(dim: Int) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use sort(axis: 1)")
    public func sort(dim: Int) -> Tensor { fatalError() }
    @available(*, unavailable, message: "use gather(axis: 1, index: index)")
    public func gather(dim: Int, index: Tensor) -> Tensor { fatalError() }
}
