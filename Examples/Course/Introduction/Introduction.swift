extension Listing {
    static let introduction: [Listing] = []
}
