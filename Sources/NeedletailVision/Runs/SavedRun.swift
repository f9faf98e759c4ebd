import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// A checkpoint of `needletail train`, and what it is of.
package struct SavedRun {
    /// The file.
    package let path: String
    package let checkpoint: Checkpoint
    package let kind: RunKind
    package let recipe: RunRecipe

    /// Reads a file. One without a recipe is of MNIST, whose models have names of their own.
    ///
    /// - Throws: `file` where it cannot be read; `data` where it is no checkpoint of a run.
    package init(contentsOf path: String, device: DeviceID) throws(TensorError) {
        self.path = path
        checkpoint = try Checkpoint(contentsOf: path, device: device)
        recipe = checkpoint.recipe
        guard !recipe.texts.isEmpty else {
            kind = .mnist
            return
        }
        guard let kind = recipe["kind"].flatMap({ RunKind(rawValue: $0) }) else {
            throw SavedRun.wrong("kind", recipe, path)
        }
        self.kind = kind
    }

    /// The model and what its inputs and outputs mean.
    ///
    /// - Throws: `data` where the file does not say it.
    package func specification() throws(TensorError) -> any RunSpecification {
        if kind == .csv { try TableSpecification(self) } else { try PictureSpecification(self) }
    }

    /// The model with the saved weights.
    ///
    /// - Parameter dtype: what the weights are converted to; nil is the dtype that they have.
    /// - Throws: `data` where the weights are another model's.
    package func model(
        _ specification: any RunSpecification, device: DeviceID, dtype: DType? = nil
    ) throws(TensorError) -> any UnaryLayer {
        let made = specification.make(
            generator: Generator(seed: 0), device: device, dtype: dtype ?? checkpoint.dtype)
        do {
            try made.load(stateDictionary: checkpoint.weights)
        } catch {
            throw TensorError(error.kind, "\(path): \(error.message)")
        }
        return made
    }

    /// The checkpoint of the run's best epoch: this one, or that beside it; nil where there is none.
    ///
    /// - Throws: as ``init(contentsOf:device:)``.
    func best() throws(TensorError) -> (path: String, checkpoint: Checkpoint)? {
        guard let epoch = checkpoint.bestEpoch else { return nil }
        func isBest(_ checkpoint: Checkpoint) -> Bool {
            checkpoint.position == Trainer.Position(epoch: epoch) && checkpoint.bestEpoch == epoch
        }
        let beside = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent(TrainingRun.bestName)
        if FileManager.default.fileExists(atPath: beside.path) {
            let found = try Checkpoint(contentsOf: beside.path, device: .cpu)
            if isBest(found) { return (beside.path, found) }
        }
        return isBest(checkpoint) ? (path, checkpoint) : nil
    }

    /// Whether an option says what the run did.
    ///
    /// - Parameter text: a value as it is typed.
    func check<Value: Equatable>(
        _ option: String, _ given: Value?, _ saved: Value?, as text: (Value) -> String = { "\($0)" }
    ) throws(TensorError) {
        guard let given, given != saved else { return }
        let found = saved.map { "with \(text($0))" } ?? "without it"
        throw TensorError(
            .invalidArgument, "--\(option) \(text(given)): \(path) was trained \(found); leave the option out")
    }

    /// Whether an option without a value says what the run did.
    func check(flag option: String, _ given: Bool?, _ saved: Bool) throws(TensorError) {
        guard given == true, !saved else { return }
        throw TensorError(.invalidArgument, "--\(option): \(path) was trained without it; leave the option out")
    }

    /// Whether the file is of that kind.
    func check(kind wanted: RunKind) throws(TensorError) {
        guard kind != wanted else { return }
        throw TensorError(
            .data,
            "\(path): of `needletail train \(kind.rawValue)`, not of \(wanted.rawValue); name another file, or train "
                + kind.rawValue)
    }

    func patience() throws(TensorError) -> Int? { try count("patience") }

    /// The epochs that the run was to have in all; nil where it does not say.
    func epochs() throws(TensorError) -> Int? { try count("epochs") }

    /// A number of at least 1; nil where there is none.
    private func count(_ name: String) throws(TensorError) -> Int? {
        guard recipe.texts[name] != nil else { return nil }
        guard let count = recipe[name].flatMap({ Int($0) }), count > 0 else { throw wrong(name) }
        return count
    }

    /// Whether examples are those of the run, by what ``fingerprint`` was of them.
    func isOf(fingerprint: String) -> Bool { recipe[SavedRun.fingerprint].map { $0 == fingerprint } ?? true }

    /// The name in the recipe of what all examples came to, before they were parted: other examples are parted otherwise.
    static let fingerprint = "fingerprint"

    /// The data as they were named.
    func data() throws(TensorError) -> String {
        guard let data = recipe["data"] else { throw wrong("data") }
        return data
    }

    /// The share of the examples that was held out; nil where they were another part of the data.
    func validation() throws(TensorError) -> Double? {
        guard recipe.texts["validation"] != nil else { return nil }
        guard let share = recipe["validation"].flatMap({ Double($0) }), share > 0, share < 1 else {
            throw wrong("validation")
        }
        return share
    }

    func words(_ name: String) throws(TensorError) -> [String] {
        guard let words = recipe.texts[name] else { throw wrong(name) }
        return words
    }

    func numbers<Number: LosslessStringConvertible>(_ name: String) throws(TensorError) -> [Number] {
        let words = try words(name)
        let numbers = words.compactMap { Number($0) }
        guard numbers.count == words.count else { throw wrong(name) }
        return numbers
    }

    func wrong(_ name: String) -> TensorError { SavedRun.wrong(name, recipe, path) }

    private static func wrong(_ name: String, _ recipe: RunRecipe, _ path: String) -> TensorError {
        let found = recipe.texts[name].map { "is '\($0.joined(separator: ", ").prefix(80))'" } ?? "is missing"
        return TensorError(
            .data, "\(path): '\(name)' of the run \(found); name a file that `needletail train` wrote")
    }
}

/// A path that means the same from every directory.
func absolutePath(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.path
}
