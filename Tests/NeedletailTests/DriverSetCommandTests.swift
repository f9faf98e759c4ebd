import Foundation
import Needletail
import TestSupport
import Testing

/// `needletail devices` with every set of drivers: right, and without a crash.
@Suite(.serialized, .enabled(if: OpenCLTesting.areWanted && VulkanTesting.areWanted, "tests are without drivers"))
struct DriverSetCommandTests {
    private static let lavapipe = VulkanTesting.Driver.lavapipe.manifest
    private static let swiftShader = VulkanTesting.Driver.swiftShader.manifest
    private static let noOpenCL = ["NEEDLETAIL_OPENCL": "none"]
    private static let noVulkan = ["NEEDLETAIL_VULKAN": "none"]

    /// A set of drivers.
    struct Drivers: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let environment: [String: String]
        /// Parts of the names of the devices that are there beside the CPU, by ID.
        let devices: [String: String]
        /// Parts of the reasons why others are not.
        var reasons: [String] = []
    }

    static let sets = [
        Drivers(
            testDescription: "nothing", environment: noOpenCL.merging(noVulkan) { $1 }, devices: [:],
            reasons: ["NEEDLETAIL_OPENCL is none", "NEEDLETAIL_VULKAN is none"]),
        Drivers(testDescription: "PoCL", environment: noVulkan, devices: ["opencl:0": ""]),
        Drivers(
            testDescription: "lavapipe", environment: noOpenCL.merging(["VK_DRIVER_FILES": lavapipe]) { $1 },
            devices: ["vulkan:0": "llvmpipe"]),
        Drivers(
            testDescription: "SwiftShader", environment: noOpenCL.merging(["VK_DRIVER_FILES": swiftShader]) { $1 },
            devices: ["vulkan:0": "SwiftShader"]),
        Drivers(
            testDescription: "all", environment: ["VK_DRIVER_FILES": "\(lavapipe):\(swiftShader)"],
            devices: ["opencl:0": "", "vulkan:0": "", "vulkan:1": ""]),
        Drivers(
            testDescription: "broken OpenCL",
            environment: ["NEEDLETAIL_OPENCL": "/nowhere/libOpenCL.so.1"].merging(noVulkan) { $1 },
            devices: [:], reasons: ["/nowhere/libOpenCL.so.1"]),
        Drivers(
            testDescription: "broken Vulkan",
            environment: noOpenCL.merging(["VK_DRIVER_FILES": "/nowhere/icd.json"]) { $1 }, devices: [:],
            reasons: ["/nowhere/icd.json"]),
        Drivers(
            testDescription: "no library",
            environment: ["NEEDLETAIL_OPENCL": "/etc/passwd", "NEEDLETAIL_VULKAN": "/etc/passwd"],
            devices: [:], reasons: ["/etc/passwd"]),
    ]

    @Test(arguments: sets) func theListIsRight(_ drivers: Drivers) throws {
        let cache = TemporaryDirectory()
        let environment = drivers.environment.merging(["NEEDLETAIL_CACHE": cache.path]) { $1 }
        let json = try NeedletailTool.run(["devices", "--json"], environment: environment)
        #expect(json.code == 0, "\(json)")
        let events = try json.events()
        let devices = events.filter { $0["event"]?.text == "device" }
        #expect(Set(devices.compactMap { $0["device"]?.text }) == Set(["cpu"] + drivers.devices.keys), "\(json)")
        for device in devices {
            let id = device["device"]?.text ?? ""
            let name = device["name"]?.text ?? ""
            if let part = drivers.devices[id], !part.isEmpty { #expect(name.contains(part), "\(id) is \(name)") }
            // Nothing here is an accelerator.
            #expect(device["kind"]?.text == (id == "cpu" ? "cpu" : "software"))
            #expect(device["chosen"]?.number == (id == "cpu" ? 1 : 0))
            #expect(device["accelerator_index"]?.number == nil)
            #expect(device["works"]?.number == 1, "\(device)")
            #expect(device["memory"]?.number ?? 0 > 0 && device["driver"]?.text?.isEmpty == false)
            #expect((device["platform"]?.text == nil) == (id == "cpu"))
            if id.hasPrefix("vulkan") { #expect(device["uuid"]?.text?.hasPrefix("uuid:") == true) }
        }
        for reason in drivers.reasons {
            let told = events.contains {
                $0["event"]?.text == "left_out" && $0["reason"]?.text?.contains(reason) == true
            }
            #expect(told, "nothing about \(reason): \(json)")
        }
        let choice = try #require(events.last)
        #expect(choice["event"]?.text == "choice" && choice["device"]?.text == "cpu", "\(json)")
        let text = drivers.devices.isEmpty ? "there is no accelerator" : "there is no accelerator, only software"
        #expect(choice["reason"]?.text == text, "\(json)")

        let plain = try NeedletailTool.run(["devices"], environment: environment)
        #expect(plain.code == 0 && plain.output.contains("\n* cpu "), "\(plain)")
        for id in drivers.devices.keys { #expect(plain.output.contains("\n  \(id) "), "\(plain)") }
        #expect(plain.output.hasSuffix("chosen: cpu, because \(text)\n"), "\(plain)")
    }
}
