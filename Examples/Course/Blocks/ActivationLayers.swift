import NeedletailTraining

/// The deck's activations, as functions of a tensor and as layers. The numbers are PyTorch's.
func activationLayers(_ lesson: Lesson) throws {
    let x = Tensor([-2, -0.5, 0, 1, 7] as [Float])
    let all: [(name: String, function: Tensor, layer: any UnaryLayer, wanted: [Double])] = [
        ("ReLU", x.relu(), ReLU(), [0, 0, 0, 1, 7]),
        ("ReLU6", x.relu6(), ReLU6(), [0, 0, 0, 1, 6]),
        ("sigmoid", x.sigmoid(), Sigmoid(), [0.1192029, 0.3775407, 0.5, 0.7310586, 0.9990889]),
        ("tanh", x.tanh(), Tanh(), [-0.9640276, -0.4621172, 0, 0.7615942, 0.9999983]),
        ("softplus", x.softplus(), Softplus(), [0.1269280, 0.4740770, 0.6931472, 1.3132617, 7.0009115]),
        ("softmax", x.softmax(), Softmax(), [0.0001229, 0.0005508, 0.0009082, 0.0024687, 0.9959494]),
    ]
    for (name, function, layer, wanted) in all {
        try lesson.expect(name, function, are: wanted, within: 1e-6)
        try lesson.expect("\(name) as a layer", layer(x), are: function, within: 0)
    }

    let grid = Tensor.linspace(-5, 8, count: 261)
    var chart = Chart("Activations", x: "x", y: "f(x)").limits(y: -1.5...8)
    for (name, y) in [
        ("ReLU", grid.relu()), ("ReLU6", grid.relu6()), ("sigmoid", grid.sigmoid()), ("tanh", grid.tanh()),
        ("softplus", grid.softplus()),
    ] { chart = try chart.line(x: grid, y: y, name: name, dashed: name == "ReLU6") }
    try lesson.draw("activation-layers", chart)
}
