extension Listing {
    static let blocks: [Listing] = []
}
