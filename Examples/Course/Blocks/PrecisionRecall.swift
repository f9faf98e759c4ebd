import NeedletailTraining

/// Accuracy, precision, recall and F1 of a binary classifier, worked: 4 hits, 1 false alarm, 2 misses, 3 right refusals.
func precisionRecall(_ lesson: Lesson) throws {
    let actual = Tensor([1, 1, 1, 1, 1, 1, 0, 0, 0, 0] as [Int64])
    let predicted = Tensor([1, 1, 1, 1, 0, 0, 1, 0, 0, 0] as [Int64])

    func count(_ said: Int, _ is: Int) throws -> Double {
        try ((predicted .== said).logicalAnd(actual .== `is`)).to(.int64).sum().item()
    }
    let (hits, alarms) = (try count(1, 1), try count(1, 0))
    let (misses, refusals) = (try count(0, 1), try count(0, 0))
    let accuracy = (hits + refusals) / (hits + refusals + alarms + misses)
    let precision = hits / (hits + alarms)
    let recall = hits / (hits + misses)
    let f1 = 2 * precision * recall / (precision + recall)

    lesson.expect("accuracy", accuracy, is: 0.7)
    lesson.expect("precision", precision, is: 0.8)
    lesson.expect("recall", recall, is: 0.666667)
    lesson.expect("F1", f1, is: 0.727273)
    lesson.say("The deck's F1, precision · recall / (precision + recall), lacks the factor 2: it gives \(f1 / 2),")
    lesson.say("which is not between precision and recall, as a mean of them has to be.")
    try lesson.draw(
        "precision-recall",
        Chart.confusion([[refusals, alarms], [misses, hits]], classes: ["no", "yes"], title: "10 examples"))
}
