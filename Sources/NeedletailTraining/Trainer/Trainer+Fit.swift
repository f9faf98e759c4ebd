import Needletail
import TensorGraph
import TensorRuntime

extension Trainer {
    /// Trains from ``position`` to the end of the last epoch, or to ``stop()``.
    ///
    /// Each layer begins every epoch in the mode that it has when this is called: one that was frozen by `Module.eval()`
    /// stays frozen. A new model trains; one that was set to evaluation as a whole wants `Module.train(_:)` first.
    ///
    /// - Parameters:
    ///   - validation: evaluated after each epoch; its numbers are in the history as `val_loss`, ...
    ///   - epochs: all epochs, those that are done already included.
    ///   - validationFrequency: how many epochs lie between two validations, 1 or more: with 2, epochs 2, 4, ... are followed by
    ///     one. Callbacks that go by its numbers pass over the other epochs.
    /// - Returns: ``history``. How the run ended says ``outcome``.
    /// - Throws: `data` where the loader has no batch, or is not the one in the middle of whose epoch the run is resumed;
    ///   `invalidArgument` of another frequency; `TensorError` of the device, and what closures and callbacks throw.
    @discardableResult
    public func fit(
        _ training: DataLoader, validation: DataLoader? = nil, epochs: Int = 1, validationFrequency: Int = 1
    ) throws -> History {
        guard validationFrequency > 0 else {
            throw TensorError(
                .invalidArgument,
                "fit(validationFrequency: \(validationFrequency)): no number of epochs; give 1 or more")
        }
        let shape = LoaderShape(training, accumulation: accumulation)
        if position.step > 0, let loader, loader != shape {
            throw TensorError(
                .data,
                "fit: the run stopped after step \(position.step) of an epoch of \(loader.text), and this one is of "
                    + "\(shape.text); go on with the same")
        }
        guard training.count > 0 else {
            throw TensorError(
                .data, "fit: the loader has no batch of \(training.batchSize) examples; give more examples")
        }
        loader = shape
        self.epochs = epochs
        self.validationFrequency = validation == nil ? nil : validationFrequency
        stepsPerEpoch = (training.count + accumulation - 1) / accumulation
        isStopping = false
        outcome = .finished
        let modes = models.flatMap { $0.module.savedModes() }
        let contexts = contexts
        try withGenerator(generator) {
            for callback in callbacks { try callback.fitBegin(self) }
            while position.epoch < epochs, !isStopping {
                for (mode, isTraining) in modes { mode.isTraining = isTraining }
                let secondsBefore = timer.seconds
                guard try trainEpoch(training, contexts) else { break }
                try endEpoch(validation, seconds: timer.seconds - secondsBefore)
            }
            outcome = position.epoch < epochs ? .stopped : .finished
            for callback in callbacks { try callback.fitEnd(self) }
        }
        return history
    }

    /// Makes the steps that are left of an epoch.
    ///
    /// - Returns: whether it came to its end.
    private func trainEpoch(_ training: DataLoader, _ contexts: [DeviceContext]) throws -> Bool {
        for callback in callbacks { try callback.epochBegin(self) }
        if isStopping { return false }
        for context in contexts { try context.synchronize() }
        let context = try contexts.first ?? deviceContext()
        let batches = AnyIterator(
            training.epoch(position.epoch, from: position.step * accumulation).makeIterator())
        timer.start(context.statistics)
        while position.step < stepsPerEpoch {
            for callback in callbacks { try callback.stepBegin(self) }
            lastRate = optimizer.learningRate
            try timer.step { try step(training, batches, contexts) }
            position.step += 1
            try timer.count(context)
            for callback in callbacks { try callback.stepEnd(self) }
            if isStopping, position.step < stepsPerEpoch {
                try timer.stop(context)
                return false
            }
        }
        try timer.stop(context)
        return true
    }

    /// Validates, and writes the epoch into the history.
    private func endEpoch(_ validation: DataLoader?, seconds: Double) throws {
        var scores = try scores()
        resetScores()
        let number = position.epoch + 1
        if let validation, isValidated(number) {
            for callback in callbacks { try callback.validationBegin(self) }
            for entry in try evaluateFromZero(validation).entries { scores["val_" + entry.name] = entry.value }
            for callback in callbacks { try callback.validationEnd(self) }
        }
        position = Position(epoch: number)
        let epoch = History.Epoch(
            number: number, scores: scores, learningRate: lastRate ?? optimizer.learningRate, seconds: seconds)
        history.append(epoch)
        for callback in callbacks { try callback.epochEnd(self, epoch) }
    }

    /// Whether an epoch of this run is followed by validation.
    func isValidated(_ epoch: Int) -> Bool { validationFrequency.map { epoch.isMultiple(of: $0) } ?? false }

    /// Starts losses and metrics anew.
    func resetScores() {
        for loss in losses { loss.reset() }
        for metric in metrics { metric.reset() }
    }

    /// Makes a step of the batches that come next.
    func step(
        _ training: DataLoader, _ batches: AnyIterator<Batch>, _ contexts: [DeviceContext]
    ) throws {
        guard accumulation > 1, case .loss(let loss) = work else { return try step(try next(batches), contexts) }
        try step { try traceGradients(loss, training, batches, contexts) }
    }

    /// Makes a step of one batch.
    func step(_ batch: Batch, _ contexts: [DeviceContext]) throws {
        switch work {
        case .loss(let loss): try step { try trace(loss, batch, share: nil) }
        case .steps(let body, _):
            for (name, value) in try body(batch) { loss(named: name).update(value, count: batch.count) }
            for context in contexts { try context.flushAll() }
        }
    }

    /// Makes a step of the gradients that the closure makes.
    private func step(_ traceGradients: () throws -> Void) throws {
        optimizer.zeroGrad()
        try traceGradients()
        if let clipValue { optimizer.clipGradientValue(clipValue) }
        if let clipNorm { optimizer.clipGradientNorm(clipNorm) }
        try optimizer.step()
    }

    /// Forward and backward pass of the batches of a step.
    private func traceGradients(
        _ loss: (Batch) throws -> (loss: Tensor, outputs: Tensor?), _ training: DataLoader,
        _ batches: AnyIterator<Batch>, _ contexts: [DeviceContext]
    ) throws {
        let first = position.step * accumulation
        let last = Swift.min(first + accumulation, training.count)
        let examples = Swift.min(last * training.batchSize, training.exampleCount) - first * training.batchSize
        for index in first..<last {
            let batch = try next(batches)
            try trace(loss, batch, share: Double(batch.count) / Double(examples))
            // Evaluated one by one, so that a step needs the memory of one batch.
            if index < last - 1 { for context in contexts { try context.flushAll() } }
        }
    }

    /// Forward, backward and metrics of a batch. Its tensors are gone when it returns, so that none has to be kept.
    ///
    /// - Parameter share: what the gradients are weighted by; nil is 1.
    private func trace(
        _ loss: (Batch) throws -> (loss: Tensor, outputs: Tensor?), _ batch: Batch, share: Double?
    ) throws {
        let (batchLoss, outputs) = try loss(batch)
        (share.map { batchLoss * $0 } ?? batchLoss).backward()
        self.loss(named: "loss").update(batchLoss, count: batch.count)
        if let outputs, audience != .none { for metric in metrics { metric.update(outputs, batch.labels) } }
        for inspector in inspectors where audience == .all {
            try inspector.gradientsEnd(self, batch: batch, loss: batchLoss)
        }
    }

    private func next(_ batches: AnyIterator<Batch>) throws(TensorError) -> Batch {
        if let batch = batches.next() { return batch }
        throw TensorError(
            .data,
            "fit: epoch \(position.epoch + 1) ended in step \(position.step + 1) of \(stepsPerEpoch); make the loader's "
                + "count that of its batches")
    }
}
