import NeedletailTraining

/// Accuracy, precision, recall and F1 of a binary classifier, worked: 4 hits, 1 false alarm, 2 misses, 3 right refusals.
func precisionRecall(_ lesson: Lesson) throws {
    let actual = Tensor([1, 1, 1, 1, 1, 1, 0, 0, 0, 0] as [Int64])
    let predicted = Tensor([1, 1, 1, 1, 0, 0, 1, 0, 0, 0] as [Int64])

    func value(_ metric: any Metric) throws -> Double {
        metric.update(predicted, actual)
        return try metric.value() ?? .nan
    }
    lesson.expect("accuracy", try value(Accuracy()), is: 0.7)
    lesson.expect("precision", try value(Precision(classCount: 2)), is: 0.8)
    lesson.expect("recall", try value(Recall(classCount: 2)), is: 0.666667)
    let f1 = try value(FBeta(1, classCount: 2))
    lesson.expect("F1", f1, is: 0.727273)
    lesson.say("The deck's F1, precision · recall / (precision + recall), lacks the factor 2: it gives \(f1 / 2),")
    lesson.say("which is not between precision and recall, as a mean of them has to be.")

    let confusion = ConfusionMatrix(classCount: 2)
    confusion.update(predicted, actual)
    let counts = try confusion.counts()
    lesson.expect(
        "right refusals, false alarms, misses, hits", counts.flatMap { $0.map(Double.init) }, are: [3, 1, 2, 4])
    try lesson.draw(
        "precision-recall", Chart.confusion(counts, classes: ["no", "yes"], title: "10 examples"))
}
