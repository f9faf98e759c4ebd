import Needletail
import TensorGraph
import TensorRuntime
import TestSupport
import Testing

/// llvmpipe leaves a work-item's loops after 65,535 turns. What would turn longer takes another schedule, or is refused by
/// name: never a sum that is cut short.
@Suite(.serialized, .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanLoopTests {
    private static func context() throws -> DeviceContext {
        try DeviceContext(device: VulkanTesting.open(.lavapipe, { $0.listener = nil }).device)
    }

    @Test func longRowsAreSummedToTheirEnd() throws {
        try withDeviceContext(try Self.context()) { () throws(any Error) in
            // Small enough for exact sums in float32.
            let ones = Tensor.ones([16, 100_000])
            #expect(try ones.sum(axes: 1).scalars(as: Float.self) == [Float](repeating: 100_000, count: 16))
            #expect(
                try ones.T.sum(axes: 0).scalars(as: Float.self) == [Float](repeating: 100_000, count: 16))
            #expect(try ones.sum().item() == 1_600_000)
        }
    }

    @Test func longProductsAreSummedToTheirEnd() throws {
        try withDeviceContext(try Self.context()) { () throws(any Error) in
            let product = Tensor.ones([9, 100_000]).matmul(Tensor.ones([100_000, 3]))
            #expect(try product.scalars(as: Float.self) == [Float](repeating: 100_000, count: 27))
        }
    }

    @Test func whatNoScheduleCanComputeIsRefusedByName() throws {
        try withDeviceContext(try Self.context()) { () throws(any Error) in
            let places = Tensor.zeros([100_000], dtype: .int64)
            let sums = Tensor.zeros([3]).scatterAdd(axis: 0, index: places, source: Tensor.ones([100_000]))
            do {
                let found = try sums.scalars(as: Float.self)
                #expect(found == [100_000, 0, 0])
            } catch let error as TensorError {
                #expect(error.kind == .unsupported)
                #expect(error.message.contains("ends them after 65535"))
            }
        }
    }
}
