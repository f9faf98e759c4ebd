import Foundation
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// The built `needletail devices` where loaders and drivers have faults that no driver on this machine has: `FakeLoader/loader.c`
/// stands in front of lavapipe's and answers as one that has them.
@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct VulkanDriverFaultTests {
    struct Fault: CustomTestStringConvertible {
        let testDescription: String
        let reason: String
        /// Whether the device is listed, and the reason stands below it.
        let isListed: Bool

        init(_ name: String, _ reason: String, isListed: Bool = false) {
            testDescription = name
            self.reason = reason
            self.isListed = isListed
        }
    }

    private static let faults = [
        Fault("an old loader", "is older than Vulkan 1.1"),
        Fault("no instance", "the loader makes no instance: VK_ERROR_INITIALIZATION_FAILED"),
        Fault("no device", "no driver has a device here"),
        Fault("an old driver", " has Vulkan 1.0.65, and Vulkan 1.1 is needed"),
        Fault("no compute queue", " has no queue that computes"),
        Fault("few buffers", " binds 3 buffers to a kernel, and 4 are needed"),
        Fault("a device that does not open", " cannot be opened: VK_ERROR_INITIALIZATION_FAILED", isListed: true),
        Fault("no pipeline", " cannot build kernel ", isListed: true),
        Fault("a lost device", "submitting work: VK_ERROR_DEVICE_LOST; the device is lost", isListed: true),
        Fault("no memory", " bytes: VK_ERROR_OUT_OF_DEVICE_MEMORY", isListed: true),
    ]

    @Test(arguments: faults) func aFaultIsSaidAndLeavesTheCPU(_ fault: Fault) throws {
        let result = try Self.run(["devices"], fault: fault.testDescription)
        #expect(result.code == 0, "\(result)")
        let lines = result.output.split(separator: "\n").filter { $0.contains(fault.reason) }
        #expect(lines.count == 1, "\(result.output)")
        #expect(lines.first?.hasPrefix(fault.isListed ? "    cannot be used: vulkan:0: " : "  vulkan: ") == true)
        #expect(result.output.contains("  vulkan:0  ") == fault.isListed)
        #expect(result.output.contains("* cpu ") && result.output.contains("chosen: cpu"), "\(result.output)")
    }

    /// Without a fault the fake loader is the real one.
    @Test func withoutAFaultTheDeviceWorksAndItsQuirksAreListed() throws {
        let result = try Self.run(["devices"], fault: "none")
        #expect(result.code == 0 && result.output.contains("  vulkan:0  "), "\(result)")
        #expect(!result.output.contains("cannot be used"), "\(result.output)")
        #expect(result.output.contains("    works around vulkan.short-loops\n"), "\(result.output)")
        let forced = try Self.run(
            ["devices", "--json"], fault: "none", ["NEEDLETAIL_QUIRKS": "vulkan.serial=on,vulkan.short-loops=off"])
        #expect(forced.output.contains(#""quirks":["vulkan.serial"]"#), "\(forced)")
    }

    @Test func aProgramThatNamesTheLostDeviceEndsWithTheReason() throws {
        let result = try Self.run(
            ["kernels", "time", "--device", "vulkan", "--model", "mlp-small", "--steps", "1"], fault: "a lost device")
        // 69: the device cannot be had.
        #expect(result.code == 69)
        #expect(result.errors.contains("VK_ERROR_DEVICE_LOST; the device is lost"), "\(result)")
    }

    private static func run(
        _ arguments: [String], fault: String, _ environment: [String: String] = [:]
    ) throws -> NeedletailTool.Result {
        let cache = TemporaryDirectory()
        return try NeedletailTool.run(
            arguments,
            environment: [
                "NEEDLETAIL_CACHE": cache.path, "NEEDLETAIL_OPENCL": "none", "FAKE_VULKAN": fault,
                "NEEDLETAIL_VULKAN": try loader.get(), "VK_DRIVER_FILES": VulkanTesting.Driver.lavapipe.manifest,
            ].merging(environment) { $1 })
    }

    private struct NotBuilt: Error, CustomStringConvertible {
        let description: String
    }

    private static let place = TemporaryDirectory()

    /// The fake loader, built once a process by the toolchain's own compiler.
    private static let loader = Result<String, any Error> {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("FakeLoader/loader.c").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["clang", "-std=gnu11", "-shared", "-fPIC", "-o", place.path("libfake.so"), source]
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw NotBuilt(description: "clang, which comes with Swift, cannot build \(source): \(text)")
        }
        return place.path("libfake.so")
    }
}
