import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// Which launches wait for others, where packed elements go through words. SwiftShader has no elements of less.
@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct VulkanPackedTests {
    private static func copy(_ count: Int, _ dtype: DType) -> KernelSpec {
        let access = FusedKernel.Access(strides: Shape([count]).contiguousStrides)
        return KernelSpec(
            FusedKernel(
                program: .copy(from: dtype, to: dtype), extents: [count], outerRank: 1, inputs: [access],
                outputs: [access]))
    }

    /// A launch that begins with the last element of a word writes in the next word too, from which another reads. Where the
    /// other reads from the word behind, it need not wait.
    @Test(
        arguments: [DType.uint8, .bool, .float16, .bfloat16, .int32, .int64],
        [VulkanTesting.Driver.swiftShader, .lavapipe])
    func launchesWaitByTheWordsThatTheyTouch(_ dtype: DType, _ driver: VulkanTesting.Driver) throws {
        // Without validation, so that whole buffers are bound.
        let (device, calls) = try VulkanTesting.open(driver, { $0.listener = nil })
        let size = dtype.byteCount
        let perWord = max(4 / size, 1)
        let kernel = try device.makeKernel(Self.copy(2, dtype))
        let source = try device.allocate(byteCount: 256)
        let memory = try device.allocate(byteCount: 256)
        for (readsFrom, waits) in [(perWord, true), (max(2 * perWord, perWord + 1), false)] {
            let stream = try device.makeStream()
            let bytes = (0..<256).map { UInt8($0 % 2 * (dtype == .bool ? 1 : 0x3C)) }
            try bytes.withUnsafeBytes { try stream.copyIn($0, to: source, offset: 0) }
            try [UInt8](repeating: 0, count: 256).withUnsafeBytes { try stream.copyIn($0, to: memory, offset: 0) }
            try stream.synchronize()
            let barriers = calls[.barrier]
            try stream.launch(
                kernel, [BufferBinding(buffer: source), BufferBinding(buffer: memory, offset: perWord - 1)])
            try stream.launch(
                kernel,
                [BufferBinding(buffer: memory, offset: readsFrom), BufferBinding(buffer: memory, offset: 128 / size)])
            try stream.submit()
            // Two stand at a recording's ends.
            #expect(calls[.barrier] == barriers + (waits ? 3 : 2), "\(dtype), from element \(readsFrom)")
            var found = [UInt8](repeating: 9, count: 256)
            try found.withUnsafeMutableBytes { try stream.copyOut(from: memory, offset: 0, to: $0) }
            var expected = [UInt8](repeating: 0, count: 256)
            for place in 0..<2 * size { expected[(perWord - 1) * size + place] = bytes[place] }
            for place in 0..<2 * size { expected[128 + place] = expected[readsFrom * size + place] }
            #expect(found == expected, "\(dtype), from element \(readsFrom)")
        }
    }
}
