extension Listing {
    static let blocks: [Listing] = [
        Listing(
            "activation-layers", .blocks, "ReLU, capped ReLU, sigmoid, softmax, softplus, tanh", run: activationLayers),
        Listing("custom-activation", .blocks, "an activation with its own gradient", run: customActivation),
        Listing("three-steps", .blocks, "three steps of learning on a quadratic bowl", run: threeSteps),
        Listing("momentum", .blocks, "paths with and without momentum", run: momentum),
        Listing("tensors-lab", .blocks, "creating, shapes, arithmetic, devices", run: tensorsLab),
        Listing("error-measures", .blocks, "MAE, MSE and cross entropy worked", run: errorMeasures),
        Listing("precision-recall", .blocks, "accuracy, precision, recall and F1 worked", run: precisionRecall),
    ]
}
