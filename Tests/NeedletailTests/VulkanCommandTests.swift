import Foundation
import Needletail
import TestSupport
import Testing

/// The command line on lavapipe, with a cache of its own.
@Suite(.serialized, .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanCommandTests {
    private let data = TemporaryDirectory()
    private let cache = TemporaryDirectory()

    private func run(
        _ arguments: [String], on driver: VulkanTesting.Driver = .lavapipe
    ) throws -> NeedletailTool.Result {
        try NeedletailTool.run(
            arguments, environment: ["NEEDLETAIL_CACHE": cache.path, "VK_DRIVER_FILES": driver.manifest])
    }

    @Test func trainingRunsAndTheSecondStartCompilesNothing() throws {
        TrainingSample.write(to: data, count: 100)
        let arguments = [
            "train", "mnist", "--model", "mlp-small", "--device", "vulkan", "--data", data.path, "--json",
        ]
        try expectSecondStartCompilesNothing(on: "vulkan:0") { try run(arguments) }
    }

    @Test func theDefaultModelTrainsOnSwiftShader() throws {
        TrainingSample.write(to: data, count: 300)
        func train(_ device: String) throws -> NeedletailTool.Result {
            let arguments = ["train", "mnist", "--model", "mlp", "--epochs", "2", "--data", data.path, "--json"]
            return try run(arguments + ["--device", device], on: .swiftShader)
        }
        func epochs(_ result: NeedletailTool.Result) throws -> [Double] {
            try result.events().filter { $0["event"]?.text == "epoch" }.compactMap { $0["train_loss"]?.number }
        }
        let (found, expected) = (try train("vulkan"), try train("cpu"))
        #expect(found.code == 0, "\(found)")
        let (losses, others) = (try epochs(found), try epochs(expected))
        #expect(losses.count == 2 && losses[1] < losses[0])
        for (a, b) in zip(losses, others) { #expect(abs(a - b) <= 2e-5 * abs(b), "\(a), on the CPU \(b)") }
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
