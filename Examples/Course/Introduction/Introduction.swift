extension Listing {
    static let introduction: [Listing] = [
        Listing("four-classes", .introduction, "perceptron to multi-layer perceptron", run: fourClasses),
        Listing("loss-functions", .introduction, "squared, absolute, cross entropy", run: lossFunctions),
        Listing("local-minima", .introduction, "gradient descent into the nearest valley", run: localMinima),
        Listing("loss-landscape", .introduction, "the loss around a small net", run: lossLandscape),
        Listing("initialization", .introduction, "where a net begins matters", run: initializationMatters),
        Listing("adaptive-rates", .introduction, "SGD, momentum, Adam, RMSprop in a valley", run: adaptiveRates),
        Listing("schedules", .introduction, "learning rates that change", run: schedules),
    ]
}
