import Foundation
import Testing

/// The edges of ARCHITECTURE.md's module table, read off every source file.
@Suite struct ImportTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What a folder's files may import of this package, and of others.
    static let allowed: [(folder: String, modules: Set<String>)] = [
        ("Sources/TensorRuntime", []),
        ("Sources/TensorGraph", ["TensorRuntime"]),
        ("Sources/TensorConformance", ["TensorRuntime"]),
        ("Backends/CPU/CPUBackend", ["TensorRuntime", "CPUKernels"]),
        ("Sources/KernelIR", ["TensorRuntime"]),
        ("Shaders", ["TensorRuntime", "KernelIR"]),
        ("Sources/DeviceSupport", ["TensorRuntime", "KernelIR", "Shaders"]),
        ("Backends/OpenCL/OpenCLBackend", ["TensorRuntime", "KernelIR", "Shaders", "DeviceSupport", "COpenCL"]),
        ("Backends/Vulkan/SPIRV", ["TensorRuntime", "KernelIR"]),
        (
            "Backends/Vulkan/VulkanBackend",
            ["TensorRuntime", "KernelIR", "Shaders", "DeviceSupport", "SPIRV", "CVulkan"]
        ),
        ("Sources/Needletail", ["TensorRuntime", "TensorGraph", "CZlib"]),
        ("Sources/NeedletailTraining", ["TensorRuntime", "TensorGraph", "Needletail", "CZlib"]),
        (
            "Sources/NeedletailVision",
            ["TensorRuntime", "TensorGraph", "Needletail", "NeedletailTraining", "CZlib", "CImageCodecs"]
        ),
        ("Sources/CommandLineSupport", ["TensorRuntime", "Needletail"]),
        (
            "Sources/NeedletailCLI",
            [
                "TensorRuntime", "Needletail", "NeedletailTraining", "NeedletailVision", "CommandLineSupport",
                "ArgumentParser",
            ]
        ),
        (
            "Examples/Course",
            [
                "TensorRuntime", "Needletail", "NeedletailTraining", "NeedletailVision",
                "ArgumentParser",
            ]
        ),
        ("Examples/Trials", ["TensorRuntime", "Needletail", "NeedletailTraining", "NeedletailVision"]),
        (
            "Benchmarks",
            [
                "TensorRuntime", "Needletail", "NeedletailTraining", "NeedletailVision", "CommandLineSupport",
                "ArgumentParser",
            ]
        ),
    ]
    static let system: Set<String> = ["Foundation", "Synchronization", "Glibc", "Dispatch", "Runtime"]
    static let defaultBackends = "Sources/Needletail/Accelerator/DefaultBackends.swift"

    static func imports(of file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let place = words.firstIndex(of: "import"), place <= 2, !line.hasPrefix("//"), !line.hasPrefix(" ")
            else { return nil }
            return words.last.map { String($0.prefix { $0 != "." }) }
        }
    }

    static func swiftFiles(under folder: String) -> [String] {
        let base = root.appendingPathComponent(folder)
        let paths = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
        return paths.filter { $0.hasSuffix(".swift") }.map { "\(folder)/\($0)" }
    }

    @Test func everyModuleImportsOnlyWhatTheArchitectureAllows() throws {
        for (folder, modules) in ImportTests.allowed {
            let files = ImportTests.swiftFiles(under: folder)
            #expect(!files.isEmpty, "\(folder) has no files")
            for file in files where file != ImportTests.defaultBackends {
                for module in try ImportTests.imports(of: ImportTests.root.appendingPathComponent(file)) {
                    #expect(
                        modules.contains(module) || ImportTests.system.contains(module), "\(file) imports \(module)")
                }
            }
        }
    }

    @Test func oneFileNamesTheBackends() throws {
        let file = ImportTests.root.appendingPathComponent(ImportTests.defaultBackends)
        #expect(try ImportTests.imports(of: file).contains("CPUBackend"))
    }

    /// The thread sanitizer does not see a `Mutex` taken: `Lock` is one that it can be told of.
    @Test func thereIsOneKindOfLock() throws {
        for folder in ["Sources", "Backends", "Shaders", "Tests"] {
            for file in ImportTests.swiftFiles(under: folder) where !file.hasSuffix("/Lock.swift") {
                let text = try String(contentsOf: ImportTests.root.appendingPathComponent(file), encoding: .utf8)
                #expect(text.firstMatch(of: #/\bMutex[<(]/#) == nil, "\(file) has a Mutex; take a Lock")
            }
        }
    }

    @Test func environmentVariablesAreReadInOneFile() throws {
        for (folder, _) in ImportTests.allowed where !folder.hasPrefix("Examples") {
            for file in ImportTests.swiftFiles(under: folder) where !file.hasSuffix("RuntimeConfiguration.swift") {
                let text = try String(contentsOf: ImportTests.root.appendingPathComponent(file), encoding: .utf8)
                #expect(!text.contains("ProcessInfo.processInfo.environment") && !text.contains("getenv("), "\(file)")
            }
        }
    }
}
