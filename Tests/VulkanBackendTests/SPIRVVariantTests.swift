import KernelIR
import SPIRV
import Shaders
import TensorConformance
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// Modules as few devices want them, which `spirv-val` accepts too: buffers reached by address, quotients put right.
@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct SPIRVVariantTests {
    /// Some kernels of every family, as the library makes them for a target.
    private static func kernels(for target: ShaderTarget) throws -> [Kernel] {
        let library = ShaderLibrary(target: target)
        let device = DeviceDescription(
            id: DeviceID(backend: "spirv"), name: "SPIR-V", kind: .cpu, driver: "", memory: 1 << 32,
            dtypes: Set(DType.allCases.filter { $0 != .float64 }), families: Set(ConformanceCatalogue.families),
            alignment: 64)
        var seen: Set<ShaderKey> = []
        var kernels: [Kernel] = []
        for (number, row) in ConformanceCatalogue.cases(for: device).enumerated() where number % 7 == 0 {
            for launch in try library.plan(row.spec).launches where seen.insert(launch.key).inserted {
                var kernel = launch.build()
                for buffer in kernel.buffers.indices { kernel.buffers[buffer].isFar = (number + buffer) % 3 != 0 }
                kernels.append(try kernel.legalized(for: target.kernelTarget).kernel)
            }
        }
        return kernels
    }

    @Test func modulesWithAddressesAndExactQuotientsAreValid() throws {
        var rich = ShaderTarget(deviceClass: .gpu, computeUnits: 8, vectorWidth: 4)
        rich.maximumVectorLanes = SPIRVTarget.maximumVectorLanes
        var poor = ShaderTarget(deviceClass: .cpu, computeUnits: 2, vectorWidth: 4)
        poor.maximumVectorLanes = SPIRVTarget.maximumVectorLanes
        (poor.has8BitStorage, poor.has16BitStorage, poor.hasInt64) = (false, false, false)
        (poor.hasInt8Arithmetic, poor.hasInt16Arithmetic) = (false, false)
        for (target, features) in [(rich, SPIRVTarget.full), (poor, .poor)] {
            var target = target
            target.dividesExactly = false
            let kernels = try Self.kernels(for: target)
            #expect(kernels.count > 100)
            let modules = try kernels.map { kernel in
                (name: kernel.name, words: try SPIRVEmitter.module(of: kernel, target: features).words)
            }
            #expect(try SPIRVTesting.complaints(of: modules).prefix(5) == [])
        }
    }

    @Test func aFarBufferIsNotBound() throws {
        let kernel = KernelBuilder.build("scale") { k in
            let x = k.buffer("x", .float32, .read, isFar: true)
            let y = k.buffer("y", .float32, .write)
            y[k.workgroupID(0)] = x[k.workgroupID(0)]
        }
        let module = try SPIRVTesting.expectValid([kernel], .poor)[0]
        #expect(module.capabilities.contains("physicalStorageBufferAddresses"))
        // An address and an offset.
        #expect(module.offsets.map(\.byteCount) == [8, 4] && module.offsets.map(\.byteOffset) == [0, 8])
        #expect(!module.lines.contains { $0.contains("OpDecorate %x ") })
        #expect(module.lines.contains { $0.contains("OpDecorate %y binding 1") })
        #expect(module.lines.contains { $0.hasSuffix(" 2 4") && $0.contains("OpLoad") })
    }
}
