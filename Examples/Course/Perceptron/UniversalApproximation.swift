import Foundation
import NeedletailTraining

/// One hidden layer comes as close to any function as it is wide: a curve, and a row of steps.
func universalApproximation(_ lesson: Lesson) throws {
    let line = Tensor.linspace(-3, 3, count: 121)
    let x = line.unsqueeze(1)
    let functions: [(name: String, y: Tensor)] = [
        ("curve", (x * 2).sin() + x.square() * 0.1), ("row of steps", (x * 2).sin().sign()),
    ]

    var charts: [Chart] = []
    for (name, y) in functions {
        var errors: [Double] = []
        var chart = Chart("A \(name) by one hidden layer", x: "x", y: "y").line(
            x: try line.plotted(), y: try y.squeeze(1).plotted(), name: name)
        for width in [1, 4, 32] {
            let model = Sequential {
                Linear(1, width)
                Tanh()
                Linear(width, 1)
            }
            let optimizer = Adam(model.parameters, learningRate: 0.03)
            for _ in 1...600 {
                optimizer.zeroGrad()
                mseLoss(model(x), y).backward()
                try optimizer.step()
            }
            let found = withNoGrad { model(x) }
            errors.append(try mseLoss(found, y).item())
            chart = chart.line(
                x: try line.plotted(), y: try found.squeeze(1).plotted(), name: "\(width) neurons", dashed: true)
        }
        lesson.say("\(name): error of 1, 4, 32 neurons: \(errors)")
        lesson.expect("\(name): the error falls with the width", errors[0] > errors[1] && errors[1] > errors[2])
        charts.append(chart)
    }
    try lesson.draw("universal-approximation", Figure([charts]))
}
