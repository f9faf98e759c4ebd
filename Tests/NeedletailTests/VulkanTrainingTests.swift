import Foundation
import Glibc
import Needletail
import Synchronization
import TensorGraph
import TensorRuntime
import Testing
import VulkanBackend

/// Training on lavapipe and SwiftShader, against the CPU, with every call and its synchronisation validated.
@Suite(.serialized, .enabled(if: VulkanTests.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanTrainingTests {
    private static func losses(on device: DeviceID) throws -> [Double] {
        try withDevice(device) {
            var losses: [Double] = []
            try SmallTraining().run(50, after: { _, step in losses.append(try step.loss.item()) })
            return losses
        }
    }

    @Test(arguments: VulkanTests.drivers) func theFirstFiftyLossesAreTheCPUs(_ driver: String) throws {
        let device = try VulkanTests.device(driver)
        let expected = try Self.losses(on: .cpu)
        let found = try Self.losses(on: device)
        for (step, (a, b)) in zip(found, expected).enumerated() {
            #expect(abs(a - b) <= 2e-5 * abs(b), "\(driver), step \(step): \(a), on the CPU \(b)")
        }
        #expect(expected[49] < expected[0])
    }

    @Test func aSteadyStepBuildsAndRecordsNothing() throws {
        let context = try DeviceContext(device: VulkanTests.open("llvmpipe", validates: false))
        try withDeviceContext(context) { () throws(any Error) in
            let training = SmallTraining()
            var before = context.statistics
            try training.run(40, after: { number, _ in if number == 9 { before = context.statistics } })
            let spent = context.statistics - before
            #expect(spent.plansBuilt == 0)
            #expect(spent.driverAllocations == 0)
            #expect(spent.kernelsMade == 0)
            #expect(spent.launches <= 30 * 16)
            #expect(spent.recordings == 0)
        }
    }
}

/// The drivers that Scripts/setup.sh brings, in this process.
enum VulkanTests {
    static let areWanted = ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_WITHOUT_VULKAN"] != "1"
    static let drivers = ["llvmpipe", "SwiftShader"]

    /// A driver's device, which must be there, opened anew. What the validation layer says fails the test.
    static func open(_ name: String, validates: Bool) throws -> any Device {
        _ = environment
        let configuration = RuntimeConfiguration()
        var options = VulkanBackend.Options()
        if validates { options.listener = { Issue.record("validation: \($0)") } }
        let backend = VulkanBackend(configuration: configuration, options: options)
        let report = backend.probe()
        let index = try #require(
            report.devices.firstIndex { $0.name.contains(name) },
            "there is no \(name) (\(report.notes.joined(separator: "; "))); run Scripts/setup.sh, or leave Vulkan out")
        return try backend.open(index: index, configuration: configuration)
    }

    /// The same as the process's device of its name.
    static func device(_ name: String) throws -> DeviceID {
        try opened.withLock { opened in
            if let known = opened[name] { return known }
            let device = try open(name, validates: true)
            BackendRegistry.shared.adopt(device)
            opened[name] = device.description.id
            return device.description.id
        }
    }

    private static let opened = Mutex<[String: DeviceID]>([:])

    /// The loader reads it whenever it makes an instance.
    private static let environment: Void = {
        setenv("VK_DRIVER_FILES", "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json:\(swiftShaderManifest)", 0)
    }()

    /// The file that Scripts/setup.sh leaves.
    static let swiftShaderManifest: String = {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
        let drivers = environment["NEEDLETAIL_DRIVERS"] ?? "\(cache)/needletail/drivers"
        return "\(drivers)/vk_swiftshader_icd.json"
    }()
}
