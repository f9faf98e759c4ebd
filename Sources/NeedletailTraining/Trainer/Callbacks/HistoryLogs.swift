import Foundation
import Needletail
import TensorRuntime

/// Writes the history as a table of comma-separated values: `epoch`, losses and metrics, `learning_rate`, `seconds`, a row for
/// each epoch, as [keras.callbacks.CSVLogger](https://keras.io/api/callbacks/csv_logger/).
///
/// After each epoch the file is written anew, from the history, in full or not at all: so that a run that was killed and
/// resumed leaves no row out and none twice.
public final class CSVLog: TrainingCallback {
    private let path: String

    /// - Parameter path: of the file, whose directory is made where it is missing.
    public init(_ path: String) { self.path = path }

    public func fitBegin(_ trainer: Trainer) throws {
        try HistoryFile.prepare(path)
        try write(trainer.history)
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws { try write(trainer.history) }

    private func write(_ history: History) throws(TensorError) {
        try AtomicFile.write([Array(CSVLog.text(of: history).utf8)], to: path)
    }

    /// The table. Numbers are as long as they have to be to be read back bit for bit.
    public static func text(of history: History) -> String {
        let names = history.names
        var text = (["epoch"] + names + ["learning_rate", "seconds"]).map(quoted).joined(separator: ",") + "\n"
        for epoch in history.epochs {
            let values = names.map { epoch.scores[$0].map { "\($0)" } ?? "" }
            let row = ["\(epoch.number)"] + values + ["\(epoch.learningRate)", "\(epoch.seconds)"]
            text += row.joined(separator: ",") + "\n"
        }
        return text
    }

    /// A name as RFC 4180 wants it.
    static func quoted(_ name: String) -> String {
        guard name.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return name }
        return "\"" + name.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }
}

/// Writes the history as JSON lines, an object for each epoch: `{"epoch":1,"loss":0.31,...,"learning_rate":0.001,"seconds":2.5}`.
/// Numbers that JSON does not have are `null`.
///
/// The file is written as ``CSVLog``'s is.
public final class JSONLinesLog: TrainingCallback {
    private let path: String

    /// - Parameter path: of the file, whose directory is made where it is missing.
    public init(_ path: String) { self.path = path }

    public func fitBegin(_ trainer: Trainer) throws {
        try HistoryFile.prepare(path)
        try write(trainer.history)
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws { try write(trainer.history) }

    private func write(_ history: History) throws(TensorError) {
        var text = ""
        for epoch in history.epochs {
            var members = [JSONValue.Member("epoch", .integer(epoch.number))]
            members += epoch.scores.entries.map { JSONValue.Member($0.name, .number($0.value)) }
            members.append(JSONValue.Member("learning_rate", .number(epoch.learningRate)))
            members.append(JSONValue.Member("seconds", .number(epoch.seconds)))
            text += JSONValue.object(members).description + "\n"
        }
        try AtomicFile.write([Array(text.utf8)], to: path)
    }
}

enum HistoryFile {
    /// Finds out before training whether the file can be written.
    static func prepare(_ path: String) throws(TensorError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let directory = parts.dropLast().joined(separator: "/")
        let isAbsolute = path.hasPrefix("/")
        try AtomicFile.prepare(
            directory: directory.isEmpty ? (isAbsolute ? "/" : ".") : directory, file: String(parts.last ?? ""))
    }
}
