import Foundation
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// What is found, and what is said of the rest.
@Suite struct VulkanProbeTests {
    private static func probe(loader: String) -> ProbeReport {
        var configuration = RuntimeConfiguration()
        configuration.vulkanLoader = loader
        return VulkanBackend(configuration: configuration).probe()
    }

    @Test func aMissingLoaderIsANote() {
        let report = Self.probe(loader: "/nowhere/libvulkan.so.1")
        #expect(report.devices.isEmpty)
        #expect(report.notes.first?.hasPrefix("no Vulkan loader: /nowhere/libvulkan.so.1: ") == true)
    }

    @Test func aLibraryThatIsNoLoaderIsANote() {
        let report = Self.probe(loader: "libm.so.6")
        #expect(report.devices.isEmpty)
        #expect(report.notes.first?.contains("libm.so.6 has no vkGetInstanceProcAddr") == true)
    }

    @Test func vulkanCanBeSwitchedOff() {
        #expect(Self.probe(loader: "none").notes == ["switched off: NEEDLETAIL_VULKAN is none"])
    }

    @Test(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
    func softwareDevicesAreNeverChosen() throws {
        for driver in VulkanTesting.Driver.allCases {
            let description = try VulkanTesting.open(driver).device.description
            #expect(description.kind == .software && !description.kind.isAccelerator)
            #expect(description.driver.contains("Vulkan 1.3"), "\(description)")
            #expect(description.physicalIDs.map(\.description).allSatisfy { $0.hasPrefix("uuid:") })
            #expect(description.physicalIDs.count == 1)
        }
    }

    @Test(
        .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"),
        arguments: VulkanTesting.Driver.allCases)
    func driversPassTheSelfTestOnceForAllProcesses(_ driver: VulkanTesting.Driver) throws {
        let cache = TemporaryDirectory()
        let first = try VulkanTesting.open(
            driver, { $0.testsDevices = true }, configure: { $0.cacheDirectory = cache.path })
        #expect(first.calls[.dispatch] >= 6)
        let second = try VulkanTesting.open(
            driver, { $0.testsDevices = true }, configure: { $0.cacheDirectory = cache.path })
        #expect(second.calls[.dispatch] == 0)
    }
}

/// The built `needletail devices` where drivers are missing or broken.
@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct VulkanBrokenDriverTests {
    private let files = TemporaryDirectory()

    /// Standard output of `needletail devices`, which must succeed whatever the drivers are.
    private func devices(_ environment: [String: String]) throws -> String {
        let own = ["NEEDLETAIL_CACHE": files.path, "NEEDLETAIL_OPENCL": "none"]
        let result = try NeedletailTool.run(["devices"], environment: own.merging(environment) { $1 })
        #expect(result.code == 0, "\(result)")
        return result.output
    }

    /// Whether a line of the table shows a device under a name.
    private func shows(_ table: String, _ device: String, _ name: String) -> Bool {
        table.split(separator: "\n").contains { $0.contains("\(device) ") && $0.contains(name) }
    }

    @Test func aLoaderWithoutDriversLeavesTheCPU() throws {
        let text = try devices(["VK_DRIVER_FILES": files.path])
        #expect(text.contains("vulkan: a loader and no driver"), "\(text)")
        #expect(text.contains("* cpu ") && !text.contains("vulkan:0"))
    }

    @Test func aDriverThatCannotBeLoadedIsNamedAndTakesNoOtherDown() throws {
        let file = files.write(
            #"{"file_format_version": "1.0.0", "ICD": {"library_path": "libneedletail-missing.so", "api_version": "1.1.0"}}"#,
            to: "broken.json")
        let alone = try devices(["VK_DRIVER_FILES": file])
        #expect(
            alone.contains("vulkan: \(file) names libneedletail-missing.so, which cannot be loaded: "), "\(alone)")
        #expect(alone.contains("* cpu ") && !alone.contains("vulkan:0"))
        let both = try devices(["VK_DRIVER_FILES": "\(file):\(VulkanTesting.Driver.lavapipe.manifest)"])
        #expect(both.contains("libneedletail-missing.so, which cannot be loaded"), "\(both)")
        #expect(shows(both, "vulkan:0", "llvmpipe"), "\(both)")
        #expect(!both.contains("cannot be used"), "\(both)")
    }

    @Test func aLibraryThatIsNoDriverIsNamed() throws {
        let file = files.write(#"{"ICD": {"library_path": "libm.so.6", "api_version": "1.1.0"}}"#, to: "maths.json")
        let text = try devices(["VK_DRIVER_FILES": file])
        #expect(
            text.contains("\(file) names libm.so.6, which is no driver: it has no vk_icdGetInstanceProcAddr"), "\(text)"
        )
        let other = files.write("{", to: "nothing.json")
        #expect(try devices(["VK_DRIVER_FILES": other]).contains("\(other) names no driver library"))
        #expect(text.contains("* cpu "))
    }

    @Test func aDriverWithoutADeviceIsSaidToHaveNone() throws {
        let text = try devices(["VK_DRIVER_FILES": "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json"])
        #expect(text.contains("vulkan: no driver has a device here"), "\(text)")
        #expect(text.contains("* cpu "))
    }

    /// The mock driver answers and computes nothing. It calls itself a virtual GPU.
    @Test func aDeviceWhoseNumbersAreWrongIsNotUsed() throws {
        let text = try devices(["VK_DRIVER_FILES": VulkanTesting.mockManifest])
        #expect(shows(text, "vulkan:0", "Vulkan Mock Device"), "\(text)")
        #expect(
            text.contains("cannot be used: vulkan:0: ") && text.contains("fails the self-test 'matrix product'"),
            "\(text)")
        #expect(text.contains("* cpu "))
    }

    @Test func noLoaderLeavesTheCPU() throws {
        let text = try devices(["NEEDLETAIL_VULKAN": "/nowhere/libvulkan.so.1"])
        #expect(text.contains("vulkan: no Vulkan loader: /nowhere/libvulkan.so.1"), "\(text)")
        #expect(try devices(["NEEDLETAIL_VULKAN": "none"]).contains("vulkan: switched off"))
    }
}
