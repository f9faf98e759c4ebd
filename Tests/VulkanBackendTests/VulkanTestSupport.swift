import Foundation
import Glibc
import KernelIR
import Shaders
import Synchronization
import TensorRuntime
import Testing
import VulkanBackend

/// What tests on a device share. Where a driver is missing they fail, unless told that there need be none.
enum VulkanTesting {
    static let areWanted = ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_WITHOUT_VULKAN"] != "1"
    static let isWhole = ProcessInfo.processInfo.environment["NEEDLETAIL_WHOLE_CATALOGUE"] == "1"

    enum Driver: String, CaseIterable, Sendable {
        case lavapipe = "llvmpipe"
        case swiftShader = "SwiftShader"

        var manifest: String {
            switch self {
            case .lavapipe: "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"
            case .swiftShader: "\(VulkanTesting.downloads)/vk_swiftshader_icd.json"
            }
        }
    }

    /// Where Scripts/setup.sh puts drivers.
    static let downloads: String = {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["NEEDLETAIL_DRIVERS"] { return named }
        let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
        return "\(cache)/needletail/drivers"
    }()

    static let mockManifest = "\(downloads)/vk_mock_icd.json"

    /// The loader reads its environment whenever it makes an instance: both drivers, whatever else the machine has.
    private static let environment: Void = {
        setenv("VK_DRIVER_FILES", Driver.allCases.map(\.manifest).joined(separator: ":"), 0)
    }()

    /// A driver's device, opened anew, with a loader whose calls nobody else counts. Each call is validated, and whatever the
    /// validation layer says fails the test.
    static func open(
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
}

/// `output[i] = input[i] * factor + salt`, where the salt is in the program.
struct Scaling {
    let count: Int
    var salt = 0
    var name = "scale"

    var spec: KernelSpec {
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                .init(.load(input: 0), dtype: .float32),
                .init(.pointwise(.multiply), [.value(0), .scalar(0)], dtype: .float32),
            ],
            outputs: [.init(value: 1)], scalarCount: 1)
        let access = FusedKernel.Access(strides: Shape([count]).contiguousStrides)
        return KernelSpec(
            FusedKernel(program: program, extents: [count], outerRank: 1, inputs: [access], outputs: [access]))
    }

    var plan: ShaderPlan {
        let (salt, name) = (salt, name)
        return ShaderPlan([
            ShaderLaunch(
                key: ShaderKey(code: spec.code, schedule: name, variant: [salt]), workgroups: [count, 1, 1],
                buffers: ["x": .operand(0), "y": .operand(1)],
                arguments: ["count": .integer(count), "factor": .scalar(slot: 0)]
            ) {
                KernelBuilder.build(name) { k in
                    let x = k.buffer("x", .float32, .read)
                    let y = k.buffer("y", .float32, .write)
                    let count = k.argument("count", .int32)
                    let factor = k.argument("factor", .float32)
                    let i = k.globalID(0)
                    k.if(i < count) { y[i] = x[i] * factor + Double(salt) }
                }
            }
        ])
    }

    func kernel(on device: VulkanDevice) throws -> any DeviceKernel { try device.makeKernel(spec, plan) }
}

extension DeviceStream {
    func launch(_ kernel: any DeviceKernel, _ bindings: [BufferBinding], _ scalars: [Double] = []) throws {
        try bindings.withUnsafeBufferPointer { bindings in
            try scalars.map(\.bitPattern).withUnsafeBufferPointer { scalars in
                try encode(kernel, bindings: bindings, scalars: scalars)
            }
        }
    }

    func write(_ values: [Float], to buffer: any DeviceBuffer, at element: Int = 0) throws {
        try values.withUnsafeBytes { try copyIn($0, to: buffer, offset: 4 * element) }
    }

    func read(_ buffer: any DeviceBuffer, count: Int, from element: Int = 0) throws -> [Float] {
        var values = [Float](repeating: -1, count: count)
        try values.withUnsafeMutableBytes { try copyOut(from: buffer, offset: 4 * element, to: $0) }
        return values
    }
}

/// A directory of one test, removed when it is released.
final class VulkanScratch {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)").path

    init() { try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) -> String {
        precondition(FileManager.default.createFile(atPath: "\(path)/\(name)", contents: Data(text.utf8)))
        return "\(path)/\(name)"
    }

    /// The files of a folder in it, sorted; none where there is no such folder.
    func files(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
        return names.sorted().map { "\(path)/\(folder)/\($0)" }
    }
}

/// Whether `body` throws a `TensorError`, which is given back.
func tensorError(_ body: () throws -> Void) -> TensorError? {
    do {
        try body()
        return nil
    } catch {
        return error as? TensorError
    }
}
