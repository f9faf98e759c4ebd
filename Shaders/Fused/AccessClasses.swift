import KernelIR
import TensorRuntime

/// What the code that reads and writes a program's operands is written for: a part of ``ShaderKey/variant``.
struct AccessClasses: Hashable, Sendable {
    enum Stride: Int, Hashable, Sendable {
        case zero, one, other

        init(_ stride: Int) { self = stride == 0 ? .zero : stride == 1 ? .one : .other }
    }

    /// The dimension along which the lanes of vectors lie; nil in a space without dimensions.
    var laneDimension: Int?
    /// How inputs and outputs step along it.
    var inputs: [Stride]
    var outputs: [Stride]
    /// Whether addresses need int64.
    var isWide: Bool
    /// The inputs that are gathered along an axis without elements.
    var emptyGathers: [Int]

    init(_ kernel: FusedKernel, laneDimension: Int?) {
        self.laneDimension = laneDimension
        let rank = kernel.extents.rank
        func stride(_ access: FusedKernel.Access) -> Stride {
            guard let dimension = laneDimension, dimension < rank, kernel.extents[dimension] != 1 else { return .zero }
            return Stride(access.strides[dimension])
        }
        inputs = kernel.inputs.map(stride)
        outputs = kernel.outputs.map(stride)
        isWide = AccessClasses.needsWideIndices(kernel)
        emptyGathers = []
        for step in kernel.program.steps {
            if case .gather(let input) = step.operation, kernel.inputs[input].gatherCount == 0 {
                emptyGathers.append(input)
            }
        }
    }

    var indexScalar: ScalarType { isWide ? .int64 : .int32 }

    /// The dimension after the inputs' and outputs' numbers, so that no two classes have the same numbers.
    var variant: [Int] {
        [laneDimension ?? -1, isWide ? 1 : 0] + (inputs + outputs).map(\.rawValue) + [emptyGathers.count] + emptyGathers
    }

    /// Whether a place, or a number of places, is out of int32's range.
    private static func needsWideIndices(_ kernel: FusedKernel) -> Bool {
        let limit = 1 << 31
        var count = 1
        for extent in kernel.extents {
            let (product, overflow) = count.multipliedReportingOverflow(by: max(extent, 1))
            if overflow || product >= limit { return true }
            count = product
        }
        let placeless = Set(
            kernel.program.steps.compactMap { step in
                if case .index(let input) = step.operation { input } else { nil }
            })
        let accesses = kernel.inputs.indices.filter { !placeless.contains($0) }.map { kernel.inputs[$0] }
        return (accesses + kernel.outputs).contains { access in
            var reach = max(access.gatherCount - 1, 0) * abs(access.gatherStride)
            for (extent, stride) in zip(kernel.extents, access.strides) { reach += max(extent - 1, 0) * abs(stride) }
            return reach >= limit
        }
    }
}
