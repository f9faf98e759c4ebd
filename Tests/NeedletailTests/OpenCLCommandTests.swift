import Foundation
import Needletail
import TestSupport
import Testing

/// The command line on the first OpenCL device, with a cache of its own. Serial: compiling kernels takes the whole machine.
@Suite(.serialized, .enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
struct OpenCLCommandTests {
    private let data = TemporaryDirectory()
    private let cache = TemporaryDirectory()

    private func run(_ arguments: [String]) throws -> NeedletailTool.Result {
        try NeedletailTool.run(arguments, environment: ["NEEDLETAIL_CACHE": cache.path])
    }

    @Test func theSecondStartCompilesNothing() throws {
        TrainingSample.write(to: data, count: 100)
        let arguments = [
            "train", "mnist", "--model", "mlp-small", "--device", "opencl", "--data", data.path, "--json",
        ]
        try expectSecondStartCompilesNothing(on: "opencl:0") { try run(arguments) }
    }

    @Test func kernelsOfAStepAreShown() throws {
        let dump = try run(["kernels", "dump", "--device", "opencl", "--model", "mlp-small"])
        #expect(dump.code == 0, "\(dump)")
        for text in ["a step of mlp-small", "matmul float32 64x784x64 NT", "workgroups", "float32x"] {
            #expect(dump.output.contains(text), "no \(text)")
        }
    }

    @Test func smallWorkgroupsAreEnough() throws {
        func dump(_ size: Int, _ scheduleClass: String) throws -> NeedletailTool.Result {
            try NeedletailTool.run(
                ["kernels", "dump", "--device", "opencl", "--model", "mlp-small"],
                environment: [
                    "NEEDLETAIL_CACHE": cache.path, "NEEDLETAIL_SCHEDULE_CLASS": scheduleClass,
                    "POCL_MAX_WORK_GROUP_SIZE": "\(size)",
                ])
        }
        let small = try dump(64, "gpu")
        #expect(small.code == 0 && small.output.contains("of 64"), "\(small)")
        #expect(try dump(32, "auto").code == 0)
        // Schedules of GPUs were asked for, and none is so small.
        let none = try dump(32, "gpu")
        #expect(none.code == 1 && none.errors.contains("no gpu schedule runs with workgroups of 32"), "\(none)")
    }

    @Test func aScheduleThatCannotBeBuiltIsOutOfTheTuning() throws {
        let tuned = try NeedletailTool.run(
            ["tune", "--device", "opencl", "--model", "mlp-small", "--batch-size", "4"],
            environment: ["NEEDLETAIL_CACHE": cache.path, "POCL_EXTRA_BUILD_FLAGS": "-Dmatmul_panel4x3=+"])
        #expect(tuned.code == 0 && tuned.output.contains("kept in \(cache.path)"), "\(tuned)")
        #expect(tuned.output.contains("cannot build kernel matmul_panel4x3"), "\(tuned)")
    }

    @Test func dispatchesOfAStepAreTimed() throws {
        let arguments = ["--device", "opencl", "--model", "mlp-small", "--batch-size", "8"]
        try expectTimes(in: run(["kernels", "time", "--steps", "4"] + arguments), "matmul")
    }

    @Test func tuningKeepsTheFastestScheduleThatIsRight() throws {
        let tuned = try run(["tune", "--device", "opencl", "--model", "mlp-small", "--batch-size", "8"])
        #expect(tuned.code == 0 && tuned.output.contains("kept in \(cache.path)"), "\(tuned)")
        // Every kernel of several schedules has one that is marked.
        let lines = tuned.output.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("  * ") && $0.contains(" us ") })
        #expect(!tuned.output.contains("wrong"), "\(tuned)")
        // What is kept is taken at the next start: here another schedule of the first product.
        let product = try #require(lines.firstIndex { $0.hasPrefix("matmul") })
        let names = lines[(product + 1)...].prefix { $0.hasPrefix("  ") }
            .compactMap { $0.components(separatedBy: " us  ").last?.trimmingCharacters(in: .whitespaces) }
        // The launches of a product in slices are named without the number of slices.
        let other = try #require(names.last { !$0.contains("/") })
        #expect(names.count > 1 && other != names[0])
        let file = cache.path("tuning/" + (try #require(TemporaryDirectory.names(cache.path("tuning")).first)))
        var table = try #require(
            JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any])
        var schedules = try #require(table["schedules"] as? [String: String])
        #expect(schedules[String(lines[product])] != nil, "\(schedules)")
        schedules[String(lines[product])] = other
        table["schedules"] = schedules
        try JSONSerialization.data(withJSONObject: table).write(to: URL(fileURLWithPath: file))
        let dump = try run(["kernels", "dump", "--device", "opencl", "--model", "mlp-small", "--batch-size", "8"])
        let shown = dump.output.components(separatedBy: "\(lines[product])\n").dropFirst().first ?? ""
        let schedule = shown.components(separatedBy: "schedule ").dropFirst().first
        #expect(
            dump.code == 0 && schedule?.hasPrefix("\(other),") == true,
            "\(schedule?.prefix(60) ?? "none"), not \(other)")

        // A table that cannot be read is told, and does no harm.
        try Data("{".utf8).write(to: URL(fileURLWithPath: file))
        let without = try run(["kernels", "dump", "--device", "opencl", "--model", "mlp-small", "--batch-size", "8"])
        #expect(without.code == 0 && without.errors.contains("\(file) is no tuning table"), "\(without.errors)")
    }
}

@Suite struct TuneCommandTests {
    @Test func theCPUHasNothingToTune() throws {
        let result = try NeedletailTool.run(["tune", "--device", "cpu"])
        #expect(result.code == 1)
        #expect(result.errorLines.count == 1 && result.errors.contains("no schedules to tune"), "\(result)")
    }

    @Test func theCPUsKernelsAreShown() throws {
        let dump = try NeedletailTool.run(["kernels", "dump", "--device", "cpu", "--model", "lenet"])
        #expect(dump.code == 0)
        for text in ["a step of lenet", "convolution forward float32", "pooling maximum"] {
            #expect(dump.output.contains(text), "no \(text)")
        }
    }

    @Test func theCPUsKernelsAreTimed() throws {
        let arguments = ["--device", "cpu", "--model", "lenet", "--batch-size", "8"]
        try expectTimes(in: NeedletailTool.run(["kernels", "time", "--steps", "4"] + arguments), "convolution")
    }
}

/// Expects that a training run, started twice on an empty cache, compiles at the first start alone and gives the same bits.
func expectSecondStartCompilesNothing(on device: String, _ run: () throws -> NeedletailTool.Result) throws {
    let first = try run()
    #expect(first.code == 0, "\(first)")
    #expect(first.errors.contains("compiling") && first.errors.contains("cached for next time"), "\(first)")
    let second = try run()
    // Nothing but the warning that it is software, where it is.
    #expect(second.code == 0 && second.errorLines.count <= 1, "\(second)")
    #expect(
        second.errorLines.allSatisfy { $0.hasPrefix("needletail: \(device) is software") }, "\(second)")
    let result = try #require(try second.events().last)
    #expect(result["event"]?.text == "result" && result["device"]?.text == device)
    #expect(try first.events().last?["test_accuracy"] == result["test_accuracy"])
}

/// One line a dispatch, none without a time, their number and sum in the title.
private func expectTimes(in result: NeedletailTool.Result, _ kernel: String) throws {
    let lines = result.output.split(separator: "\n")
    try #require(result.code == 0 && lines.count > 1, "\(result)")
    func number(_ line: Substring) -> Double { line.split(separator: " ").first.flatMap { Double($0) } ?? 0 }
    let times = lines.dropFirst().map(number)
    #expect(times.allSatisfy { $0 > 0 } && lines.contains { $0.contains(kernel) }, "\(result.output)")
    #expect(lines[0].contains("\(times.count) dispatches"))
    let sum = lines[0].split(separator: ",").last.map(number) ?? 0
    #expect(abs(sum - times.reduce(0, +)) < 0.06 * Double(times.count), "\(result.output)")
}
