#!/usr/bin/env bash
# Builds a part of the package with a sanitizer, in a build of its own, and runs the tests that it is for. Usage:
#
#     Scripts/sanitize.sh [address] [options of swift test]
#     Scripts/sanitize.sh thread [options of swift test]
#
# address: the CPU backend and the whole catalogue of kernels on it. Reads and writes outside of operands, scratch and arenas
# end the run with a report.
# thread: whatever several tasks, threads and streams do at once, on the CPU, and on OpenCL unless
# NEEDLETAIL_TEST_WITHOUT_OPENCL is set. A data race ends the run with a report. Locks are then pthread's (`Lock`), which the
# sanitizer understands.
#
# Needs what Scripts/setup.sh installs, and the sanitizer's runtime, which Swift toolchains from swift.org have.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

mode=address
case "${1-}" in address | thread) mode="$1" && shift ;; esac

# A package of what is checked alone: a test bundle has all of a package's tests.
package="$root/.build/sanitize-$mode"
mkdir -p "$package"
for folder in Sources Backends Shaders Tests; do ln -sfn "$root/$folder" "$package/$folder"; done

address_manifest() {
    cat <<'MANIFEST'
// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "needletail",
    targets: [
        .target(name: "TensorRuntime"),
        .target(name: "CPUKernels", path: "Backends/CPU/CPUKernels"),
        .target(name: "CPUBackend", dependencies: ["TensorRuntime", "CPUKernels"], path: "Backends/CPU/CPUBackend"),
        .target(name: "TensorConformance", dependencies: ["TensorRuntime"]),
        .testTarget(name: "CPUBackendTests", dependencies: ["CPUBackend", "CPUKernels", "TensorConformance"]),
    ],
    swiftLanguageModes: [.v6]
)
MANIFEST
}

thread_manifest() {
    cat <<'MANIFEST'
// swift-tools-version: 6.1
import PackageDescription

let device: [Target.Dependency] = ["DeviceSupport", "Shaders", "KernelIR", "TensorRuntime"]
let tested: [Target.Dependency] = [
    "TensorRuntime", "TensorGraph", "CPUBackend", "CPUKernels", "OpenCLBackend", "VulkanBackend", "DeviceSupport", "Shaders",
    "KernelIR", "Needletail", "NeedletailTraining", "TensorConformance", "TestSupport",
]

func tests(_ name: String, _ files: String...) -> Target {
    .testTarget(name: name, dependencies: tested, sources: files.map { $0 + ".swift" })
}

let package = Package(
    name: "needletail",
    targets: [
        .target(name: "TensorRuntime", swiftSettings: [.define("NEEDLETAIL_TSAN")]),
        .target(name: "TensorGraph", dependencies: ["TensorRuntime"]),
        .target(name: "CPUKernels", path: "Backends/CPU/CPUKernels"),
        .target(name: "CPUBackend", dependencies: ["TensorRuntime", "CPUKernels"], path: "Backends/CPU/CPUBackend"),
        .target(name: "KernelIR", dependencies: ["TensorRuntime"]),
        .target(name: "Shaders", dependencies: ["KernelIR", "TensorRuntime"], path: "Shaders"),
        .target(name: "DeviceSupport", dependencies: ["Shaders", "KernelIR", "TensorRuntime"]),
        .target(name: "COpenCL", path: "Backends/OpenCL/COpenCL"),
        .target(name: "OpenCLBackend", dependencies: device + ["COpenCL"], path: "Backends/OpenCL/OpenCLBackend"),
        .target(name: "CVulkan", path: "Backends/Vulkan/CVulkan"),
        .target(name: "SPIRV", dependencies: ["KernelIR", "TensorRuntime"], path: "Backends/Vulkan/SPIRV"),
        .target(name: "VulkanBackend", dependencies: device + ["SPIRV", "CVulkan"], path: "Backends/Vulkan/VulkanBackend"),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib"),
        .target(
            name: "Needletail",
            dependencies: ["TensorRuntime", "TensorGraph", "CPUBackend", "OpenCLBackend", "VulkanBackend", "CZlib"]),
        .target(name: "NeedletailTraining", dependencies: ["Needletail", "TensorGraph", "TensorRuntime", "CZlib"]),
        .target(name: "TensorConformance", dependencies: ["TensorRuntime"]),
        .target(
            name: "TestSupport",
            dependencies: device + ["OpenCLBackend", "VulkanBackend", "TensorConformance", "NeedletailTraining"],
            path: "Tests/Support"),
        tests(
            "TensorGraphTests", "ConcurrencyTests", "StreamOrderTests", "StreamMemoryTests", "Gate", "FragileDevice",
            "GraphTestSupport", "WorkspaceDevice"),
        tests("CPUBackendTests", "BusyPoolTests"),
        tests("DeviceSupportTests", "DeviceProgramTests", "DeviceSupportTestSupport"),
        tests(
            "NeedletailTests", "ParallelTrainingTests", "GraphLifeTests", "StreamTests", "CapturedTraining", "SmallTraining",
            "OwnDevice", "ExpectError"),
        tests("NeedletailTrainingTests", "Data/DataLoaderTests", "Data/DataSamples"),
        tests("OpenCLBackendTests", "StreamTests"),
    ],
    swiftLanguageModes: [.v6]
)
MANIFEST
}

"${mode}_manifest" >"$package/Package.swift"

run() {
    printf 'sanitize: %s\n' "$*"
    "$@"
}

# Symbols of both sanitizers' reports; Swift's toolchain has the tool, which need not be on the path.
symbolizer="$(dirname "$(readlink -f "$(command -v swift)")")/llvm-symbolizer"
symbols=""
[[ -x "$symbolizer" ]] && symbols=":external_symbolizer_path=$symbolizer"

case "$mode" in
    address)
        # Swift's runtime and OpenBLAS keep memory for the process's life, which would be told as leaks.
        export ASAN_OPTIONS="detect_leaks=0:halt_on_error=1$symbols${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
        # FaultTests run the reference in Swift, thousands of times, and no kernel of the CPU.
        skipped=(--skip FaultTests)
        ;;
    thread)
        export TSAN_OPTIONS="halt_on_error=1$symbols${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
        # lavapipe and SwiftShader run work on threads of their own, whose fences the sanitizer does not see.
        export NEEDLETAIL_TEST_WITHOUT_VULKAN=1
        skipped=()
        ;;
esac

options=(--package-path "$package" -c release --sanitize="$mode")
run swift build "${options[@]}" --build-tests
run swift test "${options[@]}" --skip-build "${skipped[@]}" "$@"
