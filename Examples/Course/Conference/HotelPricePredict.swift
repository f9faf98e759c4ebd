import NeedletailTraining

/// What a trained neuron says of hotels that it has not seen: without gradients.
func hotelPricePredict(_ lesson: Lesson) throws {
    let model = LinearModel()
    model.linear.weight.assign(Tensor([[-7.43]], dtype: .float32))
    model.linear.bias!.assign(Tensor([152.19], dtype: .float32))

    let x = Tensor(Hotels.testDistances).unsqueeze(1)
    let predictions = withNoGrad { model(x) }

    lesson.say("\(predictions)")
    for (place, price) in try predictions.scalars(as: Float.self).enumerated() {
        lesson.say("\(Hotels.testDistances[place]) miles: \(price) $, in truth \(Hotels.testPrices[place]) $")
    }
    lesson.expect(
        "predictions", try predictions.plotted().values, are: [149.961, 146.989, 115.783, 89.035], within: 1e-3)
    lesson.expect("no gradient is recorded", !predictions.requiresGrad)
    try lesson.draw(
        "hotel-price-predict",
        Chart("Prices", y: "$")
            .bars(Hotels.testDistances.map { "\($0) miles" }, predictions.squeeze(1), name: "predicted")
            .bars(Hotels.testDistances.map { "\($0) miles" }, Hotels.testPrices, name: "in truth"))
}
