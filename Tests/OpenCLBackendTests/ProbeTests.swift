import Foundation
import OpenCLBackend
import TensorRuntime
import TestSupport
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
    private let vendors = TemporaryDirectory()

    /// Standard output of `needletail devices`, which must succeed whatever the drivers are.
    private func devices(_ environment: [String: String]) throws -> String {
        let result = try NeedletailTool.run(
            ["devices"], environment: ["OCL_ICD_VENDORS": vendors.path].merging(environment) { $1 })
        #expect(result.code == 0, "\(result)")
        return result.output
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

    @Test func aLibraryThatIsNoDriverIsNamed() throws {
        vendors.write("libm.so.6\n", to: "maths.icd")
        let text = try devices([:])
        #expect(
            text.contains("maths.icd names libm.so.6, which is no driver: it has no clGetExtensionFunctionAddress"),
            "\(text)")
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
        let cache = TemporaryDirectory()
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
