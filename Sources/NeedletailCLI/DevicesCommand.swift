import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail

/// `needletail devices`
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "Lists devices, what was left out and why, backends' options, and the choice. Tries a kernel on each."
    )

    @Flag(help: "One JSON object a line on standard output, and nothing else there.")
    var json = false

    @Flag(help: "Measure a small product and a copy on each device. auto takes the fastest from then on.")
    var measure = false

    @Flag(help: "Forget what was measured: auto goes by kinds and memory again.")
    var forget = false

    func validate() throws {
        if measure && forget { throw ValidationError("--measure and --forget exclude each other; give one of them") }
    }

    func run() throws {
        // Which variables there are, the backends say.
        let probes = DeviceSelection.probe()
        try RuntimeConfiguration.current.check()
        // While the environment names a backend that is none, no device can be opened.
        let isReadable = DeviceInventory.current.unknownBackends.isEmpty
        // Before anybody chooses: the choice goes by it.
        let ranking = measure && isReadable ? DeviceRanking(probes.flatMap(\.devices)) : nil
        let forgotten = try forget ? MeasuredOrder.forget(in: .current) : nil
        // Where none can be chosen, the list says what there is.
        let choice = Result { () throws(TensorError) in try DeviceSelection.chosen }
        let chosen: DeviceID? = if case .success(let choice) = choice { choice.device } else { nil }
        let devices = try probes.flatMap(\.devices).map {
            try ListedDevice($0, isChosen: $0.id == chosen, isTried: isReadable)
        }
        if json {
            for device in devices { try JSONLines.write(device.event) }
        } else {
            for line in ListedDevice.table(devices) { try StandardOutput.write(line: line) }
        }
        for probe in probes {
            for note in probe.notes { try show(note, of: probe.backend) }
        }
        try show(probes.flatMap(OptionList.rows))
        if let ranking { try show(ranking) }
        if forget { try show(forgotten) }
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

    private func show(_ note: String, of backend: String) throws {
        guard json else {
            try StandardOutput.write(line: "  \(backend): \(note)")
            return
        }
        try JSONLines.write(["event": "left_out", "backend": .string(backend), "reason": .string(note)])
    }

    private func show(_ options: [OptionList.Row]) throws {
        if json {
            for option in options { try JSONLines.write(option.event) }
        } else {
            for line in OptionList.table(options) { try StandardOutput.write(line: line) }
        }
    }

    private func show(_ forgotten: URL?) throws {
        guard json else {
            try StandardOutput.write(line: forgotten.map { "forgotten: \($0.path)" } ?? "nothing measured was kept")
            return
        }
        try JSONLines.write(["event": "forgotten", "file": forgotten.map { .string($0.path) } ?? .null])
    }

    private func show(_ ranking: DeviceRanking) throws {
        if json {
            for event in ranking.events { try JSONLines.write(event) }
        } else {
            for line in ranking.lines { try StandardOutput.write(line: line) }
        }
    }
}
