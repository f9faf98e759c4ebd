import NeedletailTraining

/// What a trained neuron says of hotels that it has not seen: without gradients.
func hotelPricePredict(_ lesson: Lesson) throws {
    let model = LinearModel()
    let (trainX, trainY) = (Tensor(Hotels.distances).unsqueeze(1), Tensor(Hotels.prices).unsqueeze(1))
    let optimizer = SGD(model.parameters, learningRate: 0.01)
    for _ in 1...2000 {
        optimizer.zeroGrad()
        mseLoss(model(trainX), trainY).backward()
        try optimizer.step()
    }

    let x = Tensor(Hotels.testDistances).unsqueeze(1)
    let predictions = withNoGrad { model(x) }

    lesson.say("\(predictions)")
    for (place, price) in try predictions.scalars(as: Float.self).enumerated() {
        lesson.say("\(Hotels.testDistances[place]) miles: \(price) $, in truth \(Hotels.testPrices[place]) $")
    }
    lesson.expect(
        "predictions", try predictions.plotted().values, are: [149.961, 146.989, 115.783, 89.035], within: 0.1)
    lesson.expect("no gradient is recorded", !predictions.requiresGrad)
    try lesson.draw(
        "hotel-price-predict",
        Chart("Prices", y: "$")
            .bars(Hotels.testDistances.map { "\($0) miles" }, predictions.squeeze(1), name: "predicted")
            .bars(Hotels.testDistances.map { "\($0) miles" }, Hotels.testPrices, name: "in truth"))
}
