import NeedletailTraining

/// Attention step by step: queries, keys and values; scores; softmax; a mixture of values. The numbers are our own; the
/// results are PyTorch's.
func attentionSteps(_ lesson: Lesson) throws {
    let words = ["cats", "drink", "milk"]
    let x = Tensor([[1, 0, 1, 0], [0, 2, 0, 1], [1, 1, 1, 1]] as [[Float]])
    let wq = Tensor([[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 1]] as [[Float]])
    let wk = Tensor([[0, 1, 1], [1, 0, 0], [0, 1, 0], [1, 0, 1]] as [[Float]])
    let wv = Tensor([[0, 1, 2], [2, 0, 1], [1, 1, 0], [0, 3, 1]] as [[Float]])

    let (queries, keys, values) = (x.matmul(wq), x.matmul(wk), x.matmul(wv))
    let scores = queries.matmul(keys.T)
    let weights = (scores / 3.0.squareRoot()).softmax(axis: -1)
    let output = weights.matmul(values)

    try lesson.expect("queries", queries, are: [2, 0, 1, 0, 3, 1, 2, 2, 2])
    try lesson.expect("keys", keys, are: [0, 2, 1, 3, 0, 1, 2, 2, 2])
    try lesson.expect("values", values, are: [1, 2, 2, 4, 3, 3, 3, 5, 4])
    try lesson.expect("scores", scores, are: [1, 7, 6, 7, 1, 8, 6, 8, 12])
    try lesson.expect(
        "weights", weights,
        are: [
            0.01965305, 0.62787053, 0.35247642, 0.35554123, 0.01112884, 0.63332993, 0.02768487, 0.08784610, 0.88446903,
        ], within: 1e-5)
    try lesson.expect(
        "output", output,
        are: [
            3.58856444, 3.68529979, 3.33282337, 2.30004637, 3.91111862, 3.27778869, 3.03247637, 4.74125320, 3.85678417,
        ], within: 1e-5)
    try lesson.expect(
        "in one call", scaledDotProductAttention(query: queries, key: keys, value: values), are: output, within: 1e-5)
    try lesson.draw("attention-steps", Chart.attention(weights, queries: words, title: "Attention"))
}
