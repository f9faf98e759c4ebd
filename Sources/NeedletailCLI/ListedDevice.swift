import Foundation
import Needletail
import TensorRuntime

/// A device, and what came of trying it.
struct ListedDevice {
    let device: DeviceDescription
    let isChosen: Bool
    private let isTried: Bool
    /// Why it cannot be used, if it was tried and cannot.
    let complaint: String?
    private let quirks: [String]
    /// Its place among the accelerators; nil where it is none.
    private let index: Int?

    init(_ device: DeviceDescription, isChosen: Bool, isTried: Bool) throws {
        self.device = device
        self.isChosen = isChosen
        self.isTried = isTried
        guard isTried else {
            complaint = nil
            quirks = []
            index = nil
            return
        }
        complaint = DeviceSelection.complaint(about: device.id)?.firstLine
        quirks = complaint == nil ? try deviceContext(device.id).device.quirks : []
        index = Accelerator.devices.firstIndex { $0.id == device.id }
    }

    var event: JSONValue {
        func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
        return [
            "event": "device", "device": .string("\(device.id)"), "backend": .string(device.id.backend),
            "platform": text(device.platform), "name": .string(device.name), "kind": .string(device.kind.rawValue),
            "driver": .string(device.driver), "memory": .integer(device.memory),
            "maximum_allocation": .integer(device.maximumAllocation),
            "dtypes": .array(DType.allCases.filter(device.dtypes.contains).map { .string("\($0)") }),
            "uuid": text(uuid), "accelerator_index": index.map(JSONValue.integer) ?? .null,
            "chosen": .bool(isChosen), "works": isTried ? .bool(complaint == nil) : .null, "complaint": text(complaint),
            "quirks": .array(quirks.map(JSONValue.string)),
        ]
    }

    /// A line a device, its columns aligned, and lines with the rest beneath.
    static func table(_ devices: [ListedDevice]) -> [String] {
        var rows = [["DEVICE", "INDEX", "KIND", "MEMORY", "NAME", "DRIVER"]]
        for listed in devices {
            let device = listed.device
            rows.append([
                "\(device.id)", listed.index.map { "\($0)" } ?? "-", device.kind.rawValue,
                String(format: "%.1f GiB", Double(device.memory) / Double(1 << 30)), device.name, device.driver,
            ])
        }
        let lines = TextTable.lines(rows)
        var result = ["  " + lines[0]]
        for (line, listed) in zip(lines.dropFirst(), devices) {
            result.append((listed.isChosen ? "* " : "  ") + line)
            result += listed.details.map { "    " + $0 }
        }
        return result
    }

    /// Its UUID, or else its place on the bus; the processor has none.
    private var uuid: String? {
        device.kind == .cpu ? nil : device.physicalIDs.map(\.description).max()
    }

    private var details: [String] {
        var result: [String] = []
        if let platform = device.platform { result.append("platform \(platform)") }
        if let uuid { result.append(uuid) }
        let lacking = DType.allCases.filter { !device.dtypes.contains($0) }
        if !lacking.isEmpty { result.append("no \(lacking.map { "\($0)" }.joined(separator: ", "))") }
        if let complaint { result.append("cannot be used: \(complaint)") }
        if !quirks.isEmpty { result.append("works around \(quirks.joined(separator: ", "))") }
        return result
    }
}
