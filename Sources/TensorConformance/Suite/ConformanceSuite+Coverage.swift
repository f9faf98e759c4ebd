import TensorRuntime

extension ConformanceSuite {
    /// What `results` should have exercised on a device of this description and did not: each family, pointwise
    /// operation, reduction, dtype, layout class, convolution and pooling without a row that passed. Empty where the
    /// catalogue is complete.
    public static func coverage(of results: [ConformanceResult], on device: DeviceDescription) -> [String] {
        let passed = results.filter(\.passed)
        let tags = passed.reduce(into: Set<ConformanceCase.Tag>()) { $0.formUnion($1.tags) }
        let families = Set(passed.map(\.family))
        let known = ConformanceCatalogue.families.filter { device.families.contains($0) }
        let required = KernelFamily.required.filter { !device.families.contains($0) }
        return required.map { "the device lacks the required family \($0)" }
            + known.filter { !families.contains($0) }.map { "family \($0)" }
            + expectedTags(on: device).filter { !tags.contains($0) }.map(\.description)
    }

    /// Every tag that a device of this description can exercise.
    static func expectedTags(on device: DeviceDescription) -> [ConformanceCase.Tag] {
        var tags: [ConformanceCase.Tag] = []
        tags += PointwiseOperation.allCases.filter { isPossible($0, on: device) }.map { .pointwise($0) }
        tags += ReductionOperation.allCases.map { .reduction($0) }
        tags += DType.allCases.filter { device.dtypes.contains($0) }.map { .dtype($0) }
        tags += ConformanceCase.LayoutClass.allCases.map { .layout($0) }
        tags += ConformanceCase.Feature.allCases.map { .feature($0) }
        if device.families.contains(.convolution) {
            tags += ConvolutionKernel.Kind.allCases.map { .convolution($0) }
        }
        if device.families.contains(.pooling) { tags += PoolingKernel.Kind.allCases.map { .pooling($0) } }
        return tags
    }

    /// Whether the device has a dtype that the operation can yield.
    private static func isPossible(_ operation: PointwiseOperation, on device: DeviceDescription) -> Bool {
        !ConformanceCatalogue.dtypes(of: operation, on: device).isEmpty
    }
}
