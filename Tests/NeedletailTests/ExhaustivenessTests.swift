import Foundation
import Testing

/// A switch over operations, types, kinds or families names its cases, so that a new one does not compile until each place
/// has said what it is there.
@Suite struct ExhaustivenessTests {
    /// Folders whose switches see operations and types.
    static let folders = [
        "Sources/TensorRuntime", "Sources/TensorGraph", "Sources/KernelIR", "Sources/TensorConformance",
        "Sources/Needletail/Autograd", "Sources/Needletail/Tensor", "Sources/DeviceSupport", "Shaders", "Backends",
    ]

    /// The `default:`s that are right for any case to come: over numbers and texts, over families, of which a backend need
    /// not know all, and those that say so where they stand.
    static let allowed: [String: Int] = [
        "Sources/TensorRuntime/Contract/DeviceID.swift": 1,
        // What is not known to keep numbers exact is rounded.
        "Sources/TensorRuntime/Kernels/FusedProgram+Rounding.swift": 1,
        "Sources/TensorGraph/Verifier/PlanLaunch.swift": 1,
        "Sources/TensorGraph/Planner/Lowering.swift": 1,
        "Sources/KernelIR/Value.swift": 1,
        "Sources/KernelIR/Interpreter/InterpreterConversion.swift": 3,
        "Sources/KernelIR/Interpreter/InterpreterAccess.swift": 2,
        "Sources/KernelIR/Interpreter/InterpreterMachine.swift": 3,
        "Sources/KernelIR/Legalization/FloatExpansion.swift": 2,
        "Sources/KernelIR/Legalization/Kernel+Pieces.swift": 1,
        "Sources/KernelIR/Legalization/KernelLegalizer.swift": 1,
        "Sources/TensorConformance/Contract/ContractBreakingDevice.swift": 2,
        "Sources/TensorConformance/Reference/PointwiseOperation+Reference.swift": 1,
        "Sources/TensorConformance/Reference/ReferenceInterpreter.swift": 1,
        "Sources/TensorConformance/Catalogue/ConformanceCatalogue+Pointwise.swift": 3,
        "Sources/TensorConformance/Catalogue/ConformanceCatalogue+Numbers.swift": 2,
        "Sources/TensorConformance/Catalogue/ConformanceCatalogue+Reductions.swift": 2,
        "Sources/TensorConformance/Catalogue/ConformanceCatalogue+Sort.swift": 1,
        "Sources/Needletail/Autograd/Derivatives+Pointwise.swift": 3,
        "Sources/Needletail/Tensor/KnownIntegers.swift": 1,
        "Sources/Needletail/Tensor/TensorIndex.swift": 3,
        "Sources/Needletail/Tensor/Tensor+Mathematics.swift": 1,
        "Sources/Needletail/Tensor/Tensor+Joining.swift": 1,
        "Sources/Needletail/Tensor/Tensor+Select.swift": 1,
        "Sources/Needletail/Tensor/Tensor+Pointwise.swift": 1,
        "Shaders/ShaderLibrary.swift": 2,
        "Shaders/Pooling/PoolingShader.swift": 1,
        "Shaders/Scan/ScanShader.swift": 1,
        "Shaders/ScatterAdd/ScatterAddShader.swift": 1,
        "Shaders/Matmul/MatmulSchedules.swift": 1,
        "Backends/OpenCL/OpenCLBackend/OpenCLPrinter.swift": 3,
        "Backends/CPU/CPUBackend/CPUDevice.swift": 2,
        "Backends/CPU/CPUKernels/fused_code.c": 1,
        "Backends/CPU/CPUKernels/sort.c": 1,
        "Backends/Vulkan/VulkanBackend/VulkanDeviceInfo.swift": 1,
        "Backends/Vulkan/SPIRV/SPIRVDisassembler.swift": 1,
        "Backends/Vulkan/SPIRV/SPIRVEmitter.swift": 2,
        "Backends/Vulkan/SPIRV/SPIRVEmitter+Values.swift": 1,
        "Backends/Vulkan/SPIRV/SPIRVModuleBuilder.swift": 1,
    ]

    @Test func noSwitchOverOperationsOrTypesHidesACaseBehindADefault() throws {
        var found: [String: Int] = [:]
        for folder in Self.folders {
            let base = ImportTests.root.appendingPathComponent(folder)
            let paths = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            let sources = paths.filter { $0.hasSuffix(".swift") || $0.hasSuffix(".c") || $0.hasSuffix(".h") }
            #expect(!sources.isEmpty, "\(folder) has no files")
            for path in sources {
                let text = try String(contentsOf: base.appendingPathComponent(path), encoding: .utf8)
                let count = text.split(separator: "\n").count {
                    $0.drop { $0 == " " }.hasPrefix("default:")
                }
                if count > 0 { found["\(folder)/\(path)"] = count }
            }
        }
        for (file, count) in found.sorted(by: { $0.key < $1.key }) {
            #expect(
                count <= Self.allowed[file, default: 0],
                "\(file) has \(count) defaults: name the cases, or say in this test that any new one is treated rightly"
            )
        }
        // What is gone leaves the list too.
        for (file, count) in Self.allowed { #expect(found[file, default: 0] == count, "\(file)") }
    }
}
