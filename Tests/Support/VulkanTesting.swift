import Foundation
import Glibc
import TensorRuntime
import Testing
import VulkanBackend

/// What tests on Vulkan share. Where a driver is missing they fail, unless told that there need be none.
package enum VulkanTesting {
    package static let areWanted = ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_WITHOUT_VULKAN"] != "1"

    /// The drivers that Scripts/setup.sh brings.
    package enum Driver: String, CaseIterable, Sendable {
        case lavapipe = "llvmpipe"
        case swiftShader = "SwiftShader"

        /// The file by which the loader finds it.
        package var manifest: String {
            switch self {
            case .lavapipe: "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"
            case .swiftShader: "\(VulkanTesting.downloads)/vk_swiftshader_icd.json"
            }
        }
    }

    /// Khronos' driver that answers and computes nothing.
    package static let mockManifest = "\(downloads)/vk_mock_icd.json"

    /// Where Scripts/setup.sh puts drivers.
    private static let downloads: String = {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["NEEDLETAIL_DRIVERS"] { return named }
        let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
        return "\(cache)/needletail/drivers"
    }()

    /// The loader reads its environment whenever it makes an instance: both drivers, whatever else the machine has.
    private static let environment: Void = {
        setenv("VK_DRIVER_FILES", Driver.allCases.map(\.manifest).joined(separator: ":"), 0)
    }()

    /// A driver's device, opened anew, with a loader whose calls nobody else counts. Each call and its synchronisation is
    /// validated, and whatever the validation layer says fails the test.
    package static func open(
        _ driver: Driver = .lavapipe, _ change: (inout VulkanBackend.Options) -> Void = { _ in },
        configure: (inout RuntimeConfiguration) -> Void = { _ in }
    ) throws -> (device: VulkanDevice, calls: VulkanCalls) {
        _ = environment
        var configuration = RuntimeConfiguration()
        configure(&configuration)
        var options = VulkanBackend.Options()
        options.testsDevices = false
        options.listener = { Issue.record("validation: \($0)") }
        change(&options)
        let backend = VulkanBackend(configuration: configuration, options: options)
        let report = backend.probe()
        let index = report.devices.firstIndex { $0.name.contains(driver.rawValue) }
        let device = try #require(
            index,
            "there is no \(driver) (\(report.notes.joined(separator: "; "))); run Scripts/setup.sh, or Scripts/test.sh --without-vulkan"
        )
        return (try backend.openDevice(index: device, configuration: configuration), try #require(backend.calls))
    }

    /// A driver's device under an ID of the process, opened once.
    package static func device(_ driver: Driver) throws -> DeviceID {
        try adopted.withLock { adopted in
            if let known = adopted[driver] { return known }
            let device = try open(driver).device
            BackendRegistry.shared.adopt(device)
            adopted[driver] = device.description.id
            return device.description.id
        }
    }

    private static let adopted = Lock<[Driver: DeviceID]>([:])
}
