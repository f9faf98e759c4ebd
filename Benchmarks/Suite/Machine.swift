import Foundation
import TensorRuntime

/// What a row was measured on, in words: what a stranger needs to compare.
package enum Machine {
    /// `AMD Ryzen 7 5800X, 2 processors, 24 GiB, Linux 6.1.0`, read once.
    static let description: String = {
        let processors = ProcessInfo.processInfo.processorCount
        let memory = Int((Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824).rounded())
        return "\(processor), \(processors) processors, \(memory) GiB, \(system)"
    }()

    /// What git says of the folder that the program was built in: the last commit of something but results, `-dirty` where something but
    /// results differs from it or a source is not tracked, and `before` where a source is newer than the program. Nil outside a checkout;
    /// read once.
    static let commit: String? = (try? ChildProgram.own()).flatMap(Machine.commit(ofProgram:))

    /// Of another program.
    package static func commit(ofProgram program: String) -> String? {
        var root = URL(fileURLWithPath: program).deletingLastPathComponent()
        func has(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: root.appendingPathComponent(name).path)
        }
        while !has("Package.swift") {
            if root.path == "/" { return nil }
            root.deleteLastPathComponent()
        }
        guard has(".git") else { return nil }
        func git(_ arguments: [String]) -> String? {
            let output = try? ChildProgram.run(
                "/usr/bin/env", ["git", "--no-optional-locks", "-C", root.path] + arguments, isQuiet: true)
            return output?.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        func date(_ path: String) -> Date? {
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            return attributes?[.modificationDate] as? Date
        }
        let sources = [".", ":(exclude)Benchmarks/Results"]
        guard let commit = git(["log", "-1", "--format=%h", "--abbrev=12", "--"] + sources), !commit.isEmpty,
            let changes = git(["status", "--porcelain", "-uno", "--"] + sources),
            let added = git(["ls-files", "--others", "--exclude-standard", "--", "*.swift", "*.c", "*.h"]),
            let files = git(["ls-files", "--", "*.swift", "*.c", "*.h", ":(exclude)Tests"]), let built = date(program)
        else { return nil }
        let isOlder = files.split(separator: "\n").contains { file in
            date(root.appendingPathComponent(String(file)).path).map { built < $0 } ?? false
        }
        return (isOlder ? "before " : "") + commit + (changes.isEmpty && added.isEmpty ? "" : "-dirty")
    }

    /// The processor's name by the kernel, with the widest vectors that it has: virtual machines hide the rest.
    private static var processor: String {
        let fields = processorFields()
        let name = fields["model name"] ?? fields["Processor"] ?? fields["uarch"] ?? "unnamed processor"
        let flags = Set((fields["flags"] ?? fields["Features"] ?? "").split(separator: " ").map(String.init))
        let widest = ["avx512f", "avx2", "asimd"].first { flags.contains($0) }
        let vectors = widest.map { " (\($0 == "avx512f" ? "AVX-512" : $0 == "avx2" ? "AVX2" : "NEON"))" } ?? ""
        return name + vectors
    }

    private static var system: String {
        var names = utsname()
        guard uname(&names) == 0 else { return "Linux" }
        func text<T>(_ field: T) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(names.sysname)) \(text(names.release))"
    }

    /// The first processor's lines of `/proc/cpuinfo`; empty where it cannot be read.
    static func processorFields() -> [String: String] {
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return [:] }
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty { break }
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        return fields
    }

    /// The clock of the processors, in MHz: the mean of what the kernel says now; nil where it says nothing.
    static func clock() -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return nil }
        let clocks = text.split(separator: "\n").filter { $0.hasPrefix("cpu MHz") }.compactMap {
            $0.split(separator: ":").last.flatMap { Double($0.trimmingCharacters(in: .whitespaces)) }
        }
        return clocks.isEmpty ? nil : clocks.reduce(0, +) / Double(clocks.count)
    }

    /// What is to be said where the clock fell by more than a tenth.
    static func warning(clockBefore: Double?, after: Double?) -> String? {
        guard let clockBefore, let after, after < 0.9 * clockBefore else { return nil }
        return String(format: "the clock fell from %.0f to %.0f MHz", clockBefore, after)
    }

    /// The threads of a device's kernels, as the peers report theirs: those that the device says it has, or of one that says nothing
    /// the processors that this process may run on.
    package static func threads(of device: DeviceDescription) -> Int {
        let said = device.driver.split(separator: ",").compactMap { part -> Int? in
            let words = part.split(separator: " ")
            return words.count == 2 && words[1] == "threads" ? Int(words[0]) : nil
        }
        return said.first ?? ProcessInfo.processInfo.activeProcessorCount
    }
}
