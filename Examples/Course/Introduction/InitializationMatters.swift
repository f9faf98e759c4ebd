import NeedletailVision

/// Where a net begins decides whether it learns: a deep net from zeros, from numbers too small, too large, and Kaiming's.
func initializationMatters(_ lesson: Lesson) throws {
    let digits = try Digits.batch(.train, 500)
    let starts: [(name: String, weight: (Shape) -> Tensor, range: ClosedRange<Double>)] = [
        ("zeros", { Initialization.constant($0, 0) }, 0...0.2),
        ("too small, 0.01", { Initialization.normal($0, std: 0.01) }, 0...0.2),
        ("too large, 1", { Initialization.normal($0, std: 1) }, 0...0.9),
        ("Kaiming", { Initialization.kaimingNormal($0, nonlinearity: .relu) }, 0.9...1),
    ]

    var chart = Chart("A net of six layers", x: "step", y: "loss", yScale: .logarithmic)
    for (name, weight, range) in starts {
        let layers = [784, 64, 64, 64, 64, 64, 10]
        let linears = (0..<6).map { Linear(layers[$0], layers[$0 + 1]) }
        for linear in linears {
            linear.weight.assign(weight(linear.weight.shape))
            linear.bias!.assign(Initialization.constant(linear.bias!.shape, 0))
        }
        let model = Sequential {
            Flatten()
            for linear in linears.dropLast() {
                linear
                ReLU()
            }
            linears[5]
        }

        let optimizer = SGD(model.parameters, learningRate: 0.1)
        var losses: [Double] = []
        for _ in 1...100 {
            optimizer.zeroGrad()
            let loss = crossEntropy(model(digits.features), digits.labels)
            loss.backward()
            try optimizer.step()
            losses.append(try loss.item())
        }

        let isRight = withNoGrad { model(digits.features).argmax(1) .== digits.labels }
        let accuracy = try isRight.to(.float32).mean().item()
        lesson.say("\(name): loss from \(losses[0]) to \(losses.last!)")
        lesson.expect("\(name): accuracy", accuracy, in: range)
        chart = chart.line(losses, name: name)
    }
    try lesson.draw("initialization", chart)
}
