import TensorRuntime

/// A claim on a node's value: what a tensor holds. A node without handles and needed by no live node is never computed.
///
/// Safety: the node is there as long as the handle, and what is read of it without the context's lock never changes.
public final class Handle: @unchecked Sendable {
    let node: NodeReference
    /// The device in use that has the value.
    public let context: DeviceContext
    /// Free for the layer above (its gradient function).
    public let tag: (any AnyObject & Sendable)?

    /// Takes over a claim already counted on `node`.
    init(counted node: NodeReference, of context: DeviceContext, tag: (any AnyObject & Sendable)?) {
        self.node = node
        self.context = context
        self.tag = tag
    }

    deinit {
        // The handle holds the context until this ends: nothing more has to be claimed.
        Unmanaged.passUnretained(context)._withUnsafeGuaranteedRef { $0.release(node) }
    }

    public var shape: Shape { node.pointee.shape }
    public var dtype: DType { node.pointee.dtype }
    /// The number of the value, which no other of the device has. Views are values of their own.
    public var valueID: UInt64 { node.pointee.id }

    /// What made the value, for messages.
    package var operationName: String { node.pointee.operation.name }

    /// Another claim on the same value.
    public func retagged(_ tag: (any AnyObject & Sendable)?) -> Handle {
        context.retain(node)
        return Handle(counted: node, of: context, tag: tag)
    }

    /// Whether the value has been computed.
    public var isEvaluated: Bool {
        context.lock.lock()
        defer { context.lock.unlock() }
        return node.pointee.storage != nil
    }

    /// Why there will be no value, if so.
    public var failure: TensorError? {
        context.lock.lock()
        defer { context.lock.unlock() }
        return node.failure?.error
    }
}
