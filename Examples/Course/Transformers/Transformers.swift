extension Listing {
    static let transformers: [Listing] = [
        Listing(
            "perceptron-steps", .transformers, "gradient steps too small, right and too large", run: perceptronSteps),
        Listing(
            "convolution-steps", .transformers, "a 7x7 image by a 3x3 kernel, place by place", run: convolutionSteps),
        Listing("convolution-as-matrix", .transformers, "a 1-D convolution as a matrix", run: convolutionAsMatrix),
        Listing("max-pooling", .transformers, "max pooling from 4x4 to 2x2", run: maxPooling),
        Listing("lenet", .transformers, "LeNet and its 61,706 parameters", run: leNet),
        Listing("alexnet", .transformers, "AlexNet and its 61,100,840 parameters", run: alexNet),
        Listing("vgg-block", .transformers, "a block of VGG: two convolutions and a pooling", run: vggBlock),
        Listing(
            "resnet-18", .transformers, "ResNet's block, and the 11,689,512 parameters of 18 layers", run: resNet18),
        Listing(
            "small-net", .transformers, "batch norm, dropout, skip connection, concatenation in one net", run: smallNet),
        Listing("feature-maps", .transformers, "kernels and feature maps of a first convolution", run: featureMaps),
        Listing("attention-steps", .transformers, "attention step by step", run: attentionSteps),
        Listing("encoder", .transformers, "a transformer's encoder with PyTorch's weights", run: encoder),
        Listing("masked-words", .transformers, "an encoder finds masked words; its attention map", run: maskedWords),
    ]
}
