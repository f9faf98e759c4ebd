import TensorRuntime

/// What a node computes: the operation with its structural attributes. Scalars and slice starts stand in the node,
/// because no pass reads their values.
public enum NodeOperation: Hashable, Sendable {
    /// A value that is there: it has storage.
    case leaf
    /// Every element is scalar operand 0.
    case fill
    /// The int64 row-major number of each element.
    case index
    case pointwise(PointwiseOperation)
    /// Folds the axes in the bit mask, which stay with extent 1.
    case reduce(ReductionOperation, axes: UInt8)
    /// `output[..., j, ...] = data[..., index[..., j, ...], ...]`. Inputs: data, index (of the output's shape).
    case gather(axis: Int)
    /// Inputs: source, index (of the source's shape). See ``ScatterAddKernel``.
    case scatterAdd(axis: Int)
    /// `[batch..., m, k] x [batch..., k, n]`, the batches equal.
    case matmul
    /// Inputs as in ``ConvolutionKernel``. `inputSize` is the convolution's input height and width.
    case convolution(ConvolutionKernel.Kind, Window, groups: Int)
    /// Inputs as in ``PoolingKernel``.
    case pooling(PoolingKernel.Kind, Window, countsPadding: Bool)
    /// Joins all inputs along an axis.
    case concatenate(axis: Int)
    /// A result of running sums and their like along an axis (``ScanKernel``).
    case scan(ScanKernel.Operation, axis: Int, reverse: Bool, ScanKernel.Result)
    /// A result of the input sorted along its last axis (``SortKernel``); the node's last extent is what is kept.
    case sort(descending: Bool, SortKernel.Result)

    // Views.
    /// Dimension `i` is the input's dimension `axes[i]`.
    case permute(axes: Shape)
    case expand
    case reshape
    /// Takes elements `steps[i]` apart along each axis, from the node's starts.
    case slice(steps: Shape)
    /// Reverses the axes in the bit mask.
    case flip(axes: UInt8)

    /// Whether the node only addresses its input differently.
    public var isView: Bool {
        switch self {
        case .permute, .expand, .reshape, .slice, .flip: true
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .scatterAdd, .scan, .sort, .matmul, .convolution,
            .pooling,
            .concatenate:
            false
        }
    }

    /// The operation without which of its results this is, where it has several; nil elsewhere.
    ///
    /// Each result is a node of its own that reads the operands: its shape, dtype and life are its own, and who wants one
    /// result traces one node. The planner makes all results of one operation on the same operands in one launch.
    var severalResults: NodeOperation? {
        switch self {
        case .sort(let descending, _): .sort(descending: descending, .values)
        case .scan(let operation, let axis, let reverse, _) where operation.yieldsIndices:
            .scan(operation, axis: axis, reverse: reverse, .values)
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .scatterAdd, .scan, .matmul, .convolution, .pooling,
            .concatenate, .permute, .expand, .reshape, .slice, .flip:
            nil
        }
    }

    /// Whether the operands are in memory in every plan.
    @inline(__always)
    var readsMemory: Bool {
        switch self {
        case .matmul, .convolution, .pooling, .scatterAdd, .scan, .sort: true
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .concatenate, .permute, .expand, .reshape, .slice,
            .flip:
            false
        }
    }

    /// Whether the result, or what an epilogue makes of it, is in memory in every plan: it is no step of a fused program.
    @inline(__always)
    var isAlwaysStored: Bool {
        if case .concatenate = self { true } else { readsMemory }
    }

    /// The name that messages and dumps use.
    public var name: String {
        switch self {
        case .leaf: "leaf"
        case .fill: "fill"
        case .index: "index"
        case .pointwise(let operation): operation.name
        case .reduce(let operation, _): operation.name
        case .gather: "gather"
        case .scatterAdd: "scatterAdd"
        case .matmul: "matmul"
        case .convolution: "convolution"
        case .pooling: "pooling"
        case .concatenate: "concatenate"
        case .scan(let operation, _, _, _): operation.name
        case .sort: "sort"
        case .permute: "permute"
        case .expand: "expand"
        case .reshape: "reshape"
        case .slice: "slice"
        case .flip: "flip"
        }
    }
}

extension Layout {
    /// The layout after a view operation, or nil where strides cannot say it.
    func applying(_ operation: NodeOperation, shape target: Shape, starts: Shape = Shape()) -> Layout? {
        switch operation {
        case .permute(let axes): return permuted(axes)
        case .expand: return expanded(to: target)
        case .reshape: return reshaped(to: target)
        case .slice(let steps):
            var result = self
            for axis in 0..<shape.rank {
                result.offset += starts[axis] * strides[axis]
                result.strides[axis] *= steps[axis]
            }
            result.shape = target
            return result
        case .flip(let axes):
            var result = self
            for axis in 0..<shape.rank where axes & (1 << UInt8(axis)) != 0 { result = result.flipped(axis: axis) }
            return result
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .scatterAdd, .scan, .sort, .matmul, .convolution,
            .pooling,
            .concatenate:
            return nil
        }
    }
}
