import Foundation
import Needletail
import TensorRuntime

/// Devices by what was measured, the fastest first.
struct DeviceRanking {
    private let rows: [(listed: ListedDevice, measured: DeviceMeasurement)]
    private let failures: [(device: DeviceID, reason: String)]

    init(_ devices: [ListedDevice]) {
        var rows: [(listed: ListedDevice, measured: DeviceMeasurement)] = []
        var failures: [(device: DeviceID, reason: String)] = []
        for listed in devices where listed.complaint == nil {
            do {
                rows.append((listed, try DeviceMeasurement(of: listed.device.id)))
            } catch {
                failures.append((listed.device.id, (error as? TensorError)?.message ?? "\(error)"))
            }
        }
        self.rows = rows.sorted { $0.measured.gigaflops > $1.measured.gigaflops }
        self.failures = failures
    }

    var lines: [String] {
        var result = rows.map { listed, measured in
            let rates = String(
                format: "%.1f GFLOP/s, copies %.2f GB/s", measured.gigaflops, measured.copiedGigabytes)
            return "  \(measured.device): \(rates)" + (listed.device.kind == .software ? ", software" : "")
        }
        result += failures.map { "  \($0.device): cannot be measured: \($0.reason)" }
        if let best = rows.first {
            let rate = String(format: "%.1f GFLOP/s", best.measured.gigaflops)
            result.append("preferred: \(best.measured.device), with \(rate)")
        }
        return result
    }

    var events: [JSONValue] {
        var result: [JSONValue] = rows.map { listed, measured in
            [
                "event": "measurement", "device": .string("\(measured.device)"),
                "gigaflops": .number(measured.gigaflops), "copied_gigabytes": .number(measured.copiedGigabytes),
                "software": .bool(listed.device.kind == .software),
            ]
        }
        result += failures.map { device, reason in
            ["event": "measurement", "device": .string("\(device)"), "complaint": .string(reason)]
        }
        if let best = rows.first {
            result.append([
                "event": "preference", "device": .string("\(best.measured.device)"),
                "gigaflops": .number(best.measured.gigaflops),
            ])
        }
        return result
    }
}
