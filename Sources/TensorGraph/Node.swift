import Synchronization
import TensorRuntime

/// A value in a trace: an operation on other nodes, or, once evaluated, elements in storage.
///
/// Safety: mutable fields are touched only under the lock of the node's ``DeviceContext``, and none while it is being changed;
/// so the language's own checks of that, a call each, are off where every step of a training passes.
public final class Node: @unchecked Sendable {
    public let operation: NodeOperation
    public let shape: Shape
    public let dtype: DType
    public let context: DeviceContext

    /// Operands by position; nil where the operand is a scalar, and past the arity.
    @exclusivity(unchecked) var input0: Node?
    @exclusivity(unchecked) var input1: Node?
    @exclusivity(unchecked) var input2: Node?
    /// All operands of a concatenation.
    @exclusivity(unchecked) var moreInputs: [Node]
    /// Scalar operands in order of position.
    let scalar0: Scalar
    let scalar1: Scalar
    /// First index along each axis of a slice.
    let starts: SIMD8<Int>

    /// Creation order; inputs have lower numbers.
    let id: UInt64
    /// The pending trace; nil once evaluated.
    @exclusivity(unchecked) var trace: Trace?
    /// Handles that may still ask for the value.
    @exclusivity(unchecked) var handles = 0
    /// Edges from pending nodes.
    @exclusivity(unchecked) var consumers = 0
    /// Place in the snapshot that is being taken, valid while `epoch` is the context's.
    @exclusivity(unchecked) var mark = 0
    @exclusivity(unchecked) var epoch: UInt64 = 0
    /// Edges counted from the trace of that snapshot.
    @exclusivity(unchecked) var edges = 0
    @exclusivity(unchecked) var edgeEpoch: UInt64 = 0

    @exclusivity(unchecked) var storage: Storage?
    /// Where an evaluated value lies in its storage.
    @exclusivity(unchecked) var strides = Strides()
    @exclusivity(unchecked) var offset = 0
    /// Why there is no value: a wrong call inside `checked`, or a device failure.
    var failure: Failure?

    init(
        _ operation: NodeOperation, shape: Shape, dtype: DType, context: DeviceContext, input0: Node? = nil,
        input1: Node? = nil, input2: Node? = nil, moreInputs: [Node] = [], scalar0: Scalar = .int(0),
        scalar1: Scalar = .int(0), starts: SIMD8<Int> = .zero, id: UInt64 = 0
    ) {
        self.operation = operation
        self.shape = shape
        self.dtype = dtype
        self.context = context
        self.input0 = input0
        self.input1 = input1
        self.input2 = input2
        self.moreInputs = moreInputs
        self.scalar0 = scalar0
        self.scalar1 = scalar1
        self.starts = starts
        self.id = id
    }

    deinit {
        storage?.removeOwner()
    }

    var layout: Layout { Layout(shape: shape, strides: strides, offset: offset) }

    /// Calls `body` with each operand that is a node.
    @inline(__always)
    func forEachInput(_ body: (Node) -> Void) {
        if let input0 { body(input0) }
        if let input1 { body(input1) }
        if let input2 { body(input2) }
        if !moreInputs.isEmpty { for input in moreInputs { body(input) } }
    }

    /// Makes the node an evaluated one.
    func settle(_ storage: Storage, strides: Strides, offset: Int) {
        storage.addOwner()
        self.storage = storage
        self.strides = strides
        self.offset = offset
    }
}

/// An error shared by all values that depend on what failed.
public final class Failure: Sendable {
    public let error: TensorError
    public init(_ error: TensorError) { self.error = error }
}

/// Device memory that evaluated nodes share: a value and views of it.
final class Storage: Sendable {
    let block: MemoryBlock
    /// Nodes that hold this storage. Donation asks whether all of them are inside one trace.
    private let owners = Atomic<Int>(0)

    init(block: MemoryBlock) { self.block = block }

    var ownerCount: Int { owners.load(ordering: .relaxed) }
    /// Set, under the stream's lock, when the work that was to fill the storage failed.
    private let poisoned = Atomic<Bool>(false)
    var isPoisoned: Bool { poisoned.load(ordering: .relaxed) }
    func poison() { poisoned.store(true, ordering: .relaxed) }

    func addOwner() { owners.add(1, ordering: .relaxed) }
    func removeOwner() { owners.subtract(1, ordering: .relaxed) }
}

/// A claim on a node's value: what a tensor holds. A node without handles and needed by no live node is never computed.
///
/// `tag` is free for the layer above (its gradient function).
public final class Handle: Sendable {
    public let node: Node
    public let tag: (any AnyObject & Sendable)?

    /// Takes over a claim already counted on `node`.
    init(counted node: Node, tag: (any AnyObject & Sendable)?) {
        self.node = node
        self.tag = tag
    }

    deinit { node.context.release(node) }

    public var shape: Shape { node.shape }
    public var dtype: DType { node.dtype }
    public var context: DeviceContext { node.context }

    /// Another claim on the same value.
    public func retagged(_ tag: (any AnyObject & Sendable)?) -> Handle {
        node.context.retain(node)
        return Handle(counted: node, tag: tag)
    }
}

/// The pending nodes of one connected computation, in creation order.
///
/// Safety: touched only under the lock of its ``DeviceContext``.
final class Trace: @unchecked Sendable {
    @exclusivity(unchecked) var nodes: [Node] = []
    @exclusivity(unchecked) var liveHandles = 0
    /// Bytes of all values traced into it, views not counted. Nothing is taken off before the evaluation, so that a bound on
    /// it falls at the same place each step, whenever handles go.
    @exclusivity(unchecked) var byteCount = 0
    /// Nodes of two traces were joined: sort before use.
    var isMerged = false
    /// Place in the context's list of pending traces.
    var slot = 0
    /// The task that began the trace.
    let task: Int

    init(task: Int) { self.task = task }
}
