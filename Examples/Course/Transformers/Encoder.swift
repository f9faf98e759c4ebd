import NeedletailTraining

/// An encoder's layer: words look at each other, then each goes through a small network; both are added to what came in.
final class EncoderLayer: Module {
    let selfAttn: MultiheadAttention
    let linear1: Linear
    let linear2: Linear
    let norm1: LayerNorm
    let norm2: LayerNorm

    init(_ size: Int, heads: Int, hidden: Int) {
        selfAttn = MultiheadAttention(size, heads: heads, batchFirst: true)
        linear1 = Linear(size, hidden)
        linear2 = Linear(hidden, size)
        norm1 = LayerNorm(size)
        norm2 = LayerNorm(size)
    }

    /// Words `[batch, words, size]` to as many, and who looked at whom, `[batch, heads, words, words]`.
    func callAsFunction(_ words: Tensor) -> (words: Tensor, attention: Tensor) {
        let looked = selfAttn(query: words, key: words, value: words, averagesWeights: false)
        let x = norm1(words + looked.output)
        return (norm2(x + linear2(linear1(x).relu())), looked.weights!)
    }
}

/// The layer above and the library's, with PyTorch's weights, give what PyTorch gives.
func encoder(_ lesson: Lesson) throws {
    let words = SinusoidalPositions(8)(EncoderWeights.words).unsqueeze(0)

    let layer = EncoderLayer(8, heads: 2, hidden: 16)
    try layer.load(stateDictionary: EncoderWeights.state)
    let (output, attention) = layer(words)
    try lesson.expect("written out", output, are: EncoderWeights.output, within: 1e-5)
    try lesson.expect("its attention", attention, are: EncoderWeights.attention, within: 1e-5)

    let options = TransformerOptions(feedForward: 16, batchFirst: true)
    let ready = TransformerEncoderLayer(8, heads: 2, options)
    try ready.load(stateDictionary: EncoderWeights.state)
    ready.eval()
    try lesson.expect("TransformerEncoderLayer", ready(words), are: EncoderWeights.output, within: 1e-5)

    let names = ["the", "cat", "sat", "on", "the", "mat"]
    try lesson.draw("encoder", Figure.attention(heads: attention.squeeze(0), queries: names))
}
