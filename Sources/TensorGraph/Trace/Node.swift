import TensorRuntime

/// Where a node is. It is there as long as a handle claims it or a pending node reads it, or while it is pending itself.
typealias NodeReference = UnsafeMutablePointer<Node>

/// A value in a trace: an operation on other nodes, or, once evaluated, elements in storage.
///
/// Nodes are records that a ``DeviceContext`` hands out and takes back, not objects: every step of a training makes and
/// drops a hundred of them, and what reference counts and allocations cost there is more than the work itself. So claims
/// are counted in the open, under the context's lock, which is held anyway. What is mutable is touched under it alone.
struct Node {
    let operation: NodeOperation
    let shape: Shape
    let dtype: DType
    /// Creation order; inputs have lower numbers. No other value of the context has it.
    let id: UInt64
    /// Scalar operands in order of position.
    let scalar0: Scalar
    let scalar1: Scalar

    /// Operands by position; nil where the operand is a scalar, past the arity, and once evaluated.
    private(set) var input0: NodeReference?
    private(set) var input1: NodeReference?
    private(set) var input2: NodeReference?
    /// All operands of a concatenation; nil elsewhere.
    private(set) var moreInputs: UnsafeBufferPointer<NodeReference>?

    /// The pending trace, which is in its context's list; nil once evaluated.
    var trace: Unmanaged<Trace>?
    /// Handles that may still ask for the value.
    var handles = 1
    /// Edges from pending nodes.
    var consumers = 0
    /// Place in the snapshot that is being taken, valid while `epoch` is the context's.
    var mark = 0
    var epoch: UInt64 = 0
    /// Edges counted from the trace of that snapshot.
    var edges = 0
    var edgeEpoch: UInt64 = 0

    /// Where the elements of an evaluated value are.
    private(set) var storage: Storage?
    /// Where an evaluated value begins in its storage.
    private(set) var offset = 0
    /// Of a pending slice, the first index along each axis; of an evaluated value, its strides. One field for two: what a
    /// node weighs is what tracing costs.
    private var startsOrStrides: Shape
    /// Why there is no value: a wrong call inside `checked`, or a plan that could not be made.
    fileprivate var ownFailure: Failure?

    /// A node with one handle.
    init(
        _ operation: NodeOperation, shape: Shape, dtype: DType, id: UInt64, input0: NodeReference? = nil,
        input1: NodeReference? = nil, input2: NodeReference? = nil, more: [Handle] = [], scalar0: Scalar = .int(0),
        scalar1: Scalar = .int(0), starts: Shape = Shape()
    ) {
        self.operation = operation
        self.shape = shape
        self.dtype = dtype
        self.id = id
        self.scalar0 = scalar0
        self.scalar1 = scalar1
        self.input0 = input0
        self.input1 = input1
        self.input2 = input2
        startsOrStrides = starts
        if !more.isEmpty {
            let inputs = UnsafeMutableBufferPointer<NodeReference>.allocate(capacity: more.count)
            _ = inputs.initialize(from: more.lazy.map(\.node))
            moreInputs = UnsafeBufferPointer(inputs)
        }
    }

    /// Whether anything has to be released with the node.
    @inline(__always)
    var holdsObjects: Bool { storage != nil || ownFailure != nil }

    /// First index along each axis of a slice that is pending.
    var starts: Shape { startsOrStrides }
    /// Element distances of an evaluated value.
    var strides: Strides { startsOrStrides }

    /// Forgets the operands, once they are computed or never will be.
    @inline(__always)
    mutating func clearInputs() {
        input0 = nil
        input1 = nil
        input2 = nil
        if let moreInputs {
            moreInputs.deallocate()
            self.moreInputs = nil
        }
    }

    /// Makes the node an evaluated one.
    mutating func settle(_ storage: Storage, strides: Strides, offset: Int) {
        storage.ownerCount += 1
        self.storage = storage
        startsOrStrides = strides
        self.offset = offset
    }

    /// Makes the node one that never has a value.
    mutating func fail(_ failure: Failure) { ownFailure = failure }
}

// Read in place: a method of the node itself would copy all of it.
extension NodeReference {
    /// Calls `body` with each operand that is a node.
    @inline(__always)
    func forEachInput(_ body: (NodeReference) -> Void) {
        if let input = pointee.input0 { body(input) }
        if let input = pointee.input1 { body(input) }
        if let input = pointee.input2 { body(input) }
        if let inputs = pointee.moreInputs { for input in inputs { body(input) } }
    }

    /// How many scalar operands there are, `scalar0` first.
    @inline(__always)
    var scalarCount: Int {
        switch pointee.operation {
        case .pointwise(let operation):
            // The only ones with scalars beside inputs.
            operation.arity - (pointee.input0 == nil ? 0 : 1) - (pointee.input1 == nil ? 0 : 1)
                - (pointee.input2 == nil ? 0 : 1)
        case .fill: 1
        case .leaf, .index, .reduce, .gather, .scatterAdd, .scan, .sort, .matmul, .convolution, .pooling, .concatenate,
            .permute, .expand, .reshape, .slice, .flip:
            0
        }
    }

    /// Where an evaluated value's elements are.
    var layout: Layout { Layout(shape: pointee.shape, strides: pointee.strides, offset: pointee.offset) }

    /// Why there is no value, if so.
    @inline(__always)
    var failure: Failure? {
        if pointee.ownFailure != nil { return pointee.ownFailure }
        return pointee.storage == nil ? nil : pointee.storage!.failure
    }
}

/// Nodes to be handed out again, without anything in them, each with the next one's address in its first bytes.
struct FreeNodes {
    /// More than this go back to the system.
    private static let limit = 4096

    private var first: UnsafeMutableRawPointer?
    private var count = 0

    @inline(__always)
    mutating func take() -> NodeReference {
        guard let place = first else { return .allocate(capacity: 1) }
        first = place.load(as: UnsafeMutableRawPointer?.self)
        count -= 1
        return place.assumingMemoryBound(to: Node.self)
    }

    @inline(__always)
    mutating func put(_ node: NodeReference) {
        if count == FreeNodes.limit {
            node.deallocate()
            return
        }
        let place = UnsafeMutableRawPointer(node)
        place.storeBytes(of: first, as: UnsafeMutableRawPointer?.self)
        first = place
        count += 1
    }

    mutating func deallocate() {
        while count > 0 { take().deallocate() }
    }
}

/// An error shared by all values that depend on what failed.
final class Failure: Sendable {
    let error: TensorError
    init(_ error: TensorError) { self.error = error }
}
