import Needletail
import NeedletailTraining
import TensorRuntime

/// What every `needletail train` may be asked.
package struct RunOptions: Sendable {
    package var device: DeviceID?
    package var epochs: Int?
    package var batchSize: Int?
    package var optimizer: OptimizerKind?
    package var learningRate: Double?
    package var seed: UInt64?
    /// Of weights, activations and gradients; nil is float32, or the checkpoint's.
    package var dtype: DType?
    /// Epochs without a better one after which training stops; nil is never.
    package var patience: Int?
    package var outputDirectory: String?
    /// A directory for TensorBoard's file.
    package var tensorBoardDirectory: String?
    package var resumedFile: String?

    package init() {}
}

/// What is taken where it is not asked for.
package struct RunDefaults: Hashable, Sendable {
    package var epochs = 1
    package var batchSize = 64
    package var optimizer = OptimizerKind.adam
    /// nil is the optimizer's.
    package var learningRate: Double?
    /// Whether the learning rate is moved by a schedule, so that a checkpoint's is another.
    package var isScheduled = false
}

/// Options with their defaults, and those of the checkpoint that is resumed.
package struct RunSettings: Hashable, Sendable {
    package var epochs: Int
    package var batchSize: Int
    package var optimizer: OptimizerKind
    package var learningRate: Double
    package var seed: UInt64
    package var dtype: DType
    package var patience: Int?

    init(_ options: RunOptions, _ defaults: RunDefaults, _ saved: SavedRun?) throws(TensorError) {
        guard let saved else {
            epochs = options.epochs ?? defaults.epochs
            batchSize = options.batchSize ?? defaults.batchSize
            optimizer = options.optimizer ?? defaults.optimizer
            learningRate = options.learningRate ?? defaults.learningRate ?? optimizer.defaultLearningRate
            seed = options.seed ?? 0
            dtype = options.dtype ?? .float32
            patience = options.patience
            return
        }
        let checkpoint = saved.checkpoint
        guard checkpoint.batchSize > 0, checkpoint.exampleCount > 0 else {
            throw TensorError(
                .data, "\(saved.path): saved before any training; leave out --resume, or name another file")
        }
        guard let optimizer = OptimizerKind(rawValue: checkpoint.optimizer),
            let rate = checkpoint.hyperparameters["lr"]
        else {
            throw TensorError(
                .data, "\(saved.path): optimizer '\(checkpoint.optimizer)' is not known here; name another file")
        }
        let patience = try saved.patience()
        try saved.check("batch-size", options.batchSize, checkpoint.batchSize)
        try saved.check("optimizer", options.optimizer?.rawValue, optimizer.rawValue)
        if defaults.isScheduled {
            // The schedule is of so many epochs and that rate.
            try saved.check("epochs", options.epochs, defaults.epochs)
            try saved.check("learning-rate", options.learningRate, defaults.learningRate)
        } else {
            try saved.check("learning-rate", options.learningRate, rate)
        }
        try saved.check("seed", options.seed, checkpoint.seed)
        try saved.check("dtype", options.dtype, checkpoint.dtype)
        if let asked = options.patience { try saved.check("patience", asked, patience) }
        self.optimizer = optimizer
        learningRate = defaults.isScheduled ? defaults.learningRate ?? rate : rate
        batchSize = checkpoint.batchSize
        seed = checkpoint.seed
        dtype = checkpoint.dtype
        self.patience = patience
        let before = try saved.epochs()
        let asked = options.epochs ?? before ?? defaults.epochs
        // Epochs that have begun.
        let begun = checkpoint.position.epoch + (checkpoint.position.step > 0 ? 1 : 0)
        guard asked >= begun else {
            let given = options.epochs.map { "--epochs \($0)" } ?? "--epochs: \(asked), as it is not given"
            throw TensorError(
                .invalidArgument,
                "\(given): \(saved.path) is in epoch \(begun) already; give \(begun) or more")
        }
        epochs = asked
    }
}

/// What a kind of training is asked, and how its data and model are made.
package protocol RunSubject {
    var kind: RunKind { get }
    var defaults: RunDefaults { get }
    /// Takes what a checkpoint says where nothing is asked.
    ///
    /// - Throws: `invalidArgument` or `data` where what is asked contradicts it.
    mutating func resume(_ saved: SavedRun) throws(TensorError)
    /// Reads the data.
    func prepare(_ settings: RunSettings, device: DeviceID) throws -> RunTask
}

/// A run that can begin.
package struct RunTask {
    let specification: any RunSpecification
    let training: any Dataset
    let heldOut: any Dataset
    /// Where the data came from: a file or a directory.
    let data: String
    /// Of the batches that are trained on, beside what makes pictures numbers.
    var augmentation: (any BatchTransform)?
    /// Of the steps.
    var schedule: (any LearningRateSchedule)?
    /// Whether a last batch that is not full is left out.
    var dropLast = false
    /// What a checkpoint keeps beside the specification.
    var words: [String: [String]] = [:]
    /// What there is to say of the data.
    var notes: [String] = []
}
