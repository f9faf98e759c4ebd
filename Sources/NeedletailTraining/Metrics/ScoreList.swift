import Needletail
import TensorGraph
import TensorRuntime

/// The scores of all examples of a classifier with their classes, kept on the device as they come: what curves over all
/// thresholds need.
final class ScoreList {
    private let metric: String
    private let ignored: Int?
    /// `[N, S]` and `[N]`: a score of class 1 (S = 1), or of each class.
    private var batches: [(scores: Tensor, classes: Tensor)] = []
    /// What was saved.
    private var restored: Examples?
    private(set) var count = 0

    /// On the host.
    struct Examples {
        /// Scores of an example; 1 of two classes.
        var width: Int
        var scores: [Double]
        var classes: [Int]
    }

    init(metric: String, ignoring ignored: Int?) {
        self.metric = metric
        self.ignored = ignored
    }

    func add(_ outputs: Tensor, _ labels: Tensor, _ file: StaticString, _ line: UInt) {
        withNoGrad {
            let isColumn = outputs.shape == labels.shape
            let columns = isColumn || outputs.rank == 0 ? 1 : outputs.shape[outputs.rank - 1]
            guard outputs.dtype.isFloat,
                let answers = ClassAnswers(metric, outputs, labels, ignoring: ignored, file, line)
            else {
                if !outputs.dtype.isFloat {
                    _ = outputs.invalid(
                        metric, "scores are \(outputs.dtype)", remedy: "give logits or probabilities",
                        [outputs, labels], file, line)
                }
                return
            }
            guard
                let right = ClassAnswers.checked(
                    metric, answers.right, what: "label", count: Swift.max(columns, 2), ignoring: ignored, file, line)
            else { return }
            if Capture.current?.refuse("\(metric) keeps the scores of every example; update it outside of the graph")
                != nil
            {
                return
            }
            let rows = labels.elementCount
            let scores = outputs.detach().to(outputs.dtype == .float64 ? .float64 : .float32).reshape([rows, columns])
            // Of two classes, what grows with the probability of class 1; of more, probabilities.
            let kept =
                switch columns {
                case 1: scores
                case 2: scores.narrow(axis: 1, start: 1, count: 1) - scores.narrow(axis: 1, start: 0, count: 1)
                default: scores.softmax()
                }
            if let width = width, width != kept.shape[1] {
                _ = outputs.invalid(
                    metric, "a batch of \(columns) classes after others of another number",
                    remedy: "call reset(), or take a metric for each", [outputs, labels], file, line)
                return
            }
            batches.append((kept, right.reshape([rows])))
            count += rows
        }
    }

    private var width: Int? { restored?.width ?? batches.first?.scores.shape[1] }

    /// All examples that are not ignored; nil of none. Waits for the device.
    func examples() throws(TensorError) -> Examples? {
        guard let width else { return nil }
        var result = restored ?? Examples(width: width, scores: [], classes: [])
        try evaluate(batches.flatMap { [$0.scores, $0.classes] })
        for batch in batches {
            if batch.scores.dtype == .float64 {
                result.scores += try batch.scores.scalars(as: Double.self)
            } else {
                result.scores += try batch.scores.scalars(as: Float.self).map(Double.init)
            }
            result.classes += try batch.classes.scalars(as: Int64.self).map { Int($0) }
        }
        if let ignored {
            let places = result.classes.indices.filter { result.classes[$0] != ignored }
            result.scores = places.flatMap { result.scores[$0 * width..<($0 + 1) * width] }
            result.classes = places.map { result.classes[$0] }
        }
        return result.classes.isEmpty ? nil : result
    }

    func reset() {
        batches = []
        restored = nil
        count = 0
    }

    /// - Throws: where numbers have to be read: a restored list is merged with another.
    func merge(_ other: ScoreList) throws(TensorError) {
        guard let theirs = other.width else { return }
        if let width, width != theirs {
            throw TensorError(
                .invalidArgument,
                "\(metric).merge: scores of \(width) and \(theirs) columns; merge metrics of one number of classes")
        }
        if let saved = other.restored {
            var own = restored ?? Examples(width: theirs, scores: [], classes: [])
            own.scores += saved.scores
            own.classes += saved.classes
            restored = own
        }
        batches += other.batches
        count += other.count
    }

    func state() throws(TensorError) -> MetricState {
        guard let all = try examples() else { return MetricState(["width": [0], "scores": [], "classes": []]) }
        return MetricState([
            "width": [Double(all.width)], "scores": all.scores, "classes": all.classes.map(Double.init),
        ])
    }

    func restore(_ state: MetricState, of name: String) throws(TensorError) {
        let width = try state.count("width", of: name)
        let classes = try state.numbers("classes", of: name)
        guard width > 0 || classes.isEmpty else {
            throw TensorError(.data, "\(name): the saved state has classes without scores; restore another state")
        }
        let (expected, isTooMany) = classes.count.multipliedReportingOverflow(by: width)
        let scores = try state.numbers("scores", count: isTooMany ? -1 : expected, of: name)
        var numbers: [Int] = []
        for number in classes {
            guard let whole = Int(exactly: number), whole >= 0, whole < Swift.max(width, 2) else {
                throw TensorError(
                    .data, "\(name): the saved state has class \(number) of \(width); restore another state")
            }
            numbers.append(whole)
        }
        reset()
        count = numbers.count
        if width > 0 { restored = Examples(width: width, scores: scores, classes: numbers) }
    }
}

extension ScoreList.Examples {
    /// How many classes there are.
    var classCount: Int { Swift.max(width, 2) }

    /// The scores of one class with whether examples are of it, from the largest score down; a NaN is the smallest.
    func ranked(_ target: Int) -> [(score: Double, isOf: Bool)] {
        let isTurned = width == 1 && target == 0
        let rows = classes.indices.map { row -> (score: Double, isOf: Bool) in
            let score = scores[row * width + (width == 1 ? 0 : target)]
            return (score.isNaN ? -.infinity : isTurned ? -score : score, classes[row] == target)
        }
        return rows.sorted { $0.score > $1.score }
    }

    /// After each run of equal scores from the largest down: how many examples of the class, and of others, are at or above it.
    func steps(_ target: Int) -> [(threshold: Double, hits: Double, falseAlarms: Double)] {
        var result: [(threshold: Double, hits: Double, falseAlarms: Double)] = []
        var hits = 0.0
        var falseAlarms = 0.0
        let rows = ranked(target)
        for (index, row) in rows.enumerated() {
            if row.isOf { hits += 1 } else { falseAlarms += 1 }
            if index + 1 == rows.count || rows[index + 1].score != row.score {
                result.append((row.score, hits, falseAlarms))
            }
        }
        return result
    }
}
