import Foundation
import NeedletailTraining

/// Categorical cross entropy of one hotel: minus the logarithm of the probability that its class was given.
func categoricalCrossEntropy(_ lesson: Lesson) throws {
    let gold = Tensor([2] as [Int64])
    let oneHot = gold.oneHot(classes: 3)
    lesson.expect("one-hot of gold", try oneHot.plotted().values, are: [0, 0, 1])

    for (when, probabilities, wanted) in [
        ("early", [0.4, 0.3, 0.3], -log(0.3)), ("later", [0.1, 0.3, 0.6], -log(0.6)),
    ] {
        let logProbabilities = Tensor([probabilities], dtype: .float32).log()
        let loss = -(oneHot * logProbabilities).sum()
        lesson.expect("\(when): -ln \(probabilities[2])", try loss.item(), is: wanted, within: 1e-6)
        // A softmax of logarithms of probabilities gives the probabilities, so that the library's loss is the same.
        lesson.expect(
            "\(when), crossEntropy", try crossEntropy(logProbabilities, gold).item(), is: wanted, within: 1e-6)
    }
    lesson.expect("which the deck rounds to", [-log(0.3), -log(0.6)], are: [1.204, 0.511], within: 5e-4)
    try lesson.draw(
        "categorical-cross-entropy",
        Chart("Loss by the probability of the right class", x: "probability", y: "-ln p")
            .function(over: 0.02...1) { -log($0) }
            .scatter(x: [0.3, 0.6], y: [-log(0.3), -log(0.6)], labels: ["early 1.204", "later 0.511"]))
}
