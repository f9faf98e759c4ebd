import NeedletailTraining

/// A callback of closures.
package final class TrainingHook: TrainingCallback {
    private let begin: (Trainer) throws -> Void
    private let step: (Trainer) throws -> Void
    private let epoch: (Trainer, History.Epoch) throws -> Void

    package init(
        epochBegin: @escaping (Trainer) throws -> Void = { _ in },
        stepEnd: @escaping (Trainer) throws -> Void = { _ in },
        epochEnd: @escaping (Trainer, History.Epoch) throws -> Void = { _, _ in }
    ) {
        begin = epochBegin
        step = stepEnd
        epoch = epochEnd
    }

    package func epochBegin(_ trainer: Trainer) throws { try begin(trainer) }
    package func stepEnd(_ trainer: Trainer) throws { try step(trainer) }
    package func epochEnd(_ trainer: Trainer, _ ended: History.Epoch) throws { try epoch(trainer, ended) }
}
