import Foundation
import KernelIR
import SPIRV
import Shaders
import TensorConformance
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// Every kernel that the library makes for the catalogue, as a module that `spirv-val` accepts.
@Suite(.serialized, .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct SPIRVCatalogueTests {
    @Test(arguments: ShaderTarget.DeviceClass.allCases) func everyKernelIsValidWhereEverythingIsThere(
        _ deviceClass: ShaderTarget.DeviceClass
    ) throws {
        let target = ShaderTarget(
            deviceClass: deviceClass, computeUnits: 8, maximumWorkgroupSize: 1024,
            vectorWidth: deviceClass == .gpu ? 4 : 8, features: .float64)
        let (modules, refused) = try Self.modules(for: target, .full)
        #expect(try SPIRVTesting.complaints(of: modules).prefix(10) == [])
        // The drivers have no functions of float64.
        #expect(!refused.isEmpty)
        #expect(refused.allSatisfy { $0.hasSuffix(" of float64") }, "\(refused.prefix(10))")
        print("\(deviceClass): \(modules.count) modules, \(refused.count) kernels refused")
    }

    @Test(arguments: ShaderTarget.DeviceClass.allCases) func everyKernelIsValidOnThePoorestDevices(
        _ deviceClass: ShaderTarget.DeviceClass
    ) throws {
        var target = ShaderTarget(deviceClass: deviceClass, computeUnits: 2, vectorWidth: 4)
        target.has8BitStorage = false
        target.has16BitStorage = false
        target.hasInt64 = false
        target.hasInt8Arithmetic = false
        target.hasInt16Arithmetic = false
        let (modules, refused) = try Self.modules(for: target, .poor)
        #expect(try SPIRVTesting.complaints(of: modules).prefix(10) == [])
        #expect(refused.isEmpty, "\(refused.prefix(10))")
        print("poor \(deviceClass): \(modules.count) modules")
    }

    /// The different modules of the catalogue's kernels, and why others are refused.
    private static func modules(
        for target: ShaderTarget, _ features: SPIRVTarget
    ) throws -> (modules: [(name: String, words: [UInt32])], refused: [String]) {
        var target = target
        target.maximumVectorLanes = SPIRVTarget.maximumVectorLanes
        let library = ShaderLibrary(target: target)
        let device = DeviceDescription(
            id: DeviceID(backend: "spirv"), name: "SPIR-V", kind: .cpu, driver: "", memory: 1 << 32,
            dtypes: Set(DType.allCases.filter { target.hasFloat64 || $0 != .float64 }),
            families: Set(ConformanceCatalogue.families), alignment: 64)
        var seen: Set<ShaderKey> = []
        var known: Set<[UInt32]> = []
        var modules: [(name: String, words: [UInt32])] = []
        var refused: [String] = []
        for (number, row) in ConformanceCatalogue.cases(for: device).enumerated() {
            let schedules = library.schedules(for: row.spec)
            for schedule in CatalogueRun.isWhole || number % 8 == 0 ? schedules[...] : schedules.prefix(1) {
                for launch in try library.plan(row.spec, schedule: schedule).launches {
                    if !seen.insert(launch.key).inserted { continue }
                    let kernel = try launch.kernel(for: target).kernel
                    do throws(TensorError) {
                        let words = try SPIRVEmitter.module(of: kernel, target: features).words
                        if known.insert(words).inserted { modules.append(("\(row.name) \(schedule)", words)) }
                    } catch { refused.append(error.message) }
                }
            }
        }
        return (modules, refused)
    }
}
