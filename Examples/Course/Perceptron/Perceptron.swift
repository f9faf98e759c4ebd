extension Listing {
    static let perceptron: [Listing] = [
        Listing("activations", .perceptron, "activations and their derivatives", run: activationCurves),
        Listing("back-propagation", .perceptron, "the layers' formulas beside autograd", run: backPropagation),
        Listing("gradient-descent", .perceptron, "all, stochastic and mini-batch, from scratch", run: gradientDescent),
        Listing("mlp-digits", .perceptron, "a multi-layer perceptron of 52,650 parameters", run: mlpDigits),
        Listing("batch-cross-entropy", .perceptron, "cross entropy of a batch by its formula", run: batchCrossEntropy),
        Listing("attribution", .perceptron, "which pixels speak for a digit (SHAP)", run: attributionPicture),
        Listing("layer-projections", .perceptron, "what layers see, in two dimensions", run: layerProjections),
        Listing("decision-boundaries", .perceptron, "two moons by three models", run: decisionBoundaries),
        Listing(
            "universal-approximation", .perceptron, "one hidden layer, wider and wider", run: universalApproximation),
    ]
}
