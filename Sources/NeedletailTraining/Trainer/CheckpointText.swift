import Needletail

/// What a checkpoint keeps as JSON, written and read. Numbers come back bit for bit, those that JSON does not have too.
enum CheckpointText {
    // MARK: Numbers

    static func number(_ value: Double) -> JSONValue {
        value.isFinite ? .number(value) : .string(value.isNaN ? "nan" : value > 0 ? "inf" : "-inf")
    }

    static func number(_ json: JSONValue?) -> Double? {
        switch json {
        case .number(let value): value
        case .integer(let value): Double(value)
        case .string("nan"): Double.nan
        case .string("inf"): Double.infinity
        case .string("-inf"): -Double.infinity
        default: nil
        }
    }

    private static func count(_ json: JSONValue?) -> Int? {
        guard case .integer(let value) = json, CheckpointMetadata.counts.contains(value) else { return nil }
        return value
    }

    private static func text(_ json: JSONValue?) -> String? {
        guard case .string(let value) = json else { return nil }
        return value
    }

    private static func list<Element>(_ json: JSONValue?, _ read: (JSONValue) -> Element?) -> [Element]? {
        guard case .array(let values) = json else { return nil }
        let result = values.compactMap(read)
        return result.count == values.count ? result : nil
    }

    private static func object<Value>(_ json: JSONValue?, _ read: (JSONValue) -> Value?) -> [String: Value]? {
        guard case .object(let members) = json else { return nil }
        var result: [String: Value] = [:]
        for member in members {
            guard let value = read(member.value) else { return nil }
            result[member.key] = value
        }
        return result
    }

    private static func object<Value>(_ values: [String: Value], _ write: (Value) -> JSONValue) -> JSONValue {
        .object(values.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, write($0.value)) })
    }

    private static func numbers(_ values: [String: [Double]]) -> JSONValue {
        object(values) { .array($0.map { number($0) }) }
    }

    /// Counts are such that adding to one cannot overflow.
    private static func numbers(_ json: JSONValue?) -> [String: [Double]]? {
        guard let result = object(json, { list($0, { number($0) }) }) else { return nil }
        let most = Double(CheckpointMetadata.counts.upperBound)
        let counts = result.filter { $0.key == "count" }.values.joined()
        return counts.allSatisfy { $0 >= 0 && $0 <= most } ? result : nil
    }

    // MARK: Parts

    static func optimizer(_ snapshot: Checkpoint.OptimizerSnapshot) -> JSONValue {
        [
            "name": .string(snapshot.name),
            "groups": .array(
                snapshot.groups.map { rule in
                    [
                        "rule": .string(rule.name),
                        "hyperparameters": object(rule.hyperparameters) { number($0) },
                    ]
                }),
            "steps": .array(snapshot.state.steps.map { .integer($0) }),
        ]
    }

    static func optimizer(_ json: JSONValue) -> Checkpoint.OptimizerSnapshot? {
        let groups = list(json["groups"]) { group -> Checkpoint.OptimizerSnapshot.Rule? in
            guard let name = text(group["rule"]), let values = object(group["hyperparameters"], { number($0) }),
                values.values.allSatisfy(\.isFinite)
            else { return nil }
            return Checkpoint.OptimizerSnapshot.Rule(name: name, hyperparameters: values)
        }
        guard let name = text(json["name"]), let groups, let steps = list(json["steps"], { count($0) }) else {
            return nil
        }
        return Checkpoint.OptimizerSnapshot(
            name: name, groups: groups, state: OptimizerState(steps: steps, tensors: StateDictionary()))
    }

    static func metric(_ metric: (name: String, state: MetricState)) -> JSONValue {
        ["name": .string(metric.name), "numbers": numbers(metric.state.numbers)]
    }

    static func metric(_ json: JSONValue) -> (name: String, state: MetricState)? {
        guard let name = text(json["name"]), let values = numbers(json["numbers"]) else { return nil }
        return (name, MetricState(values))
    }

    /// All of an epoch that is the same in every run: without its seconds.
    static func epoch(_ epoch: History.Epoch) -> JSONValue {
        [
            "epoch": .integer(epoch.number),
            "scores": .array(epoch.scores.entries.map { [.string($0.name), number($0.value)] }),
            "learning_rate": number(epoch.learningRate),
        ]
    }

    static func epoch(_ json: JSONValue) -> History.Epoch? {
        let entries = list(json["scores"]) { entry -> (name: String, value: Double)? in
            guard case .array(let pair) = entry, pair.count == 2, let name = text(pair[0]), let value = number(pair[1])
            else { return nil }
            return (name, value)
        }
        guard let entries, let epoch = count(json["epoch"]), let rate = number(json["learning_rate"]) else {
            return nil
        }
        var scores = Scores()
        for (name, value) in entries { scores[name] = value }
        return History.Epoch(number: epoch, scores: scores, learningRate: rate, seconds: 0)
    }

    static func callback(_ callback: (key: String, state: CallbackState)) -> JSONValue {
        [
            "key": .string(callback.key), "numbers": numbers(callback.state.numbers),
            "texts": object(callback.state.texts) { .array($0.map { .string($0) }) },
        ]
    }

    static func callback(_ json: JSONValue) -> (key: String, state: CallbackState)? {
        guard let key = text(json["key"]), let values = numbers(json["numbers"]),
            let texts = object(json["texts"], { list($0, { text($0) }) })
        else { return nil }
        return (key, CallbackState(numbers: values, texts: texts))
    }
}
