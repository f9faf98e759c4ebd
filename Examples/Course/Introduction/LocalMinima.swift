import NeedletailTraining

/// Gradient descent goes downhill from where it begins, into the nearest valley: x⁴ - 3x² + x has two.
func localMinima(_ lesson: Lesson) throws {
    func loss(_ x: Tensor) -> Tensor { x.square().square() - x.square() * 3 + x }

    let places = Tensor.linspace(-2, 2, count: 101)
    var chart = Chart("Two valleys", x: "x", y: "loss").line(x: try places.plotted(), y: try loss(places).plotted())
    for (start, wanted) in [(-1.9, -1.3008), (1.9, 1.1309)] {
        let x = Parameter(Tensor(start, dtype: .float32))
        let optimizer = SGD([x], learningRate: 0.02)
        var path: [(x: Double, loss: Double)] = []
        for _ in 0..<80 {
            optimizer.zeroGrad()
            let current = loss(x.value)
            current.backward()
            path.append(try (x.value.item(), current.item()))
            try optimizer.step()
        }
        lesson.expect("from \(start) to", path.last!.x, is: wanted, within: 1e-3)
        chart = chart.path(x: path.map(\.x), y: path.map(\.loss), name: "from \(start)")
    }
    try lesson.draw("local-minima", chart)
}
