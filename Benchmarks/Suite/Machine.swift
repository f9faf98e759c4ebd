import Foundation

/// What a row was measured on, in words: what a stranger needs to compare.
enum Machine {
    /// `AMD Ryzen 7 5800X, 2 processors, 24 GiB, Linux 6.1.0`, read once.
    static let description: String = {
        let processors = ProcessInfo.processInfo.processorCount
        let memory = Int((Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824).rounded())
        return "\(processor), \(processors) processors, \(memory) GiB, \(system)"
    }()

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
}
