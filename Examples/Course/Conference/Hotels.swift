/// The deck's hotels: distance from the beach in miles, and the price of a night.
enum Hotels {
    static let distances: [Float] = [0.5, 1.1, 1.6, 2.4, 3.5, 4.6, 6.2, 9.5]
    static let prices: [Float] = [146, 149, 140, 134, 127, 110, 112, 81]
    static let testDistances: [Float] = [0.3, 0.7, 4.9, 8.5]
    static let testPrices: [Float] = [156, 168, 116, 99]
}
