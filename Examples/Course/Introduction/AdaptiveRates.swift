import Foundation
import NeedletailTraining

/// 200 steps in Rosenbrock's valley, (1 - x)² + 100 (y - x²)², by four optimizers: where PyTorch's are.
func adaptiveRates(_ lesson: Lesson) throws {
    let optimizers: [(name: String, make: ([Parameter]) -> Optimizer, wanted: [Double])] = [
        ("SGD", { SGD($0, learningRate: 1e-3) }, [-0.861497, 0.750256]),
        ("momentum", { SGD($0, learningRate: 5e-4, momentum: 0.9) }, [1.003698, 1.007408]),
        ("Adam", { Adam($0, learningRate: 0.05) }, [-1.014711, 1.035669]),
        ("RMSprop", { RMSprop($0, learningRate: 0.01) }, [-1.116965, 1.253644]),
    ]

    let (xs, ys) = ((0...80).map { -2 + Double($0) * 0.05 }, (0...80).map { -1 + Double($0) * 0.05 })
    let heights = ys.map { y in xs.map { x in pow(1 - x, 2) + 100 * pow(y - x * x, 2) } }
    var chart = Chart("Rosenbrock's valley", x: "x", y: "y").contour(
        heights, x: xs, y: ys, logarithmic: true, label: "loss")
    for (name, make, wanted) in optimizers {
        let point = Parameter(Tensor([-1.5, 1], dtype: .float32))
        let optimizer = make([point])
        var path: [[Double]] = []
        for step in 0..<200 {
            if step % 5 == 0 { path.append(try point.value.plotted().values) }
            optimizer.zeroGrad()
            let (x, y) = (point.value[0], point.value[1])
            let loss = (1 - x).square() + (y - x.square()).square() * 100
            loss.backward()
            try optimizer.step()
        }
        let end = try point.value.plotted().values
        path.append(end)
        lesson.expect("\(name) after 200 steps", end, are: wanted, within: 1e-5)
        chart = chart.path(x: path.map { $0[0] }, y: path.map { $0[1] }, name: name)
    }
    try lesson.draw("adaptive-rates", chart)
}
