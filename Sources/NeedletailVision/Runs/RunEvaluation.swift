import Needletail
import NeedletailTraining
import TensorRuntime

/// The work of `needletail evaluate` and `needletail report`: a saved run on the data that it held out, or others.
package struct RunEvaluation {
    package let scores: Scores
    package let count: Int
    package let parameterCount: Int
    /// None where numbers are predicted.
    package let classNames: [String]
    /// A row for each class, of a classifier.
    package let confusion: [[Int]]?

    /// - Parameters:
    ///   - data: where the data are; nil is where they were in training.
    ///   - dtype: in which the model computes; nil is the checkpoint's.
    package init(_ saved: SavedRun, data: String?, device: DeviceID, dtype: DType?) throws {
        let specification = try saved.specification()
        let model = try saved.model(specification, device: device, dtype: dtype)
        let dtype = dtype ?? saved.checkpoint.dtype
        let heldOut = try saved.heldOut(specification, data: data, device: device, dtype: dtype)
        let loader = saved.loader(heldOut, device: device, dtype: dtype)
        let problem = specification.problem
        // It is never asked for a step.
        let trainer = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 1), loss: problem.loss(),
            metrics: problem.metrics())
        scores = try trainer.evaluate(loader)
        count = heldOut.count
        parameterCount = model.parameterCount
        classNames = problem.classNames
        confusion = problem.classNames.isEmpty ? nil : try RunData.confusion(of: trainer, loader)
    }
}

extension SavedRun {
    /// Batches of what is evaluated.
    fileprivate func loader(_ dataset: any Dataset, device: DeviceID, dtype: DType) -> DataLoader {
        RunData.loader(dataset, kind, batchSize: max(1, checkpoint.batchSize), device: device, dtype: dtype)
    }

    /// What the run is judged by.
    func heldOut(
        _ specification: any RunSpecification, data: String?, device: DeviceID, dtype: DType
    ) throws -> any Dataset {
        if let collection = kind.collection {
            return try CollectionSubject.heldOut(collection, self, data: data, device: device, dtype: dtype)
        }
        switch specification {
        case let pictures as PictureSpecification:
            return try FolderSubject.heldOut(self, pictures, data: data, device: device, dtype: dtype)
        case let table as TableSpecification:
            return try TableSubject.heldOut(self, table, data: data, device: device, dtype: dtype)
        default: throw wrong("kind")
        }
    }

    /// Writes the page of the run into a directory, from its history, weights and data.
    ///
    /// - Parameter data: where the data are; nil is where they were in training.
    /// - Returns: the page's path, and why it has no predictions where the data are not there.
    package func writeReport(
        to directory: String, data: String?, device: DeviceID
    ) throws -> (path: String, lack: String?) {
        let specification = try specification()
        let model = try model(specification, device: device)
        let problem = specification.problem
        guard let optimizer = OptimizerKind(rawValue: checkpoint.optimizer) else {
            throw TensorError(
                .data, "\(path): optimizer '\(checkpoint.optimizer)' is not known here; name another directory")
        }
        let page = "\(directory)/\(TrainingRun.reportName)"
        var callbacks: [any TrainingCallback] = []
        if let patience = try patience() {
            callbacks.append(EarlyStopping(monitor: problem.monitored, patience: patience))
        }
        let trainer = Trainer(
            model: model, optimizer: optimizer.make(model.parameters), loss: problem.loss(),
            metrics: problem.metrics(), callbacks: callbacks)
        do { try checkpoint.restore(trainer) } catch {
            throw TensorError(error.kind, "\(self.path): \(error.message)")
        }
        try trainer.showRestoredRun()
        func report(_ heldOut: DataLoader?) throws -> Report {
            let report = RunData.report(
                page, kind, specification, trainingCount: checkpoint.exampleCount, heldOut: heldOut,
                dtype: checkpoint.dtype, seed: checkpoint.seed)
            return try report.report(of: trainer)
        }
        let made: Report
        var lack: String?
        do {
            let heldOut = try heldOut(specification, data: data, device: device, dtype: checkpoint.dtype)
            made = try report(loader(heldOut, device: device, dtype: checkpoint.dtype))
        } catch let error as TensorError where data == nil && (error.kind == .data || error.kind == .file) {
            lack = error.message
            made = try report(nil)
        }
        try made.write(to: page)
        return (page, lack)
    }
}
