import Foundation
import KernelIR
import SPIRV
import Shaders
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// What tests of SPIR-V modules share. Where there is no `spirv-val` they fail, unless told that there need be none.
enum SPIRVTesting {
    /// What `spirv-val` says against modules: a line for each that is wrong, its name first.
    static func complaints(of modules: [(name: String, words: [UInt32])]) throws -> [String] {
        let directory = TemporaryDirectory()
        for (number, module) in modules.enumerated() {
            module.words.withUnsafeBytes { _ = directory.write($0, to: "\(number).spv") }
        }
        let script = """
            command -v spirv-val >/dev/null || exit 127
            ls | xargs -P 4 -n 50 sh -c 'for file; do
                text=$(spirv-val --target-env vulkan1.1 "$file" 2>&1) || echo "${file%.spv} $(echo $text)"
            done' sh
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(
            process.terminationStatus == 0,
            "spirv-val cannot be run; install spirv-tools, or run Scripts/test.sh --without-vulkan")
        return text.split(separator: "\n").map { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            return "\(Int(parts[0]).map { modules[$0].name } ?? "?"): \(parts.last!)"
        }
    }

    /// Expects that `spirv-val` accepts the kernels' modules for a target, and gives these.
    @discardableResult
    static func expectValid(
        _ kernels: [Kernel], _ target: SPIRVTarget = .full, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [SPIRVModule] {
        let modules = try kernels.map { kernel in
            try kernel.validate()
            return try SPIRVEmitter.module(of: kernel, target: target)
        }
        let found = try complaints(of: zip(kernels, modules).map { ($0.name, $1.words) })
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))", sourceLocation: sourceLocation)
        return modules
    }
}

extension SPIRVTarget {
    /// A device that has everything.
    static let full: SPIRVTarget = {
        var target = SPIRVTarget([.int64, .float16, .float64, .storage8, .storage16, .subgroups])
        target.subgroupArithmetic = true
        target.subgroupShuffle = true
        target.preservesSignedZeroInfNan32 = true
        target.preservesSignedZeroInfNan64 = true
        return target
    }()
    /// A device that has nothing but 32 bits, as SwiftShader.
    static let poor = SPIRVTarget()
}

extension SPIRVModule {
    /// The lines of the disassembly.
    var lines: [String] { SPIRVDisassembler.text(words).split(separator: "\n").map(String.init) }

    var capabilities: Set<String> {
        Set(lines.filter { $0.contains("OpCapability ") }.map { String($0.split(separator: " ").last!) })
    }
}
