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

    /// Whether an option says what the run did.
    func check<Value: Equatable>(_ option: String, _ given: Value?, _ saved: Value?) throws(TensorError) {
        guard let given, given != saved else { return }
        let found = saved.map { "with \($0)" } ?? "without it"
        throw TensorError(
            .invalidArgument, "--\(option) \(given): \(path) was trained \(found); leave the option out")
    }

    /// Whether the file is of that kind.
    func check(kind wanted: RunKind) throws(TensorError) {
        guard kind != wanted else { return }
        throw TensorError(
            .data,
            "\(path): of `needletail train \(kind.rawValue)`, not of \(wanted.rawValue); name another file, or train "
                + kind.rawValue)
    }

    func patience() throws(TensorError) -> Int? {
        guard recipe.texts["patience"] != nil else { return nil }
        guard let patience = recipe["patience"].flatMap({ Int($0) }), patience > 0 else { throw wrong("patience") }
        return patience
    }

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
