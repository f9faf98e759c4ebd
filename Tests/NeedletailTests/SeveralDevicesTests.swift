import Needletail
import NeedletailTraining
import OpenCLBackend
import TensorGraph
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// OpenCL and Vulkan in one process.
@Suite(
    .serialized,
    .enabled(
        if: VulkanTesting.areWanted && OpenCLTesting.areWanted,
        "NEEDLETAIL_TEST_WITHOUT_VULKAN or NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
struct SeveralDevicesTests {
    private static func contexts() throws -> [DeviceContext] {
        [
            try DeviceContext(device: OpenCLTesting.open().device),
            try DeviceContext(device: VulkanTesting.open().device),
        ]
    }

    @Test func twoThatTrainAtOnceGiveWhatEachGivesAlone() async throws {
        let alone = try Self.contexts().map { try train(on: $0) }
        let contexts = try Self.contexts()
        let together: [Int: [Float]] = try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
            for (number, context) in contexts.enumerated() {
                group.addTask { (number, try train(on: context)) }
            }
            var found: [Int: [Float]] = [:]
            for try await (number, numbers) in group { found[number] = numbers }
            return found
        }
        for number in 0..<2 {
            let found = try #require(together[number])
            #expect(found.map(\.bitPattern) == alone[number].map(\.bitPattern))
            #expect(found.count > 30 && found[29] < found[0])
        }
    }

    @Test func aTensorOfOneDeviceUsedWithAnothersNamesBothAndTheRemedy() throws {
        let contexts = try Self.contexts()
        let tensors = contexts.map { context in
            withDeviceContext(context) { Tensor([1, 2, 3, 4] as [Float], shape: [2, 2]) }
        }
        let (a, b) = (tensors[0], tensors[1])
        let places = withDeviceContext(contexts[1]) { Tensor([[0, 1], [1, 0]]) }
        let row = withDeviceContext(contexts[1]) { Tensor([0, 1]) }
        let calls: [(name: String, make: () -> Any)] = [
            ("+", { a + b }), (".<", { a .< b }), ("maximum", { maximum(a, b) }), ("pow", { a.pow(b) }),
            ("matmul", { a.matmul(b) }), ("linear", { Tensor.linear(a, b) }),
            ("linear", { Tensor.linear(a, a, bias: b[0]) }),
            ("conv2d", { Tensor.conv2d(a.reshape([1, 1, 2, 2]), weight: b.reshape([1, 1, 2, 2])) }),
            ("concatenate", { Tensor.concatenate([a, b]) }), ("stack", { Tensor.stack([a, b]) }),
            ("where", { Tensor.where(a .> 0, b, a) }), ("where", { Tensor.where(a .> 0, a, b) }),
            ("subscript", { a[row] }), ("gather", { a.gather(axis: 0, index: places) }),
            ("indexSelect", { a.indexSelect(index: row) }),
            ("scatterAdd", { a.scatterAdd(axis: 0, index: places, source: a) }),
            ("scatterAdd", { a.scatterAdd(axis: 0, index: places, source: b) }),
            ("crossEntropy", { crossEntropy(a, row) }), ("Accuracy", { Accuracy().update(a, row) }),
            ("mseLoss", { mseLoss(a, b) }),
            ("backward", { a.requiringGrad().square().backward(gradient: b) }),
        ]
        for (name, make) in calls {
            let error = tensorError { _ = try checked { make() } }
            let message = error?.message ?? "no error"
            #expect(error?.kind == .invalidArgument, "\(name): \(message)")
            for text in [name, "\(a.device)", "\(b.device)", "to(device: "] {
                #expect(message.contains(text), "\(name): no \(text) in: \(message)")
            }
        }
        // Neither is spoilt.
        for tensor in tensors { #expect(try (tensor + 1).scalars(as: Float.self) == [2, 3, 4, 5]) }
    }
}

/// The losses of some steps, dropout on, and the weights behind them.
private func train(on context: DeviceContext) throws -> [Float] {
    try withDeviceContext(context) { () throws(any Error) in
        let training = SmallTraining()
        var numbers: [Float] = []
        try training.run(30, after: { _, step in numbers.append(try step.loss.item(as: Float.self)) })
        return numbers + (try training.weights())
    }
}
