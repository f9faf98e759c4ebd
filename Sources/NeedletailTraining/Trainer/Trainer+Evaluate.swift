import Needletail
import TensorGraph
import TensorRuntime

extension Trainer {
    /// Losses and metrics on other data: in evaluation mode, without gradients. Afterwards each layer has the mode that it
    /// had, and those of the running epoch go on.
    ///
    /// - Throws: `data` of a loader without batches; `invalidArgument` where there are several models and no closure for it;
    ///   `TensorError` of the device, and what the closure throws.
    public func evaluate(_ loader: DataLoader) throws -> Scores {
        try withOwnScores { try evaluateFromZero(loader) }
    }

    /// Makes a step of one batch, as those of ``fit(_:validation:epochs:validationFrequency:)``, and gives its losses and
    /// metrics. It counts to no epoch: ``position`` and ``history`` stay as they are, callbacks are not called, and losses and
    /// metrics of the running epoch go on. ``accumulation`` does not apply. Waits for the device.
    ///
    /// Layers are in the mode that they have. Where ``WeightAveraging`` has given the model the means, training's own weights are put
    /// back first.
    ///
    /// - Throws: `TensorError` of the device, and what the closure throws.
    public func step(_ batch: Batch) throws -> Scores {
        try resumeTraining()
        return try withOwnScores {
            audience = .metrics
            defer { audience = .all }
            try step(batch, contexts)
            return try scores()
        }
    }

    /// Gives the models the weights that training goes on from, before steps outside of
    /// ``fit(_:validation:epochs:validationFrequency:)``.
    func resumeTraining() throws {
        for case let averaging as WeightAveraging in callbacks { try averaging.trainingResumes(self) }
    }

    /// Runs `body` with losses and metrics at their start; those of the running epoch go on afterwards.
    private func withOwnScores(_ body: () throws -> Scores) throws -> Scores {
        var states: [MetricState] = []
        for metric in metrics { states.append(try metric.state()) }
        let own = losses
        losses = []
        for metric in metrics { metric.reset() }
        let found = Result { try withGenerator(generator) { try body() } }
        losses = own
        for (metric, state) in zip(metrics, states) { try metric.restore(state) }
        return try found.get()
    }

    /// As ``evaluate(_:)``, with losses and metrics at their start, before and afterwards.
    func evaluateFromZero(_ loader: DataLoader) throws -> Scores {
        guard loader.count > 0 else {
            throw TensorError(
                .data, "evaluate: the loader has no batch of \(loader.batchSize) examples; give more examples")
        }
        let own = losses
        losses = []
        defer {
            losses = own
            resetScores()
        }
        let contexts = contexts
        try evaluating {
            for batch in loader.epoch(0) {
                try withNoGrad { try add(batch) }
                for context in contexts { try context.flushAll() }
            }
        }
        return try scores()
    }

    /// Adds a batch to losses and metrics.
    private func add(_ batch: Batch) throws {
        switch work {
        case .loss(let function):
            let (batchLoss, outputs) = try function(batch)
            loss(named: "loss").update(batchLoss, count: batch.count)
            if let outputs { for metric in metrics { metric.update(outputs, batch.labels) } }
        case .steps(_, let evaluation):
            guard let evaluation else {
                throw TensorError(
                    .invalidArgument,
                    "evaluate: this trainer's closure makes steps; make the trainer with evaluation: too, or pass no "
                        + "validation data")
            }
            for (name, value) in try evaluation(batch) { loss(named: name).update(value, count: batch.count) }
        }
    }

    /// Runs `body`, after which random numbers go on as if it had drawn none: what is looked at changes no number of a run.
    func withoutDrawing<Result>(_ body: () throws -> Result) rethrows -> Result {
        let state = generator.state
        defer { generator.state = state }
        return try withGenerator(generator) { () throws in try body() }
    }

    /// Runs `body` with all layers in evaluation mode, and gives each the mode back that it had.
    private func evaluating<Result>(_ body: () throws -> Result) rethrows -> Result {
        let modes = models.flatMap { $0.module.savedModes() }
        for (_, module) in models { module.eval() }
        defer { for (mode, isTraining) in modes { mode.isTraining = isTraining } }
        return try body()
    }

    /// What the model makes of an input: in evaluation mode, without gradients.
    ///
    /// - Throws: `invalidArgument` where the model is no `UnaryLayer`: such a one is called by its own name.
    public func predict(_ input: Tensor) throws -> Tensor {
        let model = try callable()
        return evaluating { withNoGrad { model(input) } }
    }

    /// What the model makes of the batches' first tensors, one behind the other, in the loader's order (of a loader that
    /// shuffles, that of its first epoch).
    ///
    /// - Throws: as ``predict(_:)-(Tensor)``; `data` of a loader without batches; `TensorError` of the device.
    public func predict(_ loader: DataLoader) throws -> Tensor {
        let model = try callable()
        guard loader.count > 0 else {
            throw TensorError(
                .data, "predict: the loader has no batch of \(loader.batchSize) examples; give more examples")
        }
        var parts: [Tensor] = []
        try evaluating {
            for batch in loader.epoch(0) {
                let output = withNoGrad { model(batch.features) }
                try output.evaluate()
                parts.append(output)
            }
        }
        return parts.count == 1 ? parts[0] : Tensor.concatenate(parts, axis: 0)
    }

    private func callable() throws(TensorError) -> any UnaryLayer {
        if let model = model as? any UnaryLayer, models.count == 1 { return model }
        throw TensorError(
            .invalidArgument,
            "predict: \(models.count == 1 ? "\(type(of: model)) is no function of one tensor" : "there are \(models.count) models"); "
                + "call the model yourself, within eval() and withNoGrad")
    }
}
