import Needletail
import TensorRuntime

/// Logits `[N, C]` and the classes `[N, 1]` of a batch whose axes in front are one.
struct LogitProblem {
    let logits: Tensor
    let classes: Tensor
    /// 0, 1, ... along the classes.
    let places: Tensor
    /// `[N, 1]`: where the class is not the ignored one; nil where none is.
    let isCounted: Tensor?
    let count: Int

    /// Nil where that is a wrong call, which is reported.
    init?(
        _ metric: String, _ logits: Tensor, _ classes: Tensor, ignoring ignored: Int?, _ file: StaticString,
        _ line: UInt
    ) {
        guard logits.shares(classes) else {
            _ = logits.deviceMismatch(metric, classes, at: CallSite(file, line))
            return nil
        }
        let places = logits.shape.leading(Swift.max(logits.rank - 1, 0))
        guard logits.rank > 0, logits.dtype.isFloat, classes.dtype.kind == .integer,
            classes.shape == places || classes.shape == Shape(places + [1]), logits.shape[logits.rank - 1] > 0
        else {
            _ = logits.invalid(
                metric, "logits \(logits.dtype)\(logits.shape), classes \(classes.dtype)\(classes.shape)",
                remedy: "give float logits [N, C] and integer classes [N]", [logits, classes], file, line)
            return nil
        }
        let classCount = logits.shape[logits.rank - 1]
        guard
            let checked = ClassAnswers.checked(
                metric, classes, what: "label", count: classCount, ignoring: ignored, file, line)
        else { return nil }
        count = classes.elementCount
        let scores = logits.detach()
        self.logits = (scores.dtype.isShortFloat ? scores.to(.float32) : scores).reshape([count, classCount])
        self.classes = (checked.dtype == .int64 ? checked : checked.to(.int64)).reshape([count, 1])
        self.places = scores.indices([classCount])
        isCounted = ignored.map { [labels = self.classes] in labels .!= $0 }
    }

    /// `[N, 1]`: the logit of each place's class; 0 of none.
    var ownLogit: Tensor { Tensor.where(places .== classes, logits, 0).sum(axes: [-1], keepDims: true) }

    /// The sum of what each place `[N, 1]` has, without ignored ones, and where any may be ignored, how many others there are.
    func addends(_ values: Tensor) -> [Tensor] {
        guard let isCounted else { return [values.sum()] }
        return [Tensor.where(isCounted, values, 0).sum(), isCounted.countOfTrue()]
    }

    /// In how many places `[N, 1]` something holds, without ignored ones, and where any may be, how many others there are.
    func counts(_ holds: Tensor) -> [Tensor] {
        guard let isCounted else { return [holds.countOfTrue()] }
        return [holds.logicalAnd(isCounted).countOfTrue(), isCounted.countOfTrue()]
    }
}

extension MetricSums {
    /// For a mean over places, some of which may be ignored.
    static func ofPlaces(ignoring ignored: Int?) -> MetricSums {
        let sums = ignored == nil ? MetricSums("sum") : MetricSums("sum", "counted")
        sums.settings = "ignoredIndex \(ignored.map { "\($0)" } ?? "nil")"
        return sums
    }

    /// The first sum by the second or, where there is none, by the count; nil of nothing.
    func meanOfCounted() throws(TensorError) -> Double? {
        guard let numbers = try numbers() else { return nil }
        let counted = numbers.count == 1 ? Double(count) : numbers[1][0]
        return counted > 0 ? numbers[0][0] / counted : nil
    }
}
