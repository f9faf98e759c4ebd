import NeedletailTraining

/// A small BERT: an encoder learns to find the word behind a mask.
private final class MaskedWordModel: Module {
    let embedding: Embedding
    let positions = SinusoidalPositions(32)
    let layer = EncoderLayer(32, heads: 2, hidden: 64)
    let output: Linear

    init(vocabulary: Int) {
        embedding = Embedding(vocabulary, 32)
        output = Linear(32, vocabulary)
    }

    /// Numbers of words `[batch, words]` to scores `[batch, words, vocabulary]`.
    func callAsFunction(_ words: Tensor) -> (scores: Tensor, attention: Tensor) {
        let (x, attention) = layer(positions(embedding(words)))
        return (output(x), attention)
    }
}

func maskedWords(_ lesson: Lesson) throws {
    let sentences = [
        "the cat drinks milk", "the cow eats grass", "the bird sings songs", "the child reads books",
        "the baker sells bread", "the dog chews bones",
    ].map { $0.split(separator: " ").map(String.init) }
    let vocabulary = ["[MASK]"] + Set(sentences.joined()).sorted()
    let number = Dictionary(uniqueKeysWithValues: vocabulary.enumerated().map { ($1, Int64($0)) })

    // Each sentence with each of its words masked, and the word that was there.
    var (masked, places, wanted) = ([[Int64]](), [Int64](), [Int64]())
    for sentence in sentences {
        for place in sentence.indices {
            var words = sentence.map { number[$0]! }
            wanted.append(words[place])
            words[place] = 0
            masked.append(words)
            places.append(Int64(place))
        }
    }
    let (inputs, answers) = (Tensor(masked), Tensor(wanted))
    let examples = Tensor.arange(masked.count)
    let behindMask = Tensor(places)

    try withGenerator(Generator(seed: 1)) {
        let model = MaskedWordModel(vocabulary: vocabulary.count)
        let optimizer = Adam(model.parameters, learningRate: 5e-3)
        var losses: [Double] = []
        for _ in 0..<100 {
            optimizer.zeroGrad()
            let loss = crossEntropy(model(inputs).scores[examples, behindMask], answers)
            loss.backward()
            try optimizer.step()
            losses.append(try loss.item())
        }

        let found = try model(inputs).scores[examples, behindMask].argmax(-1).scalars(as: Int64.self)
        let isRight = zip(found, wanted).filter { $0 == $1 }.count
        lesson.expect("masked words found of \(wanted.count)", Double(isRight), is: Double(wanted.count))

        let question = ["the", "cow", "eats", "[MASK]"]
        let (scores, attention) = model(Tensor([question.map { number[$0]! }]))
        let answer = vocabulary[try scores[0, 3].argmax().item(as: Int.self)]
        lesson.say("\(question.joined(separator: " ")): \(answer)")
        lesson.expect("the cow eats grass", answer == "grass")
        try lesson.draw("masked-words-attention", Figure.attention(heads: attention.squeeze(0), queries: question))
        try lesson.draw(
            "masked-words-loss",
            Chart("Masked words", x: "step", y: "cross entropy", yScale: .logarithmic).line(losses))
    }
}
