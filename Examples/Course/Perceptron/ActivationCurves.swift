import NeedletailTraining

/// Activations and their derivatives from -5 to 5, by autograd, beside PyTorch's numbers at -5, -2, 0.5 and 3.
func activationCurves(_ lesson: Lesson) throws {
    let activations: [(name: String, function: (Tensor) -> Tensor, values: [Double], slopes: [Double])] = [
        (
            "sigmoid", { $0.sigmoid() }, [0.006693, 0.119203, 0.622459, 0.952574],
            [0.006648, 0.104994, 0.235004, 0.045177]
        ),
        (
            "tanh", { $0.tanh() }, [-0.999909, -0.964028, 0.462117, 0.995055],
            [0.000182, 0.070651, 0.786448, 0.009866]
        ),
        ("ReLU", { $0.relu() }, [0, 0, 0.5, 3], [0, 0, 1, 1]),
        ("leaky ReLU", { $0.leakyRelu() }, [-0.05, -0.02, 0.5, 3], [0.01, 0.01, 1, 1]),
        ("ELU", { $0.elu() }, [-0.993262, -0.864665, 0.5, 3], [0.006738, 0.135335, 1, 1]),
        (
            "softplus", { $0.softplus() }, [0.006715, 0.126928, 0.974077, 3.048587],
            [0.006693, 0.119203, 0.622459, 0.952574]
        ),
        (
            "GELU", { $0.gelu() }, [-0.000001, -0.0455, 0.345731, 2.99595],
            [-0.000007, -0.085232, 0.867495, 1.011946]
        ),
        (
            "SiLU", { $0.silu() }, [-0.033464, -0.238406, 0.31123, 2.857723],
            [-0.026547, -0.090784, 0.739961, 1.088104]
        ),
    ]
    let points = Tensor([-5, -2, 0.5, 3], dtype: .float32).requiringGrad()
    let line = Tensor.linspace(-5, 5, count: 201).requiringGrad()

    var charts: [Chart] = []
    for (name, function, values, slopes) in activations {
        let y = function(points)
        let derivative = gradients(of: y.sum(), withRespectTo: [points])[0]!
        lesson.expect(name, try y.plotted().values, are: values, within: 2e-6)
        lesson.expect("\(name)'s derivative", try derivative.plotted().values, are: slopes, within: 2e-6)

        let curve = function(line)
        let slope = gradients(of: curve.sum(), withRespectTo: [line])[0]!
        charts.append(
            try Chart(name)
                .line(x: line, y: curve, name: "activation")
                .line(x: line, y: slope, name: "derivative", dashed: true))
    }
    try lesson.draw("activations", Figure([Array(charts[0..<4]), Array(charts[4..<8])], width: 1500))
}
