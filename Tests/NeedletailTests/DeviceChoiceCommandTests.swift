import Foundation
import Needletail
import TestSupport
import Testing

/// Which device the programs take, and what they say of it, on drivers that are not there, broken, or not what they say.
@Suite(.serialized, .enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
struct DeviceChoiceCommandTests {
    private let cache = TemporaryDirectory()
    private let loader: MadeUpLoader

    init() throws { loader = try MadeUpLoader() }

    private func run(_ arguments: [String], _ environment: [String: String]) throws -> NeedletailTool.Result {
        try NeedletailTool.run(
            arguments,
            environment: ["NEEDLETAIL_VULKAN": "none", "NEEDLETAIL_CACHE": cache.path].merging(environment) { $1 })
    }

    private func device(_ name: String, _ environment: [String: String]) throws -> [String: NeedletailTool.JSONEvent] {
        let result = try run(["devices", "--json"], environment)
        #expect(result.code == 0, "\(result)")
        return try #require(try result.events().first { $0["device"]?.text == name }, "\(result)")
    }

    @Test func anAcceleratorWithoutAContextGivesWayWithANotice() throws {
        let data = MadeUpMNIST()
        let broken = loader.environment(isBroken: true)
        for device in [[], ["--device", "auto"]] {
            let result = try run(
                ["train", "mnist", "--model", "mlp-small", "--data", data.path, "--json"] + device, broken)
            #expect(result.code == 0, "\(result)")
            #expect(result.errorLines.count == 1, "\(result)")
            #expect(
                result.errors.hasPrefix(
                    "needletail: opencl:0 is left out, because it cannot be opened: opencl:0: Made-up GPU"),
                "\(result)")
            #expect(try result.events().last?["device"]?.text == "cpu")
        }
        let list = try run(["devices"], broken)
        #expect(list.code == 0 && list.output.contains("* cpu "), "\(list)")
        #expect(list.output.contains("cannot be used: opencl:0: Made-up GPU cannot be opened"), "\(list)")
        #expect(list.output.contains("chosen: cpu, because no accelerator can be opened"), "\(list)")
    }

    @Test(arguments: [
        ["train", "mnist"], ["evaluate", "--checkpoint", "none.safetensors"], ["kernels", "dump"], ["kernels", "time"],
        ["tune"],
    ]) func aNamedDeviceThatCannotBeOpenedIsOneLine(_ command: [String]) throws {
        let broken = loader.environment(isBroken: true)
        let result = try run(command + ["--device", "opencl"], broken)
        #expect(result.code == 69, "\(result)")
        #expect(result.errorLines.count == 1 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("opencl:0: Made-up GPU cannot be opened: CL_OUT_OF_RESOURCES"), "\(result)")
    }

    @Test(arguments: [["train"], ["op"], ["plan"]])
    func theBenchmarksSayItInOneLineToo(_ command: [String]) throws {
        let broken = loader.environment(isBroken: true).merging(["NEEDLETAIL_VULKAN": "none"]) { $1 }
        let result = try NeedletailTool.run(
            command + ["--device", "opencl"], environment: broken,
            program: NeedletailTool.program("needletail-bench"))
        #expect(result.code == 69, "\(result)")
        #expect(result.errorLines.count == 1 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("opencl:0: Made-up GPU cannot be opened"), "\(result)")
    }

    @Test func anAcceleratorIsTakenUnasked() throws {
        let found = try device("opencl:0", loader.environment())
        #expect(found["kind"]?.text == "integratedGPU" && found["accelerator_index"]?.number == 0)
        #expect(found["chosen"]?.number == 1 && found["name"]?.text == "Made-up GPU")
        // A named device wins, and the accelerator is left alone.
        let cpu = loader.environment().merging(["NEEDLETAIL_DEVICE": "cpu"]) { $1 }
        #expect(try device("cpu", cpu)["chosen"]?.number == 1)
    }

    /// A simulator that says it is a GPU and all else, one that says it is a GPU alone, what says it is both a processor and a
    /// GPU, and a processor that says it is a GPU.
    private static let software =
        [(15, "Oclgrind Simulator"), (4, "Oclgrind Simulator"), (6, "Anything")]
        + (processorName.map { [(4, $0)] } ?? [])

    /// As the system calls it; nil where it does not.
    private static let processorName: String? = {
        let lines = FileManager.default.contents(atPath: "/proc/cpuinfo").map { String(decoding: $0, as: UTF8.self) }
        let line = lines?.components(separatedBy: "\n").first { $0.hasPrefix("model name") }
        return line?.components(separatedBy: ": ").last
    }()

    @Test(arguments: software)
    func whatComputesOnTheProcessorIsSoftwareWhateverItSaysItIs(_ type: Int, _ name: String) throws {
        let found = try device("opencl:0", loader.environment(type: type, name: name))
        #expect(found["kind"]?.text == "software" && found["chosen"]?.number == 0, "\(found)")
    }

    @Test func softwareIsNamedOnceWhereItIsAllThereIs() throws {
        let auto = try run(["kernels", "dump", "--model", "mlp-small"], [:])
        #expect(auto.code == 0 && auto.output.contains("on cpu"), "\(auto.errors)")
        #expect(auto.errors == "needletail: no accelerator, only software (opencl:0): taking cpu\n")
        let named = try run(["kernels", "dump", "--model", "mlp-small", "--device", "opencl"], [:])
        #expect(named.code == 0 && named.output.contains("on opencl:0"), "\(named.errors)")
        #expect(named.errorLines.filter { $0.contains("opencl:0 is software: ") }.count == 1, "\(named.errors)")
    }

    @Test func backendsCanBeLeftOut() throws {
        let only = try run(["devices"], ["NEEDLETAIL_BACKENDS": "vulkan"])
        #expect(only.code == 0 && only.output.contains("* cpu ") && !only.output.contains("opencl"), "\(only)")
        let refused = try run(
            ["kernels", "dump", "--device", "opencl"], ["NEEDLETAIL_BACKENDS": "cpu,vulkan"])
        #expect(refused.code == 69 && refused.errorLines.count == 1, "\(refused)")
        #expect(
            refused.errors.contains("NEEDLETAIL_BACKENDS is 'cpu,vulkan', which leaves opencl out; there are: cpu"),
            "\(refused)")
        let unknown = try run(["devices"], ["NEEDLETAIL_BACKENDS": "cpu,metal"])
        #expect(unknown.code == 64 && unknown.errorLines.count == 1, "\(unknown)")
        #expect(unknown.output.contains("  cpu ") && unknown.output.contains("  opencl:0 "), "\(unknown)")
        #expect(unknown.errors.contains("names 'metal', which no backend is called; there are: opencl, vulkan, cpu"))
    }

    @Test func aWrongNameListsWhatThereIs() throws {
        for name in ["metal", "opencl:9", "what is this"] {
            let result = try run(["devices"], ["NEEDLETAIL_DEVICE": name])
            let errors = result.errorLines.filter { $0.hasPrefix("needletail: error: ") }
            #expect(result.code == 69 && errors.count == 1, "\(result)")
            #expect(result.errors.contains("NEEDLETAIL_DEVICE is '\(name)': "), "\(result)")
            #expect(result.errors.contains("; there are: opencl:0 (") && result.errors.contains(", software), cpu"))
            #expect(result.output.contains("  cpu ") && result.output.contains("  opencl:0 "), "\(result)")
        }
    }

    @Test func devicesAreMeasured() throws {
        let plain = try run(["devices", "--measure"], [:])
        #expect(plain.code == 0, "\(plain)")
        let lines = plain.output.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("  cpu: ") && $0.contains(" GFLOP/s, copies ") }, "\(plain)")
        #expect(lines.contains { $0.hasPrefix("  opencl:0: ") && $0.hasSuffix(" GB/s, software") }, "\(plain)")
        #expect(lines.contains { $0.hasPrefix("preferred: ") && $0.hasSuffix(" GFLOP/s") }, "\(plain)")
        let events = try run(["devices", "--measure", "--json"], ["NEEDLETAIL_BACKENDS": "cpu"]).events()
        let preference = try #require(events.first { $0["event"]?.text == "preference" })
        #expect(preference["device"]?.text == "cpu" && preference["gigaflops"]?.number ?? 0 > 0)
    }
}
