extension Listing {
    static let perceptron: [Listing] = []
}
