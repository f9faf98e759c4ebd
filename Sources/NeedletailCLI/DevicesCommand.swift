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
        let probes = DeviceSelection.probe()
        let choice = try DeviceSelection.chosen
        for probe in probes {
            for device in probe.devices { try show(device, isChosen: device.id == choice.device) }
            for note in probe.notes { try show(note, of: probe.backend) }
        }
        if json {
            try JSONLines.write([
                "event": "choice", "device": .string("\(choice.device)"), "reason": .string(choice.reason),
            ])
        } else {
            print("chosen: \(choice.device), because \(choice.reason)")
        }
    }

    private func show(_ device: DeviceDescription, isChosen: Bool) throws {
        // A message may have a compiler's lines behind the first.
        let complaint = DeviceSelection.complaint(about: device.id)?.message.split(separator: "\n").first.map(
            String.init)
        guard json else {
            let memory = String(format: "%.1f GiB", Double(device.memory) / Double(1 << 30))
            print(
                "\(isChosen ? "*" : " ") \(device.id)  \(device.name)  (\(device.kind.rawValue), \(memory), \(device.driver))"
            )
            if let complaint { print("    cannot be used: \(complaint)") }
            return
        }
        try JSONLines.write([
            "event": "device", "device": .string("\(device.id)"), "name": .string(device.name),
            "kind": .string(device.kind.rawValue), "driver": .string(device.driver), "memory": .integer(device.memory),
            "chosen": .bool(isChosen), "works": .bool(complaint == nil),
            "complaint": complaint.map(JSONValue.string) ?? .null,
        ])
    }

    private func show(_ note: String, of backend: String) throws {
        guard json else {
            print("  \(backend): \(note)")
            return
        }
        try JSONLines.write(["event": "left_out", "backend": .string(backend), "reason": .string(note)])
    }
}
