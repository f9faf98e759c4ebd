import Foundation
import OpenCLBackend
import TensorRuntime
import Testing

/// What is found, and what is said of the rest. Loaders read their environment once a process, so that what they make of
/// it is seen in subprocesses.
@Suite struct ProbeTests {
    private static func probe(loader: String) -> ProbeReport {
        var configuration = RuntimeConfiguration()
        configuration.openCLLoader = loader
        return OpenCLBackend(configuration: configuration).probe()
    }

    @Test(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
    func probingOpensNothing() throws {
        let backend = OpenCLBackend(configuration: RuntimeConfiguration())
        let report = backend.probe()
        let calls = try #require(backend.calls)
        #expect(!report.devices.isEmpty)
        #expect(calls[.createContext] == 0 && calls[.createQueue] == 0)
        for (index, device) in report.devices.enumerated() {
            #expect(device.id == DeviceID(backend: "opencl", index: index))
            #expect(!device.name.isEmpty && !device.driver.isEmpty)
            #expect(device.maximumAllocation > 0 && device.maximumAllocation <= device.memory)
            #expect(device.families.isSuperset(of: KernelFamily.required))
        }
    }

    @Test func aMissingLoaderIsANote() {
        let report = Self.probe(loader: "/nowhere/libOpenCL.so.1")
        #expect(report.devices.isEmpty)
        #expect(report.notes.count == 1)
        #expect(report.notes.first?.hasPrefix("no OpenCL loader: /nowhere/libOpenCL.so.1: ") == true)
    }

    @Test func aLibraryThatIsNoLoaderIsANote() {
        let report = Self.probe(loader: "libm.so.6")
        #expect(report.devices.isEmpty)
        #expect(report.notes.first?.contains("libm.so.6 has no cl") == true)
    }

    @Test func openCLCanBeSwitchedOff() {
        #expect(Self.probe(loader: "none").notes == ["switched off: NEEDLETAIL_OPENCL is none"])
    }

    @Test func aDeviceThatIsNotThereIsSaidToBe() {
        var configuration = RuntimeConfiguration()
        configuration.openCLLoader = "none"
        let backend = OpenCLBackend(configuration: configuration)
        let error = tensorError { _ = try backend.open(index: 0, configuration: configuration) }
        #expect(error?.kind == .deviceUnavailable)
        #expect(error?.message == "device opencl:0 is not there: switched off: NEEDLETAIL_OPENCL is none")
    }
}

/// The built `needletail devices` where drivers are missing or broken.
@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct BrokenDriverTests {
    private static let pocl = "/etc/OpenCL/vendors/pocl.icd"
    private let vendors = ScratchDirectory()

    /// Standard output of `needletail devices`, which must succeed whatever the drivers are.
    private func devices(_ environment: [String: String]) throws -> String {
        let process = Process()
        process.executableURL = URL(
            fileURLWithPath: try #require(NeedletailProgram.path, "there is no built needletail"))
        process.arguments = ["devices"]
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("NEEDLETAIL_") }
            .merging(["OCL_ICD_VENDORS": vendors.path]) { $1 }.merging(environment) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self)
    }

    @Test func aLoaderWithoutDriversLeavesTheCPU() throws {
        let text = try devices([:])
        #expect(text.contains("opencl: a loader and no platform"), "\(text)")
        #expect(text.contains("* cpu ") && !text.contains("opencl:0"))
    }

    @Test func aDriverThatCannotBeLoadedIsNamed() throws {
        vendors.write("libneedletail-missing.so.1\n", to: "broken.icd")
        let text = try devices([:])
        let file = "\(vendors.path)/broken.icd"
        #expect(
            text.contains("opencl: \(file) names libneedletail-missing.so.1, which cannot be loaded: "), "\(text)")
        #expect(text.contains("* cpu ") && !text.contains("opencl:0"))
    }

    @Test func aBrokenDriverTakesNoOtherDown() throws {
        vendors.write("libneedletail-missing.so.1\n", to: "broken.icd")
        vendors.write(try String(contentsOfFile: Self.pocl, encoding: .utf8), to: "pocl.icd")
        let text = try devices([:])
        #expect(text.contains("broken.icd names libneedletail-missing.so.1"), "\(text)")
        #expect(text.contains("opencl:0"))
    }

    @Test func aDeviceThatCannotBuildProgramsIsSaidToBe() throws {
        vendors.write(try String(contentsOfFile: Self.pocl, encoding: .utf8), to: "pocl.icd")
        let cache = ScratchDirectory()
        let text = try devices([
            "POCL_EXTRA_BUILD_FLAGS": "-Dfloat=@@", "NEEDLETAIL_CACHE": cache.path, "POCL_CACHE_DIR": cache.path,
        ])
        #expect(text.contains("opencl:0") && text.contains("* cpu "), "\(text)")
        #expect(text.contains("cannot be used: opencl:0: ") && text.contains("cannot build kernel"), "\(text)")
    }

    @Test func noLoaderLeavesTheCPU() throws {
        let text = try devices(["NEEDLETAIL_OPENCL": "/nowhere/libOpenCL.so.1"])
        #expect(text.contains("opencl: no OpenCL loader: /nowhere/libOpenCL.so.1"), "\(text)")
        #expect(text.contains("* cpu "))
        #expect(try devices(["NEEDLETAIL_OPENCL": "none"]).contains("opencl: switched off"))
    }
}

/// The built `needletail`, beside the test bundle.
enum NeedletailProgram {
    static let path: String? = {
        var folders = [URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()]
        // swift-testing's helper lies elsewhere; its argument names the bundle.
        for text in CommandLine.arguments where text.hasSuffix(".xctest") {
            folders.append(URL(fileURLWithPath: text).deletingLastPathComponent())
        }
        let paths = folders.flatMap { folder in
            ["needletail", "NeedletailCLI"].map { folder.appendingPathComponent($0).path }
        }
        return paths.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()
}
