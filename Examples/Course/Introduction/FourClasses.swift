import Foundation
import NeedletailTraining

/// From the perceptron to the multi-layer perceptron: eight blobs on a circle, of which opposite ones are of one class.
/// Straight boundaries cannot part them; a hidden layer's can.
func fourClasses(_ lesson: Lesson) throws {
    let classes = (0..<240).map { $0 % 4 }
    let angles = (0..<240).map { Float($0 % 8) * .pi / 4 }
    let centers = Tensor(angles.map { [3 * cos($0), 3 * sin($0)] })
    let x = centers + Tensor.normal([240, 2], std: 0.4)
    let y = Tensor(classes.map { Int64($0) })

    let models: [(name: String, model: Sequential, range: ClosedRange<Double>)] = [
        ("perceptron", Sequential { Linear(2, 4) }, 0...0.7),
        (
            "multi-layer perceptron",
            Sequential {
                Linear(2, 24)
                ReLU()
                Linear(24, 24)
                ReLU()
                Linear(24, 4)
            }, 0.97...1
        ),
    ]

    var charts: [Chart] = []
    for (name, model, range) in models {
        let optimizer = Adam(model.parameters, learningRate: 0.02)
        for _ in 1...200 {
            optimizer.zeroGrad()
            crossEntropy(model(x), y).backward()
            try optimizer.step()
        }

        let isRight = withNoGrad { model(x).argmax(1) .== y }
        let accuracy = try isRight.to(.float32).mean().item()
        lesson.expect("\(name): accuracy", accuracy, in: range)
        charts.append(
            try Chart("\(name): \(rounded(accuracy * 100)) %")
                .scatter(x: x[0..., 0].plotted(), y: x[0..., 1].plotted(), classes: classes)
                .decisionRegions(of: model.callAsFunction))
    }
    try lesson.draw("four-classes", Figure([charts]))
}
