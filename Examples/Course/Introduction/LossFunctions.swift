import Foundation
import NeedletailTraining

/// Mean squared error, mean absolute error, and binary cross entropy.
///
/// The deck's cross entropy lacks the minus: what it writes is below 0, and falls as predictions get worse.
func lossFunctions(_ lesson: Lesson) throws {
    let predicted = Tensor([2.5, 0, 2, 8], dtype: .float32)
    let actual = Tensor([3, -0.5, 2, 7], dtype: .float32)
    lesson.expect("mean squared error", try mseLoss(predicted, actual).item(), is: 0.375)
    lesson.expect("by its formula", try (predicted - actual).square().mean().item(), is: 0.375)
    lesson.expect("mean absolute error", try l1Loss(predicted, actual).item(), is: 0.5)
    lesson.expect("by its formula", try (predicted - actual).abs().mean().item(), is: 0.5)

    let p = Tensor([0.9, 0.1, 0.8], dtype: .float32)
    let y = Tensor([1, 0, 1], dtype: .float32)
    let asTheDeckHasIt = (y * p.log() + (1 - y) * (1 - p).log()).mean()
    lesson.expect("binary cross entropy", try binaryCrossEntropy(p, y).item(), is: 0.144621, within: 1e-6)
    lesson.expect("by its formula, with the minus", try (-asTheDeckHasIt).item(), is: 0.144621, within: 1e-6)
    lesson.say(
        "The deck's formula lacks the minus: it says \(try asTheDeckHasIt.item()), less the worse predictions are.")

    try lesson.draw(
        "loss-functions",
        Figure([
            [
                Chart("Errors", x: "predicted - actual", y: "loss")
                    .function(over: -2...2, name: "squared") { $0 * $0 }
                    .function(over: -2...2, name: "absolute") { abs($0) },
                Chart("Cross entropy", x: "predicted probability", y: "loss")
                    .function(over: 0.01...0.99, name: "class 1: -ln p") { -log($0) }
                    .function(over: 0.01...0.99, name: "class 0: -ln(1 - p)") { -log(1 - $0) },
            ]
        ]))
}
