import Needletail
import TensorRuntime

extension KerasModel {
    /// Trains on tensors whose first axis runs over the examples; a second call goes on.
    ///
    /// - Parameters:
    ///   - x: what the model takes; `y` what is wanted of it.
    ///   - epochs: of this call.
    ///   - batchSize: examples of a step, 1 or more.
    ///   - validationData: evaluated after each epoch.
    ///   - validationSplit: the part of the examples, the last ones, that is not trained on but evaluated after each epoch; at
    ///     least 0, below 1. Where there is `validationData`, nothing is split off.
    ///   - validationFrequency: how many epochs lie between two validations, 1 or more; epochs are numbered over all calls.
    ///   - shuffle: whether each epoch has an order of its own.
    ///   - seed: of the orders.
    ///   - classWeight: what the losses of a class's examples are multiplied by, 0 or more; of classes that are not named, 1. Not
    ///     of what is evaluated. Labels that are floats are rounded.
    ///   - sampleWeight: `[N]`, the same of each example, which is read on the host; of those that are split off, when they are evaluated too.
    /// - Returns: the epochs of this call, numbered over all.
    /// - Throws: `invalidArgument` before ``compile(optimizer:loss:metrics:)`` and of sizes that do not fit; `data` where
    ///   there is no example; `TensorError` of the device.
    @discardableResult
    public func fit(
        _ x: Tensor, _ y: Tensor, epochs: Int = 1, batchSize: Int = 32, validationData: (x: Tensor, y: Tensor)? = nil,
        validationSplit: Double = 0, validationFrequency: Int = 1, shuffle: Bool = true, seed: UInt64 = 0,
        classWeight: [Int: Double] = [:],
        sampleWeight: Tensor? = nil, callbacks: [any TrainingCallback] = []
    ) throws -> History {
        try KerasModel.check(x, y, batchSize)
        let weights = try weights(of: y, classWeight, sampleWeight)
        var training = [x, weights, y].compactMap { $0 }
        var validation = validationData.map { [$0.x, $0.y] }
        if let validationData {
            try KerasModel.check(validationData.x, validationData.y, batchSize)
        } else if validationSplit != 0 {
            // As Keras rounds: the number that is trained on, down.
            let isShare = validationSplit > 0 && validationSplit < 1
            let kept = isShare ? Int(Double(x.shape[0]) * (1 - validationSplit)) : 0
            guard kept > 0, kept < x.shape[0] else {
                throw TensorError(
                    .invalidArgument,
                    "fit(validationSplit: \(validationSplit)): of \(x.shape[0]) examples it leaves none to train on or to "
                        + "validate with; give a number between 0 and 1")
            }
            validation = [x, sampleWeight, y].compactMap { $0 }.map { KerasModel.rows($0, kept..<x.shape[0]) }
            training = training.map { KerasModel.rows($0, 0..<kept) }
        }
        let loader = DataLoader(TensorDataset(training), batchSize: batchSize, shuffle: shuffle, seed: seed)
        // A callback of a run may make steps of its own.
        let wasWeighted = isWeighted
        isWeighted = weights != nil
        defer { isWeighted = wasWeighted }
        return try fit(
            loader, epochs: epochs,
            validationData: validation.map { DataLoader(TensorDataset($0), batchSize: batchSize) },
            validationFrequency: validationFrequency, callbacks: callbacks)
    }

    /// Loss and metrics on other data.
    ///
    /// - Throws: as ``fit(_:_:epochs:batchSize:validationData:validationSplit:validationFrequency:shuffle:seed:classWeight:sampleWeight:callbacks:)``.
    @discardableResult
    public func evaluate(_ x: Tensor, _ y: Tensor, batchSize: Int = 32) throws -> Scores {
        try KerasModel.check(x, y, batchSize)
        return try evaluate(DataLoader(TensorDataset(x, y), batchSize: batchSize))
    }

    /// The weight of each example, `[N]`: that of its class times its own. Nil where there are none.
    ///
    /// - Throws: `invalidArgument` where they do not fit, or the loss takes none.
    func weights(
        of y: Tensor, _ classWeight: [Int: Double], _ sampleWeight: Tensor?
    ) throws(TensorError) -> Tensor? {
        if classWeight.isEmpty, sampleWeight == nil { return nil }
        if let recipe, !recipe.loss.takesWeights {
            throw TensorError(
                .invalidArgument,
                "KerasModel(classWeight:, sampleWeight:): this loss gives a mean, in which examples cannot be weighted; weigh them in "
                    + "the loss itself, or take one of KerasLoss's own")
        }
        if let sampleWeight, sampleWeight.shape != [y.shape[0]] || sampleWeight.context !== y.context {
            throw TensorError(
                .invalidArgument,
                "KerasModel(sampleWeight:): \(sampleWeight.shape) on \(sampleWeight.device) for \(y.shape[0]) examples on "
                    + "\(y.device); give [\(y.shape[0])], there")
        }
        if let weights = try sampleWeight?.scalars(as: Float.self),
            let place = weights.firstIndex(where: { !($0 >= 0 && $0.isFinite) })
        {
            throw TensorError(
                .invalidArgument,
                "KerasModel(sampleWeight:): \(weights[place]) of example \(place); give finite numbers of at least 0")
        }
        if classWeight.isEmpty { return sampleWeight }
        if let (label, wrong) = classWeight.first(where: { !($0.value >= 0 && $0.value.isFinite) }) {
            throw TensorError(
                .invalidArgument,
                "KerasModel(classWeight:): \(wrong) of class \(label); give finite numbers of at least 0")
        }
        if let label = classWeight.keys.first(where: { $0 < 0 }) {
            throw TensorError(
                .invalidArgument, "KerasModel(classWeight:): a weight of class \(label); name classes from 0")
        }
        // Classes, or a 1 in the place of each.
        let isOneHot = y.rank == 2 && y.shape[1] > 1
        guard isOneHot || y.elementCount == y.shape[0] else {
            throw TensorError(
                .invalidArgument,
                "KerasModel(classWeight:): labels \(y.shape); give a class for each example, or one-hot rows"
            )
        }
        if isOneHot, let label = classWeight.keys.filter({ $0 >= y.shape[1] }).min() {
            throw TensorError(
                .invalidArgument,
                "KerasModel(classWeight:): a weight of class \(label), and one-hot labels \(y.shape) have the classes 0 to "
                    + "\(y.shape[1] - 1); name one of these")
        }
        let classes = try withNoGrad { isOneHot ? y.argmax(1) : y.round() }.scalars(as: Int.self)
        let table = classes.map { Float(classWeight[$0] ?? 1) }
        let ofClasses = withDeviceContext(y.context) { Tensor(table) }
        return sampleWeight.map { own in withNoGrad { own.detach().to(.float32) * ofClasses } } ?? ofClasses
    }

    private static func rows(_ tensor: Tensor, _ range: Range<Int>) -> Tensor {
        tensor.slice(axis: 0, from: range.lowerBound, to: range.upperBound)
    }

    static func check(_ x: Tensor, _ y: Tensor, _ batchSize: Int = 1) throws(TensorError) {
        guard batchSize > 0 else {
            throw TensorError(
                .invalidArgument, "KerasModel(batchSize: \(batchSize)): no size of a batch; give 1 or more")
        }
        guard x.rank > 0, y.rank > 0, x.shape[0] == y.shape[0], x.device == y.device else {
            throw TensorError(
                .invalidArgument,
                "KerasModel: inputs \(x.shape) on \(x.device) and targets \(y.shape) on \(y.device); give as many rows of "
                    + "each, on one device")
        }
    }
}
