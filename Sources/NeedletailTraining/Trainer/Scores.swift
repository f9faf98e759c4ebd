/// Named numbers in an order: what a model came to on some data, `loss` first.
public struct Scores: Hashable, Sendable {
    /// Names and numbers, in the order in which they were set.
    public private(set) var entries: [Entry] = []

    /// A number and what it is.
    public struct Entry: Hashable, Sendable {
        /// `loss`, `val_accuracy`, ...
        public let name: String
        /// The number.
        public let value: Double
    }

    /// None yet.
    public init() {}

    /// - Parameter values: each name once; of a name that is given twice the last value counts.
    public init(_ values: KeyValuePairs<String, Double>) { for (name, value) in values { self[name] = value } }

    /// What the numbers are, in their order.
    public var names: [String] { entries.map(\.name) }

    /// The number of that name; nil where there is none. Setting appends, replaces, or with nil removes.
    public subscript(name: String) -> Double? {
        get { entries.first { $0.name == name }?.value }
        set {
            let place = entries.firstIndex { $0.name == name }
            switch (place, newValue) {
            case (let place?, let value?): entries[place] = Entry(name: name, value: value)
            case (nil, let value?): entries.append(Entry(name: name, value: value))
            case (let place?, nil): entries.remove(at: place)
            case (nil, nil): break
            }
        }
    }
}

extension Scores: CustomStringConvertible {
    /// `loss: 0.0712, accuracy: 0.9783`
    public var description: String {
        entries.map { "\($0.name): \(NumberText.short($0.value))" }.joined(separator: ", ")
    }
}

/// What training came to, epoch by epoch.
///
///     let history = try trainer.fit(training, validation: validation, epochs: 6)
///     history["val_loss"]  // six numbers
public struct History: Hashable, Sendable {
    /// An epoch.
    public struct Epoch: Hashable, Sendable {
        /// 1 for the first.
        public let number: Int
        /// Losses and metrics of training, then those of validation with `val_` before their names.
        public let scores: Scores
        /// Of the optimizer (the first, where there are several) in the epoch's last step.
        public let learningRate: Double
        /// Of training, validation excluded; in an epoch that was resumed, those of the last run.
        public let seconds: Double

        /// An epoch with all that is known of it.
        public init(number: Int, scores: Scores, learningRate: Double, seconds: Double) {
            self.number = number
            self.scores = scores
            self.learningRate = learningRate
            self.seconds = seconds
        }
    }

    /// The epochs that are done, in order.
    public private(set) var epochs: [Epoch]

    /// A history of these epochs.
    public init(_ epochs: [Epoch] = []) { self.epochs = epochs }

    mutating func append(_ epoch: Epoch) { epochs.append(epoch) }

    /// The places of the epochs with numbers of validation.
    var validated: [Int] { epochs.indices.filter { epochs[$0].scores.names.contains { $0.hasPrefix("val_") } } }

    /// The names of losses and metrics, each once, in their order.
    public var names: [String] {
        var seen: Set<String> = []
        return epochs.flatMap(\.scores.names).filter { seen.insert($0).inserted }
    }

    /// The numbers of that name (`loss`, `val_accuracy`, `learning_rate`, `seconds`), one for each epoch: NaN in an epoch
    /// that has none. Of a name that no epoch has, nothing.
    public subscript(name: String) -> [Double] {
        switch name {
        case "learning_rate": return epochs.map(\.learningRate)
        case "seconds": return epochs.map(\.seconds)
        default:
            let values = epochs.map { $0.scores[name] }
            return values.allSatisfy { $0 == nil } ? [] : values.map { $0 ?? .nan }
        }
    }
}

extension History: CustomStringConvertible {
    /// A line for each epoch.
    public var description: String {
        epochs.map { "epoch \($0.number): \($0.scores)" }.joined(separator: "\n")
    }
}
