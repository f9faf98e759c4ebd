extension Listing {
    static let transformers: [Listing] = []
}
