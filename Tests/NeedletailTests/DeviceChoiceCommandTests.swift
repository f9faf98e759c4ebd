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
        let broken = loader.environment(fault: .noContext)
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
        let broken = loader.environment(fault: .noContext)
        let result = try run(command + ["--device", "opencl"], broken)
        #expect(result.code == 69, "\(result)")
        #expect(result.errorLines.count == 1 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("opencl:0: Made-up GPU cannot be opened: CL_OUT_OF_RESOURCES"), "\(result)")
    }

    /// What each fault is said to be: which no list of devices shows.
    private static func complaint(_ fault: MadeUpLoader.Fault) -> String {
        let notUsed = "is not used, because it fails the self-test 'matrix product': "
        return switch fault {
        case .noContext: "opencl:0: Made-up GPU cannot be opened: CL_OUT_OF_RESOURCES"
        case .noProgram: "opencl:0: Made-up GPU \(notUsed)opencl:0: Made-up GPU cannot build kernel "
        case .noWork: "opencl:0: Made-up GPU \(notUsed)it computes -7.0 where 7.0 is right; try another driver"
        }
    }

    /// What is told, but for that kernels are compiled, which takes its time.
    private static func complaints(_ result: NeedletailTool.Result) -> [Substring] {
        result.errorLines.filter { !$0.hasPrefix("needletail: compiling ") }
    }

    @Test(arguments: MadeUpLoader.Fault.allCases)
    func aDeviceThatBuildsNothingOrComputesWrongNumbersIsRefused(_ fault: MadeUpLoader.Fault) throws {
        let broken = loader.environment(fault: fault)
        let auto = try run(["kernels", "dump", "--model", "mlp-small"], broken)
        #expect(auto.code == 0 && auto.output.contains("on cpu"), "\(auto)")
        #expect(Self.complaints(auto).count == 1, "\(auto.errors)")
        #expect(auto.errors.contains("opencl:0 is left out, because it cannot be opened: "), "\(auto.errors)")
        #expect(auto.errors.contains(Self.complaint(fault)), "\(auto.errors)")
        let named = try run(["kernels", "dump", "--model", "mlp-small", "--device", "opencl"], broken)
        #expect(named.code == 69 && Self.complaints(named).count == 1 && named.output.isEmpty, "\(named)")
        #expect(named.errors.contains(Self.complaint(fault)), "\(named.errors)")
        let list = try run(["devices"], broken)
        #expect(list.code == 0 && list.output.contains("    cannot be used: \(Self.complaint(fault))"), "\(list)")
    }

    /// What passed is kept for the driver, and what failed is tried again.
    @Test func theSelfTestRunsOnceForADriver() throws {
        let good = loader.environment()
        #expect(try run(["devices"], loader.environment(fault: .noWork)).code == 0)
        #expect(cache.files(in: "self-test").isEmpty)
        #expect(try run(["devices"], good).code == 0)
        #expect(cache.files(in: "self-test").count == 1)
        // It passed with this driver, so nothing is tried before the work itself.
        let list = try run(["devices"], loader.environment(fault: .noWork))
        #expect(list.output.contains("    cannot be used: ") && !list.output.contains("self-test"), "\(list)")
        #expect(try run(["devices"], loader.environment(name: "Another GPU")).code == 0)
        #expect(cache.files(in: "self-test").count == 2)
    }

    @Test(arguments: [["train"], ["op"], ["plan"]])
    func theBenchmarksSayItInOneLineToo(_ command: [String]) throws {
        let broken = loader.environment(fault: .noContext).merging(["NEEDLETAIL_VULKAN": "none"]) { $1 }
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

    @Test func backendsOptionsAreListedWithTheirValues() throws {
        let environment = ["NEEDLETAIL_OPENCL": "none", "NEEDLETAIL_THREADS": "3"]
        let plain = try run(["devices"], environment)
        #expect(plain.code == 0, "\(plain)")
        let rows = plain.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.contains { $0 == ["OPTION", "VALUE", "VARIABLE", "ACCEPTS"] }, "\(plain)")
        #expect(
            rows.contains { Array($0.prefix(4)) == ["cpu", "threads", "3", "NEEDLETAIL_THREADS"] }, "\(plain)")
        #expect(rows.contains { Array($0.prefix(4)) == ["opencl", "loader", "none", "NEEDLETAIL_OPENCL"] }, "\(plain)")
        #expect(rows.contains { Array($0.prefix(4)) == ["cpu", "instruction-set", "-", "NEEDLETAIL_ISA"] }, "\(plain)")
        let events = try run(["devices", "--json"], environment).events().filter { $0["event"]?.text == "option" }
        let names = events.map { "\($0["backend"]?.text ?? "") \($0["option"]?.text ?? "")" }
        #expect(
            names == [
                "opencl loader", "opencl vendors", "opencl schedule-class", "vulkan loader", "vulkan drivers",
                "vulkan schedule-class", "cpu threads", "cpu instruction-set", "cpu blas",
            ])
        let threads = try #require(events.first { $0["option"]?.text == "threads" })
        #expect(threads["value"]?.text == "3" && threads["set_by"]?.text == "NEEDLETAIL_THREADS")
        #expect(threads["accepts"]?.text == "a whole number of 1 to 4096")
        let blas = try #require(events.first { $0["option"]?.text == "blas" })
        #expect(blas["value"]?.text == nil && blas["set_by"]?.text == nil)
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
        #expect(preference["kept"]?.text == cache.path("devices/measured.json"))
    }

    /// A measurement is kept, `auto` goes by it, and says so, until it is forgotten or other devices are there.
    @Test func autoGoesByWhatWasMeasuredUntilItIsForgotten() throws {
        let gpu = loader.environment()
        let file = cache.path("devices/measured.json")
        let measured = try run(["devices", "--measure"], gpu)
        #expect(measured.code == 0 && measured.output.contains("auto goes by it from now on (\(file))"), "\(measured)")
        /// Whichever is the faster: the test decides, by what is in the file.
        func keep(cpu: Double, gpu: Double) throws {
            var object = try #require(
                JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any])
            var rows = try #require(object["rows"] as? [[String: Any]])
            #expect(rows.count == 2)
            for index in rows.indices {
                rows[index]["gigaflops"] = rows[index]["device"] as? String == "cpu" ? cpu : gpu
            }
            object["rows"] = rows
            try JSONSerialization.data(withJSONObject: object).write(to: URL(fileURLWithPath: file))
        }
        func choice(_ environment: [String: String]) throws -> String {
            let result = try run(["devices"], environment)
            #expect(result.code == 0, "\(result)")
            return String(result.output.split(separator: "\n").last ?? "")
        }
        let best = "chosen: opencl:0, because Made-up GPU is the best accelerator"
        try keep(cpu: 1, gpu: 2.54)
        #expect(
            try choice(gpu)
                == "chosen: opencl:0, because Made-up GPU is the fastest that was measured, with 2.5 GFLOP/s")
        try keep(cpu: 40, gpu: 2)
        let slow = try choice(gpu)
        #expect(slow.hasPrefix("chosen: cpu, because "), "\(slow)")
        #expect(slow.hasSuffix(" is the fastest that was measured, with 40.0 GFLOP/s"), "\(slow)")
        // Nothing is known of a device of another name.
        #expect(
            try choice(loader.environment(name: "Another GPU"))
                == "chosen: opencl:0, because Another GPU is the best accelerator")
        let forgotten = try run(["devices", "--forget"], gpu)
        #expect(forgotten.output.hasSuffix("forgotten: \(file)\n\(best)\n"), "\(forgotten)")
        #expect(try choice(gpu) == best)
        #expect(try run(["devices", "--forget"], gpu).output.contains("\nnothing measured was kept\n"))
        #expect(try run(["devices", "--forget", "--measure"], gpu).code == 64)
        cache.write("no JSON", to: "devices/measured.json")
        let spoilt = try run(["devices"], gpu)
        #expect(spoilt.code == 0 && spoilt.output.hasSuffix("\(best)\n"), "\(spoilt)")
        #expect(spoilt.errors.contains("\(file) is no measurement that can be read"), "\(spoilt.errors)")
        let homeless = try run(["devices", "--measure"], ["NEEDLETAIL_CACHE": "none", "NEEDLETAIL_BACKENDS": "cpu"])
        #expect(homeless.code == 0, "\(homeless)")
        #expect(homeless.output.contains("the measurement is not kept: NEEDLETAIL_CACHE is none"), "\(homeless)")
    }
}
