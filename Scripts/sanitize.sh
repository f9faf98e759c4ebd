#!/usr/bin/env bash
# Builds the CPU backend and its tests with the address sanitizer, and runs the whole catalogue of kernels on it: reads and
# writes outside of operands, scratch and arenas end the run with a report. Options go to `swift test`.
#
# Needs what Scripts/setup.sh installs, and the sanitizer's runtime, which Swift toolchains from swift.org have.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# A package of the CPU backend alone: a test bundle has all of a package's tests, and the other modules are not what is
# checked here.
package="$root/.build/sanitize"
mkdir -p "$package"
for folder in Sources Backends Tests; do ln -sfn "$root/$folder" "$package/$folder"; done
cat >"$package/Package.swift" <<'MANIFEST'
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

# Swift's runtime and OpenBLAS keep memory for the process's life, which would be told as leaks.
export ASAN_OPTIONS="detect_leaks=0:halt_on_error=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"

run() {
    printf 'sanitize: %s\n' "$*"
    "$@"
}

options=(--package-path "$package" -c release --sanitize=address)
run swift build "${options[@]}" --build-tests
# FaultTests run the reference in Swift, thousands of times, and no kernel of the CPU.
run swift test "${options[@]}" --skip-build --skip FaultTests "$@"
