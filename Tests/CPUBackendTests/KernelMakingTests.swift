import CPUBackend
import TensorRuntime
import Testing

@Suite struct KernelMakingTests {
    private static func spec(_ count: Int) -> KernelSpec {
        let access = FusedKernel.Access(strides: Shape([count]).contiguousStrides)
        return KernelSpec(
            FusedKernel(
                program: .copy(from: .float32, to: .int32), extents: [count], outerRank: 1, inputs: [access],
                outputs: [access]))
    }

    @Test func aKernelThatWasAskedAboutIsMadeOnce() throws {
        let device = try CPUDevice(configuration: RuntimeConfiguration())
        for count in 1...4 {
            let spec = Self.spec(count)
            device.prepareKernels([spec])
            #expect(device.unsupportedReason(spec) == nil)
            #expect(try device.makeKernel(spec).spec == spec)
            #expect(device.kernelsBuilt == count)
        }
        // Another one is not taken in its place.
        #expect(device.unsupportedReason(Self.spec(5)) == nil)
        #expect(try device.makeKernel(Self.spec(6)).spec == Self.spec(6))
        #expect(device.kernelsBuilt == 6)
    }
}
