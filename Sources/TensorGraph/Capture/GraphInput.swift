import TensorRuntime

/// A value that a graph reads, and that is replaced between replays: no elements move where the new one lies as the old.
///
/// Safety: `current` and `uses` are touched under the lock of the recording that has it, once there is one.
package final class GraphInput: @unchecked Sendable {
    /// What the captured step reads.
    package let handle: Handle
    let home: ValuePlace
    /// The device's: a description is dear to copy.
    private let alignment: Int
    /// What replays read.
    private(set) var current: Handle
    private(set) var place: ValuePlace
    /// The operands that read it: which bindings of the recording's list, of what element size, and at which byte behind the
    /// value's first.
    @exclusivity(unchecked) var uses: [(binding: Int, elementByteCount: Int, byte: Int)] = []
    weak var recording: Recording?

    /// - Parameters:
    ///   - value: what replays read until they are told otherwise.
    ///   - tag: what is known of any value.
    package init(_ value: Handle, tag: (any AnyObject & Sendable)?) throws(TensorError) {
        let context = value.context
        current = try context.copied(value)
        handle = current.retagged(tag)
        guard let place = context.place(of: current) else { throw context.lostValue }
        home = place
        self.place = place
        alignment = context.device.description.alignment
    }

    package var context: DeviceContext { handle.context }

    /// Makes replays read `value`, of the same shape, dtype and device, from now on.
    package func set(_ value: Handle) throws(TensorError) {
        guard value.context === context, value.shape == handle.shape, value.dtype == handle.dtype else {
            throw TensorError(
                .invalidArgument,
                "Accelerator.Graph.Input.set: \(value.dtype)\(value.shape) on \(value.context.deviceID), but the graph "
                    + "was given \(handle.dtype)\(handle.shape) on \(context.deviceID); give a tensor of that shape, dtype "
                    + "and device")
        }
        if let capture = Capture.current {
            throw capture.refuse("an input is set while a graph is captured; set it before a replay")
        }
        try context.evaluate([value])
        var next = value
        guard var place = context.place(of: next) else { throw context.lostValue }
        if !place.layout.isContiguous || place.layout.offset % alignment != 0 {
            next = try context.copied(value)
            guard let copy = context.place(of: next) else { throw context.lostValue }
            place = copy
        }
        let owner = recording
        owner?.lock.lock()
        defer { owner?.lock.unlock() }
        current = next
        self.place = place
        owner?.bind(self)
    }
}
