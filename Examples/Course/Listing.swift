import NeedletailTraining

/// A listing or figure of a deck, as a program of its own.
package struct Listing: Sendable {
    package enum Deck: String, CaseIterable, Sendable {
        case conference = "A. Deep learning conference: one neuron to several classes"
        case perceptron = "B. Machine learning and neural networks: the multi-layer perceptron"
        case transformers = "C. Convolutions to transformers"
        case blocks = "D. Deep learning and neural networks: building blocks"
        case introduction = "E. Deep learning: an introduction"
    }

    /// What it is called on the command line: `hotel-price`.
    package let name: String
    package let deck: Deck
    /// The deck's item in a few words.
    package let title: String
    package let run: @Sendable (Lesson) throws -> Void

    package init(
        _ name: String, _ deck: Deck, _ title: String, run: @escaping @Sendable (Lesson) throws -> Void
    ) {
        self.name = name
        self.deck = deck
        self.title = title
        // A generator of its own: results are the same whatever ran before or runs beside it.
        self.run = { lesson in try withGenerator(Generator(seed: 0)) { try run(lesson) } }
    }

    /// All listings, in the order of the decks.
    package static let all = conference + perceptron + transformers + blocks + introduction
}
