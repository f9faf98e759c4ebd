import Foundation
import Needletail
import Testing

/// The command line on lavapipe, with a cache of its own.
@Suite(.serialized, .enabled(if: VulkanTests.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanCommandTests {
    private let data = TemporaryDirectory()
    private let cache = TemporaryDirectory()

    private func run(_ arguments: [String]) throws -> NeedletailTool.Result {
        try NeedletailTool.run(
            arguments,
            environment: [
                "NEEDLETAIL_CACHE": cache.path,
                "VK_DRIVER_FILES": "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json",
            ])
    }

    @Test func trainingRunsAndTheSecondStartCompilesNothing() throws {
        TrainingSample.write(to: data, count: 100)
        let arguments = [
            "train", "mnist", "--model", "mlp-small", "--device", "vulkan", "--data", data.path, "--json",
        ]
        let first = try run(arguments)
        #expect(first.code == 0, "\(first)")
        #expect(first.errors.contains("compiling") && first.errors.contains("cached for next time"), "\(first)")
        let second = try run(arguments)
        #expect(second.code == 0 && second.errorLines.count == 1, "\(second)")
        #expect(second.errors.hasPrefix("needletail: vulkan:0 is software: llvmpipe"), "\(second)")
        let result = try #require(try second.events().last)
        #expect(result["event"]?.text == "result" && result["device"]?.text == "vulkan:0")
        #expect(try first.events().last?["test_accuracy"] == result["test_accuracy"])
    }

    @Test func kernelsOfAStepAreShownAndTimed() throws {
        let dump = try run(["kernels", "dump", "--device", "vulkan", "--model", "mlp-small"])
        #expect(dump.code == 0, "\(dump)")
        for text in ["a step of mlp-small", "matmul float32 64x784x64 NT", "workgroups", "EntryPoint", "OpFMul"] {
            #expect(dump.output.contains(text), "no \(text)")
        }
        let times = try run(["kernels", "time", "--steps", "4", "--device", "vulkan", "--model", "mlp-small"])
        #expect(times.code == 0 && times.output.contains("matmul"), "\(times)")
    }
}
