/// A callback of closures, as [keras.callbacks.LambdaCallback](https://keras.io/api/callbacks/lambda_callback/): for what is too
/// little for a class of its own. A closure without a label is called at the end of an epoch.
///
///     LambdaCallback { trainer, epoch in
///         if epoch.scores["accuracy"] ?? 0 > 0.99 { trainer.stop() }
///     }
///
/// What an error in a closure does, and when each is called, says ``TrainingCallback``. It keeps nothing in a checkpoint.
public final class LambdaCallback: TrainingCallback {
    /// What is called where there is nothing more to know than the trainer.
    public typealias Action = (_ trainer: Trainer) throws -> Void

    private let epochEndAction: (Trainer, History.Epoch) throws -> Void
    private let actions: (fitBegin: Action, epochBegin: Action, stepBegin: Action, stepEnd: Action, fitEnd: Action)

    /// A callback of those that are given.
    public init(
        epochEnd: @escaping (_ trainer: Trainer, _ epoch: History.Epoch) throws -> Void = { _, _ in },
        fitBegin: @escaping Action = { _ in }, epochBegin: @escaping Action = { _ in },
        stepBegin: @escaping Action = { _ in }, stepEnd: @escaping Action = { _ in },
        fitEnd: @escaping Action = { _ in }
    ) {
        epochEndAction = epochEnd
        actions = (fitBegin, epochBegin, stepBegin, stepEnd, fitEnd)
    }

    public func fitBegin(_ trainer: Trainer) throws { try actions.fitBegin(trainer) }
    public func epochBegin(_ trainer: Trainer) throws { try actions.epochBegin(trainer) }
    public func stepBegin(_ trainer: Trainer) throws { try actions.stepBegin(trainer) }
    public func stepEnd(_ trainer: Trainer) throws { try actions.stepEnd(trainer) }
    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws { try epochEndAction(trainer, epoch) }
    public func fitEnd(_ trainer: Trainer) throws { try actions.fitEnd(trainer) }
}
