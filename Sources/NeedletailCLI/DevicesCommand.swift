import ArgumentParser
import Foundation
import Needletail

/// `needletail devices`
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "Lists the devices, what was left out and why, and which one is chosen. Tries a kernel on each.")

    @Flag(help: "One JSON object a line on standard output, and nothing else there.")
    var json = false

    func run() throws {
        // Which variables there are, the backends say.
        let probes = DeviceSelection.probe()
        try RuntimeConfiguration.current.check()
        // Where none can be chosen, the list says what there is.
        let choice = Result { () throws(TensorError) in try DeviceSelection.chosen }
        let chosen: DeviceID? = if case .success(let choice) = choice { choice.device } else { nil }
        for probe in probes {
            for device in probe.devices { try show(device, isChosen: device.id == chosen) }
            for note in probe.notes { try show(note, of: probe.backend) }
        }
        try show(choice)
        _ = try choice.get()
    }

    private func show(_ choice: Result<DeviceSelection.Choice, TensorError>) throws {
        let (device, reason): (DeviceID?, String) =
            switch choice {
            case .success(let choice): (choice.device, choice.reason)
            case .failure(let error): (nil, error.message)
            }
        guard json else {
            try StandardOutput.write(line: "chosen: \(device.map { "\($0)" } ?? "none"), because \(reason)")
            return
        }
        try JSONLines.write([
            "event": "choice", "device": device.map { .string("\($0)") } ?? .null, "reason": .string(reason),
        ])
    }

    private func show(_ device: DeviceDescription, isChosen: Bool) throws {
        // A message may have a compiler's lines behind the first.
        let complaint = DeviceSelection.complaint(about: device.id)?.message.split(separator: "\n").first.map(
            String.init)
        let quirks = complaint == nil ? try deviceContext(device.id).device.quirks : []
        guard json else {
            let memory = String(format: "%.1f GiB", Double(device.memory) / Double(1 << 30))
            let facts = "\(device.kind.rawValue), \(memory), \(device.driver)"
            try StandardOutput.write(line: "\(isChosen ? "*" : " ") \(device.id)  \(device.name)  (\(facts))")
            if let complaint { try StandardOutput.write(line: "    cannot be used: \(complaint)") }
            if !quirks.isEmpty { try StandardOutput.write(line: "    works around \(quirks.joined(separator: ", "))") }
            return
        }
        try JSONLines.write([
            "event": "device", "device": .string("\(device.id)"), "name": .string(device.name),
            "kind": .string(device.kind.rawValue), "driver": .string(device.driver), "memory": .integer(device.memory),
            "chosen": .bool(isChosen), "works": .bool(complaint == nil),
            "complaint": complaint.map(JSONValue.string) ?? .null, "quirks": .array(quirks.map(JSONValue.string)),
        ])
    }

    private func show(_ note: String, of backend: String) throws {
        guard json else {
            try StandardOutput.write(line: "  \(backend): \(note)")
            return
        }
        try JSONLines.write(["event": "left_out", "backend": .string(backend), "reason": .string(note)])
    }
}
