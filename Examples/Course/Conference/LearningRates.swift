import NeedletailTraining

/// A learning rate that is too small, right, and too large.
func learningRates(_ lesson: Lesson) throws {
    let (x, y) = (Tensor(Hotels.distances), Tensor(Hotels.prices))
    func loss(_ w: Tensor) -> Tensor { (w * x + 152.19 - y).square().mean(axes: -1) }

    let curve = Tensor.linspace(-23, 8, count: 101)
    var charts: [Chart] = []
    var ends: [Double] = []
    for (name, rate) in [("too small", 0.002), ("right", 0.01), ("too large", 0.048)] {
        let w = Parameter(Tensor(5, dtype: .float32))
        let optimizer = SGD([w], learningRate: rate)
        var path: [(w: Double, loss: Double)] = []
        for _ in 0..<12 {
            optimizer.zeroGrad()
            let current = loss(w.value)
            current.backward()
            path.append(try (w.value.item(), current.item()))
            try optimizer.step()
        }
        lesson.say("\(name), \(rate): w \(rounded(path.map(\.w)))")
        ends.append(path.last!.w)
        charts.append(
            Chart("Rate \(rate): \(name)", x: "w", y: "loss")
                .line(x: try curve.plotted(), y: try loss(curve.unsqueeze(1)).plotted())
                .path(x: path.map(\.w), y: path.map(\.loss)))
    }
    lesson.expect("too small: far from the minimum at -7.43 after 12 steps", ends[0], atLeast: -5)
    lesson.expect("right: there", ends[1], is: -7.43, within: 0.1)
    lesson.expect("too large: farther away than where it began", abs(ends[2] + 7.43), atLeast: 12.43)
    try lesson.draw("learning-rates", Figure([charts]))
}
