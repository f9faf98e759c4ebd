import Foundation
import Needletail
import TensorRuntime

/// Devices by what was measured, the fastest first; what is kept of it says which one `auto` takes.
struct DeviceRanking {
    private let rows: [(device: DeviceDescription, measured: DeviceMeasurement)]
    private let failures: [(device: DeviceDescription, reason: String)]
    /// Where it is kept, or why it is not.
    private let kept: Result<URL, TensorError>

    /// Measures the devices and keeps the result.
    init(_ devices: [DeviceDescription]) {
        var rows: [(device: DeviceDescription, measured: DeviceMeasurement)] = []
        var failures: [(device: DeviceDescription, reason: String)] = []
        for device in devices {
            do {
                if let complaint = DeviceSelection.complaint(about: device.id) { throw complaint }
                rows.append((device, try DeviceMeasurement(of: device.id)))
            } catch {
                failures.append((device, (error as? TensorError)?.firstLine ?? "\(error)"))
            }
        }
        rows.sort { $0.measured.gigaflops > $1.measured.gigaflops }
        var measured: [(device: DeviceDescription, gigaflops: Double?)] = []
        for row in rows { measured.append((row.device, row.measured.gigaflops)) }
        for failure in failures { measured.append((failure.device, nil)) }
        kept = Result { () throws(TensorError) in try MeasuredOrder(measured).keep(in: .current) }
        self.rows = rows
        self.failures = failures
    }

    /// Software is measured for comparison, and never taken unasked.
    private var best: DeviceMeasurement? { rows.first { $0.device.kind != .software }?.measured }

    var lines: [String] {
        var result = rows.map { device, measured in
            let rates = String(
                format: "%.1f GFLOP/s, copies %.2f GB/s", measured.gigaflops, measured.copiedGigabytes)
            return "  \(measured.device): \(rates)" + (device.kind == .software ? ", software" : "")
        }
        result += failures.map { "  \($0.device.id): cannot be measured: \($0.reason)" }
        if let best {
            result.append("preferred: \(best.device), with " + String(format: "%.1f GFLOP/s", best.gigaflops))
        }
        switch kept {
        case .success(let file):
            result.append("auto goes by it from now on (\(file.path)); `needletail devices --forget` undoes that")
        case .failure(let error): result.append(error.message)
        }
        return result
    }

    var events: [JSONValue] {
        var result: [JSONValue] = rows.map { device, measured in
            [
                "event": "measurement", "device": .string("\(measured.device)"),
                "gigaflops": .number(measured.gigaflops), "copied_gigabytes": .number(measured.copiedGigabytes),
                "software": .bool(device.kind == .software),
            ]
        }
        result += failures.map { device, reason in
            ["event": "measurement", "device": .string("\(device.id)"), "complaint": .string(reason)]
        }
        if let best {
            let (file, complaint): (JSONValue, JSONValue) =
                switch kept {
                case .success(let file): (.string(file.path), .null)
                case .failure(let error): (.null, .string(error.message))
                }
            result.append([
                "event": "preference", "device": .string("\(best.device)"), "gigaflops": .number(best.gigaflops),
                "kept": file, "complaint": complaint,
            ])
        }
        return result
    }
}

extension TensorError {
    /// The message without a compiler's lines, which may stand behind the first.
    var firstLine: String { message.split(separator: "\n").first.map(String.init) ?? message }
}
