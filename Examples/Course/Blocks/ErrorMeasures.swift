import Foundation
import NeedletailTraining

/// Mean absolute error, mean squared error and cross entropy, worked.
func errorMeasures(_ lesson: Lesson) throws {
    let predicted = Tensor([2.5, 0, 2, 8] as [Float])
    let actual = Tensor([3, -0.5, 2, 7] as [Float])
    // Errors -0.5, 0.5, 0, 1.
    lesson.expect("MAE", try l1Loss(predicted, actual).item(), is: 0.5)
    lesson.expect("MSE", try mseLoss(predicted, actual).item(), is: 0.375)
    lesson.expect("RMSE", try mseLoss(predicted, actual).sqrt().item(), is: 0.612372)

    // Three examples; each is charged -ln of what its class was given.
    let probabilities = Tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]] as [[Float]])
    let classes = Tensor([0, 1, 2] as [Int64])
    let wanted = -(log(0.7) + log(0.8) + log(0.4)) / 3
    lesson.expect("cross entropy, by its formula", wanted, is: 0.498704)
    lesson.expect("nllLoss of logarithms", try nllLoss(probabilities.log(), classes).item(), is: wanted)
    // Logarithms of probabilities are scores whose softmax is the probabilities.
    lesson.expect("crossEntropy of scores", try crossEntropy(probabilities.log(), classes).item(), is: wanted)

    let errors = (-40...40).map { Double($0) / 20 }
    try lesson.draw(
        "error-measures",
        Figure(
            Chart("Loss by error", x: "error", y: "loss").line(x: errors, y: errors.map(abs), name: "absolute")
                .line(x: errors, y: errors.map { $0 * $0 }, name: "squared"),
            Chart("Loss by probability", x: "probability of the class", y: "loss")
                .function(over: 0.01...1, name: "-ln p") { -log($0) }))
}
