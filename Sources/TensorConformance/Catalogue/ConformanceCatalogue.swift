import TensorRuntime

/// The rows that any backend must pass.
public enum ConformanceCatalogue {
    /// The families that the catalogue has rows for.
    public static let families: [KernelFamily] = [.fused, .matmul, .scatterAdd, .convolution, .pooling, .scan, .sort]

    /// The sizes at which vector loops go wrong.
    static let oddSizes = [1, 7, 31, 33, 127, 129]

    /// All rows for a device of this description: every operation in each dtype that both have.
    ///
    /// Rows of optional families that the device lacks are left out.
    public static func cases(for device: DeviceDescription) -> [ConformanceCase] {
        var rows = pointwise(device) + casts(device) + layouts(device) + reductions(device) + rowPrograms(device)
        rows += totals(device) + numbers(device)
        rows += gathers(device) + random(device) + multipleOutputs(device) + matmuls(device) + scatterAdds(device)
        if device.families.contains(.convolution) { rows += convolutions(device) }
        if device.families.contains(.pooling) { rows += poolings(device) }
        if device.families.contains(.scan) { rows += scans(device) }
        if device.families.contains(.sort) { rows += sorts(device) }
        return rows
    }

    /// The dtypes in which `operation` may compute on the device: the result's for a random number, else the operands'.
    static func dtypes(of operation: PointwiseOperation, on device: DeviceDescription) -> [DType] {
        DType.allCases.filter { dtype in
            if operation == .isNaN && !dtype.isFloat { return false }
            return device.dtypes.contains(dtype) && operation.isDefined(on: dtype)
        }
    }

    static func floats(_ device: DeviceDescription) -> [DType] {
        DType.allCases.filter { $0.isFloat && device.dtypes.contains($0) }
    }

    /// The dtypes in which sums are made: floats, and int64 for the rest.
    static func sumTypes(_ device: DeviceDescription) -> [DType] {
        DType.allCases.filter { $0.sumType == $0 && device.dtypes.contains($0) }
    }
}
