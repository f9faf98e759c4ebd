import TensorGraph
import TensorRuntime

extension TensorError {
    /// The error of a wrong call: `3: Linear(11, 10): what was found, with its values; what to do`. Inside a
    /// ``Sequential`` the layer's place stands first.
    static func wrongCall(_ operation: String, _ problem: String, remedy: String) -> TensorError {
        TensorError(.invalidArgument, "\(LayerPlace.prefix)\(operation): \(problem); \(remedy)")
    }
}

extension WrongCall {
    /// Ends the process, or inside ``checked(_:)`` records the error of a call that gives no tensor.
    @inline(never)
    package static func report(_ operation: String, _ problem: String, remedy: String, at site: CallSite?) {
        report(.wrongCall(operation, problem, remedy: remedy), at: site)
    }
}

extension Tensor {
    /// Ends a wrong call: the process, or inside ``checked(_:)`` records the error and gives a poisoned tensor.
    ///
    /// Where an operand is poisoned itself, the result is too, with the operand's error: its shape says nothing.
    ///
    /// - Parameters:
    ///   - operation: the name the user called.
    ///   - problem: what was found, with its values.
    ///   - remedy: what to do.
    @inline(never)
    package func invalid(
        _ operation: String, _ problem: String, remedy: String, _ operands: [Tensor], at site: CallSite?
    ) -> Tensor {
        for operand in operands {
            if let failure = operand.handle.failure {
                return Tensor(context.failed(failure, shape: shape, dtype: dtype))
            }
        }
        let error = TensorError.wrongCall(operation, problem, remedy: remedy)
        WrongCall.report(error, at: site)
        return Tensor(context.failed(error, shape: shape, dtype: dtype))
    }

    /// As above, at a file and line.
    @inline(never)
    package func invalid(
        _ operation: String, _ problem: String, remedy: String, _ operands: [Tensor], _ file: StaticString, _ line: UInt
    ) -> Tensor {
        invalid(operation, problem, remedy: remedy, operands, at: CallSite(file, line))
    }

    /// The context that a new tensor goes to. Where the device is not there, that is reported as a wrong call.
    package static func creationContext(_ device: DeviceID?, at site: CallSite?) -> DeviceContext {
        do throws(TensorError) {
            return try deviceContext(device)
        } catch {
            WrongCall.report(error, at: site)
            // Recorded: the CPU holds the poisoned tensors.
            do throws(TensorError) { return try DeviceContexts.context(for: .cpu) } catch {
                WrongCall.end(error, at: site)
            }
        }
    }

    /// A poisoned new tensor, for a creation that cannot be.
    @inline(never)
    package static func invalidCreation(
        _ operation: String, _ problem: String, remedy: String, shape: Shape, dtype: DType, device: DeviceID?,
        at site: CallSite?
    ) -> Tensor {
        let error = TensorError.wrongCall(operation, problem, remedy: remedy)
        WrongCall.report(error, at: site)
        return Tensor(creationContext(device, at: site).failed(error, shape: shape, dtype: dtype))
    }

    /// The dtype of a result of two tensors. As in PyTorch, one of rank 0 does not raise that of one with dimensions
    /// within its kind.
    @inline(__always)
    func promotedDType(with other: Tensor) -> DType {
        if dtype == other.dtype { return dtype }
        if dtype.kind == other.dtype.kind, (rank == 0) != (other.rank == 0) { return rank == 0 ? other.dtype : dtype }
        return dtype.promoted(with: other.dtype)
    }

    /// Whether `other` is on this tensor's device.
    @inline(__always)
    package func shares(_ other: Tensor) -> Bool { context === other.context }

    /// The error of operands on two devices.
    @inline(never)
    package func deviceMismatch(_ operation: String, _ other: Tensor, at site: CallSite?) -> Tensor {
        invalid(
            operation, "operands are on \(device) and \(other.device)",
            remedy: "move one with to(device: \(device == .cpu ? ".cpu" : "DeviceID(\"\(device)\")!"))", [self, other],
            at: site)
    }

    /// The error of an axis that the tensor does not have.
    @inline(never)
    func axisOutside(_ operation: String, _ axis: Int, at site: CallSite?) -> Tensor {
        invalid(
            operation, "axis \(axis) is outside the rank of shape \(shape)",
            remedy: rank == 0 ? "use a tensor with dimensions" : "use an axis in \(-rank)..<\(rank)", [self], at: site)
    }
}

/// The axes of a call as a bit mask; nil where one is outside the rank or named twice.
func axisMask(_ axes: [Int], in shape: Shape) -> UInt8? {
    if axes.isEmpty { return UInt8(truncatingIfNeeded: (1 << shape.rank) - 1) }
    var mask: UInt8 = 0
    for axis in axes {
        guard let index = shape.normalizedAxis(axis), mask & (1 << UInt8(index)) == 0 else { return nil }
        mask |= 1 << UInt8(index)
    }
    return shape.rank == 0 ? 0 : mask
}
