import Foundation
import Needletail

/// Shows how training goes: a bar for the running epoch where standard error is a terminal, and a line for each epoch.
///
///     epoch 2/6  loss 0.1032  accuracy 0.9684  val_loss 0.0891  val_accuracy 0.9731  2.1 s
public final class ProgressLine: TrainingCallback {
    private let output: (String) -> Void
    private var bar: ProgressBar?

    /// - Parameter output: takes the lines; by default they are printed.
    public init(output: @escaping (String) -> Void = { print($0) }) { self.output = output }

    public func epochBegin(_ trainer: Trainer) { bar = nil }

    public func stepEnd(_ trainer: Trainer) throws {
        guard ProgressBar.standardErrorIsTerminal, let loader = trainer.loader else { return }
        if bar == nil {
            bar = ProgressBar(
                label: "epoch \(trainer.position.epoch + 1)/\(trainer.epochs)", total: trainer.stepsPerEpoch,
                // The bar's clock starts now, behind this step.
                firstStep: trainer.position.step,
                images: (loader.batchSize * loader.accumulation, loader.exampleCount), unit: "examples")
        }
        try bar?.update(step: trainer.position.step) { () throws(TensorError) in
            let scores = try trainer.scores()
            return ProgressBar.Metrics(loss: scores["loss"], accuracy: scores["accuracy"])
        }
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) {
        bar?.clear()
        bar = nil
        let numbers = epoch.scores.entries.map { "\($0.name) \(String(format: "%.4f", $0.value))" }
        let facts = ["epoch \(epoch.number)/\(trainer.epochs)"] + numbers + [String(format: "%.1f s", epoch.seconds)]
        output(facts.joined(separator: "  "))
    }

    public func fitEnd(_ trainer: Trainer) {
        bar?.clear()
        bar = nil
    }
}
