import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime

/// `needletail predict`
struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Says what the model of a checkpoint makes of pictures, or of a table's rows.",
        discussion: """
            Pictures are PNG or JPEG files of any size, and are resized to that of the model. Of a table the columns that \
            the model was trained on have to be there; the column to predict need not be.
            """)

    @Argument(help: "Pictures, or one .csv file.") var files: [String]

    @Option(help: "A file that `needletail train ... --output` wrote: checkpoint.safetensors or best.safetensors.")
    var checkpoint: String

    @Option(help: "How many classes of a picture are said (default: 3).")
    var top: Int?

    @Option(
        help: """
            auto, on or off: whether light and dark of a picture are turned over; auto does it for mnist and \
            fashion-mnist where the border is light (default: auto).
            """)
    var invert: RunPrediction.Inversion?

    @Option(help: "A file for the table with its predictions (default: standard output).")
    var output: String?

    @Option(help: "auto, cpu, or a device that `needletail devices` lists (default: NEEDLETAIL_DEVICE, else auto).")
    var device: String?

    @Flag(help: "One JSON object a picture or row on standard output, and nothing else there.")
    var json = false

    func validate() throws { try Arguments.check("--top", top) }

    func run() throws {
        let device = try DeviceArgument.resolve(device)
        let saved = try SavedRun(contentsOf: checkpoint, device: device)
        let prediction = try RunPrediction(saved, device: device)
        // A file of the other kind is told from its name, so that the error is of the checkpoint.
        let names = files.map { $0.lowercased() }
        let isTable = names.contains { $0.hasSuffix(".csv") || $0.hasSuffix(".tsv") }
        let isPicture = names.contains { name in [".png", ".jpg", ".jpeg"].contains { name.hasSuffix($0) } }
        if isTable != isPicture ? isTable : saved.kind == .csv {
            try rows(prediction)
        } else {
            try pictures(prediction)
        }
    }

    private func pictures(_ prediction: RunPrediction) throws {
        if let output {
            throw ValidationError("--output \(output): is for the rows of a table, not for pictures; leave it out")
        }
        for file in files {
            let (answers, isInverted) = try prediction.classes(ofPicture: file, inversion: invert ?? .auto)
            let shown = answers.prefix(top ?? 3)
            if json {
                try JSONLines.write([
                    "event": "prediction", "file": .string(file), "prediction": .string(answers[0].name),
                    "probability": .number(answers[0].probability), "inverted": .bool(isInverted),
                    "classes": .array(
                        shown.map { ["class": .string($0.name), "probability": .number($0.probability)] }),
                ])
            } else {
                let text = shown.map { "\($0.name) (\(ResultText.percent($0.probability)))" }
                try StandardOutput.write(
                    line: "\(file): \(text.joined(separator: ", "))"
                        + (isInverted ? ", light and dark turned over" : ""))
            }
        }
    }

    private func rows(_ prediction: RunPrediction) throws {
        let contradictions = [("--top", top.map { "\($0)" }), ("--invert", invert?.rawValue)]
        for (name, value) in contradictions {
            guard let value else { continue }
            throw ValidationError("\(name) \(value): is for pictures, not for the rows of a table; leave it out")
        }
        guard files.count == 1 else {
            throw ValidationError("\(files.count) files: rows are predicted of one table; give one .csv file")
        }
        let (table, values) = try prediction.predictions(ofRows: files[0])
        let target = prediction.target ?? "target"
        if let output {
            let text = RunPrediction.csv(table, values, target: target)
            try AtomicFile.write([Array(text.utf8)], to: output)
        }
        if json {
            for row in 0..<table.rowCount { try JSONLines.write(event(row, table, values, target)) }
        } else if let output {
            try StandardOutput.write(line: "\(table.rowCount) rows, predicted_\(target) in \(output)")
        } else {
            let text = RunPrediction.csv(table, values, target: target)
            try StandardOutput.write(line: String(text.dropLast()))
        }
    }

    private func event(
        _ row: Int, _ table: CSVTable, _ values: RunPrediction.RowPredictions, _ target: String
    ) -> JSONValue {
        var members = [
            JSONValue.Member("event", "prediction"), JSONValue.Member("line", .integer(table.lines[row])),
            JSONValue.Member("target", .string(target)),
        ]
        switch values {
        case .numbers(let numbers): members.append(JSONValue.Member("prediction", .number(numbers[row])))
        case .classes(let answers):
            let best = RunPrediction.likeliest(answers[row])
            members.append(JSONValue.Member("prediction", .string(best.name)))
            members.append(JSONValue.Member("probability", .number(best.probability)))
            members.append(
                JSONValue.Member(
                    "classes",
                    .array(
                        answers[row].map { ["class": .string($0.name), "probability": .number($0.probability)] })))
        }
        return .object(members)
    }
}
