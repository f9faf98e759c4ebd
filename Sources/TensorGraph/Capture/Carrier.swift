import TensorRuntime

/// Something that keeps tensors from step to step, and replaces them in a step: parameters, an optimizer's state, running
/// statistics, gradients.
///
/// A graph updates what carriers keep in place, so that a replay finds its operands where the one before left its results.
/// All else that a captured step reads is a constant of the capture.
package protocol Carrier: AnyObject {
    /// How many tensors it keeps, some of which may be nil.
    var carriedCount: Int { get }
    func carried(_ index: Int) -> Handle?
    /// Replaces what it keeps, as many values of the same shapes.
    func setCarried(_ handles: [Handle?])
    /// For messages: `an optimizer's parameters`.
    var carrierName: String { get }
    /// Whether what it keeps is made anew in each step and may be left undefined by a capture, as gradients are.
    var isScratch: Bool { get }
    /// Whether a value can be moved to another place when the capture first meets it: nothing has read it.
    func isMovable(_ index: Int) -> Bool
}

extension Carrier {
    package var isScratch: Bool { false }
    package func isMovable(_ index: Int) -> Bool { true }
    var allCarried: [Handle?] { (0..<carriedCount).map(carried) }
}

/// Host numbers that are others at each replay, and what has to be counted on for them.
package protocol CaptureSource: AnyObject {
    /// For dumps: `generator`.
    var name: String { get }
    /// What the nodes of the captured step were traced with, then what the last replay used.
    var values: [Scalar] { get set }
    /// Says, when the capture ends, why it cannot be replayed.
    func captureComplaint() -> String?
    /// Says, before a replay, why the source no longer fits; no source has moved on.
    func complaint() -> String?
    /// Moves on by one step and replaces the values by the step's.
    func advance()
}

extension CaptureSource {
    package func captureComplaint() -> String? { nil }
    package func complaint() -> String? { nil }
}

/// Where a value that is computed lies.
struct ValuePlace {
    let storage: Storage
    let layout: Layout
    let dtype: DType

    /// Whether it has a block of its own from its first byte on.
    var isWholeBlock: Bool {
        layout.offset == 0 && layout.isContiguous
            && storage.block.byteCount
                == CachingAllocator.roundedSize(layout.shape.elementCount * dtype.byteCount)
    }

    func isSame(as other: ValuePlace) -> Bool {
        storage.block === other.storage.block && layout == other.layout && dtype == other.dtype
    }
}

extension DeviceContext {
    /// Where a value is; nil while it is pending.
    func place(of handle: Handle) -> ValuePlace? {
        lock.lock()
        defer { lock.unlock() }
        return handle.node.pointee.storage.map {
            ValuePlace(storage: $0, layout: handle.node.layout, dtype: handle.node.pointee.dtype)
        }
    }

    /// Another value at a place.
    func settled(_ place: ValuePlace) -> Handle {
        settled(
            place.storage, shape: place.layout.shape, strides: place.layout.strides, offset: place.layout.offset,
            dtype: place.dtype, tag: nil)
    }
}
