import Foundation

/// Tells a processor, or a program that plays a GPU, from a GPU, whatever type it says it has.
public enum SoftwareDevice {
    /// Drivers and simulators that compute on the processor.
    private static let names = [
        "llvmpipe", "lavapipe", "softpipe", "swiftshader", "oclgrind", "microsoft basic render driver",
    ]

    /// Whether one of these texts (a device's name, its vendor, its driver) names such a program, or the first of them is the
    /// name of this machine's processor.
    ///
    /// - Parameter processor: as the system calls it; empty where it does not.
    public static func isNamed(by texts: [String], processor: String = processorName) -> Bool {
        let texts = texts.map(normal)
        if texts.contains(where: { text in names.contains(where: text.contains) }) { return true }
        return !processor.isEmpty && texts.first == normal(processor)
    }

    private static func normal(_ text: String) -> String {
        text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// The processor's name, as its devices are named after it.
    public static let processorName: String = {
        guard let data = FileManager.default.contents(atPath: "/proc/cpuinfo") else { return "" }
        let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":", maxSplits: 1).last.map(String.init) ?? ""
    }()
}
