import NeedletailTraining

/// Two moons by logistic regression, by logistic regression of polynomial features, and by a multi-layer perceptron.
func decisionBoundaries(_ lesson: Lesson) throws {
    let angle = Tensor.uniform([100], low: 0, high: .pi)
    let upper = Tensor.stack([angle.cos(), angle.sin()], axis: 1)
    let lower = Tensor.stack([1 - angle.cos(), 0.5 - angle.sin()], axis: 1)
    let x = Tensor.concatenate([upper, lower]) + Tensor.normal([200, 2], std: 0.12)
    let y = Tensor((0..<200).map { Int64($0 / 100) })

    // 1, x, y, their squares and cubes.
    let polynomial = Lambda { x in
        let (a, b) = (x[0..., 0], x[0..., 1])
        return Tensor.stack([a, b, a * a, a * b, b * b, a * a * a, a * a * b, a * b * b, b * b * b], axis: 1)
    }
    let models: [(name: String, model: Sequential, range: ClosedRange<Double>)] = [
        ("logistic regression", Sequential { Linear(2, 1) }, 0.84...0.92),
        (
            "polynomial features",
            Sequential {
                polynomial
                Linear(9, 1)
            }, 0.93...0.98
        ),
        (
            "multi-layer perceptron",
            Sequential {
                Linear(2, 16)
                ReLU()
                Linear(16, 16)
                ReLU()
                Linear(16, 1)
            }, 0.99...1
        ),
    ]

    var charts: [Chart] = []
    for (name, model, range) in models {
        let optimizer = Adam(model.parameters, learningRate: 0.03)
        for _ in 1...400 {
            optimizer.zeroGrad()
            binaryCrossEntropyWithLogits(model(x).squeeze(1), y.to(.float32)).backward()
            try optimizer.step()
        }

        let isRight = withNoGrad { (model(x).squeeze(1) .> 0).to(.int64) .== y }
        let accuracy = try isRight.to(.float32).mean().item()
        lesson.expect("\(name): accuracy", accuracy, in: range)
        charts.append(
            try Chart("\(name): \(rounded(accuracy * 100)) %")
                .scatter(
                    x: x[0..., 0].plotted(), y: x[0..., 1].plotted(), classes: (0..<200).map { $0 / 100 },
                    names: ["upper", "lower"]
                )
                .decisionRegions(of: model.callAsFunction))
    }
    try lesson.draw("decision-boundaries", Figure([charts]))
}
