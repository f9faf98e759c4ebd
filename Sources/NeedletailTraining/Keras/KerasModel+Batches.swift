import Needletail
import TensorRuntime

/// Training loops written by hand, a batch at a time, by the machinery of `fit`.
extension KerasModel {
    /// Makes a step of one batch, and gives its loss and metrics, of this batch alone. It counts to no epoch: callbacks are not
    /// called, and the history stays as it is. Waits for the device.
    ///
    /// - Parameters:
    ///   - x: what the model takes; `y` what is wanted of it.
    ///   - classWeight: as that of
    ///     ``fit(_:_:epochs:batchSize:validationData:validationSplit:validationFrequency:shuffle:seed:classWeight:sampleWeight:callbacks:)``.
    ///   - sampleWeight: `[N]`, as that of the same.
    /// - Throws: `invalidArgument` before ``compile(optimizer:loss:metrics:)`` and of sizes that do not fit; `data` of no examples;
    ///   `TensorError` of the device.
    @discardableResult
    public func trainOnBatch(
        _ x: Tensor, _ y: Tensor, classWeight: [Int: Double] = [:], sampleWeight: Tensor? = nil
    ) throws -> Scores {
        try KerasModel.checkBatch(x, y)
        let weights = try weights(of: y, classWeight, sampleWeight)
        let trainer = try made(trainer?.callbacks ?? []) { x }
        // A callback of a run may make steps of its own.
        let wasWeighted = isWeighted
        isWeighted = weights != nil
        defer { isWeighted = wasWeighted }
        return try trainer.step(Batch([x, weights, y].compactMap { $0 }, count: x.shape[0]))
    }

    /// Loss and metrics of one batch: in evaluation mode, without gradients.
    ///
    /// - Throws: as ``trainOnBatch(_:_:classWeight:sampleWeight:)``.
    @discardableResult
    public func testOnBatch(_ x: Tensor, _ y: Tensor) throws -> Scores {
        try KerasModel.checkBatch(x, y)
        return try evaluate(x, y, batchSize: x.shape[0])
    }

    /// What the model makes of one batch: in evaluation mode, without gradients.
    ///
    /// - Throws: as ``predict(_:batchSize:file:line:)``.
    public func predictOnBatch(_ x: Tensor) throws -> Tensor {
        try predict(x, batchSize: x.rank > 0 ? Swift.max(x.shape[0], 1) : 1)
    }

    private static func checkBatch(_ x: Tensor, _ y: Tensor) throws(TensorError) {
        try check(x, y)
        if x.shape[0] == 0 {
            throw TensorError(.data, "KerasModel: a batch \(x.shape); give one example or more along the first axis")
        }
    }
}
