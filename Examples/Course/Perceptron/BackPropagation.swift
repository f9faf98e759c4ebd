import NeedletailVision

/// Back-propagation by the formulas of the layers, beside autograd: a 784-8-8-4 net that tells four digits apart.
func backPropagation(_ lesson: Lesson) throws {
    let all = try Digits.batch(.train, lesson.isQuick ? 1000 : 4000)
    let chosen = (all.labels .< 4).nonzero().squeeze(1)
    let x = all.features.flatten(from: 1).indexSelect(index: chosen)
    let labels = all.labels.indexSelect(index: chosen)

    let (layer1, layer2, layer3) = (Linear(784, 8), Linear(8, 8), Linear(8, 4))
    let model = Sequential {
        layer1
        Sigmoid()
        layer2
        Sigmoid()
        layer3
    }

    // Forward: what each layer puts out.
    let (weight2, weight3) = (layer2.weight.value.detach(), layer3.weight.value.detach())
    let (a1, a2, probabilities) = withNoGrad {
        let a1 = layer1(x).sigmoid()
        let a2 = layer2(a1).sigmoid()
        return (a1, a2, layer3(a2).softmax(axis: 1))
    }
    // Backward: the error of each layer by that of the next one.
    let delta3 = (probabilities - labels.oneHot(classes: 4)) / labels.shape[0]
    let delta2 = delta3.matmul(weight3) * a2 * (1 - a2)
    let delta1 = delta2.matmul(weight2) * a1 * (1 - a1)
    let byHand = [
        delta1.T.matmul(x), delta1.sum(axes: 0), delta2.T.matmul(a1), delta2.sum(axes: 0), delta3.T.matmul(a2),
        delta3.sum(axes: 0),
    ]

    crossEntropy(model(x), labels).backward()

    for ((name, parameter), gradient) in zip(model.namedParameters, byHand) {
        let difference = try (parameter.grad! - gradient).abs().max().item()
        lesson.expect("\(name): largest difference", difference, atMost: 1e-6)
    }

    let optimizer = Adam(model.parameters, learningRate: 0.01)
    for _ in 1...100 {
        optimizer.zeroGrad()
        crossEntropy(model(x), labels).backward()
        try optimizer.step()
    }
    let isRight = withNoGrad { model(x).argmax(1) .== labels }
    lesson.expect("accuracy after 100 steps", try isRight.to(.float32).mean().item(), atLeast: 0.95)
    try lesson.draw(
        "back-propagation",
        Chart.weights(
            of: layer1.weight.value, captions: (1...8).map { "neuron \($0)" },
            title: "Weights of the first layer: red above 0, blue below"))
}
