extension Listing {
    static let introduction: [Listing] = [
        Listing("four-classes", .introduction, "perceptron to multi-layer perceptron", run: fourClasses),
        Listing("loss-functions", .introduction, "squared, absolute, cross entropy", run: lossFunctions),
        Listing("local-minima", .introduction, "gradient descent into the nearest valley", run: localMinima),
        Listing("loss-landscape", .introduction, "the loss around a small net", run: lossLandscape),
        Listing("initialization", .introduction, "where a net begins matters", run: initializationMatters),
        Listing("adaptive-rates", .introduction, "SGD, momentum, Adam, RMSprop in a valley", run: adaptiveRates),
        Listing("schedules", .introduction, "learning rates that change", run: schedules),
        Listing(
            "stratified-split", .introduction, "training, validation and test with equal shares",
            run: stratifiedSplitOfDigits),
        Listing("k-fold", .introduction, "five folds, each held out once", run: kFoldOfDigits),
        Listing("overfitting", .introduction, "nets too small, right, too large", run: overfitting),
        Listing("early-stopping", .introduction, "training stops where validation is best", run: earlyStopping),
        Listing("dropout", .introduction, "dropout, iteration by iteration", run: dropoutCurves),
        Listing("deploy", .introduction, "the whole procedure, from data to another process", run: deploy),
    ]
}
