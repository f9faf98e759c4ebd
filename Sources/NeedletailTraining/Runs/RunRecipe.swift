import Needletail

/// What the command line keeps in a checkpoint beside what the trainer does: what the model was made from and what its inputs
/// and outputs mean. Lists of words by name, so that a file of any origin can be read and each word looked at.
package struct RunRecipe: Hashable, Sendable {
    /// The name under which the callback that keeps it stands in a checkpoint.
    package static let callbackName = "needletail run"

    /// By name.
    package var texts: [String: [String]]

    /// A recipe of these words.
    package init(_ texts: [String: [String]] = [:]) { self.texts = texts }

    /// The one word of that name; nil where there is none or there are several.
    package subscript(name: String) -> String? {
        get { texts[name].flatMap { $0.count == 1 ? $0[0] : nil } }
        set { texts[name] = newValue.map { [$0] } }
    }
}

extension Checkpoint {
    /// The recipe of a run of the command line; empty in a checkpoint of other origin.
    package var recipe: RunRecipe {
        RunRecipe(run?.texts ?? [:])
    }

    /// The best epoch of a run of the command line; nil before its first, and in a checkpoint of other origin.
    package var bestEpoch: Int? {
        run?.numbers["best_epoch"]?.first.flatMap { Int(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
    }

    private var run: CallbackState? { callbacks.first { $0.key == RunRecipe.callbackName }?.state }
}

extension Trainer {
    /// Makes a trainer into which a checkpoint was restored look as at the end of that run: for a report of it.
    package func showRestoredRun() throws {
        epochs = position.epoch + (position.step > 0 ? 1 : 0)
        guard position.step == 0 else {
            outcome = .stopped
            return
        }
        // It gives the weights of the best epoch back.
        for callback in callbacks where callback is EarlyStopping { try callback.fitEnd(self) }
    }
}
