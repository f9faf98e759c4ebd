import TensorGraph
import TensorRuntime

extension Tensor {
    /// The integers of this tensor, which the device computed: what they choose throws when it is read, where one of them is
    /// outside of `range` and is not `ignored`.
    ///
    /// A flag is reduced from them beside the work. The tensor itself stays what it is.
    ///
    /// - Parameters:
    ///   - operation: the name that the user called.
    ///   - problem: what is wrong then, after the name.
    package func guarded(
        in range: Range<Int>, ignoring ignored: Int? = nil, _ operation: String, _ problem: String, remedy: String
    ) -> Tensor {
        guard elementCount > 0, dtype.kind == .integer else { return self }
        return withRecording(false) {
            var isOutside = self .>= range.upperBound
            // No byte is below 0.
            if dtype != .uint8 { isOutside = isOutside.logicalOr(self .< range.lowerBound) }
            if let ignored { isOutside = isOutside.logicalAnd(self .!= ignored) }
            let all = UInt8(truncatingIfNeeded: (1 << rank) - 1)
            let flag = isOutside.cast(to: .int32).folded(.maximum, all).viewed(as: [])
            let result = Tensor(
                context.trace(.pointwise(.identity), shape: shape, dtype: dtype, handle, tag: handle.tag))
            context.guardValue(
                result.handle, by: flag.handle, error: TensorError.wrongCall(operation, problem, remedy: remedy))
            return result
        }
    }
}
