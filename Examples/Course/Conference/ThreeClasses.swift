import NeedletailTraining

/// The deck's hotels by distance in miles and guests' rating: bronze 0, silver 1, gold 2.
enum RatedHotels {
    static let names = ["bronze", "silver", "gold"]
    static let train: [[Float]] = [
        [0.2, 3.5, 1], [0.2, 4.8, 2], [0.5, 3.7, 1], [0.7, 4.3, 2], [0.8, 2.7, 0], [1.5, 3.6, 1], [1.6, 2.6, 0],
        [2.4, 4.7, 2], [3.5, 4.2, 1], [3.5, 3.5, 1], [4.6, 2.8, 0], [4.6, 4.2, 1], [4.9, 3.8, 1], [6.2, 3.6, 1],
        [6.5, 2.4, 0], [8.5, 3.1, 0], [9.5, 2.1, 0], [9.7, 3.7, 0], [11.3, 2.9, 0], [14.6, 3.8, 1], [17.5, 4.6, 2],
        [18.7, 3.8, 1], [19.5, 4.4, 2], [19.8, 3.6, 1],
    ]
    static let test: [[Float]] = [
        [0.3, 4.6, 2], [0.5, 4.2, 2], [1.1, 3.5, 1], [1.2, 4.7, 2], [2.7, 2.7, 0], [3.8, 4.1, 1], [7.3, 4.6, 0],
        [19.4, 4.8, 2],
    ]
}

/// Bronze, silver or gold: a 2-3-3 net, a softmax, one-hot targets and categorical cross entropy.
func threeClasses(_ lesson: Lesson) throws {
    let (train, test) = (Tensor(RatedHotels.train), Tensor(RatedHotels.test))
    let x = train[..., 0..<2]
    let y = train[..., 2].to(.int64).oneHot(classes: 3)
    let (mean, std) = (x.mean(axes: 0), x.std(axes: 0))

    let model = Sequential {
        Lambda { ($0 - mean) / std }
        Linear(2, 3)
        ReLU()
        Linear(3, 3)
    }
    let criterion = CrossEntropyLoss()
    let optimizer = Adam(model.parameters, learningRate: 0.02)
    for epoch in 1...1000 {
        optimizer.zeroGrad()
        let loss = criterion(model(x), y)
        loss.backward()
        try optimizer.step()
        if epoch % 200 == 0 { lesson.say("epoch \(epoch): loss \(try loss.item())") }
    }

    let probabilities = withNoGrad { model(test[..., 0..<2]).softmax(axis: 1) }
    lesson.say("\(probabilities)")
    lesson.expect("rows sum to 1", try probabilities.sum(axes: 1).plotted().values, are: Array(repeating: 1, count: 8))
    for (name, set, bound) in [("training", train, 0.958), ("test", test, 0.75)] {
        let classes = withNoGrad { model(set[..., 0..<2]).argmax(1) }
        let isRight = classes .== set[..., 2].to(.int64)
        lesson.expect("\(name) accuracy", try isRight.to(.float32).mean().item(), atLeast: bound)
    }

    try lesson.draw(
        "three-classes",
        Chart("Bronze, silver or gold", x: "miles", y: "rating")
            .scatter(
                x: train[..., 0].plotted(), y: train[..., 1].plotted(), classes: RatedHotels.train.map { Int($0[2]) },
                names: RatedHotels.names
            )
            .decisionRegions(of: model.callAsFunction))
}
