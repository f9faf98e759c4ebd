import CPUKernels
import Foundation

/// What the operating system lets this process use.
enum CPUSystem {
    /// Of the clock by which events are timed.
    static var nanoseconds: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Threads that can run at once: the affinity mask, cut by the cgroup's quota.
    static var availableThreads: Int {
        var count = Int(nt_available_processors())
        if let quota = cgroupQuota { count = min(count, Int(quota.rounded(.up))) }
        return max(count, 1)
    }

    /// Processors' worth of time that the cgroup grants (v2's `cpu.max`, then v1's), or nil where it sets no limit.
    private static var cgroupQuota: Double? {
        if let fields = contents("/sys/fs/cgroup/cpu.max")?.split(separator: " "), fields.count == 2 {
            return ratio(String(fields[0]), String(fields[1]))
        }
        guard let quota = contents("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
            let period = contents("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
        else { return nil }
        return ratio(quota, period)
    }

    private static func ratio(_ quota: String, _ period: String) -> Double? {
        guard let quota = Double(quota), let period = Double(period), quota > 0, period > 0 else { return nil }
        return quota / period
    }

    /// Bytes of memory: the machine's, cut by the cgroup's limit.
    static var memory: Int {
        let total = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let limit =
            contents("/sys/fs/cgroup/memory.max") ?? contents("/sys/fs/cgroup/memory/memory.limit_in_bytes")
        return min(total, limit.flatMap(Int.init) ?? total)
    }

    /// Bytes that this process could still get: what the system has left, cut by what the cgroup's limit leaves. Pages of
    /// files that a cgroup does not use count as left, as the system counts its own.
    static var freeMemory: Int {
        var free = memory
        if let available = number("MemAvailable:", in: contents("/proc/meminfo")) { free = min(free, available << 10) }
        for (limit, usage, statistics, name) in [
            ("memory.max", "memory.current", "memory.stat", "inactive_file"),
            (
                "memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat",
                "total_inactive_file"
            ),
        ] {
            guard let limit = contents("/sys/fs/cgroup/\(limit)").flatMap(Int.init),
                let usage = contents("/sys/fs/cgroup/\(usage)").flatMap(Int.init)
            else { continue }
            let unused = number(name, in: contents("/sys/fs/cgroup/\(statistics)")) ?? 0
            free = min(free, limit - max(usage - unused, 0))
        }
        return max(free, 0)
    }

    /// The number behind a name that begins a line.
    private static func number(_ name: String, in text: String?) -> Int? {
        let line = text?.split(separator: "\n").first { $0.split(separator: " ").first.map(String.init) == name }
        return line.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }
    }

    /// The processor's name as the kernel gives it.
    static var processorName: String {
        let lines = contents("/proc/cpuinfo")?.split(separator: "\n") ?? []
        let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        return name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "CPU"
    }

    /// What tells processors apart that run kernels at another speed: maker, model and features, as the kernel lists them.
    static let processorIdentity: String = {
        let names: Set = [
            "vendor_id", "cpu family", "model", "model name", "stepping", "flags", "CPU implementer",
            "CPU architecture",
            "CPU variant", "CPU part", "CPU revision", "Features",
        ]
        let first = contents("/proc/cpuinfo")?.components(separatedBy: "\n\n").first ?? ""
        return first.split(separator: "\n").filter { line in
            names.contains(line.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces))
        }.joined(separator: "\n")
    }()

    private static func contents(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
