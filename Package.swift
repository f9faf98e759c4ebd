// swift-tools-version: 6.1
import PackageDescription

// Tests are compiled soon rather than well, and file by file on all processors: of one of their modules as a whole the compiler makes the
// work of one. What they test is built as it is shipped.
let quickly: [SwiftSetting] = [
    .unsafeFlags(
        ["-Onone", "-no-whole-module-optimization", "-enable-batch-mode"], .when(configuration: .release))
]

let package = Package(
    name: "needletail",
    products: [
        .library(name: "Needletail", targets: ["Needletail"]),
        .library(name: "NeedletailTraining", targets: ["NeedletailTraining"]),
        .library(name: "NeedletailVision", targets: ["NeedletailVision"]),
        // All of them as one dynamic library: what a program of one file is linked with by Scripts/run.sh.
        .library(name: "NeedletailScript", type: .dynamic, targets: ["NeedletailVision"]),
        .library(name: "TensorRuntime", targets: ["TensorRuntime"]),
        .library(name: "TensorConformance", targets: ["TensorConformance"]),
        .executable(name: "needletail", targets: ["NeedletailCLI"]),
        .executable(name: "needletail-bench", targets: ["NeedletailBench"]),
        .executable(name: "course", targets: ["Course"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        .target(name: "TensorRuntime"),
        .target(name: "TensorGraph", dependencies: ["TensorRuntime"]),
        .target(name: "CPUKernels", path: "Backends/CPU/CPUKernels"),
        .target(name: "CPUBackend", dependencies: ["TensorRuntime", "CPUKernels"], path: "Backends/CPU/CPUBackend"),
        .target(name: "KernelIR", dependencies: ["TensorRuntime"]),
        .target(name: "Shaders", dependencies: ["KernelIR", "TensorRuntime"], path: "Shaders"),
        .target(name: "DeviceSupport", dependencies: ["Shaders", "KernelIR", "TensorRuntime"]),
        .target(name: "COpenCL", path: "Backends/OpenCL/COpenCL"),
        .target(
            name: "OpenCLBackend", dependencies: ["DeviceSupport", "Shaders", "KernelIR", "TensorRuntime", "COpenCL"],
            path: "Backends/OpenCL/OpenCLBackend"),
        .target(name: "CVulkan", path: "Backends/Vulkan/CVulkan"),
        .target(name: "SPIRV", dependencies: ["KernelIR", "TensorRuntime"], path: "Backends/Vulkan/SPIRV"),
        .target(
            name: "VulkanBackend",
            dependencies: ["SPIRV", "DeviceSupport", "Shaders", "KernelIR", "TensorRuntime", "CVulkan"],
            path: "Backends/Vulkan/VulkanBackend"),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib"),
        .target(name: "CImageCodecs"),
        .target(
            name: "Needletail",
            dependencies: ["TensorRuntime", "TensorGraph", "CPUBackend", "OpenCLBackend", "VulkanBackend", "CZlib"]),
        .target(
            name: "NeedletailTraining", dependencies: ["Needletail", "TensorGraph", "TensorRuntime", "CZlib"]),
        .target(
            name: "NeedletailVision",
            dependencies: [
                "NeedletailTraining", "Needletail", "TensorGraph", "TensorRuntime", "CZlib", "CImageCodecs",
            ]),
        // What the two tools share.
        .target(name: "CommandLineSupport", dependencies: ["Needletail", "TensorRuntime"]),
        .target(name: "TensorConformance", dependencies: ["TensorRuntime"]),
        .executableTarget(
            name: "NeedletailCLI",
            dependencies: [
                "CommandLineSupport", "NeedletailVision", "NeedletailTraining", "Needletail", "TensorRuntime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "NeedletailBench",
            dependencies: [
                "CommandLineSupport", "NeedletailVision", "NeedletailTraining", "Needletail", "TensorRuntime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks",
            exclude: [
                "Results", "Peers", "README.md", "compare-runs.sh", "slow-down.sh", "slow-down.patch", "ratios.py",
            ]),
        // Five courses, listing by listing.
        .executableTarget(
            name: "Course",
            dependencies: [
                "NeedletailVision", "NeedletailTraining", "Needletail", "TensorRuntime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Examples/Course", exclude: ["README.md", "Introduction/seven.png"]),
        // Trainings that scripts measure, kill and look at.
        .executableTarget(
            name: "Trials",
            dependencies: ["NeedletailVision", "NeedletailTraining", "Needletail", "TensorRuntime"],
            path: "Examples/Trials"),
        // What the tests of several targets share.
        .target(
            name: "TestSupport",
            dependencies: [
                "OpenCLBackend", "VulkanBackend", "Shaders", "KernelIR", "TensorRuntime", "TensorConformance",
                "NeedletailTraining",
            ],
            path: "Tests/Support"),
        .testTarget(name: "TensorRuntimeTests", dependencies: ["TensorRuntime"], swiftSettings: quickly),
        .testTarget(
            name: "TensorGraphTests",
            dependencies: ["TensorRuntime", "TensorGraph", "CPUBackend", "OpenCLBackend", "TensorConformance"],
            swiftSettings: quickly),
        .testTarget(
            name: "CPUBackendTests", dependencies: ["TensorRuntime", "CPUBackend", "CPUKernels", "TensorConformance"],
            swiftSettings: quickly),
        .testTarget(name: "KernelIRTests", dependencies: ["TensorRuntime", "KernelIR"], swiftSettings: quickly),
        .testTarget(
            name: "ShadersTests",
            dependencies: ["TensorRuntime", "DeviceSupport", "Shaders", "KernelIR", "TensorConformance"],
            swiftSettings: quickly),
        .testTarget(
            name: "DeviceSupportTests",
            dependencies: ["DeviceSupport", "Shaders", "KernelIR", "TensorRuntime", "TestSupport"],
            swiftSettings: quickly),
        .testTarget(
            name: "OpenCLBackendTests",
            dependencies: [
                "TensorRuntime",
                "OpenCLBackend", "DeviceSupport", "Shaders", "KernelIR", "CPUBackend", "TensorConformance",
                "TensorGraph", "Needletail", "NeedletailTraining", "NeedletailVision", "NeedletailCLI", "TestSupport",
            ], swiftSettings: quickly),
        .testTarget(
            name: "VulkanBackendTests",
            dependencies: [
                "TensorRuntime",
                "VulkanBackend", "SPIRV", "DeviceSupport", "Shaders", "KernelIR", "CPUBackend", "TensorConformance",
                "TensorGraph", "Needletail", "NeedletailTraining", "NeedletailVision", "NeedletailCLI", "TestSupport",
            ],
            exclude: ["FakeLoader"], swiftSettings: quickly),
        .testTarget(
            name: "NeedletailTests",
            dependencies: [
                "TensorRuntime",
                "Needletail", "NeedletailTraining", "NeedletailVision", "NeedletailCLI", "TensorGraph",
                "TensorConformance", "CPUBackend", "OpenCLBackend",
                "VulkanBackend", "TestSupport",
            ],
            exclude: ["Golden"], swiftSettings: quickly),
        .testTarget(
            name: "NeedletailTrainingTests",
            dependencies: [
                "NeedletailVision", "NeedletailTraining", "Needletail", "TensorGraph", "TensorRuntime", "TestSupport",
                "CZlib",
            ],
            exclude: ["Golden"], swiftSettings: quickly),
        .testTarget(
            name: "BenchmarkTests",
            dependencies: [
                "NeedletailBench", "NeedletailVision", "NeedletailTraining", "Needletail", "TensorRuntime",
                "TestSupport",
            ], swiftSettings: quickly),
        .testTarget(
            name: "DocumentationTests",
            dependencies: ["NeedletailVision", "NeedletailTraining", "Needletail", "TensorRuntime"],
            swiftSettings: quickly),
        .testTarget(
            name: "CourseTests", dependencies: ["Course", "NeedletailTraining", "Needletail", "TensorRuntime"],
            swiftSettings: quickly),
    ],
    swiftLanguageModes: [.v6]
)
