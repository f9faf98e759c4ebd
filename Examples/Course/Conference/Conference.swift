extension Listing {
    static let conference: [Listing] = [
        Listing("weighted-sum", .conference, "weighted sum of two worked neurons", run: weightedSum),
        Listing("hotel-price", .conference, "linear regressor with one neuron", run: hotelPrice),
        Listing("loss-by-weight", .conference, "loss by weight, and the gradient's sign and size", run: lossByWeight),
        Listing("learning-rates", .conference, "a learning rate too small, right, too large", run: learningRates),
        Listing("hotel-price-predict", .conference, "prediction without gradients", run: hotelPricePredict),
        Listing(
            "binary-classification", .conference, "sigmoid, binary cross entropy, threshold", run: binaryClassification),
        Listing("binary-losses", .conference, "cross entropy is convex, a sigmoid's error is not", run: binaryLosses),
        Listing("wide-and-deep", .conference, "a network of two inputs joined", run: wideAndDeep),
        Listing("keras-mnist", .conference, "compile, fit and evaluate as in Keras", run: kerasMNIST),
        Listing("accelerator", .conference, "the accelerator chosen automatically", run: acceleratorChoice),
        Listing(
            "categorical-cross-entropy", .conference, "-ln 0.3 early, -ln 0.6 later", run: categoricalCrossEntropy),
        Listing("three-classes", .conference, "a 2-3-3 net, softmax, one-hot", run: threeClasses),
        Listing("lstm-sine", .conference, "an LSTM and an RNN go on with a sine", run: sineForecast),
        Listing("cnn-digits", .conference, "a convolutional net reads digits", run: cnnDigits),
        Listing("gan", .conference, "a generative adversarial net makes points", run: gan),
        Listing("q-learning", .conference, "Q-learning in a grid world", run: qLearning),
        Listing("deep-q-learning", .conference, "deep Q-learning balances a pole", run: deepQLearning),
    ]
}
