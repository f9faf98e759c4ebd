extension Listing {
    static let conference: [Listing] = [
        Listing("weighted-sum", .conference, "weighted sum of two worked neurons", run: weightedSum)
    ]
}
